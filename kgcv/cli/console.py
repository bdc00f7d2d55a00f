"""Results on stdout, and the listeners that write plain lines on stderr and into the run's log."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import click

from kgcv.cli.lines import Narrator, format_amount
from kgcv.engine.time_left import Clock
from kgcv.events import Event, Message, Reporter, RunOpened, RunStarted, StepDone, TaskAdvanced, TaskStarted

INTERVAL_SECONDS = 10.0
"""Time between two plain lines of one counted job; a human's patience, not a measured number."""


def print_result(as_json: bool, value: Any, text: str) -> None:
    """Print a command's result on stdout: `value` as JSON (dates in ISO form, paths as text), or `text` for people."""
    click.echo(json.dumps(value, indent=2, default=_as_json) if as_json else text)


def _as_json(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


class PlainReporter:
    """One line an epoch, and one an interval for counted jobs, without any control character."""

    def __init__(self, stream: TextIO, clock: Clock = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._narrator = Narrator(clock)
        self._job = TaskStarted("", 0)
        self._done = 0
        self._last_line = 0.0

    def report(self, event: Event) -> None:
        """Write the line that belongs to `event`, if there is one."""
        match event:
            case StepDone():
                self._narrator.time_left.finish_step()
            case TaskStarted():
                self._job, self._done, self._last_line = event, event.done, self._clock()
            case TaskAdvanced():
                self._advance(event.amount)
        line = self._narrator.line(event)
        if line is not None:
            self._write(line)

    def _advance(self, amount: int) -> None:
        self._done += amount
        if self._clock() - self._last_line >= INTERVAL_SECONDS:
            self._last_line = self._clock()
            self._write(f"{self._job.name}: {format_amount(self._done, self._job.total, self._job.unit)}")

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


class WarningReporter:
    """Writes warnings and nothing else: `--progress none`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def report(self, event: Event) -> None:
        """Write `event` if it is a warning."""
        if isinstance(event, Message) and event.level == "warning":
            self._stream.write(f"{Narrator().line(event)}\n")
            self._stream.flush()


class WhileItLasts:
    """Passes events on to a display until that has nowhere to write to: a closed pane must not cost a run."""

    def __init__(self, display: Reporter) -> None:
        self.display = display
        self._is_gone = False

    def report(self, event: Event) -> None:
        """Show `event`, if anybody can see it."""
        if not self._is_gone:
            try:
                self.display.report(event)
            except OSError:
                self._is_gone = True


class LogFile:
    """Appends a time-stamped line for every event a person would read to `kgcv.log` in the run folder.

    What is reported before the run folder is known is kept and written first.
    """

    def __init__(self) -> None:
        self._narrator = Narrator()
        self._path: Path | None = None
        self._pending: list[str] = []

    def report(self, event: Event) -> None:
        """Append the line that belongs to `event`, if there is one."""
        match event:
            case RunOpened() | RunStarted():
                self._path = event.folder / "kgcv.log"
            case StepDone():
                self._narrator.time_left.finish_step()
        line = self._narrator.line(event)
        if line is not None:
            self._pending.append(f"{datetime.now().astimezone().isoformat(timespec='seconds')} {line}\n")
            self._flush()

    def _flush(self) -> None:
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as stream:
                stream.writelines(self._pending)
            self._pending.clear()
