"""Curves and bars in characters, for a terminal or a log.

With braille characters a cell holds 2 x 4 dots and points are joined by lines; in ASCII a point is one character.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeGuard

Row = dict[str, Any]
"""A line of `metrics.jsonl`."""
Dot = tuple[int, int]
"""Column and row, from the upper left."""

# Unicode 8-dot braille: the bit of each dot, by row and column.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_MARKS = "*.o+x"
_MARGIN = 6
"""Least width of the labels left of an axis."""


class _Frame(NamedTuple):
    side: str
    corner: str
    line: str
    tick: str


_BOX = _Frame("│", "└", "─", "┴")
_ASCII_BOX = _Frame("|", "+", "-", "+")


class Point(NamedTuple):
    """A point of a curve."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Canvas:
    """How large a drawing is, and of which characters."""

    width: int = 60
    """Columns of the plot itself, without its margins."""
    height: int = 12
    """Rows of the plot itself."""
    braille: bool = False
    """Whether braille and box characters may be used."""

    @property
    def dots(self) -> tuple[int, int]:
        """Columns and rows of dots that can be told apart."""
        return (self.width * 2, self.height * 4) if self.braille else (self.width, self.height)

    def render(self, curves: Iterable[Sequence[Dot]]) -> list[str]:
        """One text a row; `curves` hold the dots of each curve, where the first curves lie above the others."""
        cells: defaultdict[Dot, int] = defaultdict(int)
        characters: dict[Dot, str] = {}
        for mark, curve in zip(itertools.cycle(_MARKS), curves, strict=False):
            if self.braille:
                for column, row in _joined(curve):
                    cells[column // 2, row // 4] |= _DOTS[row % 4][column % 2]
            else:
                characters = {**dict.fromkeys(curve, mark), **characters}
        characters.update({cell: chr(0x2800 + bits) for cell, bits in cells.items()})
        rows = range(self.height)
        return ["".join(characters.get((column, row), " ") for column in range(self.width)) for row in rows]

    def named(self, ends: Mapping[str, int]) -> dict[str, int]:
        """The names of curves, behind their marks where it is these that tell curves apart."""
        if self.braille:
            return dict(ends)
        return {
            f"{mark} {name}" if name else "": row
            for mark, (name, row) in zip(itertools.cycle(_MARKS), ends.items(), strict=False)
        }


def draw_curve(lrs: Iterable[float], losses: Iterable[float], canvas: Canvas) -> str:
    """Loss by learning rate, beside a loss axis and above a logarithmic lr axis.

    Each column shows the mean loss of the rates that fall into it. Points whose loss is NaN or infinite are
    left out; at least one finite loss is needed.
    """
    points = [Point(math.log(lr), loss) for lr, loss in zip(lrs, losses, strict=True) if math.isfinite(loss)]
    ticks = {0: f"{math.exp(points[0].x):.1e}", canvas.width - 1: f"{math.exp(points[-1].x):.1e}"}
    return "\n".join(_draw("loss", {"": points}, ticks, "lr", canvas))


def draw_metric(folds: Mapping[str, Sequence[Row]], canvas: Canvas) -> list[str]:
    """The competition's metric by epoch; no lines where there are not two epochs, or nothing was validated.

    Args:
        folds: the rows of `metrics.jsonl` of each fold, by the name that stands beside its curve.
        canvas: to draw on.
    """
    longest = max(folds.values(), key=len, default=())
    metric = next((name for row in longest for name in row["scores"]), None)
    if metric is None:
        return []
    curves = {name: [row["scores"].get(metric) for row in rows] for name, rows in folds.items()}
    return _draw_epochs(metric, curves, longest, canvas)


def draw_losses(rows: Sequence[Row], canvas: Canvas) -> list[str]:
    """Validation and training loss by epoch, from the rows of `metrics.jsonl`; no lines where there are not two."""
    curves = {name: [row[f"{name}_loss"] for row in rows] for name in ("valid", "train")}
    return _draw_epochs("loss", curves, rows, canvas)


def _draw_epochs(
    title: str, curves: Mapping[str, Sequence[float | None]], rows: Sequence[Row], canvas: Canvas
) -> list[str]:
    """Curves by epoch, counted from 1 over all stages; the first epoch of each stage is marked on the axis."""
    points = {name: [Point(x, y) for x, y in enumerate(ys) if _is_number(y)] for name, ys in curves.items()}
    drawn = {f"{name} {some[-1].y:.4g}".strip(): some for name, some in points.items() if some}
    if len(rows) < 2 or not drawn:
        return []
    starts = [epoch for epoch in range(1, len(rows)) if rows[epoch]["stage"] != rows[epoch - 1]["stage"]]
    marked = (*starts, 0, len(rows) - 1)  # where the canvas is narrow, the ends are what is shown
    ticks = {_place(epoch, 0, len(rows) - 1, canvas.width): str(epoch + 1) for epoch in marked}
    return _draw(title, drawn, ticks, "epoch", canvas)


def _is_number(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _draw(
    title: str, curves: Mapping[str, Sequence[Point]], ticks: Mapping[int, str], x_title: str, canvas: Canvas
) -> list[str]:
    """Lines of text: the title, the curves beside their range with their names behind, the axis with its ticks."""
    columns, height = canvas.dots
    every = [point.x for points in curves.values() for point in points]
    means = [_by_column(points, (min(every), max(every)), columns) for points in curves.values()]
    low, high = (pick(mean for curve in means for mean in curve.values()) for pick in (min, max))
    dots = [
        [(column, height - 1 - _place(mean, low, high, height)) for column, mean in curve.items()] for curve in means
    ]
    ends = {name: canvas.height - 1 - _place(points[-1].y, low, high, canvas.height) for name, points in curves.items()}
    names = _apart(canvas.named(ends), canvas.height)
    labels = {0: f"{high:.4g}", canvas.height - 1: f"{low:.4g}"}
    margin = max(_MARGIN, *map(len, labels.values()))
    frame = _BOX if canvas.braille else _ASCII_BOX
    rows = [
        f"{labels.get(row, ''):>{margin}} {frame.side}{cells} {names.get(row, '')}".rstrip()
        for row, cells in enumerate(canvas.render(dots))
    ]
    axis = "".join(
        frame.tick if 0 < column < canvas.width - 1 and column in ticks else frame.line
        for column in range(canvas.width)
    )
    below = f"{_spread(ticks, canvas.width)}  {x_title}"
    return [f"{title:>{margin}}", *rows, f"{'':>{margin}} {frame.corner}{axis}", f"{'':>{margin}}  {below}"]


def _by_column(points: Iterable[Point], ends: tuple[float, float], columns: int) -> dict[int, float]:
    """The mean y of the points in each column that has any."""
    found: defaultdict[int, list[float]] = defaultdict(list)
    for point in points:
        found[_place(point.x, *ends, columns)].append(point.y)
    return {column: sum(some) / len(some) for column, some in found.items()}


def _place(value: float, low: float, high: float, size: int) -> int:
    """Index in `range(size)` of `value` between `low` and `high`."""
    return round((value - low) / (high - low) * (size - 1)) if high > low else 0


def _joined(dots: Sequence[Dot]) -> Iterator[Dot]:
    """`dots` with those on the straight lines between neighbours."""
    yield from dots[:1]
    for (x, y), (next_x, next_y) in itertools.pairwise(dots):
        steps = max(abs(next_x - x), abs(next_y - y))
        for step in range(1, steps + 1):
            yield x + round((next_x - x) * step / steps), y + round((next_y - y) * step / steps)


def _apart(names: Mapping[str, int], height: int) -> dict[int, str]:
    """Each name in a row of its own: the one it asks for, or the nearest that is free; those without any are left."""
    taken: dict[int, str] = {}
    for name, row in names.items():
        free = [other for other in range(height) if other not in taken]
        if free:
            taken[min(free, key=lambda other: abs(other - row))] = name
    return taken


def _spread(ticks: Mapping[int, str], width: int) -> str:
    """Labels under their columns, the last one ending there; one that would touch another is left out."""
    last = max(ticks)
    text = ticks[min(ticks)].ljust(width)
    places = {column: column if column < last else width - len(label) for column, label in ticks.items()}
    for column in (last, *sorted(ticks)):
        label, start = ticks[column], places[column]
        around = text[max(0, start - 1) : start + len(label) + 1]
        if start > 0 and start + len(label) <= width and not around.strip():
            text = text[:start] + label + text[start + len(label) :]
    return text


def draw_bars(probabilities: Mapping[str, float], mark: str = "#", width: int = 30) -> list[str]:
    """A line for each name: its probability in [0, 1] as a number, and as a bar of `width` marks at 1."""
    longest = max(map(len, probabilities))
    rows = ((name, value, mark * round(value * width)) for name, value in probabilities.items())
    return [f"{value:.4f}  {name:<{longest}}  {bar}".rstrip() for name, value, bar in rows]
