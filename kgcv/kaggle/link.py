"""Brings a file from outside Kaggle's API: from a link, or with the request that a browser would make."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlsplit

from kgcv.archives.formats import find_format, find_suffix
from kgcv.archives.members import DamagedArchiveError
from kgcv.archives.unpack import UnpackedFile, check_archive, unpack_one
from kgcv.errors import DataError, KaggleError
from kgcv.events import Message, Reporter, StopCheck
from kgcv.kaggle.cookies import read_cookies
from kgcv.kaggle.curl import parse_curl, parse_header
from kgcv.kaggle.manifest import HOME, Manifest, locked
from kgcv.kaggle.patience import Patience
from kgcv.kaggle.selection import Packing
from kgcv.kaggle.source import Source
from kgcv.kaggle.transfer import fetch, forget
from kgcv.kaggle.web import Request, check_url


@dataclass(frozen=True, slots=True)
class LinkDownloaded:
    """What came of a link."""

    folder: Path
    files: tuple[str, ...]
    """What is there now, below the folder."""
    is_new: bool
    """False if the server still has what was there."""
    num_received: int
    """Bytes that came over the line."""
    was_resumed: bool


@dataclass(frozen=True, slots=True)
class Link:
    """What the user said of a download; one of `url` and `curl` is given."""

    url: str | None = field(default=None, repr=False)
    curl: str | None = field(default=None, repr=False)
    """What a browser's "Copy as cURL (bash)" gave."""
    headers: tuple[str, ...] = field(default=(), repr=False)
    """More headers, `Name: value`."""
    cookies: Path | None = None
    """A cookies.txt; it takes the place of the cookies in `curl`."""

    def request(self) -> Request:
        """What to ask for.

        Raises:
            ConfigError: a part is not understood.
            DataError: the cookies cannot be read.
        """
        request = Request(check_url(self.url)) if self.url is not None else parse_curl(self.curl or "")
        headers = {**request.headers, **dict(map(parse_header, self.headers))}
        cookies = read_cookies(self.cookies) if self.cookies is not None else request.cookies
        # Hosts may set cookies on the way, so there is always a jar.
        return replace(request, headers=headers, cookies=CookieJar() if cookies is None else cookies)


def download_link(
    request: Request,
    folder: Path,
    packing: Packing,
    reporter: Reporter,
    should_stop: StopCheck,
    patience: Patience | None = None,
) -> LinkDownloaded:
    """Bring what `request` asks for into `folder`, checked, and unpacked if `packing` says so.

    A file that is there is asked for only if the server has another one. A file of the same name that did not come
    from this link is not touched.

    Raises:
        KaggleError: refused, not reached, a web page instead, damaged.
        DataError: a file is in the way, the disk is full, an archive cannot be unpacked, the folder is in use.
        StopRequested: a signal asked for an end.
    """
    with locked(folder):
        manifest, incoming = Manifest(folder), folder / HOME / "incoming"
        key = _key(request)
        source = Source(_label(request), key, lambda: request, known=manifest.stamp(f"link:{key}:{packing}"))
        fetched = fetch(source, incoming, reporter, should_stop, patience)
        if fetched is None:
            return LinkDownloaded(folder, manifest.paths(f"link:{key}:{packing}"), False, 0, False)
        _check_free(folder / fetched.path.name, manifest, f"link:{key}")
        try:
            files = _place(fetched.path, folder, packing, reporter, should_stop)
        except DamagedArchiveError as error:
            forget(source, incoming)
            fetched.path.unlink(missing_ok=True)
            raise KaggleError(f"{error}; it was thrown away, run the same command again to fetch it anew") from error
        entry, origin = f"link:{key}:{packing}", fetched.path.name
        manifest.note({entry: fetched.validator}, files, {origin: entry})
        if not fetched.validator:
            text = f"{source.label}: the server gives no mark of its content, so the next call fetches it again"
            reporter.report(Message(text))
        forget(source, incoming)
        fetched.path.unlink(missing_ok=True)
    names = tuple(file.name for file in files)
    return LinkDownloaded(folder, names, True, fetched.num_received, fetched.was_resumed)


def _place(
    path: Path, folder: Path, packing: Packing, reporter: Reporter, should_stop: StopCheck
) -> tuple[UnpackedFile, ...]:
    is_archive = bool(find_suffix(path.name)) and find_format(path) is not None
    if is_archive and packing == "only":
        check_archive(path, reporter, should_stop)
    files = unpack_one(path, folder, path.name, reporter, should_stop, within=packing != "only")
    if is_archive and packing == "keep":
        path.replace(folder / path.name)
    return files


def _check_free(target: Path, manifest: Manifest, key: str) -> None:
    """Pass if nothing of that name lies there, or an earlier version from the same link."""
    is_kept_archive = manifest.knows(f"{key}:keep") and find_suffix(target.name)
    is_ours = any(manifest.owns(f"{key}:{each}", target.name) for each in ("remove", "keep", "only"))
    if target.exists() and not is_ours and not is_kept_archive:
        raise DataError(
            f"{target}: is in the way, and did not come from this link; move it away, or name another folder with -o. "
            "What was downloaded is kept: the same command then goes on"
        )


def _key(request: Request) -> str:
    """Tells requests apart; nothing of them can be read in it."""
    text = "\n".join([request.method, request.url]).encode() + b"\n" + (request.body or b"")
    return hashlib.sha256(text).hexdigest()[:16]


def _label(request: Request) -> str:
    """Host and last part of the path: no query, which may hold a key."""
    parts = urlsplit(request.url)
    name = parts.path.rstrip("/").rpartition("/")[2]
    return f"{parts.hostname}/.../{name}" if name else f"{parts.hostname}"
