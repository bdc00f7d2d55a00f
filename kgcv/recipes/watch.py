"""Where a run stands that another process trains, from the files in its folder alone."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from kgcv.engine.time_left import TimeLeft
from kgcv.errors import CheckpointError
from kgcv.events import RunStarted, StageOutline
from kgcv.files import is_locked, read_json_lines
from kgcv.recipes.run_folder import RUNS, RunFolder
from kgcv.recipes.runs import count_run_folds, read_tree

RunState = Literal["training", "finished", "stopped", "failed", "gone"]
"""`stopped`: by a signal, after saving. `gone`: no process is there, and the last one did not say how it ended."""

_SPEED_LINES = 15
"""Step lines over which the speed is measured: half a minute at one every two seconds."""


@dataclass(frozen=True, slots=True)
class Job:
    """A counted job, such as resizing."""

    name: str
    done: int
    total: int
    """0 where nobody knows."""
    unit: str


@dataclass(frozen=True, slots=True)
class Best:
    """The best epoch of a fold so far."""

    stage: int
    epoch: int
    score: float | None
    """By the competition's metric; None where nothing validates."""


@dataclass(slots=True, kw_only=True)
class RunStatus:
    """Where a run stands; None for what is not known, or not yet."""

    run: Path
    state: RunState = "gone"
    process: str | None = None
    """Which process trains, as its lock says: `process 123 on host`."""
    updated: datetime | None = None
    """Time of the last event."""
    fold: int | None = None
    num_folds: int | None = None
    stage: int | None = None
    num_stages: int | None = None
    image_size: int | None = None
    epoch: int | None = None
    """Within the stage, from 0."""
    num_epochs: int | None = None
    step: int | None = None
    """Steps done within the epoch."""
    steps_per_epoch: int | None = None
    done_steps: int = 0
    """Of the fold."""
    total_steps: int | None = None
    loss: float | None = None
    lr: float | None = None
    samples_per_second: float | None = None
    unit: str = "images"
    gpu_memory_bytes: int | None = None
    seconds_left: float | None = None
    """Of this fold."""
    is_estimate: bool = False
    """Whether `seconds_left` has later stages in it, whose speed nobody has seen."""
    job: Job | None = None
    """What goes on beside training; None where nothing does."""
    message: str | None = None
    """The last one."""
    metric: str | None = None
    best: Best | None = None
    """Of this fold."""
    history: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    """By fold: the lines of `metrics.jsonl`."""


def find_watched(run: Path | None) -> RunFolder:
    """The run to watch, links resolved, so that a run begun later does not take its place.

    Args:
        run: None takes the newest.

    Raises:
        CheckpointError: there is none.
    """
    path = run or RUNS / "latest"
    if not path.exists():
        raise CheckpointError(f"{path}: there is no run yet; one that is just beginning is watched by its name")
    found = RunFolder(path.resolve())
    if not found.config_file.is_file():
        raise CheckpointError(f"{path}: is not a run folder (it has no config.yaml)")
    return found


class Follower:
    """Reads what is new in the files of a run, as often as it is asked."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self._offset = 0
        self._now = 0.0
        self._time_left = TimeLeft(lambda: self._now)
        self._steps: deque[tuple[float, int]] = deque(maxlen=_SPEED_LINES)
        tree = read_tree(run)
        self._status = RunStatus(run=run.path, num_stages=len(tree.get("stages", ())))
        self._split = tree.get("split", {})

    def look(self) -> RunStatus:
        """Where the run stands now; the same object each time."""
        status = self._status
        # Before the files: what a process writes last, it writes while it is there.
        is_there = is_locked(self.run.lock_file)
        for event in self._new_events():
            self._take(event)
        status.num_folds = count_run_folds(self.run, self._split)
        status.history = _read_history(self.run)
        status.metric, status.best = _best(status.history.get(status.fold or 0, []))
        status.process = self.run.lock_file.read_text(encoding="utf-8").strip() if is_there else None
        status.state = "training" if is_there else self._ended()
        status.seconds_left = self._time_left.seconds() if is_there else None
        status.is_estimate = not self._time_left.is_last_stage
        status.done_steps = self._time_left.done_steps
        return status

    def _new_events(self) -> Iterator[dict[str, Any]]:
        """The whole lines that have been added since."""
        if not self.run.events_file.is_file():
            return
        with self.run.events_file.open("rb") as stream:
            stream.seek(self._offset)
            new = stream.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.split(b"\n"):
            with suppress(ValueError):  # an empty end, or what a crash cut off
                yield json.loads(line)

    def _take(self, event: dict[str, Any]) -> None:
        status = self._status
        status.updated = datetime.fromisoformat(event["at"])
        self._now = status.updated.timestamp()
        match event["event"]:
            case "run_started":
                self._start_fold(event)
            case "stage_started":
                self._start_stage(event)
            case "step_done":
                self._step(event)
            case "epoch_done":
                self._end_epoch(event)
            case "task_started" | "task_advanced":
                status.job = Job(event["name"], event["done"], event["total"], event["unit"])
            case "task_done":
                status.job = None
            case "message":
                status.message = event["text"]

    def _start_fold(self, event: dict[str, Any]) -> None:
        status = self._status
        status.fold, status.total_steps, status.num_stages = event["fold"], event["total_steps"], event["num_stages"]
        status.stage = status.epoch = status.step = status.loss = None
        outlines = tuple(StageOutline(**outline) for outline in event.get("stages", ()))
        self._time_left.start_run(
            RunStarted(self.run.path, event["num_stages"], event["total_steps"], event["done_steps"], stages=outlines)
        )

    def _start_stage(self, event: dict[str, Any]) -> None:
        status = self._status
        status.job = None
        status.stage, status.image_size, status.unit = event["stage"], event["image_size"], event["unit"]
        status.num_epochs, status.steps_per_epoch = event["num_epochs"], event["steps_per_epoch"]
        self._steps.clear()
        self._time_left.start_stage(event["stage"])

    def _step(self, event: dict[str, Any]) -> None:
        status = self._status
        status.job = None
        if status.epoch != event["epoch"]:
            self._steps.clear()  # the last epoch's validation is no training
        status.epoch, status.step = event["epoch"], event["step"]
        status.loss, status.lr = event["loss"], event["lr"]
        status.gpu_memory_bytes = event.get("gpu_memory_bytes")
        self._steps.append((self._now, event["num_seen"]))
        (start, seen_before), (end, seen) = self._steps[0], self._steps[-1]
        if end > start:
            status.samples_per_second = (seen - seen_before) / (end - start)
        self._time_left.finish_step(event["total_steps"] - self._time_left.done_steps)

    def _end_epoch(self, event: dict[str, Any]) -> None:
        status = self._status
        status.epoch, status.step, status.num_epochs = event["epoch"], status.steps_per_epoch, event["num_epochs"]
        status.lr, status.samples_per_second = event["lr"], event["samples_per_second"]
        self._time_left.finish_step(event["total_steps"] - self._time_left.done_steps)

    def _ended(self) -> RunState:
        """How the last process ended, by the line it left."""
        sessions = read_json_lines(self.run.sessions_file)
        if not sessions:
            return "gone"
        last = sessions[-1]
        end = datetime.fromisoformat(last["started"]).timestamp() + last["seconds"]
        # Both are rounded; what was told later than that is of a process that left no line.
        if self._now > end + 2:
            return "gone"
        state: RunState = last["ended"]
        return state


def _read_history(run: RunFolder) -> dict[int, list[dict[str, Any]]]:
    files = {int(file.parent.name[4:]): file for file in run.path.glob("fold[0-9]*/metrics.jsonl")}
    return {fold: read_json_lines(files[fold]) for fold in sorted(files)}


def _best(rows: list[dict[str, Any]]) -> tuple[str | None, Best | None]:
    """The competition's metric, which is the first, and the epoch that scored best by it."""
    metric = next((name for row in rows for name in row["scores"]), None)
    best = next((row for row in reversed(rows) if row["is_best"]), None)
    if best is None:
        return metric, None
    return metric, Best(best["stage"], best["epoch"], None if metric is None else best["scores"][metric])
