"""The moving display on a terminal: a bar for the training, one for a counted job, epochs above them."""

from __future__ import annotations

import time
from contextlib import suppress
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from kgcv.cli.lines import (
    Narrator,
    epoch_cells,
    fitting_cells,
    format_amount,
    format_number,
    format_seconds,
    table_row,
    time_left_text,
)
from kgcv.engine.time_left import Clock
from kgcv.events import (
    EpochDone,
    Event,
    Message,
    RunStarted,
    StageStarted,
    StepDone,
    TaskAdvanced,
    TaskDone,
    TaskStarted,
)

_BAR_WIDTH = 12
_ONE_LINE = 110
"""Columns in which the usual metrics leave room for everything on one line; below, there are two."""


class RichReporter:
    """Shows progress with rich; a context manager, so that the terminal is left as it was found."""

    def __init__(self, console: Console, clock: Clock = time.monotonic) -> None:
        # One text, because a narrow terminal cuts off the end of its lines; what may be long comes last.
        line = "{task.description}  {task.fields[details]}"
        text = TextColumn(line, table_column=Column(ratio=1, no_wrap=True))
        self._progress = Progress(BarColumn(bar_width=_BAR_WIDTH), text, console=console, transient=True, expand=True)
        self._clock = clock
        self._narrator = Narrator(clock)
        self._training = _TrainingBar(self._progress, self._narrator, clock)
        self._job: TaskID | None = None
        self._job_start = 0.0
        self._job_done_before = 0
        self._job_unit = ""

    def __enter__(self) -> RichReporter:
        """Start the display."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the bars and give the cursor back."""
        with suppress(OSError):  # of a terminal that has gone
            self._progress.stop()

    def report(self, event: Event) -> None:
        """Move the bars, or print a line above them."""
        line = self._narrator.line(event)
        match event:
            case StepDone():
                self._training.step(event)
            case EpochDone():
                self._training.finish_epoch(event)
            case TaskStarted():
                self._start_job(event)
            case TaskAdvanced():
                self._advance_job(event.amount)
            case TaskDone():
                self._finish_job(line if event.summary else None)
            case RunStarted() | StageStarted() | Message():
                self._training.start(event)
                self._print(line)

    def _print(self, line: str | None) -> None:
        if line is not None:
            self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _start_job(self, event: TaskStarted) -> None:
        self._finish_job(None)
        self._job_start, self._job_done_before = self._clock(), event.done
        self._job_unit = event.unit
        details = "" if event.unit == "bytes" else event.unit
        # A total of 0 is not known; without one the bar only moves to and fro.
        self._job = self._progress.add_task(
            event.name, total=event.total or None, completed=event.done, details=details
        )

    def _advance_job(self, amount: int) -> None:
        if self._job is None:
            return
        self._progress.advance(self._job, amount)
        task = next(task for task in self._progress.tasks if task.id == self._job)
        done, total = int(task.completed), int(task.total or 0)
        new, seconds = max(done - self._job_done_before, 1), self._clock() - self._job_start
        left = f"{format_seconds(seconds / new * (total - done))} left" if total else ""
        if self._job_unit == "bytes":
            speed = f"{new / 1e6 / max(seconds, 1e-9):.1f} MB/s"
            details = f"{format_amount(done, total, 'bytes')}  {speed}  {left}"
        else:
            details = f"{done}/{total}  {left}"
        self._progress.update(self._job, details=details)

    def _finish_job(self, line: str | None) -> None:
        if self._job is not None:
            self._progress.remove_task(self._job)
            self._job = None
        self._print(line)


class _TrainingBar:
    """The bar over all stages of a training, and the table of its epochs."""

    def __init__(self, progress: Progress, narrator: Narrator, clock: Clock) -> None:
        self._progress = progress
        self._narrator = narrator
        self._clock = clock
        self._bar: TaskID | None = None
        self._num_epochs = 1
        self._unit = "images"
        self._score = ""
        self._has_header = False
        self._epoch_images = 0
        self._epoch_start = clock()

    def start(self, event: RunStarted | StageStarted | Message) -> None:
        match event:
            case RunStarted():
                self._bar = self._progress.add_task(
                    "training", total=event.total_steps, completed=event.done_steps, details=""
                )
            case StageStarted():
                self._num_epochs = event.num_epochs
                self._unit = event.unit
                self._has_header = False
                self._restart_epoch()

    def step(self, event: StepDone) -> None:
        self._narrator.time_left.finish_step()
        self._epoch_images += event.num_images
        if self._bar is not None:
            self._progress.update(self._bar, advance=1, description=self._place(event), details=self._details(event))

    def finish_epoch(self, event: EpochDone) -> None:
        name, score = next(iter(event.scores.items()), ("", 0.0))
        self._score = f"  {name} {format_number(score)}" if name else ""
        cells = fitting_cells(epoch_cells(event, self._narrator.num_stages), self._progress.console.width, name)
        if not self._has_header:
            self._print(table_row(cells, header=True))
            self._has_header = True
        self._print(table_row(cells))
        self._restart_epoch()

    def _restart_epoch(self) -> None:
        self._epoch_images, self._epoch_start = 0, self._clock()

    def _place(self, event: StepDone) -> str:
        stage = f"stage {event.stage + 1}/{self._narrator.num_stages}"
        return f"{stage} epoch {event.epoch + 1}/{self._num_epochs}"

    def _details(self, event: StepDone) -> str:
        speed = self._epoch_images / max(self._clock() - self._epoch_start, 1e-9)
        gap = "  " if self._progress.console.width >= _ONE_LINE else "\n"
        return (
            f"{time_left_text(self._narrator.time_left)}{gap}"
            f"loss {format_number(event.loss)}  lr {event.lr:.3g}  {speed:.0f} {self._unit}/s{self._score}"
        )

    def _print(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)
