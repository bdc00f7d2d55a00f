"""Reads what a browser's "Copy as cURL (bash)" gives; nothing is executed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kgcv.errors import ConfigError
from kgcv.kaggle.cookies import pasted_cookies
from kgcv.kaggle.shell_words import split_words
from kgcv.kaggle.web import Request, check_url

# What Chrome, Edge, Safari and Firefox write, in their present and some earlier versions.
_WITH_VALUE = {
    "-H": "header",
    "--header": "header",
    "-b": "cookie",
    "--cookie": "cookie",
    "-X": "method",
    "--request": "method",
    "-A": "agent",
    "--user-agent": "agent",
    "--url": "url",
    "--data-raw": "data",
    "--data-binary": "data",
    "--data": "data",
    "-d": "data",
}
_WITHOUT_EFFECT = {"--compressed", "--globoff", "-g", "--http1.1", "--http2", "--http2-prior-knowledge", "--http3"}
_INSECURE = {"--insecure", "-k"}

# Of the connection, of a cached or partial copy, or not a header at all (HTTP/2's own): the download's own affair.
OF_THE_CONNECTION = {
    *("host", "connection", "proxy-connection", "keep-alive", "te", "upgrade", "content-length", "transfer-encoding"),
    *("accept-encoding", "range", "if-range", "if-none-match", "if-modified-since", "if-match", "if-unmodified-since"),
    *("authority", "method", "path", "scheme", "proxy-authorization", "expect"),
}

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(slots=True)
class _Paste:
    """What the words of a command said so far."""

    urls: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)
    method: str = ""
    data: list[str] = field(default_factory=list)
    is_insecure: bool = False


def parse_curl(text: str) -> Request:
    """The request in a pasted `curl` command.

    The address, method, headers, cookies and form are taken over; headers that concern the connection or a cached
    copy are left out. Cookies belong to the host of the address.

    Raises:
        ConfigError: it is not what a browser copies for bash; the text names the flag or what else is wrong, and
            shows no value.
    """
    words = split_words(_of_bash(text))
    if not words or words[0] != "curl":
        raise ConfigError(['this is no curl command; in the browser choose "Copy as cURL (bash)"'])
    paste = _Paste()
    rest = iter(words[1:])
    for word in rest:
        _take(word, rest, paste)
    if len(paste.urls) != 1:
        raise ConfigError([f"the command has {len(paste.urls)} addresses; it needs one"])
    return _request(paste)


def parse_header(text: str) -> tuple[str, str]:
    """Name and value of `Name: value`.

    Raises:
        ConfigError: it is not of that form; the text does not show it.
    """
    name, colon, value = text.partition(":")
    if not colon and text.endswith(";"):  # curl's way to write an empty one
        name, colon, value = text[:-1], ":", ""
    if not colon or not _HEADER_NAME.fullmatch(name.strip()) or "\n" in value or "\r" in value:
        raise ConfigError(["a header is of the form 'Name: value', on one line"])
    return name.strip(), value.strip()


def _of_bash(text: str) -> str:
    """`text`, unless it was made for another shell."""
    start = text.lstrip()
    if start.startswith(("Invoke-WebRequest", "$session", "fetch(")):
        raise ConfigError(['this was copied for PowerShell or JavaScript; choose "Copy as cURL (bash)"'])
    if re.search(r'\^["\r\n]', start) and start.startswith("curl"):
        raise ConfigError(['this was copied as cURL (cmd); choose "Copy as cURL (bash)"'])
    return text


def _take(word: str, rest: Iterator[str], paste: _Paste) -> None:
    """Understand one word, with the value that follows where it wants one."""
    flag, value = _split_flag(word)
    if not word.startswith("-"):
        paste.urls.append(word)
    elif flag in _WITH_VALUE:
        value = next(rest, None) if value is None else value
        if value is None:
            raise ConfigError([f"{flag} has no value; copy the whole command"])
        _take_value(_WITH_VALUE[flag], flag, value, paste)
    elif word in _INSECURE:
        paste.is_insecure = True
    elif word not in _WITHOUT_EFFECT:
        raise ConfigError([f"{flag} is no flag that a browser's copy has; it is not understood"])


def _split_flag(word: str) -> tuple[str, str | None]:
    """`--data=x` and `-Xx` are a flag and its value in one word."""
    if word.startswith("--"):
        flag, equals, value = word.partition("=")
        return flag, value if equals else None
    return word[:2], word[2:] or None


def _take_value(kind: str, flag: str, value: str, paste: _Paste) -> None:
    match kind:
        case "header":
            _take_header(value, paste)
        case "cookie" if "=" not in value:
            raise ConfigError([f"{flag} names a file; give it as --cookies FILE"])
        case "cookie":
            paste.cookies.append(value)
        case "method":
            paste.method = value.upper()
        case "agent":
            paste.headers["User-Agent"] = value
        case "url":
            paste.urls.append(value)
        case _:
            if value.startswith("@") and flag != "--data-raw":
                raise ConfigError([f"{flag} names a file; a browser's copy holds the form itself"])
            paste.data.append(value)


def _take_header(value: str, paste: _Paste) -> None:
    name, content = parse_header(value.removeprefix(":"))
    if name.lower() == "cookie":
        paste.cookies.append(content)
    elif name.lower() not in OF_THE_CONNECTION:
        paste.headers[name] = content


def _request(paste: _Paste) -> Request:
    url = check_url(paste.urls[0])
    if paste.is_insecure and url.startswith("https"):
        raise ConfigError(["--insecure is not honoured: the certificate of an https address must be right"])
    method = paste.method or ("POST" if paste.data else "GET")
    if method not in ("GET", "POST"):
        raise ConfigError([f"the request is a {method}; a file comes by GET or POST"])
    headers = dict(paste.headers)
    if paste.data and "content-type" not in map(str.lower, headers):
        headers["Content-Type"] = "application/x-www-form-urlencoded"  # as curl does
    cookies = pasted_cookies("; ".join(paste.cookies), url)
    return Request(url, method, headers, cookies, "&".join(paste.data).encode() if paste.data else None)
