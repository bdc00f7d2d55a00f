"""What events look like as lines of text."""

from __future__ import annotations

import time

from kgcv.engine.time_left import Clock, TimeLeft
from kgcv.errors import printable
from kgcv.events import EpochDone, Event, Message, RunStarted, StageStarted, TaskDone, TaskStarted
from kgcv.report.wording import format_number, format_seconds

__all__ = [
    "Clock",
    "Narrator",
    "TimeLeft",
    "epoch_cells",
    "format_amount",
    "format_number",
    "format_seconds",
    "format_total",
    "table_row",
]


def format_amount(done: int, total: int, unit: str) -> str:
    """How much of a counted job is done: `40/100 images`; bytes as `12.3/300.0 MB`; a total of 0 is not known."""
    if unit == "bytes":
        return f"{done / 1e6:.1f}/{total / 1e6:.1f} MB" if total else f"{done / 1e6:.1f} MB"
    return f"{done}/{total} {unit}"


def format_total(amount: int, unit: str) -> str:
    """`60 images`; bytes as `288.1 MB`."""
    return f"{amount / 1e6:.1f} MB" if unit == "bytes" else f"{amount} {unit}"


def epoch_cells(event: EpochDone, num_stages: int) -> list[tuple[str, str]]:
    """Column names and texts of one finished epoch; stages and epochs count from 1, as people do."""
    return [
        ("stage", f"{event.stage + 1}/{num_stages}"),
        ("epoch", f"{event.epoch + 1}/{event.num_epochs}"),
        ("train_loss", format_number(event.train_loss)),
        ("valid_loss", format_number(event.valid_loss)),
        *((name, format_number(score)) for name, score in event.scores.items()),
        ("lr", f"{event.lr:.3g}"),
        (f"{event.unit}/s", f"{event.samples_per_second:.0f}"),
        ("time", format_seconds(event.seconds)),
        ("", "*" if event.is_best else ""),
    ]


# Room for the longest usual text of a column; a longer name widens it. One metric fits into 80 columns.
_WIDTHS = {"epoch": 7, "train_loss": 10, "valid_loss": 10, "lr": 8, "images/s": 8, "rows/s": 8, "time": 6, "": 1}


def fitting_cells(cells: list[tuple[str, str]], width: int, metric: str) -> list[tuple[str, str]]:
    """`cells` without those that matter least, where a row of them is wider than `width` columns.

    The first to go are rate and speed, which stand beside the bar as well, then the scores but that by `metric`.
    """
    kept = {"stage", "epoch", "train_loss", "valid_loss", metric, "time", ""}
    less = [name for name, _ in cells if name not in kept]
    for name in [*(less[-2:]), *reversed(less[:-2])]:
        if sum(_column_width(cell) + 2 for cell, _ in cells) - 2 <= width:
            break
        cells = [cell for cell in cells if cell[0] != name]
    return cells


def _column_width(name: str) -> int:
    return max(len(name), _WIDTHS.get(name, 6))


def table_row(cells: list[tuple[str, str]], header: bool = False) -> str:
    """`cells` as one line with aligned columns, or their names; `*` marks the best epoch so far."""
    texts = ((name if header else text).ljust(_column_width(name)) for name, text in cells)
    return "  ".join(texts).rstrip()


def time_left_text(time_left: TimeLeft) -> str:
    """`1m23s left`, `~2h05m left` where that is an estimate for later stages, nothing when not known yet."""
    seconds = time_left.seconds()
    return "" if seconds is None else f"{'' if time_left.is_last_stage else '~'}{format_seconds(seconds)} left"


def _start_task(event: TaskStarted) -> str:
    if event.unit == "bytes" and event.total == 0:
        return f"{event.name}: size not known"
    there = f", {format_total(event.done, event.unit)} are there" if event.unit == "bytes" and event.done else ""
    return f"{event.name}: {format_total(event.total - event.done, event.unit)}{there}"


class Narrator:
    """Turns events into self-contained lines, one an event, for pipes and log files."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.time_left = TimeLeft(clock)
        self.num_stages = 1

    def line(self, event: Event) -> str | None:
        """The line for `event`; None for events that are no news for a person."""
        match event:
            case RunStarted():
                return self._start_run(event)
            case StageStarted():
                return self._start_stage(event)
            case EpochDone():
                return self._epoch(event)
            case TaskStarted():
                return _start_task(event)
            case TaskDone():
                return f"{event.name}: {event.summary or 'done'}"
            case Message():
                text = "\n".join(map(printable, event.text.split("\n")))
                return text if event.level == "info" else f"{event.level}: {text}"
        return None

    def _start_run(self, event: RunStarted) -> str:
        self.num_stages = event.num_stages
        self.time_left.start_run(event)
        going_on = f", of which {event.done_steps} are done" if event.done_steps else ""
        return f"run {event.folder}: stages {event.num_stages}, steps {event.total_steps}{going_on}"

    def _start_stage(self, event: StageStarted) -> str:
        self.time_left.start_stage(event.stage)
        training = event.num_groups - event.frozen_groups
        size = "" if event.image_size is None else f"image size {event.image_size}, "
        return (
            f"stage {event.stage + 1}/{event.num_stages}: {size}"
            f"batch size {event.batch_size}, epochs {event.num_epochs} of {event.steps_per_epoch} steps, "
            f"{training} of {event.num_groups} layer groups train"
        )

    def _epoch(self, event: EpochDone) -> str:
        cells = epoch_cells(event, self.num_stages)
        words = [f"{name} {text}" for name, text in cells if name]
        return "  ".join([*words, time_left_text(self.time_left), "best" if event.is_best else ""]).rstrip()
