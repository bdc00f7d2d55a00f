"""What the sections for one label and for several labels a sample share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kgcv.report.figures import COLORS, label_dots, plain_log_ticks
from kgcv.report.page import Block, Folded, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def balance_painter(
    labelled: np.ndarray, values: np.ndarray, names: Sequence[str], named: Sequence[int], words: tuple[str, str]
) -> Callable[[Axes], None]:
    """Paints a dot a class.

    Args:
        labelled: `(C,)` integers, number of labelled samples, to the right.
        values: `(C,)` what they score, upwards; NaN is left out.
        names: the C classes.
        named: those whose dots bear their names.
        words: at the axes.
    """

    def paint(axes: Axes) -> None:
        axes.scatter(labelled, values, color=COLORS[0], s=22)
        axes.set(xlabel=words[0], ylabel=words[1])
        if labelled.min() > 0 and labelled.max() > 20 * labelled.min():
            plain_log_ticks(axes, "x")
        axes.margins(x=0.1, y=0.1)
        label_dots(axes, [(labelled[at], values[at]) for at in named], [names[at] for at in named])

    return paint


def worst_first(
    header: tuple[str, ...], rows: Sequence[tuple[str, ...]], words: tuple[str, str, str], told: str, most: int
) -> list[Block]:
    """A table of all classes, the worst first; of more than `most` these alone, with all of them folded below.

    Args:
        header: of the columns.
        rows: a class each, the worst first.
        words: a class, several, and the score that orders them.
        told: what the columns are.
        most: rows that a reader looks at.
    """
    one, several, score = words
    whole = Table(header, tuple(rows), f"Scores by {one}, {told}")
    if len(rows) <= most:
        return [whole]
    worst = Table(header, tuple(rows[:most]), f"The {most} {several} with the lowest {score}; {told}")
    return [worst, Folded(f"All {len(rows)} {several}", (whole,))]
