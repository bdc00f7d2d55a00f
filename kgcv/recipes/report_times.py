"""Where the time of a run went, from the times at which its events were reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from kgcv.files import read_json_lines
from kgcv.recipes.run_folder import RunFolder

"""In a run folder: one JSON object an event, with the time `at` which it was reported."""

TRAINING = "training"
CHECKING = "validation and checkpoints"
_JOBS = (("precompute", "precompute"), ("resize", "making stores"))
"""Beginnings of job names, and what they are for people; other jobs go by their own names."""


@dataclass(frozen=True, slots=True)
class Session:
    """A process that trained, from its start to its end or stop."""

    started: str
    """In ISO form, as the file has it; empty where it does not say."""
    seconds: float
    ended: str
    """`finished`, `stopped` or `failed`."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast an epoch trained."""

    fold: int
    stage: int
    """From 0, as the next."""
    epoch: int
    samples_per_second: float
    """Training samples, validation left out."""
    unit: str
    """What a sample is: images or rows."""


@dataclass(slots=True)
class Times:
    """What the events of a run tell of time."""

    spent: dict[str, float] = field(default_factory=dict)
    """Seconds by what was done; what stands between is in none of them."""
    paces: list[Pace] = field(default_factory=list)
    recorded: float = 0.0
    """Seconds from the first event of each process to its last."""

    def add(self, name: str, seconds: float) -> None:
        """Note that something took so long."""
        self.spent[name] = self.spent.get(name, 0.0) + max(seconds, 0.0)

    @property
    def rest(self) -> float:
        """Recorded seconds that nothing accounts for: starting up, and epochs that a stop cut short."""
        return max(self.recorded - sum(self.spent.values()), 0.0)


def read_sessions(run: RunFolder) -> list[Session]:
    """The sessions that ended in an orderly way, in their order."""
    rows = _read_lines(run.sessions_file)
    return [Session(row.get("started", ""), float(row["seconds"]), str(row["ended"])) for row in rows]


def read_times(run: RunFolder) -> Times | None:
    """Where the time went; None where nothing recorded it."""
    events = [row for row in _read_lines(run.events_file) if {"at", "event"} <= row.keys()]
    return _account(events) if events else None


def _read_lines(file: Path) -> list[dict[str, Any]]:
    return [row for row in read_json_lines(file) if isinstance(row, dict)]


def _account(events: Sequence[dict[str, Any]]) -> Times:
    times = Times()
    for stretch in _stretches(events):
        times.recorded += (stretch[-1].at - stretch[0].at).total_seconds()
        _account_jobs(times, stretch)
        _account_epochs(times, stretch)
    return times


@dataclass(frozen=True, slots=True)
class _Event:
    name: str
    at: datetime
    fields: dict[str, Any]


def _stretches(events: Sequence[dict[str, Any]]) -> Iterator[list[_Event]]:
    """The events of each process; between two of them, the time belongs to nobody."""
    stretch: list[_Event] = []
    for row in events:
        event = _Event(row["event"], datetime.fromisoformat(row["at"]), row)
        if stretch and _begins_process(event, stretch[-1]):
            yield stretch
            stretch = []
        stretch.append(event)
    if stretch:
        yield stretch


def _begins_process(event: _Event, before: _Event) -> bool:
    """Whether another process reported `event`: one that has no fold yet, or does not come to the next one."""
    fold, last = event.fields.get("fold"), before.fields.get("fold")
    if fold is None or last is None:
        return fold is None and last is not None
    return event.name == "run_started" and bool(fold <= last)


def _account_jobs(times: Times, stretch: Sequence[_Event]) -> None:
    """Counted jobs from their start to their end."""
    started: _Event | None = None
    for event in stretch:
        if event.name == "task_started":
            started = event
        elif event.name == "task_done" and started is not None:
            times.add(_job_name(str(started.fields.get("name"))), (event.at - started.at).total_seconds())
            started = None


def _job_name(name: str) -> str:
    return next((known for start, known in _JOBS if name.startswith(start)), name)


def _account_epochs(times: Times, stretch: Sequence[_Event]) -> None:
    """An epoch reports how long it trained; the rest since the event before it is validation and saving."""
    since: datetime | None = None
    for event in stretch:
        if event.name == "epoch_done" and since is not None:
            seconds = float(event.fields["seconds"])
            times.add(TRAINING, seconds)
            times.add(CHECKING, (event.at - since).total_seconds() - seconds)
            times.paces.append(_pace(event.fields))
        if event.name in ("stage_started", "epoch_done"):
            since = event.at
        elif event.name == "run_started":
            since = None


def _pace(fields: dict[str, Any]) -> Pace:
    return Pace(
        fold=int(fields.get("fold") or 0),
        stage=int(fields["stage"]),
        epoch=int(fields["epoch"]),
        samples_per_second=float(fields["samples_per_second"]),
        unit=str(fields.get("unit", "images")),
    )
