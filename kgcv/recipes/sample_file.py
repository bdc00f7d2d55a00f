"""The competition's sample submission, fetched for a file that comes without one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from kgcv.archives.formats import find_format
from kgcv.archives.unpack import unpack_one
from kgcv.errors import ConfigError, DataError, KaggleError, listed
from kgcv.events import Message
from kgcv.kaggle.patience import Patience
from kgcv.kaggle.settle import Desk
from kgcv.kaggle.source import Source
from kgcv.kaggle.transfer import fetch
from kgcv.kaggle.web import Request
from kgcv.recipes.sample_names import TABLE_NAME, sample_names


def find_sample(names: Sequence[str], slug: str) -> str:
    """The one among a competition's file names that is its sample submission.

    Names are judged as by `sample_names`.

    Raises:
        ConfigError: none or several.
    """
    found = sample_names(names)
    if len(found) == 1:
        return found[0]
    what = f"several files that may be its sample file ({listed(found)})" if found else "no file called submission"
    raise ConfigError([f"{slug} has {what}; download the right one and name it with --sample"])


def fetch_sample(desk: Desk, slug: str, folder: Path) -> Path:
    """Fetch the sample submission of competition `slug` into `folder`, unpacked.

    Raises:
        ConfigError: it cannot be told which of the competition's files it is.
        KaggleError: it cannot be fetched.
        DataError: it is a damaged archive, or one of several tables.
        StopRequested: a signal came.
    """
    sizes = {file.name: file.size for file in desk.client.list_files(slug)}
    name = find_sample(list(sizes), slug)
    desk.reporter.report(Message(f"the sample file of {slug} is fetched: {name}"))
    source = Source(name, locate=lambda: Request(desk.client.locate(slug, name)), is_signed=True)
    patience = Patience(sleep=partial(desk.nap, doing="while the sample file was fetched; nothing was submitted"))
    fetched = fetch(source, folder / "fetched", desk.reporter, desk.should_stop, patience)
    assert fetched is not None, "there is no older one that it could equal"
    if find_format(fetched.path) is None and fetched.size != sizes[name]:
        raise KaggleError(f"{name}: {fetched.size} bytes came, and Kaggle lists {sizes[name]}; try again")
    place = fetched.path.name
    tables = [file.name for file in unpack_one(fetched.path, folder, place) if TABLE_NAME.fullmatch(file.name)]
    if len(tables) != 1:
        raise DataError(f"{place}: holds {len(tables)} tables; unpack it and name the sample file with --sample")
    return folder / tables[0]
