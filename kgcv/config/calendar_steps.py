"""The steps of `features` that know the calendar: dates, events and windows of days, key by key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Le, MinLen

from kgcv.config.bounds import STRICT, AtLeastOne, Count, WrongKeysError
from kgcv.config.table_steps import ROWS, Columns

DatePart = Literal[
    "Year",
    "IsoYear",
    "Month",
    "Week",
    "Day",
    "Dayofweek",
    "Dayofyear",
    "Is_month_end",
    "Is_month_start",
    "Is_quarter_end",
    "Is_quarter_start",
    "Is_year_end",
    "Is_year_start",
    "Elapsed",
    "Hour",
    "Minute",
    "Second",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadDateStep:
    """A column of text becomes dates. Columns like 2015-07-31 or 2015-07-31 23:59:00 already are."""

    __pydantic_config__ = STRICT

    step: Literal["read_date"]
    """Names the step."""
    table: str = ROWS
    """Table with the column."""
    column: str
    """Column that is replaced."""
    format: str
    """How its texts are written, in the codes of strptime: `%d.%m.%Y`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatePartsStep:
    """Parts of a date, named as the course's `add_datepart` names them."""

    __pydantic_config__ = STRICT

    step: Literal["date_parts"]
    """Names the step."""
    table: str = ROWS
    """Table with the column."""
    column: str
    """Column with dates."""
    parts: Annotated[tuple[DatePart, ...], MinLen(1)]
    """`Week` is the ISO week (1 to 53) and belongs to `IsoYear`: 29 December 2014 is in week 1 of 2015. `Dayofweek`
    is 0 on Monday; `Elapsed` counts days from 1 January 1970."""
    prefix: str = ""
    """What is put before the name of each part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekStartStep:
    """The first day of the week that a date is in."""

    __pydantic_config__ = STRICT

    step: Literal["week_start"]
    """Names the step."""
    table: str = ROWS
    """Table with the column."""
    column: str
    """Column with dates."""
    first_day: Literal["monday", "sunday"] = "monday"
    """Day on which weeks begin."""
    weeks_back: Count = 0
    """Take an earlier week: 1 is the last one that was complete on the date."""
    name: str
    """Column that is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IsoWeekDateStep:
    """The date of a day of an ISO week, from columns with its year and number."""

    __pydantic_config__ = STRICT

    step: Literal["iso_week_date"]
    """Names the step."""
    table: str = ROWS
    """Table with the columns."""
    year: str
    """Column with the ISO year."""
    week: str
    """Column with the ISO week, 1 to 53."""
    weekday: Annotated[int, Ge(1), Le(7)] = 1
    """Day of the week, 1 on Monday."""
    name: str
    """Column that is made; missing where a part is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthDayDateStep:
    """The date of a day of a month, from columns with its year and month."""

    __pydantic_config__ = STRICT

    step: Literal["month_day_date"]
    """Names the step."""
    table: str = ROWS
    """Table with the columns."""
    year: str
    """Column with the year."""
    month: str
    """Column with the month, 1 to 12."""
    day: Annotated[int, Ge(1), Le(28)] = 1
    """Day of the month; 15 stands for a month as a whole."""
    name: str
    """Column that is made; missing where a part is."""


def _unknowable(step: ElapsedStep | RollingStep, ahead: str) -> list[tuple[str, str]]:
    """Keys by which a step would see what is not known on the day of a row, or that do nothing."""
    if step.calendar:
        text = "does nothing with calendar: true; what is known in advance needs no lag"
        return [("lag_days", text)] if step.lag_days else []
    problems = []
    if ahead in step.sides:
        text = f"{ahead} looks ahead; add calendar: true if the columns are known in advance, as a calendar is"
        problems.append(("sides", text))
    if not step.lag_days:
        text = "needs at least 1, or a row sees its own value; add calendar: true if that is known in advance"
        problems.append(("lag_days", text))
    return problems


@dataclass(frozen=True, slots=True, kw_only=True)
class ElapsedStep:
    """Days since the last event of a group and to its next one; missing where there is none.

    Makes `COLUMN_days_since` and `COLUMN_days_to`, 0 or more. A row is an event where the column is a number other
    than 0.
    """

    __pydantic_config__ = STRICT

    step: Literal["elapsed"]
    """Names the step."""
    table: str = ROWS
    """Table with the columns."""
    columns: Columns
    """Columns that tell the events."""
    group: tuple[str, ...] = ()
    """Columns whose values make the groups; one group of all if not given."""
    date: str | None = None
    """Column with dates; `data.date_column` if not given."""
    sides: Annotated[tuple[Literal["since", "to"], ...], MinLen(1)] = ("since", "to")
    """Which of the two to make; `to` needs `calendar`."""
    calendar: bool = False
    """The columns are known in advance, as holidays are, so all of `rows` is looked at; otherwise only rows of
    `train`."""
    lag_days: Count = 0
    """Look only at what is at least this many days old."""

    def __post_init__(self) -> None:
        if problems := _unknowable(self, "to"):
            raise WrongKeysError(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollingStep:
    """Sums or means over a window of days in a group, whatever number of rows it has.

    Makes `COLUMN_sum_before_7` and the like, with `_lag_42` behind where there is a lag. Missing values do not
    count; a window without any other is missing.
    """

    __pydantic_config__ = STRICT

    step: Literal["rolling"]
    """Names the step."""
    table: str = ROWS
    """Table with the columns."""
    columns: Columns
    """Columns with numbers."""
    group: tuple[str, ...] = ()
    """Columns whose values make the groups; one group of all if not given."""
    date: str | None = None
    """Column with dates; `data.date_column` if not given."""
    days: AtLeastOne
    """Length of the window, the row's own day included."""
    sides: Annotated[tuple[Literal["before", "after"], ...], MinLen(1)] = ("before",)
    """`before`: the window ends with the row's day; `after`: it begins with it, and needs `calendar`."""
    how: Literal["sum", "mean"] = "sum"
    """What is made of the values in the window."""
    calendar: bool = False
    """The columns are known in advance, as promotions are, so all of `rows` is looked at; otherwise only rows of
    `train`."""
    lag_days: Count = 0
    """Move the window this many days into the past."""

    def __post_init__(self) -> None:
        if problems := _unknowable(self, "after"):
            raise WrongKeysError(problems)
