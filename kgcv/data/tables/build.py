"""Runs the steps of `features` over the tables of a competition."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kgcv.config.calendar_steps import (
    DatePartsStep,
    ElapsedStep,
    IsoWeekDateStep,
    MonthDayDateStep,
    ReadDateStep,
    RollingStep,
    WeekStartStep,
)
from kgcv.config.feature_steps import AnyStep
from kgcv.config.number_steps import ClipStep, DifferenceStep, DivideStep, FillStep, FlagStep, LogStep
from kgcv.config.table_steps import ROWS, DropStep, ExtractStep, JoinStep, KeepStep, MapStep
from kgcv.data.tables import calendar, values
from kgcv.data.tables.joins import join
from kgcv.data.tables.reading import Tables
from kgcv.data.tables.windows import elapsed, rolling
from kgcv.errors import DataError, StopRequested
from kgcv.events import Reporter, StopCheck, TaskAdvanced, TaskDone, TaskStarted


@dataclass(frozen=True, slots=True)
class StepReport:
    """What a step did."""

    step: str
    table: str
    made: tuple[str, ...]
    """Columns that it added."""
    num_rows: int
    """Rows of the table afterwards."""
    unmatched: int | None
    """Rows without a partner; None but for joins."""
    seconds: float


# Steps that see one table and nothing else.
_ALONE: dict[type, Callable[[pd.DataFrame, Any], pd.DataFrame]] = {
    KeepStep: values.keep,
    DropStep: values.drop,
    MapStep: values.map_texts,
    ExtractStep: values.extract,
    DifferenceStep: values.difference,
    DivideStep: values.divide,
    ClipStep: values.clip,
    LogStep: values.log,
    FlagStep: values.flag,
    ReadDateStep: calendar.read_date,
    DatePartsStep: calendar.date_parts,
    WeekStartStep: calendar.week_start,
    IsoWeekDateStep: calendar.iso_week_date,
    MonthDayDateStep: calendar.month_day_date,
}


def run_steps(
    tables: Tables, steps: tuple[AnyStep, ...], date_column: str | None, reporter: Reporter, should_stop: StopCheck
) -> tuple[pd.DataFrame, tuple[StepReport, ...]]:
    """The table `rows` after all steps, and what each step did.

    Args:
        tables: the tables as they were read; they are not changed.
        steps: the steps, in their order.
        date_column: column of dates for steps that name none.
        reporter: hears about progress.
        should_stop: asked between two steps.

    Raises:
        DataError: a step cannot be done; the message names it by its place in the config.
        StopRequested: a signal asked for an end.
    """
    frames, reports = dict(tables.frames), []
    reporter.report(TaskStarted("features", len(steps), unit="steps"))
    for number, step in enumerate(steps):
        if (signal := should_stop()) is not None:
            raise StopRequested(signal)
        start = time.perf_counter()
        before = frames[step.table]
        try:
            after, unmatched = _run_step(step, frames, _is_train(tables, step), date_column)
        except DataError as error:
            raise DataError(f"features.{number} ({step.step}, table {step.table}): {error}") from error
        frames[step.table] = after
        made = tuple(name for name in after.columns if name not in before.columns)
        seconds = time.perf_counter() - start
        reports.append(StepReport(step.step, step.table, made, len(after), unmatched, seconds))
        reporter.report(TaskAdvanced(1))
    reporter.report(TaskDone("features"))
    return frames[ROWS], tuple(reports)


def _is_train(tables: Tables, step: AnyStep) -> np.ndarray:
    """Rows of a step's table that may be learned from; other tables than `rows` have no rows to predict."""
    return tables.is_train if step.table == ROWS else np.ones(len(tables.frames[step.table]), dtype=bool)


def _run_step(
    step: AnyStep, frames: dict[str, pd.DataFrame], is_train: np.ndarray, date_column: str | None
) -> tuple[pd.DataFrame, int | None]:
    """The table of `step` after it, and for a join the number of rows without a partner."""
    frame = frames[step.table]
    match step:
        case JoinStep():
            return join(frame, frames[step.right], step)
        case FillStep():
            return values.fill(frame, step, is_train), None
        case ElapsedStep() | RollingStep():
            date = step.date or date_column
            assert date is not None, "the config's rules see to it"
            is_seen = np.ones(len(frame), dtype=bool) if step.calendar else is_train
            if isinstance(step, ElapsedStep):
                return elapsed(frame, step, date, is_seen), None
            return rolling(frame, step, date, is_seen), None
        case _:
            return _ALONE[type(step)](frame, step), None
