"""Curves and bars in plain characters, for a terminal or a log."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping


def draw_curve(lrs: Iterable[float], losses: Iterable[float], width: int = 60, height: int = 12) -> str:
    """Loss by learning rate: `width` x `height` characters beside a loss axis, above a logarithmic lr axis.

    Each column shows the mean loss of the rates that fall into it. Points whose loss is NaN or infinite are
    left out; at least one finite loss is needed.
    """
    points = [(math.log(lr), loss) for lr, loss in zip(lrs, losses, strict=True) if math.isfinite(loss)]
    left, right = points[0][0], points[-1][0]
    columns: defaultdict[int, list[float]] = defaultdict(list)
    for log_lr, loss in points:
        columns[_place(log_lr, left, right, width)].append(loss)
    means = {column: sum(some) / len(some) for column, some in columns.items()}
    low, high = min(means.values()), max(means.values())
    grid = [[" "] * width for _ in range(height)]
    for column, mean in means.items():
        grid[height - 1 - _place(mean, low, high, height)][column] = "*"
    labels = {0: f"{high:.4g}", height - 1: f"{low:.4g}"}
    margin = max(len("loss"), *(len(label) for label in labels.values()))
    rows = [f"{labels.get(i, ''):>{margin}} |{''.join(cells)}".rstrip() for i, cells in enumerate(grid)]
    first, last = f"{math.exp(left):.1e}", f"{math.exp(right):.1e}"
    ends = first + last.rjust(width - len(first)) if width > len(first) + len(last) else first
    title, axis = f"{'loss':>{margin}}", f"{'':>{margin}} +{'-' * width}"
    return "\n".join([title, *rows, axis, f"{'':>{margin}}  {ends}  lr"])


def _place(value: float, low: float, high: float, size: int) -> int:
    """Index in `range(size)` of `value` between `low` and `high`."""
    return round((value - low) / (high - low) * (size - 1)) if high > low else 0


def draw_bars(probabilities: Mapping[str, float], mark: str = "#", width: int = 30) -> list[str]:
    """A line for each name: its probability in [0, 1] as a number, and as a bar of `width` marks at 1."""
    longest = max(map(len, probabilities))
    rows = ((name, value, mark * round(value * width)) for name, value in probabilities.items())
    return [f"{value:.4f}  {name:<{longest}}  {bar}".rstrip() for name, value, bar in rows]
