"""Brings a competition's files, or what a link gives, and unpacks them."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from kgcv.errors import StopRequested
from kgcv.events import Reporter, StopCheck
from kgcv.kaggle.client import connect
from kgcv.kaggle.download import Downloaded, download_competition
from kgcv.kaggle.link import Link, LinkDownloaded, download_link
from kgcv.kaggle.patience import Patience
from kgcv.kaggle.selection import Packing, Wish
from kgcv.kaggle.slug import parse_slug

_NAP = 0.2
"""Seconds between two looks at the signals while waiting."""


def download(wish: Wish, reporter: Reporter, should_stop: StopCheck, patience: Patience | None = None) -> Downloaded:
    """Download a competition.

    Args:
        wish: What, and where to.
        reporter: Is told of the progress, in bytes, and of repetitions.
        should_stop: Asked at each chunk and while waiting.
        patience: Time limits and repetitions.

    Raises:
        ConfigError: the competition's or a file's name is wrong.
        KaggleError: credentials, network, refused, or what came is not what was announced.
        DataError: the disk is full, an archive cannot be unpacked, the folder is in use.
        StopRequested: a signal asked for an end; the same call goes on from there.
    """
    wish = replace(wish, slug=parse_slug(wish.slug))
    patience = patience or patient(should_stop)
    return download_competition(connect(reporter, patience), wish, reporter, should_stop, patience)


def download_from(
    link: Link, folder: Path, packing: Packing, reporter: Reporter, should_stop: StopCheck
) -> LinkDownloaded:
    """Download what a link gives.

    Args:
        link: The link, or the request of a browser.
        folder: Where to.
        packing: What becomes of an archive.
        reporter: Is told of the progress, in bytes, and of repetitions.
        should_stop: Asked at each chunk and while waiting.

    Raises:
        ConfigError: the link, a header or the pasted command is not understood.
        KaggleError, DataError, StopRequested: as `download`.
    """
    return download_link(link.request(), folder, packing, reporter, should_stop, patient(should_stop))


def patient(should_stop: StopCheck) -> Patience:
    """The usual patience, which a signal ends."""

    def sleep(seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if (number := should_stop()) is not None:
                raise StopRequested(number, "download stopped; run the same command again to go on")
            time.sleep(min(left, _NAP))

    return Patience(sleep=sleep)
