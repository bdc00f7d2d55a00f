"""What Kaggle tells, as plain values: dates are UTC and know it, scores are numbers, texts are never None."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from kgcv.kaggle.answers import one_line

Status = Literal["pending", "complete", "error"]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a competition."""

    name: str
    """As it is to be called, with its folders."""
    size: int
    """Bytes."""
    created: datetime
    """1970 where Kaggle does not say."""


@dataclass(frozen=True, slots=True)
class Competition:
    """The facts of a competition, as far as they matter to somebody who takes part."""

    slug: str
    deadline: datetime | None
    metric: str
    max_daily_submissions: int
    is_code_only: bool
    """Only notebooks can be submitted."""
    submissions_disabled: bool
    has_entered: bool
    team_count: int = 0
    user_rank: int | None = None
    """The user's place on the public leaderboard, from 1; None where there is none."""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many submissions were made, and how many may follow today."""

    today: int
    total: int
    left: int


@dataclass(frozen=True, slots=True)
class RemoteSubmission:
    """A submission as Kaggle knows it."""

    ref: int
    status: Status
    public_score: float | None
    private_score: float | None
    date: datetime
    description: str
    error: str
    """Why it could not be scored."""
    file_name: str
    size: int
    """Bytes."""
    team_name: str = ""


@dataclass(frozen=True, slots=True)
class LeaderboardRow:
    """A team's place."""

    team_id: int
    team_name: str
    score: float | None
    date: datetime


def read_file(file: Any) -> RemoteFile:
    """From the client's ApiDataFile."""
    return RemoteFile(file.name, file.total_bytes, _utc(file.creation_date) or datetime.fromtimestamp(0, UTC))


def read_competition(slug: str, competition: Any) -> Competition:
    """From the client's ApiCompetition."""
    return Competition(
        slug=slug,
        deadline=_utc(competition.deadline),
        metric=one_line(competition.evaluation_metric),
        max_daily_submissions=competition.max_daily_submissions,
        is_code_only=competition.is_kernels_submissions_only,
        submissions_disabled=competition.submissions_disabled,
        has_entered=competition.user_has_entered,
        team_count=competition.team_count,
        user_rank=competition.user_rank or None,
        title=one_line(competition.title),
    )


def read_limits(limits: Any) -> Limits:
    """From the client's ApiSubmissionLimits."""
    return Limits(limits.num_today, limits.num_total, limits.num_allowed_now)


def read_submission(submission: Any) -> RemoteSubmission:
    """From the client's ApiSubmission."""
    return RemoteSubmission(
        ref=submission.ref,
        status=submission.status.name.lower(),
        public_score=_score(submission.public_score),
        private_score=_score(submission.private_score),
        date=_utc(submission.date) or datetime.fromtimestamp(0, UTC),
        description=submission.description or "",
        error=one_line(submission.error_description or ""),
        file_name=submission.file_name or "",
        size=submission.total_bytes,
        team_name=one_line(submission.team_name or ""),
    )


def read_row(row: Any) -> LeaderboardRow:
    """From the client's ApiLeaderboardSubmission."""
    date = _utc(row.submission_date) or datetime.fromtimestamp(0, UTC)
    return LeaderboardRow(row.team_id, one_line(row.team_name or ""), _score(row.score), date)


def _utc(date: datetime | None) -> datetime | None:
    """The client gives UTC without saying so."""
    return None if date is None else date.replace(tzinfo=UTC)


def _score(text: str | None) -> float | None:
    """None until there is a score."""
    try:
        score = float(text or "nan")
    except ValueError:
        return None
    return None if math.isnan(score) else score
