"""Confusion matrices that can be read with two classes and with hundreds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kgcv.report.figures import MAP, WIDTH, draw
from kgcv.report.page import Picture
from kgcv.report.wording import shorten
from kgcv.scoring.class_scores import largest_confusions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MAX_NAMED = 24
"""More classes than this have no room for their names and counts."""
_NUM_WORST = 15
"""Classes of the smaller matrix then."""
_MAX_USUAL = 12
"""More classes than this take a wide picture."""
_NAME_LENGTH = 18
_OTHERS = "all others"


def confusion_pictures(counts: np.ndarray, names: Sequence[str], basis: str) -> Iterator[Picture]:
    """The matrix; with many classes as a plane without names, and the classes with most errors once more with names.

    Args:
        counts: `(C, C)` int64: true classes in rows, given ones in columns.
        names: of the C classes.
        basis: the samples that were counted.
    """
    if len(names) <= _MAX_NAMED:
        caption = f"Confusion matrix: samples by true and given class, on {basis}. {_COLORS}"
        yield _named(counts, names, names, caption)
        return
    yield _plane(counts, names, basis)
    missed = counts.sum(axis=1) - np.diag(counts)
    worst = np.sort(np.argsort(-missed, kind="stable")[:_NUM_WORST])
    rest = counts[worst].sum(axis=1, keepdims=True) - counts[np.ix_(worst, worst)].sum(axis=1, keepdims=True)
    cells = np.hstack([counts[np.ix_(worst, worst)], rest])
    rows = [names[number] for number in worst]
    caption = f"The {len(worst)} classes with most samples missed, from the same matrix, on {basis}. {_COLORS}"
    yield _named(cells, rows, [*rows, _OTHERS], caption)


_COLORS = "Colours: shares of the row's true class."


def _shares(counts: np.ndarray) -> np.ndarray:
    """Rows as shares; a class without samples has none."""
    shares: np.ndarray = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def _named(counts: np.ndarray, rows: Sequence[str], columns: Sequence[str], caption: str) -> Picture:
    shares = _shares(counts)
    width = WIDTH if len(rows) <= _MAX_USUAL else 1.6 * WIDTH

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.imshow(shares, cmap=MAP, vmin=0, vmax=1, aspect="auto")
        axes.grid(visible=False)
        axes.set_xticks(range(len(columns)), [shorten(name, _NAME_LENGTH) for name in columns], rotation=90)
        axes.set_yticks(range(len(rows)), [shorten(name, _NAME_LENGTH) for name in rows])
        axes.set(xlabel="given", ylabel="true")
        _write_counts(axes, counts, shares)

    return draw(paint, _alt(counts, rows, columns), caption, (width, width * 0.92))


def _write_counts(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    size = 10 if len(counts) <= 4 else 8
    for row, column in zip(*np.nonzero(counts), strict=True):
        color = "white" if shares[row, column] > 0.5 else "black"
        text = str(counts[row, column])
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=size)


def _plane(counts: np.ndarray, names: Sequence[str], basis: str) -> Picture:
    shares = _shares(counts)

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        # The root lets single errors be seen beside the diagonal.
        image = axes.imshow(np.sqrt(shares), cmap=MAP, vmin=0, vmax=1, interpolation="nearest")
        axes.grid(visible=False)
        axes.set(xlabel="given class, by number", ylabel="true class, by number")
        bar = figure.colorbar(image, shrink=0.8)
        marks = (0, 0.01, 0.1, 0.25, 0.5, 1)
        bar.set_ticks([mark**0.5 for mark in marks], labels=[f"{mark:g}" for mark in marks])

    caption = (
        f"Confusion matrix of {len(names)} classes, in the order of their names, counted from 0, on {basis}. Colours: "
        "shares of the row's true class, on a root scale."
    )
    return draw(paint, _alt(counts, names, names), caption, (WIDTH, WIDTH * 0.85))


def _alt(counts: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> str:
    right = np.trace(counts[:, : len(rows)])
    square = counts[:, : len(rows)]
    pairs = "; ".join(
        f"{pair.count} of {columns[pair.true]} given as {columns[pair.given]}" for pair in largest_confusions(square, 3)
    )
    return (
        f"Confusion matrix: {right} of {counts.sum()} samples on the diagonal. Most frequent errors: {pairs or 'none'}."
    )
