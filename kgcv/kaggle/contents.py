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
from kgcv.kaggle.answers import find_words, page_title
from kgcv.kaggle.partial import Note

if TYPE_CHECKING:
    import requests

_PAGE_SUFFIXES = (".html", ".htm", ".xhtml", ".svg", ".xml")
_JSON_SUFFIXES = ("json", ".jsonl", ".ipynb")

# How files begin, by the ends of their names.
_STARTS = {".zip": b"PK", ".7z": b"7z\xbc\xaf", ".gz": b"\x1f\x8b", ".tgz": b"\x1f\x8b"}


def find_wrong_start(name: str, content_type: str, start: bytes) -> str:
    """What comes instead of a file: a web page, an error message, or no archive of the kind that its name says.

    Args:
        name: The file's name.
        content_type: What the server says it is.
        start: Its first bytes.

    Returns:
        A clause; empty for what may be the file.
    """
    lower, text = name.lower(), start[:1000].lstrip().lower()
    is_page = "html" in content_type.lower() or text.startswith((b"<!doctype html", b"<html"))
    is_error = text.startswith(b"<?xml") and b"<error>" in text
    if is_page and not lower.endswith(_PAGE_SUFFIXES):
        title = page_title(start)
        return f"a web page{f' called {title!r}' if title else ''} came instead of the file"
    if (is_error and not lower.endswith(_PAGE_SUFFIXES)) or _is_json_error(lower, content_type, text):
        words = find_words(start)
        return "an error message came instead of the file" + (f': "{words}"' if words else "")
    suffix = find_suffix(lower) or PurePosixPath(lower).suffix
    expected = next((each for end, each in _STARTS.items() if suffix.endswith(end)), b"")
    return "" if start.startswith(expected) else f"what comes is no {suffix} archive, though it is called {name!r}"


def _is_json_error(name: str, content_type: str, text: bytes) -> bool:
    """Whether it is an API's error where no JSON was due."""
    if "json" not in content_type.lower() or name.endswith(_JSON_SUFFIXES):
        return False
    return text.startswith(b"{") and any(word in text[:100] for word in (b'"error"', b'"code"'))


def disposition_name(value: str) -> str:
    """The file name in a Content-Disposition header, in either of its forms; empty if there is none."""
    message = Message()
    message["Content-Disposition"] = value
    return message.get_filename("")


def safe_name(name: str) -> str:
    """The last part of `name` as the name of a visible file, of 200 bytes at most; empty if nothing is left."""
    last = PurePosixPath(name.replace("\\", "/")).name
    visible = re.sub(r"[\x00-\x1f\x7f]", "", last).strip()
    # The end of the name says what kind of file it is.
    return visible.encode(errors="replace")[-200:].decode(errors="ignore").lstrip(". ")


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
