"""The top of a competition's public leaderboard, and the user's place on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kgcv.kaggle.client import KaggleClient, LeaderboardRow
from kgcv.kaggle.slug import parse_slug


@dataclass(frozen=True, slots=True)
class Rank:
    """One team's place."""

    rank: int
    """From 1."""
    team: str
    score: float | None
    date: datetime
    """Of the submission that counts, UTC."""


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """What a person wants to see of it."""

    competition: str
    metric: str
    num_teams: int
    top: tuple[Rank, ...]
    own: Rank | None
    """The user's team; None where it is not on the leaderboard."""


def show_leaderboard(competition: str, client: KaggleClient, top: int = 10) -> Leaderboard:
    """Ask for the top and, as far down as that takes, for the user's place.

    Args:
        competition: Its name or address.
        client: The connection.
        top: Rows to show, at least 1.

    Raises:
        ConfigError: that is no competition's name.
        KaggleError: as the client's methods.
    """
    slug = parse_slug(competition)
    facts = client.competition(slug)
    rows = client.leaderboard(slug, max(top, facts.user_rank or 0))
    own = None
    if facts.user_rank is not None and rows:
        own = _find_own(rows, facts.user_rank, _team_name(client, slug))
    return Leaderboard(slug, facts.metric, facts.team_count, tuple(map(_rank, range(1, top + 1), rows)), own)


def _team_name(client: KaggleClient, slug: str) -> str:
    return next((submission.team_name for submission in client.submissions(slug, limit=1)), "")


def _find_own(rows: Sequence[LeaderboardRow], rank: int, team: str) -> Rank:
    """The row of that name nearest to the rank Kaggle tells; without such a row, the one of that rank."""
    places = [place for place, row in enumerate(rows, start=1) if row.team_name == team] or [min(rank, len(rows))]
    place = min(places, key=lambda each: abs(each - rank))
    return _rank(place, rows[place - 1])


def _rank(rank: int, row: LeaderboardRow) -> Rank:
    return Rank(rank, row.team_name, row.score, row.date)
