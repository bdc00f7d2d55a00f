"""Looks at what a server sends: whether it is the file or a page about something else, and what it is called."""

from __future__ import annotations

import base64
import binascii
import re
from email.message import Message
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from kgcv.archives.formats import find_suffix
from kgcv.errors import KaggleError
from kgcv.kaggle.answers import page_title
from kgcv.kaggle.partial import Note

if TYPE_CHECKING:
    import requests

_PAGE_SUFFIXES = (".html", ".htm", ".xhtml", ".svg", ".xml")

# How files begin, by the ends of their names.
_STARTS = {".zip": b"PK", ".7z": b"7z\xbc\xaf", ".gz": b"\x1f\x8b", ".tgz": b"\x1f\x8b"}


def check_start(label: str, name: str, content_type: str, start: bytes) -> None:
    """Pass the beginning of a file that may be what its name says.

    Args:
        label: What was asked for, for people.
        name: The file's name.
        content_type: What the server says it is.
        start: Its first bytes.

    Raises:
        KaggleError: it is a web page, an error in XML, or no archive of the kind that its name says.
    """
    lower = name.lower()
    text = start[:1000].lstrip().lower()
    is_page = "html" in content_type.lower() or text.startswith((b"<!doctype html", b"<html"))
    is_error = text.startswith(b"<?xml") and b"<error>" in text
    if (is_page or is_error) and not lower.endswith(_PAGE_SUFFIXES):
        title = page_title(start)
        what = f"a web page called {title!r}" if title else "a web page" if is_page else "an error message"
        raise KaggleError(
            f"{label}: {what} came instead of the file, as from a sign-in page, a proxy or a hotel's network; nothing "
            "of it was kept. Sign in there, and run the same command again"
        )
    suffix = find_suffix(lower) or PurePosixPath(lower).suffix
    expected = next((each for end, each in _STARTS.items() if suffix.endswith(end)), b"")
    if not start.startswith(expected):
        raise KaggleError(
            f"{label}: what comes is no {suffix} archive, though it is called {name!r}; nothing of it was kept"
        )


def disposition_name(value: str) -> str:
    """The file name in a Content-Disposition header, in either of its forms; empty if there is none."""
    message = Message()
    message["Content-Disposition"] = value
    return message.get_filename("")


def safe_name(name: str) -> str:
    """The last part of `name` as the name of a visible file; empty if nothing is left."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return re.sub(r"[\x00-\x1f\x7f]", "", last).lstrip(".").strip()[-200:]


def describe(response: requests.Response, stamp: str) -> Note:
    """What the headers tell of the whole file; `stamp` is noted with it."""
    headers = response.headers
    is_encoded = headers.get("Content-Encoding", "identity") != "identity"
    etag = headers.get("ETag", "")
    # A weak ETag promises the same meaning, not the same bytes.
    validator = etag if etag.startswith('"') else headers.get("Last-Modified", "")
    length = headers.get("Content-Length", "")
    name = disposition_name(headers.get("Content-Disposition", "")) or unquote(urlsplit(response.url).path)
    return Note(
        stamp=stamp,
        name=safe_name(name) or "download",
        validator="" if is_encoded else validator,
        size=int(length) if length.isdigit() and not is_encoded else None,
        md5="" if is_encoded else _md5(headers.get("x-goog-hash", "")),
    )


def total_size(response: requests.Response) -> int | None:
    """Bytes of the whole file, of which the answer is a part; None where it does not say."""
    total = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(total) if total.isdigit() else None


def _md5(hashes: str) -> str:
    """The checksum of the whole file that Google's storage sends (`crc32c=...,md5=...`), in hexadecimal, if any."""
    for part in hashes.split(","):
        name, _, value = part.strip().partition("=")
        if name == "md5":
            try:
                return base64.b64decode(value, validate=True).hex()
            except binascii.Error:
                return ""
    return ""
