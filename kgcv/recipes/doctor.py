"""Looks at the connection to Kaggle: the credentials, the client, and one competition."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from kgcv.errors import KaggleError
from kgcv.kaggle.client import Competition, KaggleClient, KaggleRefused, Limits, connect
from kgcv.kaggle.credentials import HOW_TO, Credentials, Finding, Kind, find_credentials
from kgcv.kaggle.patience import Patience
from kgcv.kaggle.session import client_version
from kgcv.kaggle.slug import parse_slug

T = TypeVar("T")

_PATIENCE = Patience(read_seconds=20.0, attempts=2)
"""A person is waiting to hear that something is wrong."""


@dataclass(frozen=True, slots=True)
class PlaceCheck:
    """One place where credentials may lie, and what Kaggle says to those that do."""

    source: str
    found: str
    """Empty for nothing."""
    kind: Kind | None = None
    username: str | None = None
    accepted: bool | None = None
    """None where there was nothing to try, or Kaggle did not answer."""
    problem: str = ""
    is_used: bool = False


@dataclass(frozen=True, slots=True)
class CompetitionCheck:
    """One competition, as this user sees it."""

    slug: str
    facts: Competition | None = None
    limits: Limits | None = None
    can_download: bool = False
    """Whether Kaggle gives the data away, which takes the rules to be accepted."""
    notes: tuple[str, ...] = ()
    """What stands in the way of a submission."""
    problems: tuple[str, ...] = ()
    """What does not work; one text may have several lines."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that was found."""

    client_version: str
    places: tuple[PlaceCheck, ...]
    """In the order in which they are tried."""
    warnings: tuple[str, ...]
    """What works now, and should be mended."""
    competition: CompetitionCheck | None
    problems: tuple[str, ...]
    """What does not work."""


def examine(competition: str | None, now: datetime, patience: Patience = _PATIENCE) -> Diagnosis:
    """Try every login that is found, and look at a competition with the first that is accepted.

    Args:
        competition: Its name or address; None for the login alone.
        now: For the deadline.
        patience: Time limits.

    Raises:
        ConfigError: that is no competition's name.
    """
    slug = None if competition is None else parse_slug(competition)
    finding = find_credentials(os.environ, Path.home())
    places = _check_places(finding, patience)
    used = next((login for login, place in zip(_logins(finding), places, strict=True) if place.is_used), None)
    checked = None
    if slug is not None and used is not None:
        checked = _check_competition(connect(patience=patience, candidates=[used]), slug, now)
    return Diagnosis(
        client_version=client_version(),
        places=places,
        warnings=(*finding.warnings, *_warn(places), *_warn_of_verbose()),
        competition=checked,
        problems=(*_login_problems(places), *(checked.problems if checked else ())),
    )


def _logins(finding: Finding) -> list[Credentials | None]:
    return [place.credentials for place in finding.places]


def _check_places(finding: Finding, patience: Patience) -> tuple[PlaceCheck, ...]:
    checks: list[PlaceCheck] = []
    for place in finding.places:
        login = place.credentials
        if login is None:
            checks.append(PlaceCheck(place.source, place.found))
            continue
        user, accepted, problem = _try_login(login, patience)
        is_used = bool(accepted) and not any(check.is_used for check in checks)
        checks.append(PlaceCheck(place.source, place.found, login.kind, user, accepted, problem, is_used))
    return tuple(checks)


def _try_login(login: Credentials, patience: Patience) -> tuple[str | None, bool | None, str]:
    """Its user, whether it is accepted, and what is wrong."""
    try:
        return connect(patience=patience, candidates=[login]).verify(), True, ""
    except KaggleError as error:
        is_refused = isinstance(error, KaggleRefused) and error.status == 401
        return login.username, False if is_refused else None, str(error).splitlines()[0]


def _warn(places: tuple[PlaceCheck, ...]) -> tuple[str, ...]:
    """A login that is refused, before one that is good."""
    used = next((place for place in places if place.is_used), None)
    if used is None:
        return ()
    refused = [place for place in places[: places.index(used)] if place.accepted is False]
    return tuple(
        f"{place.source}: not accepted any more; kgcv goes on with {used.source}, the kaggle program does not: "
        "remove it"
        for place in refused
    )


def _warn_of_verbose() -> tuple[str, ...]:
    names = [name for name in ("VERBOSE", "VERBOSE_OUTPUT") if os.environ.get(name)]
    return tuple(f"{name} is set: kgcv does not mind, but the kaggle program prints your key with it" for name in names)


def _login_problems(places: tuple[PlaceCheck, ...]) -> tuple[str, ...]:
    tried = [place for place in places if place.kind is not None]
    if not tried:
        return (f"no Kaggle credentials found: {HOW_TO}",)
    if any(place.is_used for place in places):
        return ()
    return tuple(f"{place.source}: {place.problem}" for place in tried)


def _check_competition(client: KaggleClient, slug: str, now: datetime) -> CompetitionCheck:
    facts, unknown = _attempt(lambda: client.competition(slug))
    if facts is None:
        return CompetitionCheck(slug, problems=unknown)
    limits, unlimited = _attempt(lambda: client.limits(slug))
    link, closed = _attempt(lambda: client.locate(slug))
    joined = () if facts.has_entered else (f"you have not joined: https://www.kaggle.com/competitions/{slug}",)
    return CompetitionCheck(
        slug,
        facts,
        limits,
        can_download=link is not None,
        notes=tuple(_notes(facts, limits, now)),
        problems=closed or joined or unlimited,
    )


def _attempt(work: Callable[[], T]) -> tuple[T | None, tuple[str, ...]]:
    """The result, or why there is none."""
    try:
        return work(), ()
    except KaggleError as error:
        return None, (str(error),)


def _notes(facts: Competition, limits: Limits | None, now: datetime) -> Iterator[str]:
    if facts.deadline is not None and facts.deadline < now:
        yield "the deadline has passed"
    if facts.submissions_disabled:
        yield "submissions are disabled"
    if facts.is_code_only:
        yield "only notebooks can be submitted, no files"
    if limits is not None and not limits.left:
        yield "no submission is left today; the next day begins at 0:00 UTC"
