"""Brings a file from outside Kaggle's API: from a link, or with the request that a browser would make."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from kgcv.archives.formats import find_format, find_suffix
from kgcv.archives.store import crc_of, share
from kgcv.archives.unpack import UnpackedFile, check_archive, merge, unpack_one
from kgcv.errors import ConfigError, DataError
from kgcv.events import Message, Reporter, StopCheck
from kgcv.kaggle.contents import safe_name
from kgcv.kaggle.cookies import pasted_cookies, read_cookies
from kgcv.kaggle.curl import OF_THE_CONNECTION, parse_curl, parse_header
from kgcv.kaggle.manifest import HOME, Manifest, locked
from kgcv.kaggle.patience import Patience
from kgcv.kaggle.selection import Packing
from kgcv.kaggle.source import Source
from kgcv.kaggle.transfer import fetch
from kgcv.kaggle.verdict import judged
from kgcv.kaggle.web import Request, check_url

_UNPACKED = ".unpacked"
"""The folder beside a file that came, for what is to be kept of it; no file that comes has a hidden name."""

_KEPT = "/"
"""The origin of an archive that is kept beside its content; no member's name."""

# What Google's, Amazon's and Microsoft's storage add to an address to open it for a while.
_SIGNATURE = re.compile(
    r"x-(goog|amz)-.*|googleaccessid|awsaccesskeyid|key-pair-id|policy|signature|expires|sig|s[etpvr]|spr|sk.{1,3}",
    re.IGNORECASE,
)


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
    """More headers, `Name: value`; they take the place of those of that name in `curl`, cookies included."""
    cookies: Path | None = None
    """A cookies.txt; it takes the place of all other cookies."""

    def request(self) -> Request:
        """What to ask for.

        Raises:
            ConfigError: a part is not understood.
            DataError: the cookies cannot be read.
        """
        request = Request(check_url(self.url)) if self.url is not None else parse_curl(self.curl or "")
        typed = dict(map(parse_header, self.headers))
        pasted = [typed.pop(name) for name in list(typed) if name.lower() == "cookie"]
        if own := [name for name in typed if name.lower() in OF_THE_CONNECTION]:
            raise ConfigError([f"--header {own[0]}: that one the download sets by itself; leave it out"])
        cookies = pasted_cookies("; ".join(pasted), request.url) if pasted else request.cookies
        if self.cookies is not None:
            cookies = read_cookies(self.cookies)
        # Hosts may set cookies on the way, so there is always a jar.
        jar = CookieJar() if cookies is None else cookies
        return replace(request, headers={**request.headers, **typed}, cookies=jar)


def download_link(
    request: Request,
    folder: Path,
    packing: Packing,
    reporter: Reporter,
    should_stop: StopCheck,
    patience: Patience | None = None,
) -> LinkDownloaded:
    """Bring what `request` asks for into `folder`, checked, and unpacked if `packing` says so.

    What is there is fetched only if the server has another version. A file that is in the way and did not come from
    this link is not touched.

    Raises:
        KaggleError: refused, not reached, a web page instead, damaged.
        DataError: a file is in the way, the disk is full, an archive cannot be unpacked, the folder is in use.
        StopRequested: a signal asked for an end.
    """
    with locked(folder):
        manifest, key = Manifest(folder), _key(request)
        entry, inbox = f"link:{key}:{packing}", folder / HOME / "incoming" / key
        source = Source(_label(request), lambda: request, known=manifest.stamp(entry))
        fetched = fetch(source, inbox, reporter, should_stop, patience)
        if fetched is None:
            _remove(inbox)
            return LinkDownloaded(folder, manifest.paths(entry), False, 0, False)
        with judged(fetched.path, fetched.path.name):
            files = _unpack(fetched.path, packing, reporter, should_stop)
        _check_free(files, folder, manifest, key)
        merge(fetched.path.parent / _UNPACKED, folder)
        noted = [file for file in files if file.origin != _KEPT]
        manifest.note({entry: fetched.validator}, noted, {fetched.path.name: entry})
        if not fetched.validator:
            text = f"{source.label}: the server gives no mark of its content, so the next call fetches it again"
            reporter.report(Message(text))
        _remove(inbox)
    names = tuple(file.name for file in noted)
    return LinkDownloaded(folder, names, True, fetched.num_received, fetched.was_resumed)


def _remove(inbox: Path) -> None:
    """All is in place."""
    shutil.rmtree(inbox)
    with suppress(OSError):  # what another call began stays there
        inbox.parent.rmdir()


def _unpack(path: Path, packing: Packing, reporter: Reporter, should_stop: StopCheck) -> list[UnpackedFile]:
    """Put what is to be kept of `path` into a folder beside it: the file, its content, or both."""
    target = path.parent / _UNPACKED
    shutil.rmtree(target, ignore_errors=True)
    is_archive = bool(find_suffix(path.name)) and find_format(path) is not None
    if is_archive and packing == "only":
        check_archive(path, reporter, should_stop)
    files = list(unpack_one(path, target, path.name, reporter, should_stop, within=packing != "only"))
    if is_archive and packing == "keep" and not (target / path.name).exists():
        share(path, target / path.name)
        files.append(UnpackedFile(path.name, path.stat().st_size, crc_of(path), _KEPT))
    return files


def _check_free(files: Iterable[UnpackedFile], folder: Path, manifest: Manifest, key: str) -> None:
    """Pass if nothing lies where the files belong, or the same, or an earlier version from the same link."""
    entries = [f"link:{key}:{packing}" for packing in ("remove", "keep", "only")]
    for file in files:
        path = folder / file.name
        is_ours = any(manifest.owns(entry, file.name) for entry in entries)
        # A kept archive is not noted, as it may be removed at will.
        is_ours = is_ours or (file.origin == _KEPT and any(map(manifest.knows, entries)))
        is_same = path.is_file() and path.stat().st_size == file.size and crc_of(path) == file.crc32
        in_the_way = [path] if path.exists() and not (is_ours or is_same) else []
        in_the_way += [parent for parent in path.parents if parent.is_file()]
        if in_the_way:
            raise DataError(
                f"{in_the_way[0]}: is in the way, and did not come from this link; move it away, or name another "
                "folder with -o. What was downloaded is kept: the same command then goes on"
            )


def _key(request: Request) -> str:
    """Tells requests apart; nothing of them can be read in it. A new signature of the same address is no other."""
    parts = urlsplit(request.url)
    query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _SIGNATURE.fullmatch(pair[0])]
    text = "\n".join([request.method, parts._replace(query=urlencode(query)).geturl()])
    return hashlib.sha256(text.encode() + b"\n" + (request.body or b"")).hexdigest()[:16]


def _label(request: Request) -> str:
    """Host and last part of the path: no query, which may hold a key."""
    parts = urlsplit(request.url)
    name = safe_name(unquote(parts.path).rstrip("/"))
    return f"{parts.hostname}/.../{name}" if name else f"{parts.hostname}"
