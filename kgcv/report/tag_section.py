"""The section for several labels a sample: how each tag fares, thresholds, calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kgcv.recipes.report_data import ReportData
from kgcv.recipes.report_tags import TagReport, report_tags
from kgcv.report.class_parts import balance_painter, worst_first
from kgcv.report.figures import COLORS, FAINT, HEIGHT, WIDTH, draw, draw_axes
from kgcv.report.page import Block, Picture, Section, Table, Text
from kgcv.report.reliability_picture import reliability_picture, reliability_text
from kgcv.report.wording import format_defined, format_share, shorten
from kgcv.scoring.class_scores import largest_confusions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NUM_PAIRS = 15
_MAX_ROWS = 25
"""A longer table by tag is folded, below one of the worst."""
_MAX_PANELS = 18
"""Tags with a curve of their own."""
_PANEL_COLUMNS = 3
_MAX_LABELS = 6
_SAID = "of a tag"


def tag_section(data: ReportData) -> Section | None:
    """Scores by tag, threshold curves, calibration, confusions; None for other tasks, or without predictions."""
    validated = data.validated
    if validated is None or validated.predictions.task != "multi" or data.truth is None:
        return None
    found, basis = report_tags(data, validated), validated.basis
    labelled = (data.truth.values > 0).sum(axis=0)
    cells = f"all {validated.targets.size:,} probabilities of {basis}"
    blocks: tuple[Block, ...] = (
        Text(_tell_rule(found)),
        _curve_picture(found, basis),
        reliability_picture(found.reliability, _SAID, cells),
        _balance_picture(found, labelled, basis),
        _tag_curves(found, basis),
        reliability_text(found.reliability, _SAID, cells),
        *_tag_tables(found, basis),
        _pair_table(found, basis),
    )
    return Section("tags", "Tags", blocks)


def _tell_rule(found: TagReport) -> str:
    told = "the run's own rule (thresholds.json)" if found.is_own_rule else "the fixed threshold, as no rule was fitted"
    exclusive = (
        f" Of {'; of '.join(', '.join(found.class_names[at] for at in group) for group in found.rule.exclusive)} "
        "exactly one is given, whatever the threshold."
        if found.rule.exclusive
        else ""
    )
    return (
        f"Tags are given by {told}. Where thresholds were fitted, it was to these very samples, so that precision, "
        f"recall and F{found.beta:g} below are a little optimistic; the summary has the cross-fitted score.{exclusive}"
    )


def _thresholds(found: TagReport) -> np.ndarray:
    """Those that act, each once."""
    return np.unique(found.rule.thresholds[~np.isnan(found.rule.thresholds)])


def _curve_picture(found: TagReport, basis: str) -> Picture:
    curve, chosen = found.curve, _thresholds(found)
    best = int(np.argmax(curve.scores))

    def paint(axes: Axes) -> None:
        axes.plot(curve.thresholds, curve.scores, color=COLORS[0])
        for at, threshold in enumerate(chosen):
            label = "chosen" if at == 0 else None
            axes.axvline(threshold, color=COLORS[1], linestyle="--", linewidth=1, label=label)
        axes.set(xlabel="threshold of all tags", ylabel=curve.metric, xlim=(0, 1))
        if len(chosen):
            axes.legend()

    several = "; each dashed line the threshold of a tag" if len(chosen) > 1 else "; dashed: the threshold in use"
    return draw_axes(
        paint,
        f"{curve.metric} by threshold: best {curve.scores[best]:.4g} at {curve.thresholds[best]:.2f}; in use: "
        f"{_tell_numbers(chosen)}.",
        f"{curve.metric} by threshold, the same for all tags, on {basis}{several}.",
    )


def _tell_numbers(numbers: np.ndarray) -> str:
    return (
        "none"
        if not len(numbers)
        else f"{numbers[0]:.3g}"
        if len(numbers) == 1
        else (f"{numbers[0]:.3g} to {numbers[-1]:.3g}")
    )


def _balance_picture(found: TagReport, labelled: np.ndarray, basis: str) -> Picture:
    names, scores = found.class_names, found.scores.f_beta
    order = np.argsort(np.nan_to_num(scores, nan=2), kind="stable")
    worst = [int(at) for at in order[:_MAX_LABELS] if not np.isnan(scores[at])]

    told = ", ".join(f"{names[at]} {scores[at]:.2f} with {labelled[at]}" for at in worst)
    words = "labelled samples with the tag", f"F{found.beta:g}"
    return draw_axes(
        balance_painter(labelled, scores, names, worst, words),
        f"F{found.beta:g} by number of labelled samples, a dot a tag. Lowest: {told}.",
        f"Balance and errors: all labelled samples with the tag, training ones too, and F{found.beta:g} on {basis}; "
        "names of tags with the lowest.",
    )


def _tag_curves(found: TagReport, basis: str) -> Picture:
    """A small curve a tag: F-beta by its own threshold."""
    shown = np.argsort(-found.scores.support, kind="stable")[:_MAX_PANELS]
    num_rows = -(-len(shown) // _PANEL_COLUMNS)

    def paint(figure: Figure) -> None:
        panels = figure.subplots(num_rows, _PANEL_COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, at in zip(panels, shown, strict=False):
            axes.plot(found.curve.thresholds, found.tag_curves[:, at], color=COLORS[0], linewidth=1.2)
            if not np.isnan(found.rule.thresholds[at]):
                axes.axvline(found.rule.thresholds[at], color=COLORS[1], linestyle="--", linewidth=1)
            axes.set_title(shorten(found.class_names[at], 19), fontsize=8, color="black")
            axes.set(xlim=(0, 1), ylim=(0, 1.02))
            axes.tick_params(labelsize=8, color=FAINT)
        for axes in panels[len(shown) :]:
            axes.set_axis_off()

    told = ", ".join(f"{found.class_names[at]} {found.tag_curves[:, at].max():.2f}" for at in shown[:8])
    which = "" if len(shown) == len(found.class_names) else f" The {len(shown)} most frequent tags."
    return draw(
        paint,
        f"F{found.beta:g} by threshold for each tag. Highest of each: {told}.",
        f"F{found.beta:g} of each tag by its own threshold, on {basis}; dashed: the one in use, none in groups of "
        f"which exactly one tag is given.{which}",
        (WIDTH, max(HEIGHT, 0.5 + 1.05 * num_rows)),
    )


def _tag_tables(found: TagReport, basis: str) -> list[Block]:
    """By tag, the lowest F-beta first; a tag neither true nor given comes last."""
    scores = found.scores
    rows = [
        (
            found.class_names[at],
            format_share(scores.precision[at]),
            format_share(scores.recall[at]),
            format_share(scores.f_beta[at]),
            format_share(found.average_precision[at]),
            format_defined(float(found.rule.thresholds[at])),
            str(scores.support[at]),
            str(scores.given[at]),
        )
        for at in np.argsort(scores.f_beta, kind="stable")
    ]
    header = ("tag", "precision", "recall", f"F{found.beta:g}", "average precision", "threshold", "samples", "given")
    told = (
        f"lowest F{found.beta:g} first; given: samples given the tag; average precision needs no threshold. On {basis}"
    )
    return worst_first(header, rows, ("tag", "tags", f"F{found.beta:g}"), told, _MAX_ROWS)


def _pair_table(found: TagReport, basis: str) -> Table:
    missed = found.scores.support - (found.scores.recall * found.scores.support).round()
    rows = tuple(
        (found.class_names[pair.true], found.class_names[pair.given], str(pair.count), f"{missed[pair.true]:.0f}")
        for pair in largest_confusions(found.confusions, _NUM_PAIRS)
    )
    caption = (
        f"Most common confusions, at most {_NUM_PAIRS}: samples in which the first tag was true and missed while the "
        f"second was given and false, on {basis}. A sample with several such tags counts for each pair."
    )
    header = ("true and missed", "given and false", "samples", "missed in all")
    return Table(header, rows, caption, num_left=2)
