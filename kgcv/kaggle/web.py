"""Asks an address for a file: redirects are followed by hand, and secrets stay with the host they were given for."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from kgcv.errors import ConfigError
from kgcv.kaggle.answers import Unreadable
from kgcv.kaggle.session import send_nothing

if TYPE_CHECKING:
    import requests

MAX_REDIRECTS = 10
"""As many as browsers follow is 20; no download that works needs more than a few."""

_PORTS = {"http": 80, "https": 443}

# All other headers may be what lets somebody in: `X-Api-Key`, `Referer` with a token, ...
_HARMLESS = {"user-agent", "accept", "accept-language"}


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask for; nothing of it is for people but the host."""

    url: str = field(repr=False)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookies: CookieJar | None = field(default=None, repr=False)
    body: bytes | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """The host, which may be shown."""
        return urlsplit(self.url).hostname or "?"


def check_url(url: str) -> str:
    """`url` if it is an address of the web.

    Raises:
        ConfigError: it is not, or has a password in it.
    """
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in _PORTS and bool(parts.hostname) and _port(parts) > 0
    except ValueError:
        is_web = False
    if not is_web:
        raise ConfigError(["the address must be of the form https://HOST/PATH"])
    if parts.username is not None:
        raise ConfigError(["the address has a user name in it; give it as --header 'Authorization: Basic ...'"])
    return url


def open_web() -> requests.Session:
    """A session that knows no login and keeps no cookies of its own."""
    from http.cookiejar import DefaultCookiePolicy

    import requests

    session = requests.Session()
    session.auth = send_nothing  # keeps requests from taking a login out of ~/.netrc
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def ask(
    session: requests.Session, request: Request, extra: Mapping[str, str], timeout: tuple[float, float]
) -> requests.Response:
    """The answer after all redirects, its body not yet read; to be closed.

    On the way to another host, to another port, or from https to http, the headers of `request` are left behind, all
    but those every browser sends; its cookies go where their own domains allow; its body is not sent on.

    Args:
        session: From `open_web`.
        request: What to ask for.
        extra: Headers that go everywhere.
        timeout: Seconds for connecting, and of silence.

    Raises:
        Unreadable: redirected too often, to no address of the web, or with a form to another host.
        requests.RequestException: not reached.
    """
    url, method, headers, body = request.url, request.method, dict(request.headers), request.body
    for _ in range(MAX_REDIRECTS):
        sent = {**headers, **_cookie_header(request.cookies, url), **extra}
        response = session.request(
            method, url, headers=_as_sent(sent), data=body, stream=True, allow_redirects=False, timeout=timeout
        )
        _keep_cookies(request.cookies, response)
        if response.next is None:
            return response
        response.close()
        here, there = urlsplit(url), urlsplit(response.next.url or "")
        if there.scheme not in _PORTS:
            raise Unreadable(f"{here.hostname} sends on to something that is no address of the web")
        method = response.next.method or "GET"
        body = body if method == request.method else None
        if not _is_same_place(here, there):
            headers = {name: value for name, value in headers.items() if name.lower() in _HARMLESS}
            if body is not None:
                raise Unreadable(f"{here.hostname} sends the form on to {there.hostname}, which it was not meant for")
        url = response.next.url or ""
    raise Unreadable(f"{request.host} redirects more than {MAX_REDIRECTS} times; without its cookies some pages do so")


def _as_sent(headers: Mapping[str, str]) -> dict[str, str | bytes]:
    """With a User-Agent, and in UTF-8, as curl sends them; `requests` takes Latin-1 alone."""
    agent = {"User-Agent": "kgcv"} if "user-agent" not in map(str.lower, headers) else {}
    return {name: value if value.isascii() else value.encode() for name, value in {**agent, **headers}.items()}


def _is_same_place(here: SplitResult, there: SplitResult) -> bool:
    if here.hostname != there.hostname:
        return False
    is_upgrade = (here.scheme, _port(here), there.scheme, _port(there)) == ("http", 80, "https", 443)
    return is_upgrade or (here.scheme, _port(here)) == (there.scheme, _port(there))


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS[parts.scheme]


def _cookie_header(cookies: CookieJar | None, url: str) -> dict[str, str]:
    """Those of the cookies that belong to `url`."""
    if cookies is None:
        return {}
    probe = urllib.request.Request(url)
    cookies.add_cookie_header(probe)
    value = probe.get_header("Cookie")
    return {} if value is None else {"Cookie": value}


def _keep_cookies(cookies: CookieJar | None, response: Any) -> None:
    """Some hosts set a cookie and send on to the file."""
    from requests.cookies import extract_cookies_to_jar

    if cookies is not None:
        extract_cookies_to_jar(cookies, response.request, response.raw)
