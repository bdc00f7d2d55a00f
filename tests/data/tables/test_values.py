from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kgcv.config.number_steps import ClipStep, DifferenceStep, DivideStep, FillStep, FlagStep, LogStep
from kgcv.config.table_steps import DropStep, ExtractStep, KeepStep, MapStep
from kgcv.data.tables import values
from kgcv.errors import DataError

Make = Callable[..., pd.DataFrame]
Cells = Callable[[pd.DataFrame, str], list[Any]]


def test_difference_of_numbers_and_of_dates_in_days(make_frame: Make, cells: Cells) -> None:
    frame = make_frame(a=[100, 5, ""], b=[-100, 7, 1], d=["2015-03-01", "", "2015-01-01 12:00"], e=["2015-02-01"] * 3)
    numbers = values.difference(frame, DifferenceStep(step="difference", of="a", minus="b", name="c"))
    assert cells(numbers, "c") == [200, -2, None]  # 200 is beyond the int8 that a and b are kept in
    dates = values.difference(frame, DifferenceStep(step="difference", of="d", minus="e", name="c"))
    assert cells(dates, "c") == [28, None, -30.5]
    with pytest.raises(DataError, match=r"^column 'a' holds numbers, not dates$"):
        values.difference(frame, DifferenceStep(step="difference", of="d", minus="a", name="c"))


def test_divide(make_frame: Make, cells: Cells) -> None:
    frame = make_frame(a=[59, 60, -1, ""])
    whole = values.divide(frame, DivideStep(step="divide", column="a", by=30, floor=True, name="b"))
    assert cells(whole, "b") == [1, 2, -1, None]
    parts = values.divide(frame, DivideStep(step="divide", column="a", by=4, name="b"))
    assert cells(parts, "b") == [14.75, 15, -0.25, None]


@pytest.mark.parametrize(
    ("least", "most", "expected"),
    [(0, None, [0, 3, 9, None]), (None, 4, [-5, 3, 4, None]), (0, 4, [0, 3, 4, None]), (3, 3, [3, 3, 3, None])],
)
def test_clip(make_frame: Make, cells: Cells, least: float | None, most: float | None, expected: list[Any]) -> None:
    frame = make_frame(a=[-5, 3, 9, ""], b=[1, 1, 1, 1])
    clipped = values.clip(frame, ClipStep(step="clip", columns=("a",), least=least, most=most))
    assert cells(clipped, "a") == expected
    assert cells(frame, "a") == [-5, 3, 9, None]


def test_log_of_one_plus(make_frame: Make, cells: Cells) -> None:
    logged = values.log(make_frame(a=[0, 9, ""]), LogStep(step="log", columns=("a",)))
    assert cells(logged, "a") == [0, pytest.approx(math.log(10)), None]
    with pytest.raises(DataError, match=r"^column 'a' goes down to -1; 1 \+ value must be above 0$"):
        values.log(make_frame(a=[0, -1]), LogStep(step="log", columns=("a",)))


@pytest.mark.parametrize(
    ("how", "expected"), [({"value": -1}, -1), ({"by": "mean"}, 4), ({"by": "median"}, 2), ({"value": 0.5}, 0.5)]
)
def test_fill_learns_from_training_rows_alone(make_frame: Make, cells: Cells, how: Any, expected: float) -> None:
    frame = make_frame(a=[1, 2, 9, "", 1000], b=[1, 1, 1, 1, ""])
    is_train = np.array([True, True, True, True, False])
    filled = values.fill(frame, FillStep(step="fill", columns=("a", "b"), flag=True, **how), is_train)
    assert cells(filled, "a") == [1, 2, 9, expected, 1000]
    assert cells(filled, "a_na") == [0, 0, 0, 1, 0]
    assert cells(filled, "b_na") == [0, 0, 0, 0, 1]
    assert cells(frame, "a") == [1, 2, 9, None, 1000]


def test_fill_of_texts(make_frame: Make, cells: Cells) -> None:
    frame = make_frame(a=["x", "", "z"])
    filled = values.fill(frame, FillStep(step="fill", columns=("a",), text="none"), np.ones(3, dtype=bool))
    assert cells(filled, "a") == ["x", "none", "z"]
    assert list(filled.columns) == ["a"]
    with pytest.raises(DataError, match=r"^column 'a' holds texts, not numbers"):
        values.fill(frame, FillStep(step="fill", columns=("a",), value=0), np.ones(3, dtype=bool))
    with pytest.raises(DataError, match=r"^column 'b' holds numbers, not texts"):
        values.fill(make_frame(b=[1]), FillStep(step="fill", columns=("b",), text="none"), np.ones(1, dtype=bool))


def test_there_is_no_mean_of_nothing(make_frame: Make) -> None:
    with pytest.raises(DataError, match=r"^column 'a' has no value in the training rows, so it has no mean$"):
        values.fill(make_frame(a=["", 5]), FillStep(step="fill", columns=("a",), by="mean"), np.array([True, False]))


def test_flag(make_frame: Make) -> None:
    frame = make_frame(holiday=["0", "a", ""], n=[1, 1, 1])
    flagged = values.flag(frame, FlagStep(step="flag", where=("holiday != '0'", "n == 1"), name="f"))
    assert flagged["f"].tolist() == [0, 1, 0]
    assert str(flagged["f"].dtype) == "int8"


@pytest.mark.parametrize(("others", "expected"), [("keep", ["z", "z", "c", None]), ("missing", ["z", "z", None, None])])
def test_map(make_frame: Make, cells: Cells, others: Any, expected: list[Any]) -> None:
    frame = make_frame(a=["a", "b", "c", ""])
    mapped = values.map_texts(frame, MapStep(step="map", column="a", values={"a": "z", "b": "z"}, others=others))
    assert cells(mapped, "a") == expected


def test_map_of_a_text_that_does_not_occur_is_an_error(make_frame: Make) -> None:
    step = MapStep(step="map", column="a", values={"x": "z", "a": "b"})
    with pytest.raises(DataError, match=r"^column 'a' holds no 'x'; it holds 'a', 'b'$"):
        values.map_texts(make_frame(a=["a", "b"]), step)


def test_extract_makes_texts_numbers_and_dates(make_frame: Make, cells: Cells) -> None:
    frame = make_frame(a=["G_DE", "G_DE_BY 3 2015-01-02", "", "none"])
    pattern = r"G_DE(?:_(?P<State>\w\w) (?P<n>\d) (?P<day>\S+))?"
    made = values.extract(frame, ExtractStep(step="extract", column="a", pattern=pattern, unmatched="allow"))
    assert cells(made, "State") == [None, "BY", None, None]
    assert cells(made, "n") == [None, 3, None, None]
    assert cells(made, "day") == [None, "2015-01-02", None, None]
    with pytest.raises(DataError, match=r"is not in 1 texts: 'none'$"):
        values.extract(frame, ExtractStep(step="extract", column="a", pattern=pattern))


def test_keep_and_drop(make_frame: Make) -> None:
    frame = make_frame(a=[1, 2, 3], b=["x", "y", "x"])
    kept = values.keep(frame, KeepStep(step="keep", table="t", where=("b == x",)))
    assert kept.to_dict("list") == {"a": [1, 3], "b": ["x", "x"]}
    assert list(kept.index) == [0, 1]
    with pytest.raises(DataError, match=r"^no row meets the conditions$"):
        values.keep(frame, KeepStep(step="keep", table="t", where=("a > 9",)))
    assert list(values.drop(frame, DropStep(step="drop", columns=("a",))).columns) == ["b"]
    with pytest.raises(DataError, match=r"^no column 'c'"):
        values.drop(frame, DropStep(step="drop", columns=("c",)))
