"""Cookies that a browser has: from a cookies.txt, or from the Cookie header of one request."""

from __future__ import annotations

from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy, LoadError, MozillaCookieJar
from pathlib import Path
from urllib.parse import urlsplit

from kgcv.errors import DataError


def read_cookies(path: Path) -> CookieJar:
    """The cookies in a file of the Netscape form, as browser extensions, curl and wget write it.

    Raises:
        DataError: it cannot be read, or is of another form. The text shows nothing of the content.
    """
    jar = MozillaCookieJar(policy=_policy())
    try:
        jar.load(str(path), ignore_discard=True)
    except LoadError:
        raise DataError(
            f"{path}: is no cookies.txt of the Netscape form, whose first line is: # Netscape HTTP Cookie File"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise DataError(f"{path}: cannot be read: it is not text") from None
    return jar


def pasted_cookies(header: str, url: str) -> CookieJar:
    """The cookies of a request to `url`, for its host alone.

    Args:
        header: `name=value; name=value`.
        url: Where it was sent; cookies of an https address are not sent without encryption.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    jar = CookieJar(policy=_policy())
    for part in header.split(";"):
        name, equals, value = part.strip().partition("=")
        if equals and name:
            jar.set_cookie(_cookie(name, value, host if "." in host else f"{host}.local", parts.scheme == "https"))
    return jar


def _policy() -> DefaultCookiePolicy:
    """A cookie that names no domain goes back to the very host it came from, as in browsers."""
    return DefaultCookiePolicy(strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain)


def _cookie(name: str, value: str, domain: str, is_secure: bool) -> Cookie:
    return Cookie(
        version=0,
        name=name,
        value=value,
        port=None,
        port_specified=False,
        domain=domain,
        domain_specified=False,
        domain_initial_dot=False,
        path="/",
        path_specified=True,
        secure=is_secure,
        expires=None,
        discard=True,
        comment=None,
        comment_url=None,
        rest={},
    )
