"""The section for numbers: predicted against true, and where the errors are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from kgcv.recipes.report_data import ReportData
from kgcv.recipes.report_numbers import NumberReport, report_numbers
from kgcv.report.figures import COLORS, FAINT, MAP, draw_axes
from kgcv.report.page import Block, Folded, Picture, Section, Table
from kgcv.report.wording import format_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAX_DOTS = 500
"""More samples than this are counted in a plane of cells instead."""
_NUM_CELLS = 60
_NUM_BINS = 50
_MAX_COLUMNS = 3
"""The pictures of further columns of numbers are folded."""


def number_section(data: ReportData) -> Section | None:
    """Predicted against true numbers, residuals, errors by decile; None for other tasks, or without predictions."""
    validated = data.validated
    if validated is None or validated.predictions.task != "regression":
        return None
    blocks: list[Block] = []
    for at, found in enumerate(report_numbers(validated)):
        of_column = tuple(_blocks(found, validated.basis))
        blocks += of_column if at < _MAX_COLUMNS else (Folded(found.name, of_column),)
    return Section("numbers", "Predicted and true numbers", tuple(blocks))


def _blocks(found: NumberReport, basis: str) -> Iterator[Block]:
    yield _plane_picture(found, basis)
    yield _residual_picture(found, basis)
    yield _decile_picture(found, basis)
    yield _decile_table(found, basis)


def _plane_picture(found: NumberReport, basis: str) -> Picture:
    low = min(found.targets.min(), found.values.min())
    high = max(found.targets.max(), found.values.max())

    def paint(axes: Axes) -> None:
        from matplotlib.colors import LogNorm

        axes.plot([low, high], [low, high], color=FAINT, linestyle="--", label="exactly right")
        if len(found.targets) <= _MAX_DOTS:
            axes.scatter(found.targets, found.values, s=10, color=COLORS[0], alpha=0.6)
        else:
            # A scale from below one sample, whose colour would else be all but white.
            scale = LogNorm(vmin=0.2)
            axes.hexbin(found.targets, found.values, gridsize=_NUM_CELLS, mincnt=1, norm=scale, cmap=MAP)
        axes.set(xlabel="true", ylabel="predicted")
        axes.legend(loc="upper left")

    correlation = np.corrcoef(found.targets, found.values)[0, 1] if np.ptp(found.targets) * np.ptp(found.values) else 0
    told = "" if len(found.targets) <= _MAX_DOTS else ", darker where more samples are, on a logarithmic scale"
    return draw_axes(
        paint,
        f"{found.name}: predicted against true, correlation {correlation:.3f}.",
        f"{found.name}: predicted against true, on {basis}{told}.",
    )


def _residual_picture(found: NumberReport, basis: str) -> Picture:
    errors = found.errors
    low, high = np.quantile(errors, [0.005, 0.995])
    inside = errors[(errors >= low) & (errors <= high)]

    def paint(axes: Axes) -> None:
        axes.hist(inside, bins=_NUM_BINS, color=COLORS[0])
        axes.axvline(0, color=FAINT, linestyle="--")
        axes.axvline(errors.mean(), color=COLORS[1], label=f"mean {errors.mean():.3g}")
        axes.set(xlabel="predicted - true", ylabel="samples")
        axes.legend()

    return draw_axes(
        paint,
        f"{found.name}: predicted - true; mean {errors.mean():.3g}, standard deviation {errors.std():.3g}, median "
        f"{np.median(errors):.3g}.",
        f"{found.name}: residuals, predicted - true, on {basis}; the 99 % in the middle.",
    )


def _decile_picture(found: NumberReport, basis: str) -> Picture:
    numbers = range(1, len(found.deciles) + 1)

    def paint(axes: Axes) -> None:
        axes.bar(numbers, [part.mae for part in found.deciles], color=COLORS[0], label="mean absolute error")
        means = [part.mean_error for part in found.deciles]
        axes.plot(numbers, means, color=COLORS[1], marker="o", label="mean error")
        axes.axhline(0, color=FAINT, linewidth=1)
        axes.set(xlabel="decile of the true number", ylabel="error", xticks=numbers)
        axes.legend(loc="upper left")

    told = "; ".join(f"{number}: {part.mae:.3g}" for number, part in zip(numbers, found.deciles, strict=True))
    return draw_axes(
        paint,
        f"{found.name}: mean absolute error by decile of the true number: {told}.",
        f"{found.name}: errors by decile of the true number, on {basis}; a mean error above 0: too much is predicted.",
    )


def _decile_table(found: NumberReport, basis: str) -> Table:
    rows = tuple(
        (
            str(number),
            f"{part.lowest:.5g} to {part.highest:.5g}",
            str(part.count),
            *(format_number(error) for error in (part.mean_error, part.mae, part.rmse)),
        )
        for number, part in enumerate(found.deciles, start=1)
    )
    header = ("decile", "true numbers", "samples", "mean error", "mean absolute error", "RMSE")
    return Table(header, rows, f"{found.name}: errors by decile of the true number, on {basis}", num_left=2)
