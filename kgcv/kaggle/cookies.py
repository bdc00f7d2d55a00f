"""Cookies that a browser has: from a cookies.txt, or from the Cookie header of one request."""

from __future__ import annotations

from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from pathlib import Path
from urllib.parse import urlsplit

from kgcv.errors import DataError

_FIELDS = ("domain", "subdomains", "path", "secure", "end", "name", "value")


def read_cookies(path: Path) -> CookieJar:
    """The cookies in a file of the Netscape form, as browser extensions, curl and wget write it.

    A line has seven fields with tabs between them: domain, whether subdomains get it too, path, whether it needs
    encryption, end (seconds since 1970, 0 for none), name, value. The standard library's reader drops cookies without
    an end and prints lines that it does not understand.

    Raises:
        DataError: it cannot be read, or is of another form. The text shows nothing of the content.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise DataError(f"{path}: cannot be read: it is not text") from None
    jar = CookieJar(policy=_policy())
    for number, line in enumerate(lines, start=1):
        text = line.removeprefix("#HttpOnly_")
        if not text.strip() or text.startswith("#"):
            continue
        fields = text.split("\t")
        if len(fields) != len(_FIELDS) or not fields[_FIELDS.index("end")].lstrip("-").isdigit():
            raise DataError(
                f"{path}:{number}: is no line of a cookies.txt (Netscape form: seven fields, tabs between them)"
            )
        jar.set_cookie(_read_cookie(dict(zip(_FIELDS, fields, strict=True))))
    jar.clear_expired_cookies()
    if not len(jar):
        raise DataError(f"{path}: holds no cookie that is still valid")
    return jar


def _read_cookie(fields: dict[str, str]) -> Cookie:
    with_subdomains = fields["subdomains"].upper() == "TRUE"
    host = fields["domain"].lower().lstrip(".")
    return _cookie(
        fields["name"],
        fields["value"],
        f".{host}" if with_subdomains else _full(host),
        is_secure=fields["secure"].upper() == "TRUE",
        path=fields["path"],
        expires=int(fields["end"]) or None,
    )


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
            jar.set_cookie(_cookie(name, value, _full(host), is_secure=parts.scheme == "https"))
    return jar


def _policy() -> DefaultCookiePolicy:
    """A cookie that names no domain goes back to the very host it came from, as in browsers."""
    return DefaultCookiePolicy(strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain)


def _full(host: str) -> str:
    """How the standard library writes a host; one without a dot counts as local."""
    return host if "." in host else f"{host}.local"


def _cookie(name: str, value: str, domain: str, is_secure: bool, path: str = "/", expires: int | None = None) -> Cookie:
    """A cookie for one host, or, if `domain` begins with a dot, for its subdomains too."""
    with_subdomains = domain.startswith(".")
    return Cookie(
        version=0,
        name=name,
        value=value,
        port=None,
        port_specified=False,
        domain=domain,
        domain_specified=with_subdomains,
        domain_initial_dot=with_subdomains,
        path=path,
        path_specified=True,
        secure=is_secure,
        expires=expires,
        discard=expires is None,
        comment=None,
        comment_url=None,
        rest={},
    )
