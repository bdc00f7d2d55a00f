"""What happens during a command, as typed values, and the protocol of those who listen.

The engine and the recipes report events; the console, the log file and the plots are listeners.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RunOpened:
    """A process has a run folder to itself, and begins with a look at the data."""

    folder: Path


@dataclass(frozen=True, slots=True)
class StageOutline:
    """What a stage will cost."""

    num_steps: int
    work: float
    """Of one step, in a unit that the stages of a run share; see `StagePlan.step_work`."""


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The training of a fold is about to begin (or to go on)."""

    folder: Path
    num_stages: int
    total_steps: int
    """Optimizer steps over all stages; the unit of the time left."""
    done_steps: int = 0
    """Steps already done before this process, when it resumes."""
    fold: int = 0
    """Which fold is trained, from 0."""
    stages: tuple[StageOutline, ...] = ()
    """Of all stages, in order."""


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage begins (or goes on after a resume)."""

    stage: int
    num_stages: int
    image_size: int | None
    """None where samples are no images."""
    batch_size: int
    num_epochs: int
    steps_per_epoch: int
    frozen_groups: int
    num_groups: int
    unit: str = "images"
    """What a sample is: images or rows."""


@dataclass(frozen=True, slots=True)
class StepDone:
    """One optimizer step."""

    stage: int
    epoch: int
    step: int
    """Steps done within this epoch, from 1."""
    loss: float
    """Training loss, debiased running mean over this stage (decay 0.98)."""
    lr: float
    """Learning rate of the last layer group."""
    num_images: int
    """Images used in this step."""


@dataclass(frozen=True, slots=True)
class EpochDone:
    """One pass over the training images, with its validation."""

    stage: int
    epoch: int
    num_epochs: int
    train_loss: float
    """Mean loss over the images of this epoch."""
    valid_loss: float | None
    """None where nothing validates."""
    scores: dict[str, float]
    """Metric name to score on the whole validation set; the competition's metric comes first."""
    lr: float
    seconds: float
    samples_per_second: float
    """Training samples per second, validation left out."""
    is_best: bool
    unit: str = "images"
    """What a sample is: images or rows."""


@dataclass(frozen=True, slots=True)
class StageDone:
    """A stage is complete and its checkpoint is on disk."""

    stage: int
    folder: Path
    """The fold's folder, with `metrics.jsonl`."""


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """A counted job (resizing, predicting, checking) begins."""

    name: str
    total: int
    unit: str = "images"
    done: int = 0


@dataclass(frozen=True, slots=True)
class TaskAdvanced:
    """`amount` more units of the current job are done."""

    amount: int


@dataclass(frozen=True, slots=True)
class TaskDone:
    """The current job is over."""

    name: str
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """Something a person should read."""

    text: str
    level: str = "info"
    """`info` or `warning`."""


Event = (
    RunOpened
    | RunStarted
    | StageStarted
    | StepDone
    | EpochDone
    | StageDone
    | TaskStarted
    | TaskAdvanced
    | TaskDone
    | Message
)


class Reporter(Protocol):
    """Something that listens to events."""

    def report(self, event: Event) -> None:
        """Take note of `event`; must not raise for lack of interest."""
        ...


@dataclass(slots=True)
class Recorder:
    """A reporter that keeps every event; for tests and for callers that look afterwards."""

    events: list[Event] = field(default_factory=list)

    def report(self, event: Event) -> None:
        """Append `event`."""
        self.events.append(event)


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Passes every event on to several reporters, in order."""

    reporters: tuple[Reporter, ...]

    def report(self, event: Event) -> None:
        """Hand `event` to each reporter."""
        for reporter in self.reporters:
            reporter.report(event)


class Silent:
    """A reporter that ignores everything."""

    def report(self, event: Event) -> None:
        """Ignore `event`."""


EVENTS_NAME = "events.jsonl"
"""The file in a run folder with a line for each event; `kgcv.cli.event_file` says what stands in it."""

StopCheck = Callable[[], int | None]
"""Gives the number of the signal that asked for an end, or None. Long loops call it between units of work."""


def never_stop() -> int | None:
    """The stop check of a caller that cannot be interrupted."""
    return None
