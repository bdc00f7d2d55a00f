"""The section of what a network on tables has learned of its categories, in two dimensions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kgcv.errors import KgcvError
from kgcv.recipes.report_data import ReportData
from kgcv.report.figures import COLORS, draw_axes
from kgcv.report.page import Block, Folded, Picture, Section, Text
from kgcv.report.wording import shorten
from kgcv.scoring.projection import principal_plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MIN_VALUES = 3
"""Two points always lie on a line."""
_MOST_NAMES = 40
"""With more values only the outermost are named."""
_NUM_SHOWN = 6
"""The pictures of further categories are folded."""
_HEIGHT = 4.0


def embedding_section(data: ReportData) -> Iterator[Section]:
    """A picture a category, of the first fold that has weights; no section where the config has no categories."""
    from kgcv.recipes.embeddings import learned_embeddings

    if data.config is None or not data.config.columns.categories:
        return
    fold = next((fold for fold in range(_num_folds(data)) if data.run.fold(fold).best_weights.is_file()), None)
    try:
        tables = [] if fold is None else learned_embeddings(data.run, fold)
    except KgcvError as error:
        yield _section([Text(f"The embeddings cannot be read: {error}")])
        return
    pictures: list[Block] = [
        _picture(vocabulary.name, [_text(value) for value in vocabulary.values], vectors[1:], fold or 0)
        for vocabulary, vectors in tables
        if len(vocabulary.values) >= _MIN_VALUES
    ]
    if pictures:
        told = Text(
            "Each value of a category as the network of the first fold has learned it, along the two directions in "
            "which the values differ most (principal components); what the axes share of all variance is written at "
            "them. Values that lie close together are treated alike. A rare value stays near where it began."
        )
        rest = pictures[_NUM_SHOWN:]
        folded = [Folded(f"{len(rest)} more categories", tuple(rest))] if rest else []
        yield _section([told, *pictures[:_NUM_SHOWN], *folded])


def _section(blocks: Sequence[Block]) -> Section:
    return Section("embeddings", "Embeddings in two dimensions", tuple(blocks))


def _num_folds(data: ReportData) -> int:
    return 1 if data.split is None else data.split.num_folds


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.10g}"


def _picture(name: str, values: Sequence[str], vectors: np.ndarray, fold: int) -> Picture:
    points, shares = principal_plane(vectors)
    far = np.argsort(-(points**2).sum(axis=1), kind="stable")[:_MOST_NAMES]

    def paint(axes: Axes) -> None:
        axes.scatter(points[:, 0], points[:, 1], s=12, color=COLORS[0], alpha=0.7)
        for at in far.tolist():
            axes.annotate(shorten(values[at], 12), points[at], xytext=(3, 2), textcoords="offset points", fontsize=8)
        axes.set(xlabel=f"first direction ({shares[0]:.0%})", ylabel=f"second direction ({shares[1]:.0%})")
        axes.margins(0.1)
        axes.set_aspect("equal", adjustable="datalim")  # distances are what it shows

    some = "" if len(values) <= _MOST_NAMES else f" Named are the {_MOST_NAMES} farthest from the middle."
    ends = ", ".join(values[at] for at in far[:3].tolist())
    return draw_axes(
        paint,
        f"{len(values)} values of {name} in two dimensions; farthest from the middle: {ends}.",
        f"{name}: {len(values)} values, {vectors.shape[1]} numbers each, of which two directions hold "
        f"{shares.sum():.0%} of the variance (fold {fold}).{some}",
        _HEIGHT,
    )
