"""Time within groups: days since and to events, and sums and means over windows of days.

All of it is search in one sorted array: each row has a key, its group's number times a span longer than the table
and its windows reach, plus its day. So windows count days, not rows, gaps and repeated days are no special cases,
and no window reaches into another group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kgcv.config.calendar_steps import ElapsedStep, RollingStep
from kgcv.data.tables.columns import column_of, dates_of, days_of, kind_of, numbers_of, with_columns
from kgcv.errors import DataError


@dataclass(frozen=True, slots=True)
class _Timeline:
    """Rows sorted by group and day."""

    order: np.ndarray
    """Rows in that order, `(N,)` int64."""
    keys: np.ndarray
    """Key of each, `(N,)` int64, ascending."""
    span: int
    """Difference between the keys of neighbouring groups on the same day."""

    def unsorted(self, values: np.ndarray) -> np.ndarray:
        """`values`, one for each row in this order, in the order of the table."""
        result = np.empty_like(values)
        result[self.order] = values
        return result


def elapsed(frame: pd.DataFrame, step: ElapsedStep, date: str, is_seen: np.ndarray) -> pd.DataFrame:
    """`frame` with the days since the last event of the row's group and to the next one, NaN where there is none.

    Args:
        frame: the table, in any order.
        step: which columns tell the events.
        date: column with dates.
        is_seen: `(N,)` bool: rows whose events count.

    Raises:
        DataError: columns are missing or of the wrong kind, dates are missing, or results are already there.
    """
    line = _timeline(frame, step.group, date, step.lag_days)
    made = {}
    for name in step.columns:
        marks = numbers_of(frame, name)
        is_event = is_seen & (marks != 0) & ~np.isnan(marks)
        events = line.keys[is_event[line.order]]
        if "since" in step.sides:
            places = np.searchsorted(events, line.keys - step.lag_days, side="right") - 1
            made[f"{name}_days_since"] = line.unsorted(_distance(line, events, places))
        if "to" in step.sides:
            places = np.searchsorted(events, line.keys, side="left")
            made[f"{name}_days_to"] = line.unsorted(_distance(line, events, places))
    return with_columns(frame, made)


def rolling(frame: pd.DataFrame, step: RollingStep, date: str, is_seen: np.ndarray) -> pd.DataFrame:
    """`frame` with sums or means over a window of days of the row's group, NaN where it has no value.

    Args:
        frame: the table, in any order.
        step: columns and windows.
        date: column with dates.
        is_seen: `(N,)` bool: rows whose values count.

    Raises:
        DataError: columns are missing or of the wrong kind, dates are missing, or results are already there.
    """
    line = _timeline(frame, step.group, date, step.days + step.lag_days)
    made = {}
    lag = f"_lag_{step.lag_days}" if step.lag_days else ""
    for name in step.columns:
        values = numbers_of(frame, name)
        counts = (is_seen & ~np.isnan(values))[line.order]
        values = values[line.order][counts]
        for side in step.sides:
            first, last = _window(line.keys[counts], line.keys, side, step)
            result = _summed(values, first, last, is_mean=step.how == "mean")
            made[f"{name}_{step.how}_{side}_{step.days}{lag}"] = line.unsorted(result)
    return with_columns(frame, made)


def _timeline(frame: pd.DataFrame, group: Sequence[str], date: str, reach: int) -> _Timeline:
    dates = dates_of(frame, date)
    if num_missing := int(np.isnat(dates).sum()):
        raise DataError(f"column {date!r}: {num_missing} rows have no date, so they have no place in time")
    days = days_of(dates)
    days -= days.min()
    span = int(days.max()) + 1 + reach
    keys = _group_numbers(frame, group) * span + days
    order = np.argsort(keys, kind="stable")
    return _Timeline(order, keys[order], span)


def _group_numbers(frame: pd.DataFrame, group: Sequence[str]) -> np.ndarray:
    """A number for each row, the same in the rows of a group, int64; what is missing is equal to itself."""
    numbers = np.zeros(len(frame), dtype=np.int64)
    for name in group:
        column = column_of(frame, name)
        values = column.cat.codes if kind_of(column) == "texts" else column
        part, known = pd.factorize(values.to_numpy(), use_na_sentinel=False)
        numbers = pd.factorize(numbers * len(known) + part)[0]
    return numbers


def _distance(line: _Timeline, events: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Days between each row and the event at its place, NaN if that is outside or another group's."""
    distance = np.full(len(places), np.nan)
    is_inside = (places >= 0) & (places < len(events))
    keys, found = line.keys[is_inside], events[places[is_inside]]
    distance[is_inside] = np.where(keys // line.span == found // line.span, np.abs(keys - found), np.nan)
    return distance


def _window(seen: np.ndarray, keys: np.ndarray, side: str, step: RollingStep) -> tuple[np.ndarray, np.ndarray]:
    """Places in the ascending `seen` where the window of each of `keys` begins and ends."""
    begin = keys if side == "after" else keys - step.lag_days - step.days + 1
    first = np.searchsorted(seen, begin, side="left")
    last = np.searchsorted(seen, begin + step.days - 1, side="right")
    return first, last


def _summed(values: np.ndarray, first: np.ndarray, last: np.ndarray, is_mean: bool) -> np.ndarray:
    totals = np.concatenate([[0.0], np.cumsum(values)])
    sums, counts = totals[last] - totals[first], last - first
    result = np.full(len(sums), np.nan)
    np.divide(sums, counts if is_mean else 1, out=result, where=counts > 0)
    return result
