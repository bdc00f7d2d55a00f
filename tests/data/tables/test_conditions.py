from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from kgcv.data.tables.conditions import rows_where
from kgcv.errors import DataError

Make = Callable[..., pd.DataFrame]


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ("n > 1", [0, 1, 0]),
        ("n >= 1", [1, 1, 0]),
        ("n < 2", [1, 0, 0]),
        ("n <= 2", [1, 1, 0]),
        ("n == 1", [1, 0, 0]),
        ("n != 1", [0, 1, 0]),
        ("t == a", [1, 0, 0]),
        ("t != a", [0, 1, 0]),
        ("t == z", [0, 0, 0]),
        ("t != z", [1, 1, 0]),
        ("d >= 2015-02-01", [0, 1, 0]),
        ("d != 2015-02-01", [1, 0, 0]),
    ],
)
def test_rows_that_meet_a_condition_and_a_missing_value_never_does(
    make_frame: Make, condition: str, met: list[int]
) -> None:
    frame = make_frame(n=[1, 2, ""], t=["a", "b", ""], d=["2015-01-01", "2015-02-01", ""])
    assert rows_where(frame, [condition]).tolist() == [bool(mark) for mark in met]


def test_all_conditions_must_hold_and_none_means_all_rows(make_frame: Make) -> None:
    frame = make_frame(n=[1, 2, 3])
    assert rows_where(frame, ["n > 1", "n < 3"]).tolist() == [False, True, False]
    assert rows_where(frame, []).tolist() == [True, True, True]


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("t == 0", r"^t == 0: the column holds texts; write t == '0'$"),
        ("t > a", r"^t > 'a': the column holds texts, which == and != compare"),
        ("n == a", r"^n == 'a': the column holds numbers; compare it with a number$"),
        ("d > 5", r"^d > 5: the column holds dates; compare it with one such as 2015-07-31$"),
        ("d > soon", r"^d > 'soon': the column holds dates"),
        ("x > 5", r"^no column 'x'; the columns are 'n', 't', 'd'$"),
    ],
)
def test_things_of_different_kinds_are_not_compared(make_frame: Make, condition: str, problem: str) -> None:
    frame = make_frame(n=[1, 2], t=["a", "0"], d=["2015-01-01", "2015-02-01"])
    with pytest.raises(DataError, match=problem):
        rows_where(frame, [condition])
