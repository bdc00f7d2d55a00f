"""PNG plots from the files of a run folder alone."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kgcv.errors import DataError
from kgcv.files import as_written, atomic_path
from kgcv.report.figures import COLORS, FAINT, plain_log_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE_INCHES = (7.0, 4.0)
_DPI = 120

_EXPLOSION = 5
"""Points at the end of a sweep in which the loss shoots up; they would press the rest of the curve flat."""


def draw_metrics(fold_folder: Path) -> list[Path]:
    """Draw loss, metric and learning rate by epoch from `metrics.jsonl` in `fold_folder`.

    The plots go to `plots/` beside `fold_folder`: `<fold>_loss.png`, `<fold>_metric.png`, `<fold>_lr.png`. Where
    nothing validated, there is no metric to draw.

    Raises:
        DataError: there is no epoch to draw.
    """
    source = fold_folder / "metrics.jsonl"
    with as_written(source):
        rows = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
        if not rows:
            raise DataError(f"{source}: holds no epoch, so there is nothing to draw")
        parts = [part for part in ("train", "valid") if rows[0][f"{part}_loss"] is not None]
        drawings: dict[str, tuple[str, dict[str, list[float]]]] = {
            "loss": ("loss", {part: [row[f"{part}_loss"] for row in rows] for part in parts}),
            "lr": ("learning rate", {"lr": [row["lr"] for row in rows]}),
        }
        for metric in itertools.islice(rows[0]["scores"], 1):  # the competition's comes first
            drawings["metric"] = (metric, {metric: [row["scores"][metric] for row in rows]})
    paths = []
    for name, (label, series) in drawings.items():
        path = fold_folder.parent / "plots" / f"{fold_folder.name}_{name}.png"
        figure, axes = _new_figure("epoch", label)
        _draw_epochs(axes, rows, series)
        _save(figure, path)
        paths.append(path)
    return paths


def _draw_epochs(axes: Axes, rows: list[dict[str, Any]], series: dict[str, list[float]]) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = range(1, len(rows) + 1)
    for name, values in series.items():
        axes.plot(epochs, values, marker=".", label=name)
    for epoch, (before, row) in enumerate(itertools.pairwise(rows), start=1):
        if row["stage"] != before["stage"]:
            axes.axvline(epoch + 0.5, color="grey", linewidth=0.8, linestyle=":")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(series) > 1:
        axes.legend()


def draw_lr_find(table: Path, png: Path) -> None:
    """Draw loss by learning rate from the CSV file `table` (columns step, lr, loss, smoothed_loss)."""
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    lrs, losses, smoothed = ([float(row[key]) for row in rows] for key in ("lr", "loss", "smoothed_loss"))
    figure, axes = _new_figure("learning rate", "training loss")
    paint_sweep(axes, *map(np.array, (lrs, losses, smoothed)))
    _save(figure, png)


def paint_sweep(axes: Axes, lrs: np.ndarray, losses: np.ndarray, smoothed: np.ndarray) -> None:
    """Draw a sweep of the learning rate finder into `axes`: the loss of each step, `(n,)`, and its smoothed curve."""
    axes.plot(lrs, losses, color=FAINT, label="each step")
    axes.plot(lrs, smoothed, color=COLORS[0], label="smoothed")
    plain_log_ticks(axes, "x")
    if len(smoothed) > 2 * _EXPLOSION:
        low, high = float(np.nanmin(losses)), float(np.nanmax(smoothed[:-_EXPLOSION]))
        margin = 0.05 * (high - low) or 0.05
        axes.set_ylim(low - margin, high + margin)
    axes.legend(loc="lower left")


def _new_figure(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    # A figure of its own draws with Agg and leaves no trace in pyplot.
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(alpha=0.3)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")
