from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from kgcv.config.table_steps import JoinStep
from kgcv.data.tables.joins import join
from kgcv.errors import DataError

Make = Callable[..., pd.DataFrame]
Cells = Callable[[pd.DataFrame, str], list[Any]]


def step(**keys: Any) -> JoinStep:
    return JoinStep(step="join", right="other", **keys)


def test_rows_keep_their_order_and_get_the_cells_of_their_key(make_frame: Make, cells: Cells) -> None:
    left = make_frame(shop=[3, 1, 2, 1, ""], y=[5, 6, 7, 8, 9])
    right = make_frame(shop=[1, 3, ""], town=["a", "b", "c"], size=[10, 20, 30], since=["2015-01-02", "", ""])
    joined, unmatched = join(left, right, step(on=("shop",)))
    assert list(joined.columns) == ["shop", "y", "town", "size", "since"]
    assert cells(joined, "y") == [5, 6, 7, 8, 9]
    assert cells(joined, "town") == ["b", "a", None, "a", None]
    assert cells(joined, "size") == [20, 10, None, 10, None]
    assert cells(joined, "since") == [None, "2015-01-02", None, "2015-01-02", None]
    assert unmatched == 2


def test_numbers_without_gaps_stay_whole(make_frame: Make) -> None:
    joined, unmatched = join(make_frame(a=[2, 1]), make_frame(a=[1, 2], b=[10, 20]), step(on=("a",)))
    assert (joined["b"].tolist(), str(joined["b"].dtype), unmatched) == ([20, 10], "int8", 0)


@pytest.mark.parametrize(
    ("state", "day", "expected"),
    [("b", "2015-01-02", 4), ("a", "2015-01-01", 1), ("c", "2015-01-01", None), ("a", "2015-01-03", None)],
)
def test_a_key_of_several_columns(make_frame: Make, cells: Cells, state: str, day: str, expected: int | None) -> None:
    right = make_frame(
        State=["a", "a", "b", "b"],
        Date=["2015-01-01", "2015-01-02", "2015-01-01", "2015-01-02"],
        rain=[1, 2, 3, 4],
    )
    left = make_frame(state=[state, "a"], when=[day, "2015-01-02"])
    joined, _ = join(left, right, step(left_on=("state", "when"), right_on=("State", "Date")))
    assert cells(joined, "rain") == [expected, 2]


def test_a_key_matches_by_value_whatever_type_holds_it(make_frame: Make, cells: Cells) -> None:
    left = make_frame(a=[1, "", 300])  # float32
    right = make_frame(a=[300, 1], b=["x", "y"])  # int16
    assert cells(join(left, right, step(on=("a",)))[0], "b") == ["y", None, "x"]


def test_only_some_columns_and_a_suffix_for_each(make_frame: Make) -> None:
    left, right = make_frame(a=[1], trend=[5]), make_frame(a=[1], trend=[7], other=[8])
    joined, _ = join(left, right, step(on=("a",), columns=("trend",), suffix="_DE"))
    assert joined.to_dict("list") == {"a": [1], "trend": [5], "trend_DE": [7]}
    with pytest.raises(DataError, match=r"^there already is a column 'trend'"):
        join(left, right, step(on=("a",)))
    with pytest.raises(DataError, match=r"^no column 'none'; the columns are 'a', 'trend', 'other'$"):
        join(left, right, step(on=("a",), columns=("none",)))


def test_doubled_keys_on_the_right_are_named(make_frame: Make) -> None:
    right = make_frame(a=[1, 2, 1, 2, 3], b=["x", "y", "x", "z", "x"], c=[1, 2, 3, 4, 5])
    with pytest.raises(DataError, match=r"more than once in the table on the right \(1\): a=1 b=x; each may"):
        join(make_frame(a=[1], b=["x"]), right, step(on=("a", "b")))


def test_missing_keys_on_the_right_may_be_doubled_for_they_meet_nothing(make_frame: Make, cells: Cells) -> None:
    right = make_frame(a=["", "", 1], b=[5, 6, 7])
    joined, unmatched = join(make_frame(a=["", 1]), right, step(on=("a",)))
    assert (cells(joined, "b"), unmatched) == ([None, 7], 1)


def test_rows_without_a_partner_are_an_error_if_so_asked(make_frame: Make) -> None:
    left, right = make_frame(a=[1, 2, 2, 3]), make_frame(a=[1], b=[1])
    with pytest.raises(DataError, match=r"^3 of 4 rows have no partner in other: a=2, a=3$"):
        join(left, right, step(on=("a",), unmatched="error"))
    assert join(left, right, step(on=("a",)))[1] == 3


def test_keys_of_different_kinds_are_an_error(make_frame: Make) -> None:
    with pytest.raises(DataError, match=r"^the keys 'a' and 'a' hold numbers and texts$"):
        join(make_frame(a=[1]), make_frame(a=["x"], b=[1]), step(on=("a",)))


def test_a_table_whose_keys_are_all_missing_meets_nothing(make_frame: Make, cells: Cells) -> None:
    joined, unmatched = join(make_frame(a=[1]), make_frame(a=[""], b=[1]), step(on=("a",)))
    assert (cells(joined, "b"), unmatched) == ([None], 1)
