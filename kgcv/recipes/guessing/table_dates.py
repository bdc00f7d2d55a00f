"""The dates of rows: how they are written, and whether the rows to predict come after the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kgcv.config.calendar_steps import DatePart, DatePartsStep, ReadDateStep
from kgcv.data.tables.columns import days_of, kind_of
from kgcv.recipes.guessing.guess import Guess, Instead, counted

PARTS: tuple[DatePart, ...] = ("Year", "Month", "Week", "Day", "Dayofweek")
"""What of a date is learned from."""

_FORMATS = ("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d-%m-%Y")
"""Ways to write dates that are not those of kgcv, which every text must fit."""

PART_THAT_VALIDATES = 5
"""A fifth of the days, where the rows to predict span more."""


@dataclass(frozen=True, slots=True)
class DateColumn:
    """A column of dates, none missing."""

    name: str
    step: ReadDateStep | None
    """The step that reads it, where it is written in another way than kgcv's own."""


def find_dates(rows: pd.DataFrame, shared: Iterable[str]) -> DateColumn | None:
    """The date of each row; the first of several columns. None if there is none."""
    for name in shared:
        column = rows[name]
        if column.isna().any():
            continue
        if kind_of(column) == "dates":
            return DateColumn(name, None)
        form = _format_of(column) if kind_of(column) == "texts" else None
        if form is not None:
            return DateColumn(name, ReadDateStep(step="read_date", column=name, format=form))
    return None


def parts_of(date: str, rows: pd.DataFrame) -> DatePartsStep:
    """The step that makes parts of the column `date` of `rows`, under names that are free."""
    has_time = kind_of(rows[date]) == "dates" and bool((rows[date] != rows[date].dt.normalize()).any())
    parts: tuple[DatePart, ...] = (*PARTS, "Hour") if has_time else PARTS
    prefix = f"{date}_" if set(parts) & set(rows.columns) else ""
    return DatePartsStep(step="date_parts", column=date, parts=parts, prefix=prefix)


def guess_time_split(dates: pd.Series, num_train: int) -> tuple[Guess, ...]:
    """The last days validate where the rows to predict come after all others; a draw does elsewhere.

    Args:
        dates: of rows to learn from and, below them, rows to predict.
        num_train: how many are to learn from.
    """
    days = days_of(dates.to_numpy(dtype="datetime64[s]"))
    train, test = days[:num_train], days[num_train:]
    if not len(test) or test.min() <= train.max():
        other = Instead("last_days", "with split.days, if the future is asked for all the same")
        return (Guess("split.kind", "holdout", "rows to predict lie among the days of the others", (other,)),)
    asked, known = _span(test), _span(train)
    length = min(asked, max(known // PART_THAT_VALIDATES, 1))
    after = f"rows to predict are of {_day(test.min())} to {_day(test.max())}, the others end on {_day(train.max())}"
    other = Instead("forward", "with num_folds: 3, for folds of later and later days")
    because = f"{counted(asked, 'day')} are to be predicted"
    because += "" if length == asked else f", of which a fifth of the {known:,} days to learn from must do"
    return (Guess("split.kind", "last_days", after, (other,)), Guess("split.days", length, because))


def _format_of(column: pd.Series) -> str | None:
    """The one way in which all texts are dates; none if days and months cannot be told apart."""
    texts = pd.Series(column.cat.categories, dtype="str")
    if not texts.str.fullmatch(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}").all():
        return None
    fitting = [form for form in _FORMATS if pd.to_datetime(texts, format=form, errors="coerce").notna().all()]
    return fitting[0] if len(fitting) == 1 else None


def _span(days: np.ndarray) -> int:
    return int(days.max() - days.min()) + 1


def _day(day: int) -> str:
    return str(np.datetime64(int(day), "D"))
