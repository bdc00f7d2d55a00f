from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pandas as pd
import pytest

from kgcv.config.calendar_steps import (
    DatePart,
    DatePartsStep,
    IsoWeekDateStep,
    MonthDayDateStep,
    ReadDateStep,
    WeekStartStep,
)
from kgcv.data.tables.calendar import date_parts, iso_week_date, month_day_date, read_date, week_start
from kgcv.errors import DataError

Make = Callable[..., pd.DataFrame]
Cells = Callable[[pd.DataFrame, str], list[Any]]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        # 29 December 2014 is a Monday, 1 January 2016 a Friday, 29 February 2016 a Monday.
        ("Year", [2014, 2016, 2016]),
        ("IsoYear", [2015, 2015, 2016]),
        ("Week", [1, 53, 9]),
        ("Month", [12, 1, 2]),
        ("Day", [29, 1, 29]),
        ("Dayofweek", [0, 4, 0]),
        ("Dayofyear", [363, 1, 60]),
        ("Is_month_end", [0, 0, 1]),
        ("Is_month_start", [0, 1, 0]),
        ("Is_quarter_end", [0, 0, 0]),
        ("Is_quarter_start", [0, 1, 0]),
        ("Is_year_end", [0, 0, 0]),
        ("Is_year_start", [0, 1, 0]),
        ("Elapsed", [16433, 16801, 16860]),
        ("Hour", [0, 0, 0]),
        ("Minute", [0, 0, 0]),
        ("Second", [0, 0, 0]),
    ],
)
def test_parts_of_dates(make_frame: Make, cells: Cells, part: DatePart, expected: list[int]) -> None:
    frame = make_frame(d=["2014-12-29", "2016-01-01", "2016-02-29"])
    made = date_parts(frame, DatePartsStep(step="date_parts", column="d", parts=(part,)))
    assert cells(made, part) == expected


def test_parts_of_a_missing_date_are_missing_and_a_prefix_stands_before_them(make_frame: Make, cells: Cells) -> None:
    frame = make_frame(d=["2014-12-29 23:59:58", ""])
    parts: tuple[DatePart, ...] = ("Hour", "Minute", "Second", "IsoYear", "Week")
    made = date_parts(frame, DatePartsStep(step="date_parts", column="d", parts=parts, prefix="d_"))
    assert [cells(made, f"d_{part}") for part in parts] == [
        [23, None],
        [59, None],
        [58, None],
        [2015, None],
        [1, None],
    ]


def test_every_part_that_a_config_may_name_can_be_made(make_frame: Make) -> None:
    parts = get_args(DatePart)
    made = date_parts(make_frame(d=["2014-12-29"]), DatePartsStep(step="date_parts", column="d", parts=parts))
    assert list(made.columns) == ["d", *parts]


@pytest.mark.parametrize(
    ("first_day", "weeks_back", "expected"),
    [
        # 2015-03-01 is a Sunday.
        ("sunday", 0, ["2015-02-22", "2015-03-01", "2015-03-01", None]),
        ("monday", 0, ["2015-02-23", "2015-02-23", "2015-03-02", None]),
        ("sunday", 1, ["2015-02-15", "2015-02-22", "2015-02-22", None]),
    ],
)
def test_the_first_day_of_the_week(
    make_frame: Make, cells: Cells, first_day: Any, weeks_back: int, expected: list[str | None]
) -> None:
    frame = make_frame(d=["2015-02-28", "2015-03-01", "2015-03-02", ""])
    step = WeekStartStep(step="week_start", column="d", first_day=first_day, weeks_back=weeks_back, name="w")
    assert cells(week_start(frame, step), "w") == expected


def test_the_date_of_an_iso_week(make_frame: Make, cells: Cells) -> None:
    # 2009 and 2015 have 53 weeks; week 1 of 2015 begins in 2014.
    frame = make_frame(y=[2015, 2009, 2015, "", 2011], w=[1, 53, 53, 5, ""])
    monday = iso_week_date(frame, IsoWeekDateStep(step="iso_week_date", year="y", week="w", name="d"))
    assert cells(monday, "d") == ["2014-12-29", "2009-12-28", "2015-12-28", None, None]
    sunday = iso_week_date(frame, IsoWeekDateStep(step="iso_week_date", year="y", week="w", weekday=7, name="d"))
    assert cells(sunday, "d")[:2] == ["2015-01-04", "2010-01-03"]


@pytest.mark.parametrize(("year", "week"), [(2014, 53), (2015, 54), (2015, 0), (2015, 1.5)])
def test_a_week_that_the_year_lacks_is_an_error(make_frame: Make, year: int, week: float) -> None:
    step = IsoWeekDateStep(step="iso_week_date", year="y", week="w", name="d")
    with pytest.raises(DataError, match=rf"^columns 'y' and 'w' name no ISO week: {year} {week:g}$"):
        iso_week_date(make_frame(y=[year, 2015], w=[week, 1]), step)


def test_the_date_of_a_day_of_a_month(make_frame: Make, cells: Cells) -> None:
    frame = make_frame(y=[2015, 1961, "", 2011], m=[12, 1, 5, ""])
    step = MonthDayDateStep(step="month_day_date", year="y", month="m", day=15, name="d")
    assert cells(month_day_date(frame, step), "d") == ["2015-12-15", "1961-01-15", None, None]


@pytest.mark.parametrize("month", [0, 13, 1.5])
def test_a_month_that_does_not_exist_is_an_error(make_frame: Make, month: float) -> None:
    step = MonthDayDateStep(step="month_day_date", year="y", month="m", name="d")
    with pytest.raises(DataError, match=rf"^columns 'y' and 'm' name no month: 2015 {month:g}$"):
        month_day_date(make_frame(y=[2015, 2014], m=[month, 3]), step)


@pytest.mark.parametrize(
    ("texts", "form", "expected"),
    [
        (["31.07.2015", "", "1.8.2015"], "%d.%m.%Y", ["2015-07-31", None, "2015-08-01"]),
        (["20150731", "20150801", ""], "%Y%m%d", ["2015-07-31", "2015-08-01", None]),
        (["20150731", "20150801"], "%Y%m%d", ["2015-07-31", "2015-08-01"]),
        (["7/31/15 1:05 PM"], "%m/%d/%y %I:%M %p", ["2015-07-31 13:05:00"]),
    ],
)
def test_dates_in_other_forms(make_frame: Make, cells: Cells, texts: list[str], form: str, expected: list[Any]) -> None:
    frame = make_frame(d=texts)
    assert cells(read_date(frame, ReadDateStep(step="read_date", column="d", format=form)), "d") == expected


def test_a_date_in_yet_another_form_is_named(make_frame: Make) -> None:
    frame = make_frame(d=["31.07.2015", "31.13.2015", "soon"])
    with pytest.raises(DataError, match=r"^column 'd': not written as %d\.%m\.%Y: '31\.13\.2015', 'soon'$"):
        read_date(frame, ReadDateStep(step="read_date", column="d", format="%d.%m.%Y"))
