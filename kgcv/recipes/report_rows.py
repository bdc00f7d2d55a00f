"""The rows of a table behind a report: errors by category and over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kgcv.config.schema import Config
from kgcv.data.tables.columns import column_of, kind_of
from kgcv.data.tables.rows import TableRows
from kgcv.data.watch import Watch
from kgcv.errors import DataError, listed
from kgcv.events import Silent, never_stop
from kgcv.recipes.dataset import load_labelled
from kgcv.recipes.report_answers import Answers
from kgcv.recipes.report_groups import Grouping, by_number

_MOST_PERIODS = 60
"""Periods of a drawing over time; more dates are taken together."""


_NUM_NAMED = 3
"""Categories that describe a row."""


@dataclass(frozen=True, slots=True, eq=False)
class Period:
    """Some days in a row."""

    first: np.datetime64
    last: np.datetime64
    count: int
    cost: float
    """Mean of the samples' costs."""
    bias: float
    """Mean of predicted - true; NaN for classes."""


def read_rows(config: Config, answers: Answers) -> TableRows:
    """The validation samples of a run on tables with their columns, in the order of `answers`.

    Raises:
        DataError: the data are missing, or have changed since the run.
    """
    rows = load_labelled(config, Watch(Silent(), never_stop)).rows
    assert rows is not None, "the caller looked"
    place = {name: at for at, name in enumerate(rows.samples.ids)}
    if missing := [name for name in answers.ids if name not in place]:
        raise DataError(f"rows that have gone since the run was trained ({len(missing)}): {listed(missing)}")
    chosen = np.array([place[name] for name in answers.ids], dtype=np.int64)
    return TableRows(rows.samples.select(chosen), rows.frame.iloc[chosen].reset_index(drop=True))


def category_groupings(config: Config, rows: TableRows) -> Iterator[Grouping]:
    """By each column of categories."""
    for name in config.columns.categories:
        column = column_of(rows.frame, name)
        codes, values = (np.asarray(part) for part in column.factorize(sort=True))
        texts = [f"{value:.10g}" if kind_of(column) == "numbers" else str(value) for value in values.tolist()]
        numbers = np.where(codes < 0, len(texts), codes)
        yield by_number(name, numbers, [*texts, "missing"])


def describe_rows(config: Config, rows: TableRows) -> list[str]:
    """What tells each row from others, for people: its day and its first categories."""
    names = config.columns.categories[:_NUM_NAMED]
    days = [] if rows.samples.dates is None else [rows.samples.dates.astype(str).tolist()]
    columns = [
        [
            f"{name} {value:.10g}" if isinstance(value, float | int) else f"{name} {value}"
            for value in column_of(rows.frame, name).tolist()
        ]
        for name in names
    ]
    return [", ".join(parts) for parts in zip(*days, *columns, strict=True)] or [""] * len(rows)


def errors_over_time(answers: Answers, rows: TableRows, biases: np.ndarray | None) -> list[Period]:
    """Costs by day, or by as many days in a row as leave 60 periods; empty without dates."""
    days = rows.samples.dates
    if days is None:
        return []
    known = np.unique(days)
    parts = np.searchsorted(known, days) * min(_MOST_PERIODS, len(known)) // len(known)
    found = []
    for part in np.unique(parts):
        inside = parts == part
        bias = np.nan if biases is None else float(biases[inside].mean())
        cost = float(answers.costs[inside].mean())
        found.append(Period(days[inside].min(), days[inside].max(), int(inside.sum()), cost, bias))
    return found
