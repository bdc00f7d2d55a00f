"""Tells Kaggle's answers from everything else that may come back, before the client reads them.

Kaggle answers with a JSON object, or with a redirect to its storage. Errors come in two styles, `{"code", "message"}`
and `{"error": {"code", "message"}}`, and have been seen with status 200 too. Proxies, sign-in pages of networks and
storage answer with HTML or XML.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import requests

_LONGEST_WORDS = 300
"""Characters of a server's message that are shown."""

_SIGN_IN = "open any page in a browser, sign in there, and try again"


class Refused(Exception):
    """An answer that says no."""

    def __init__(self, status: int, words: str, retry_after: str | None = None) -> None:
        super().__init__(f"{status}: {words}" if words else str(status))
        self.status = status
        self.words = words
        self.retry_after = retry_after


class Unreadable(Exception):
    """An answer that is not Kaggle's, or not one that can be understood."""


def check_answer(response: requests.Response) -> None:
    """Pass an answer of the API that is a JSON object without an error.

    Raises:
        Refused: it is an error.
        Unreadable: it is a redirect, a page, or no JSON object.
    """
    refuse_errors(response)
    if response.is_redirect:
        host = urlsplit(response.headers["Location"]).hostname
        raise Unreadable(f"it sends on to {host or 'another page'}, as the sign-in pages of networks do; {_SIGN_IN}")
    value = _parse(response.content)
    if not isinstance(value, dict):
        raise Unreadable(describe_body(response))
    status = _find(value, "code")
    if isinstance(status, int) and status >= 400:
        raise Refused(status, find_words(response.content), response.headers.get("Retry-After"))


def refuse_errors(response: requests.Response) -> None:
    """Pass an answer whose status is no error.

    Raises:
        Refused: it is one.
    """
    if response.status_code >= 400:
        raise Refused(response.status_code, find_words(response.content), response.headers.get("Retry-After"))


def describe_body(response: requests.Response) -> str:
    """What came instead of what was due, in a few words; the body is not shown, save for a page's title."""
    content_type = response.headers.get("Content-Type", "")
    start = next(response.iter_content(10_000), b"")
    if "html" not in content_type and not start.lstrip().startswith(b"<"):
        return "it is not the JSON object that was due"
    title = page_title(start)
    called = f" called {title!r}" if title else ""
    return f"it is a web page{called}, as of a proxy or a network that wants a sign-in; {_SIGN_IN}"


def page_title(start: bytes) -> str:
    """The title in the beginning of a web page; empty if there is none."""
    title = re.search(rb"<title[^>]*>([^<]*)", start, re.IGNORECASE)
    return _tidy(title[1].decode(errors="replace")) if title else ""


def find_words(body: bytes) -> str:
    """The message in an error's body: of JSON in both styles, of storage's XML, or a short plain text; else nothing."""
    value = _parse(body)
    if isinstance(value, dict):
        words = _find(value, "message")
        return _tidy(words) if isinstance(words, str) else ""
    text = body[:10_000].decode(errors="replace")
    message = re.search(r"<Message>([^<]*)", text)
    if message:
        return _tidy(message[1])
    return "" if "<" in text or len(text) > _LONGEST_WORDS else _tidy(text)


def _find(value: dict[str, Any], name: str) -> Any:
    error = value.get("error")
    return error.get(name) if isinstance(error, dict) else value.get(name, error if name == "message" else None)


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def one_line(text: str) -> str:
    """`text` with characters that can be seen only; what strangers write could otherwise command a terminal."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _tidy(text: str) -> str:
    """One line, not too long."""
    line = one_line(text)
    return line if len(line) <= _LONGEST_WORDS else line[: _LONGEST_WORDS - 3] + "..."
