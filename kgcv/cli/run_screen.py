"""Where a run stands, as lines of text for a screen of any size."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from kgcv.cli.lines import format_amount, format_number, format_seconds
from kgcv.cli.text_canvas import canvas_for, has_braille
from kgcv.report.terminal import draw_losses, draw_metric

if TYPE_CHECKING:
    from kgcv.recipes.watch import RunStatus

_BAR_WIDTH = 30
_AROUND = 3
"""Lines of a drawing besides its plot: the title, the axis, and what stands below that."""
_HEIGHTS = (3, 16)
"""Rows of a plot: fewer show nothing, more show nothing new."""
_SIDE_BY_SIDE = 110
"""Columns from which two drawings stand side by side."""
_SILENT_SECONDS = 60
"""After this long without an event it is said how long; steps tell of themselves every two seconds."""

_STATES = {
    "training": "training",
    "finished": "finished",
    "stopped": "stopped by a signal, after saving",
    "failed": "failed; kgcv.log says more",
    "gone": "no process trains it, and the last one left no word (killed?)",
}


def state_text(status: RunStatus) -> str:
    """What the run does, or how it ended."""
    return f"{_STATES[status.state]}, {status.process}" if status.process else _STATES[status.state]


def status_line(status: RunStatus) -> str:
    """Everything in one line, for pipes and logs."""
    cells = [*_place(status), *_numbers(status), _best(status), _left(status), _job(status)]
    if status.state != "training":
        cells.append(state_text(status))
    return "  ".join(filter(None, cells)) or state_text(status)


@dataclass(frozen=True, slots=True)
class RunScreen:
    """A screen of `width` columns and `height` rows; `stream` says which characters it has."""

    width: int
    height: int
    stream: TextIO

    def lines(self, status: RunStatus) -> list[str]:
        """The screen, line by line, none longer than the screen is wide: words first, drawings where there is room."""
        words = [
            *_flow([shown_path(status.run), state_text(status)], self.width),
            *_flow(_place(status), self.width),
            *self._bar(status),
            *_flow(_numbers(status), self.width),
            *_flow([_best(status), _silence(status)], self.width),
            *_flow([_job(status) or status.message or ""], self.width),
        ]
        drawings = self._drawings(status, self.height - len(words) - 1)
        return [line[: self.width] for line in ([*words, "", *drawings] if drawings else words)]

    def _bar(self, status: RunStatus) -> list[str]:
        if not status.total_steps:
            return []
        share = min(1.0, status.done_steps / status.total_steps)
        filled = round(share * _BAR_WIDTH)
        full, empty = ("█", "░") if has_braille(self.stream) else ("#", ".")
        bar = full * filled + empty * (_BAR_WIDTH - filled)
        return _flow([f"{bar} {share:4.0%}", _left(status)], self.width)

    def _drawings(self, status: RunStatus, rows: int) -> list[str]:
        """The metric and the losses, side by side, one above the other, or the metric alone."""
        is_wide = self.width >= _SIDE_BY_SIDE
        height = rows - _AROUND if is_wide else rows // 2 - _AROUND
        both = height >= _HEIGHTS[0]
        height = min(height if both else rows - _AROUND, _HEIGHTS[1])
        if height < _HEIGHTS[0]:
            return []
        canvas = canvas_for(self.width // 2 - 2 if is_wide else self.width, height, self.stream)
        folds = {f"fold {fold}" if len(status.history) > 1 else "": rows for fold, rows in status.history.items()}
        metric = draw_metric(folds, canvas)
        if metric and not both:
            return metric
        losses = draw_losses(status.history.get(status.fold or 0, []), canvas)
        if not (is_wide and metric and losses):
            return [*metric, *losses]
        half = self.width // 2
        return [f"{left:<{half}}{right}" for left, right in zip(metric, losses, strict=True)]


def _flow(cells: Iterable[str], width: int) -> list[str]:
    """`cells` two spaces apart, on as many lines as it takes; a cell that is too long by itself is cut."""
    lines: list[str] = []
    for cell in filter(None, cells):
        if lines and len(lines[-1]) + 2 + len(cell) <= width:
            lines[-1] += f"  {cell}"
        else:
            lines.append(cell[:width])
    return lines


def shown_path(run: Path) -> str:
    """The run's path as it would be typed here."""
    return os.path.relpath(run) if run.is_relative_to(Path.cwd()) else str(run)


def _of(name: str, index: int | None, total: int | None) -> str:
    """`stage 1/2`, counted from 1 as people do."""
    return "" if index is None else f"{name} {index + 1}/{'?' if total is None else total}"


def _place(status: RunStatus) -> list[str]:
    if status.stage is None:
        return []
    folds = _of("fold", status.fold, status.num_folds) if status.num_folds != 1 else ""
    size = "" if status.image_size is None else f"{status.image_size} px"
    step = "" if status.step is None else f"step {status.step}/{status.steps_per_epoch}"
    stage, epoch = _of("stage", status.stage, status.num_stages), _of("epoch", status.epoch, status.num_epochs)
    return list(filter(None, [folds, stage, size, epoch, step]))


def _numbers(status: RunStatus) -> list[str]:
    if status.lr is None:
        return []
    loss = "" if status.loss is None else f"loss {format_number(status.loss)}"
    speed = "" if status.samples_per_second is None else f"{status.samples_per_second:.0f} {status.unit}/s"
    memory = "" if status.gpu_memory_bytes is None else f"{status.gpu_memory_bytes / 1e9:.1f} GB of the GPU"
    return [loss, f"lr {status.lr:.3g}", speed, memory]


def _best(status: RunStatus) -> str:
    if status.best is None or status.best.score is None:
        return ""
    place = f"stage {status.best.stage + 1}, epoch {status.best.epoch + 1}"
    return f"best {status.metric} {format_number(status.best.score)} ({place})"


def _left(status: RunStatus) -> str:
    if status.seconds_left is None:
        return ""
    fold = " of this fold" if status.num_folds not in (None, 1) else ""
    return f"{'~' if status.is_estimate else ''}{format_seconds(status.seconds_left)} left{fold}"


def _job(status: RunStatus) -> str:
    if status.job is None or status.state != "training":
        return ""
    return f"{status.job.name}: {format_amount(status.job.done, status.job.total, status.job.unit)}"


def _silence(status: RunStatus) -> str:
    if status.updated is None or status.state != "training":
        return ""
    seconds = (datetime.now().astimezone() - status.updated).total_seconds()
    return f"last heard of {format_seconds(seconds)} ago" if seconds > _SILENT_SECONDS else ""
