"""The section for rows with dates: how the errors go over time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from kgcv.recipes.report_answers import Answers, numbers_off
from kgcv.recipes.report_data import ReportData
from kgcv.recipes.report_rows import Period, errors_over_time
from kgcv.report.figures import COLORS, FAINT, draw_axes
from kgcv.report.page import Folded, Picture, Section, Table
from kgcv.report.wording import format_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from kgcv.data.tables.rows import TableRows


def period_section(data: ReportData, answers: Answers, rows: TableRows) -> Iterator[Section]:
    """Errors by day; no section without dates, or with a single day."""
    biases = None
    if answers.task == "regression":
        biases = numbers_off(data, answers.validated)[0].mean(axis=1)
    periods = errors_over_time(answers, rows, biases)
    if len(periods) > 1:
        yield Section("time-of-errors", "Errors over time", (_picture(periods, answers), _table(periods, answers)))


def _picture(periods: list[Period], answers: Answers) -> Picture:
    days = np.array([period.first for period in periods])
    costs, biases = (np.array([getattr(period, name) for period in periods]) for name in ("cost", "bias"))

    def paint(axes: Axes) -> None:
        axes.plot(days, costs, color=COLORS[0], label=answers.cost_name)
        if not np.isnan(biases).all():
            axes.plot(days, biases, color=COLORS[1], label="predicted - true")
        axes.axhline(0, color=FAINT, linewidth=1)
        axes.tick_params(axis="x", rotation=40)
        axes.legend()

    worst = periods[int(costs.argmax())]
    return draw_axes(
        paint,
        f"{answers.cost_name} by day, from {costs.min():.3g} to {costs.max():.3g}; largest at {worst.first}.",
        f"Mean {answers.cost_name} by day, on {answers.validated.basis}. Above 0, predicted - true: too much.",
    )


def _table(periods: list[Period], answers: Answers) -> Folded:
    rows = tuple(
        (_days(period), f"{period.count:,}", format_number(period.cost), format_number(period.bias))
        for period in periods
    )
    caption = f"Errors over time, on {answers.validated.basis}"
    table = Table(("days", "samples", answers.cost_name, "predicted - true"), rows, caption)
    return Folded(f"The {len(rows)} points as a table", (table,))


def _days(period: Period) -> str:
    return str(period.first) if period.first == period.last else f"{period.first} to {period.last}"
