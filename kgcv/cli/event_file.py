"""`events.jsonl`: what happened in a run and when, for those who follow it and for those who look back.

One JSON object a line, in the order of time, only ever appended to; a process that goes on with a run adds to it.
`metrics.jsonl`, which equal runs share to the byte, has no times; this file is where they are.

    {"at": "2026-01-31T12:00:00.123+01:00", "event": "epoch_done", "fold": 0, "stage": 0, "epoch": 0, ...}

- `at`: when it was reported, ISO 8601 with zone and milliseconds.
- `event`: `run_opened`, `run_started`, `stage_started`, `step_done`, `epoch_done`, `stage_done`, `task_started`,
  `task_advanced`, `task_done` or `message`; other keys are the fields of that class in `kgcv.events`, paths as text.
- `fold`: of the last `run_started` of this process, with which each fold begins; null before it. A process begins with
  `run_opened`.
- `step_done` and `epoch_done` have besides: `total_steps`, the fold's steps so far, those of earlier processes too, and
  `num_seen`, samples that this process has trained on in this fold.
- `step_done` stands there at most every 2 seconds; on a GPU it has `gpu_memory_bytes`, the most that tensors have taken
  since the process began.
- `task_advanced` likewise; `done` of `total` is the running count, whose job `name` tells.

A line that a crash cut off stays as it is; the next one begins on a line of its own.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from kgcv.engine.time_left import Clock
from kgcv.events import EVENTS_NAME, EpochDone, Event, RunOpened, RunStarted, StepDone, TaskAdvanced, TaskStarted
from kgcv.files import append_json_lines

STEP_SECONDS = 2.0
"""Time between two lines of steps, or of a job's progress: quick for an eye, and some 100 bytes a second on disk."""


class EventFile:
    """Appends events to `events.jsonl` in the run folder; what is reported before that is known is written first."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._path: Path | None = None
        self._pending: list[dict[str, Any]] = []
        self._fold: int | None = None
        self._last = {StepDone: -STEP_SECONDS, TaskAdvanced: -STEP_SECONDS}
        self._total_steps = 0
        self._num_seen = 0
        self._job = TaskStarted("", 0)
        self._done = 0

    def report(self, event: Event) -> None:
        """Append a line for `event`, unless it is one of many steps."""
        match event:
            case RunOpened():
                self._path = event.folder / EVENTS_NAME
            case RunStarted():
                self._path, self._fold = event.folder / EVENTS_NAME, event.fold
                self._total_steps, self._num_seen = event.done_steps, 0
            case StepDone():
                self._total_steps += 1
                self._num_seen += event.num_images
            case TaskStarted():
                self._job, self._done = event, event.done
            case TaskAdvanced():
                self._done += event.amount
        if self._is_due(event):
            now = datetime.now().astimezone().isoformat(timespec="milliseconds")
            self._pending.append({"at": now, "event": _name(event), "fold": self._fold, **self._fields(event)})
            self._flush()

    def _is_due(self, event: Event) -> bool:
        if not isinstance(event, StepDone | TaskAdvanced):
            return True
        now = self._clock()
        if now - self._last[type(event)] < STEP_SECONDS:
            return False
        self._last[type(event)] = now
        return True

    def _fields(self, event: Event) -> dict[str, Any]:
        if isinstance(event, TaskAdvanced):
            return {"name": self._job.name, "done": self._done, "total": self._job.total, "unit": self._job.unit}
        fields = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(event).items()}
        if isinstance(event, StepDone | EpochDone):
            fields |= {"total_steps": self._total_steps, "num_seen": self._num_seen}
        if isinstance(event, StepDone) and (memory := _gpu_memory()) is not None:
            fields["gpu_memory_bytes"] = memory
        return fields

    def _flush(self) -> None:
        if self._path is not None:
            append_json_lines(self._path, self._pending)
            self._pending.clear()


def _name(event: Event) -> str:
    """`step_done` for a StepDone."""
    name = type(event).__name__
    return name[0].lower() + "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name[1:])


def _gpu_memory() -> int | None:
    """The most bytes that tensors have taken on a GPU since the process began; None where none is in use."""
    torch = sys.modules.get("torch")  # loaded by what trains; a listener has no need to
    if torch is None or not torch.cuda.is_initialized():
        return None
    return max(int(torch.cuda.max_memory_allocated(device)) for device in range(torch.cuda.device_count()))
