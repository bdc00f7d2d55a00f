"""Finds the user's Kaggle credentials in every place the official client looks, without that client and offline."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kgcv.errors import KaggleError

Kind = Literal["token", "key", "oauth"]

NEW_TOKEN = "KGAT_"
"""How the API tokens begin that kaggle.com makes since 2025; the older keys are 32 hexadecimal digits."""

HOW_TO = (
    "make an API token at https://www.kaggle.com/settings/api, then save it as ~/.kaggle/access_token "
    "(chmod 600) or set KAGGLE_API_TOKEN; an older kaggle.json belongs in ~/.kaggle"
)


class Secret:
    """A text that shows itself only when asked to."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "***"

    def reveal(self) -> str:
        """The text itself; for the wire, never for a person."""
        return self._text


@dataclass(frozen=True, slots=True)
class Credentials:
    """One way to log in."""

    kind: Kind
    """`token`: an API token; `key`: the older user name and key; `oauth`: what `kaggle auth login` left."""
    source: str
    """The variable or file, or both, it comes from."""
    username: str | None
    """None where it does not say whose it is."""
    secret: Secret
    """The token, the key, or the refresh token."""

    def __str__(self) -> str:
        names = {"token": "API token", "key": "key", "oauth": "login of `kaggle auth login`"}
        return f"{names[self.kind]} in {self.source}"


@dataclass(frozen=True, slots=True)
class Place:
    """One place where credentials may lie."""

    source: str
    found: str = ""
    """What lies there, for people; empty for nothing."""
    credentials: Credentials | None = field(default=None, repr=False)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """All places, in the order in which the client tries them."""

    places: tuple[Place, ...]

    @property
    def candidates(self) -> tuple[Credentials, ...]:
        """What can be tried, best first."""
        return tuple(place.credentials for place in self.places if place.credentials is not None)

    @property
    def used(self) -> Credentials | None:
        """What is tried first."""
        return next(iter(self.candidates), None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should mend, a sentence each."""
        return tuple(warning for place in self.places for warning in place.warnings)


def find_credentials(environ: Mapping[str, str], home: Path) -> Finding:
    """Look for credentials where the client does, in its order; nothing is created and nothing sent.

    The order: inside a Kaggle notebook the file named by KAGGLE_API_V1_TOKEN; KAGGLE_API_TOKEN, a token or the name
    of a file with one; `~/.kaggle/access_token` and `access_token.txt`; KAGGLE_USERNAME and KAGGLE_KEY over
    kaggle.json, in `$KAGGLE_CONFIG_DIR`, or `~/.kaggle` if that exists, or `$XDG_CONFIG_HOME/kaggle`; and
    `~/.kaggle/credentials.json`.

    Args:
        environ: The variables.
        home: The user's home.
    """
    files = [home / ".kaggle/access_token", home / ".kaggle/access_token.txt"]
    return Finding(
        (
            *_notebook_token(environ),
            _variable_token(environ),
            *(_token_file(file) for file in files),
            _key(environ, home),
            *_overlooked(environ, home),
            _oauth(home / ".kaggle/credentials.json"),
        )
    )


def require_credentials() -> Credentials:
    """The credentials that this process uses first.

    Raises:
        KaggleError: there are none; it says where to put them.
    """
    finding = find_credentials(os.environ, Path.home())
    if finding.used is None:
        raise KaggleError("\n".join([f"no Kaggle credentials found: {HOW_TO}", *finding.warnings]))
    return finding.used


def _notebook_token(environ: Mapping[str, str]) -> list[Place]:
    is_notebook = "KAGGLE_KERNEL_RUN_TYPE" in environ and "KAGGLE_DATA_PROXY_URL" in environ
    name = environ.get("KAGGLE_API_V1_TOKEN")
    return [_token_file(Path(name), "KAGGLE_API_V1_TOKEN")] if is_notebook and name else []


def _variable_token(environ: Mapping[str, str]) -> Place:
    name = "KAGGLE_API_TOKEN"
    value = environ.get(name, "").strip()
    if not value:
        return Place(name)
    try:
        is_file = Path(value).exists()
    except OSError:  # a token that is too long for a file's name, at which the client itself fails
        is_file = False
    return _token_file(Path(value), name) if is_file else _token(value, name)


def _token_file(path: Path, variable: str = "") -> Place:
    source = f"{path} (from {variable})" if variable else str(path)
    try:
        value = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return Place(source)
    except (OSError, ValueError) as error:
        return _broken(source, f"cannot be read: {_reason(error)}")
    if not value:
        return _broken(source, "is empty")
    return _token(value, source, _mode_warnings(path))


def _token(value: str, source: str, warnings: tuple[str, ...] = ()) -> Place:
    if not _is_plain(value):
        return _broken(source, "holds something other than one token")
    return Place(source, "an API token", Credentials("token", source, None, Secret(value)), warnings)


def _key(environ: Mapping[str, str], home: Path) -> Place:
    """kaggle.json with the variables over it; either may give either half."""
    path = _config_folder(environ, home) / "kaggle.json"
    stored, problems = _read_key_file(path)
    names = {"username": "KAGGLE_USERNAME", "key": "KAGGLE_KEY"}
    given = {half: environ[name].strip() for half, name in names.items() if environ.get(name)}
    values = {half: given.get(half) or stored.get(half, "") for half in names}
    sources = [names[half] for half in given] + ([str(path)] if len(given) < len(names) else [])
    source = " and ".join(sources)
    if not stored and not given:
        return Place(source, "something broken" if problems else "", warnings=problems)
    if missing := [half for half in names if not values[half]]:
        return Place(source, "half a key", warnings=(*problems, f"{source}: has no {' and no '.join(missing)}"))
    if not all(map(_is_plain, values.values())):
        return _broken(source, "holds characters that no user name or key has")
    if values["key"].startswith(NEW_TOKEN):
        where = "save it as ~/.kaggle/access_token (chmod 600), or set KAGGLE_API_TOKEN to it"
        problems += (f"{source}: the key is a new API token, which does not work there; {where}",)
    credentials = Credentials("key", source, values["username"], Secret(values["key"]))
    return Place(source, f"the key of {values['username']}", credentials, problems)


def _config_folder(environ: Mapping[str, str], home: Path) -> Path:
    if environ.get("KAGGLE_CONFIG_DIR"):
        return Path(environ["KAGGLE_CONFIG_DIR"])
    return home / ".kaggle" if (home / ".kaggle").exists() else _xdg_folder(environ, home)


def _xdg_folder(environ: Mapping[str, str], home: Path) -> Path:
    return Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "kaggle"


def _read_key_file(path: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """What the file says, and what is wrong with it."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, ()
    except (OSError, ValueError) as error:
        return {}, (f"{path}: cannot be read: {_reason(error)}; the client passes over it without a word",)
    if not isinstance(value, dict):
        return {}, (f'{path}: is not of the form {{"username": ..., "key": ...}}',)
    texts = {half: value[half].strip() for half in ("username", "key") if isinstance(value.get(half), str)}
    return texts, _mode_warnings(path)


def _overlooked(environ: Mapping[str, str], home: Path) -> list[Place]:
    """Files that look as if they were used, and are not."""
    folder = _config_folder(environ, home)
    found = []
    for other in {home / ".kaggle", _xdg_folder(environ, home)} - {folder}:
        if (other / "kaggle.json").is_file():
            found.append(other / "kaggle.json")
    if folder != home / ".kaggle":
        names = ("access_token", "access_token.txt", "credentials.json")
        found += [folder / name for name in names if (folder / name).is_file()]
    why = {"kaggle.json": f"the client looks for it in {folder} only"}
    return [
        Place(str(path), "not looked at", warnings=(f"{path}: is not used; {why.get(path.name, _ONLY_HOME)}",))
        for path in sorted(found)
    ]


_ONLY_HOME = "the client looks for it in ~/.kaggle only"


def _oauth(path: Path) -> Place:
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Place(str(path))
    except (OSError, ValueError) as error:
        return _broken(str(path), f"cannot be read: {_reason(error)}")
    token = value.get("refresh_token") if isinstance(value, dict) else None
    if not isinstance(token, str) or not token:
        return _broken(str(path), "has no refresh_token; log in again with: kaggle auth login")
    user = value.get("username") or None
    credentials = Credentials("oauth", str(path), user, Secret(token))
    return Place(str(path), f"the login of {user or 'somebody'}", credentials, _mode_warnings(path))


def _broken(source: str, problem: str) -> Place:
    return Place(source, "something broken", warnings=(f"{source}: {problem}",))


def _mode_warnings(path: Path) -> tuple[str, ...]:
    mode = path.stat().st_mode & 0o777
    return (f"{path}: others may read it (mode {mode:04o}); mend it with: chmod 600 {path}",) if mode & 0o077 else ()


def _is_plain(text: str) -> bool:
    """Whether `text` can stand in a header: ASCII that can be seen."""
    return text.isascii() and text.isprintable() and " " not in text


def _reason(error: Exception) -> str:
    """Why, without a word of the content."""
    return str(error.strerror) if isinstance(error, OSError) else f"its content is damaged ({type(error).__name__})"
