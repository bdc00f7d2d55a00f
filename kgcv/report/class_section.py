"""The sections for one label a sample: which classes are taken for which, and what the probabilities are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kgcv.recipes.report_classes import ClassReport, report_classes
from kgcv.recipes.report_data import ReportData
from kgcv.report.class_parts import balance_painter, worst_first
from kgcv.report.confusion_picture import confusion_pictures
from kgcv.report.figures import COLORS, bar_height, draw_axes
from kgcv.report.page import Block, Picture, Section, Table
from kgcv.report.reliability_picture import reliability_picture, reliability_text
from kgcv.report.wording import format_defined, format_share, shorten
from kgcv.scoring.class_scores import largest_confusions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NUM_PAIRS = 20
_MAX_ROWS = 20
"""A longer table by class is folded, below one of the worst."""
_MAX_BARS = 24
_MAX_LABELS = 6
"""Classes named in a plane of dots."""
_SAID = "of the given class"


def class_section(data: ReportData) -> Section | None:
    """Confusions, scores by class and calibration; None for other tasks, or without predictions."""
    validated = data.validated
    if validated is None or validated.predictions.task != "single" or data.truth is None:
        return None
    found, basis = report_classes(validated), validated.basis
    labelled = data.truth.values.sum(axis=0).astype(np.int64)
    blocks: tuple[Block, ...] = (
        *confusion_pictures(found.confusions, found.class_names, basis),
        reliability_picture(found.reliability, _SAID, basis),
        _balance_picture(found, labelled, basis),
        _loss_picture(found, basis),
        reliability_text(found.reliability, _SAID, basis),
        _pair_table(found, basis),
        *_class_tables(found, basis),
    )
    return Section("classes", "Classes", blocks)


def _pair_table(found: ClassReport, basis: str) -> Table:
    counts, names = found.confusions, found.class_names
    pairs = largest_confusions(counts, _NUM_PAIRS)
    rows = tuple(
        (names[pair.true], names[pair.given], str(pair.count), format_share(pair.count / counts[pair.true].sum()))
        for pair in pairs
    )
    header = ("true", "given", "samples", "of the true class")
    return Table(header, rows, f"Most confused pairs of classes, at most {_NUM_PAIRS}, on {basis}", num_left=2)


def _class_tables(found: ClassReport, basis: str) -> list[Block]:
    """By class, the lowest F1 first; a class without samples and never given comes last."""
    scores = found.scores
    order = np.argsort(scores.f_beta, kind="stable")  # NaN last
    rows = [
        (
            found.class_names[at],
            format_share(scores.precision[at]),
            format_share(scores.recall[at]),
            format_share(scores.f_beta[at]),
            str(scores.support[at]),
            str(scores.given[at]),
            format_defined(float(found.log_losses[at])),
        )
        for at in order
    ]
    header = ("class", "precision", "recall", "F1", "samples", "given", "log loss")
    told = f"lowest F1 first; given: samples given this class; log loss: over the samples of the class. On {basis}"
    return worst_first(header, rows, ("class", "classes", "F1"), told, _MAX_ROWS)


def _balance_picture(found: ClassReport, labelled: np.ndarray, basis: str) -> Picture:
    """The error of each class by how often it occurs."""
    names, errors = found.class_names, 1 - found.scores.recall
    order = np.argsort(-np.nan_to_num(errors, nan=-1), kind="stable")[:_MAX_LABELS]
    worst = [int(at) for at in order if errors[at] > 0]

    told = ", ".join(f"{names[at]} {errors[at]:.2f} of {labelled[at]}" for at in worst)
    words = "labelled samples of the class", "share missed (1 - recall)"
    return draw_axes(
        balance_painter(labelled, errors, names, worst, words),
        f"Share of samples missed by number of labelled samples, a dot a class. Most missed: {told or 'none'}.",
        "Balance and errors: all labelled samples of each class, training ones too, and the share missed on "
        f"{basis}; names of classes missed most.",
    )


def _loss_picture(found: ClassReport, basis: str) -> Picture:
    losses = found.log_losses
    order = np.argsort(-np.nan_to_num(losses, nan=-1), kind="stable")[:_MAX_BARS][::-1]
    order = order[~np.isnan(losses[order])]
    which = "" if len(losses) <= _MAX_BARS else f" Only the {len(order)} largest."

    def paint(axes: Axes) -> None:
        axes.barh([shorten(found.class_names[at], 18) for at in order], losses[order], color=COLORS[0])
        axes.axvline(found.log_loss, color=COLORS[1], linestyle="--", label="all samples")
        axes.set(xlabel="log loss")
        axes.grid(visible=False, axis="y")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1))  # above, for bars leave no room

    told = ", ".join(f"{found.class_names[at]} {losses[at]:.3g}" for at in order[::-1][:5])
    return draw_axes(
        paint,
        f"Log loss by class, over all samples {found.log_loss:.3g}. Largest: {told}.",
        f"Log loss over the samples of each class, on {basis}; smaller is better.{which}",
        bar_height(len(order)),
    )
