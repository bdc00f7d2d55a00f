"""Dates: their parts, weeks, differences, and dates from years with months or weeks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from kgcv.config.calendar_steps import DatePartsStep, IsoWeekDateStep, MonthDayDateStep, ReadDateStep, WeekStartStep
from kgcv.data.tables.columns import (
    SECONDS_A_DAY,
    column_of,
    dates_from_days,
    dates_of,
    days_of,
    numbers_of,
    spread,
    with_columns,
    with_replaced,
)
from kgcv.errors import DataError, listed

_SINCE_WEEK_BEGAN = {"monday": 3, "sunday": 4}
"""Days from the first day of a week to 1 January 1970, a Thursday."""

_PARTS: dict[str, Callable[[pd.DatetimeIndex], pd.Index | np.ndarray]] = {
    "Year": lambda dates: dates.year,
    "IsoYear": lambda dates: dates.isocalendar()["year"].to_numpy(dtype=np.int64),
    "Month": lambda dates: dates.month,
    "Week": lambda dates: dates.isocalendar()["week"].to_numpy(dtype=np.int64),
    "Day": lambda dates: dates.day,
    "Dayofweek": lambda dates: dates.day_of_week,
    "Dayofyear": lambda dates: dates.day_of_year,
    "Is_month_end": lambda dates: dates.is_month_end,
    "Is_month_start": lambda dates: dates.is_month_start,
    "Is_quarter_end": lambda dates: dates.is_quarter_end,
    "Is_quarter_start": lambda dates: dates.is_quarter_start,
    "Is_year_end": lambda dates: dates.is_year_end,
    "Is_year_start": lambda dates: dates.is_year_start,
    "Elapsed": lambda dates: days_of(dates.to_numpy()),
    "Hour": lambda dates: dates.hour,
    "Minute": lambda dates: dates.minute,
    "Second": lambda dates: dates.second,
}


def read_date(frame: pd.DataFrame, step: ReadDateStep) -> pd.DataFrame:
    """`frame` with a column of texts (or whole numbers such as 20150731) read as dates.

    Raises:
        DataError: there is no such column, it already holds dates, or values are not written as `step.format` says.
    """
    codes, values = pd.factorize(column_of(frame, step.column))
    texts = pd.Series([f"{value:.0f}" if isinstance(value, float) else str(value) for value in values], dtype="str")
    dates = pd.to_datetime(texts, format=step.format, errors="coerce")
    if strays := [repr(text) for text in texts[dates.isna()]]:
        raise DataError(f"column {step.column!r}: not written as {step.format}: {listed(strays)}")
    return with_replaced(frame, {step.column: spread(dates.to_numpy(dtype="datetime64[s]"), codes)})


def date_parts(frame: pd.DataFrame, step: DatePartsStep) -> pd.DataFrame:
    """`frame` with parts of a date; they are missing where it is.

    Raises:
        DataError: the column is missing or holds no dates, or a part's column is already there.
    """
    codes, dates = pd.factorize(dates_of(frame, step.column))
    index = pd.DatetimeIndex(dates)
    parts = {step.prefix + part: np.asarray(_PARTS[part](index)) for part in step.parts}
    return with_columns(frame, {name: spread(values, codes) for name, values in parts.items()})


def week_start(frame: pd.DataFrame, step: WeekStartStep) -> pd.DataFrame:
    """`frame` with the first day of each date's week, or of an earlier one.

    Raises:
        DataError: the column is missing or holds no dates, or the new one is already there.
    """
    codes, dates = pd.factorize(dates_of(frame, step.column))
    days = days_of(dates)
    first = days - (days + _SINCE_WEEK_BEGAN[step.first_day]) % 7 - 7 * step.weeks_back
    return with_columns(frame, {step.name: spread(dates_from_days(first.astype(np.float64)), codes)})


def iso_week_date(frame: pd.DataFrame, step: IsoWeekDateStep) -> pd.DataFrame:
    """`frame` with the date of a weekday in the ISO week of each row.

    Raises:
        DataError: columns are missing or hold no numbers, or a year does not have a week.
    """
    years, weeks = numbers_of(frame, step.year), numbers_of(frame, step.week)
    # The fourth of January is in the first week of its year (ISO 8601).
    fourth = _days_of_months(years, np.ones(len(frame))) + 3
    first_monday = fourth - (fourth + _SINCE_WEEK_BEGAN["monday"]) % 7
    monday = first_monday + 7 * (weeks - 1)
    # A week belongs to the year of its Thursday.
    thursday_year = 1970 + dates_from_days(monday + 3).astype("datetime64[Y]").astype(np.int64)
    is_wrong = ~np.isnan(monday) & ((thursday_year != years) | (weeks != np.floor(weeks)))
    _refuse(frame, is_wrong, (step.year, step.week), "no ISO week")
    return with_columns(frame, {step.name: dates_from_days(monday + step.weekday - 1)})


def month_day_date(frame: pd.DataFrame, step: MonthDayDateStep) -> pd.DataFrame:
    """`frame` with the date of a day in the month of each row.

    Raises:
        DataError: columns are missing or hold no numbers, or there is no such month.
    """
    years, months = numbers_of(frame, step.year), numbers_of(frame, step.month)
    is_wrong = (months < 1) | (months > 12) | (months != np.floor(months)) | (years != np.floor(years))
    _refuse(frame, is_wrong & ~np.isnan(years + months), (step.year, step.month), "no month")
    return with_columns(frame, {step.name: dates_from_days(_days_of_months(years, months) + step.day - 1)})


def date_difference(frame: pd.DataFrame, of: str, minus: str) -> np.ndarray:
    """Days from the dates in column `minus` to those in `of`, `(N,)` float64, NaN where one is missing.

    Raises:
        DataError: a column is missing or holds no dates.
    """
    later, earlier = dates_of(frame, of), dates_of(frame, minus)
    seconds = (later - earlier).astype(np.float64)
    seconds[np.isnat(later) | np.isnat(earlier)] = np.nan
    days: np.ndarray = seconds / SECONDS_A_DAY
    return days


def _days_of_months(years: np.ndarray, months: np.ndarray) -> np.ndarray:
    """Days from 1 January 1970 to the first of each month, float64, NaN where a part is."""
    count = (years - 1970) * 12 + months - 1
    is_known = ~np.isnan(count)
    days = np.full(len(count), np.nan)
    days[is_known] = days_of(count[is_known].astype(np.int64).astype("datetime64[M]"))
    return days


def _refuse(frame: pd.DataFrame, is_wrong: np.ndarray, columns: tuple[str, str], what: str) -> None:
    if is_wrong.any():
        pairs = frame.loc[is_wrong, list(columns)].drop_duplicates()
        shown = [f"{first:g} {second:g}" for first, second in zip(pairs[columns[0]], pairs[columns[1]], strict=True)]
        raise DataError(f"columns {columns[0]!r} and {columns[1]!r} name {what}: {listed(shown)}")
