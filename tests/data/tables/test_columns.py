from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kgcv.data.tables.columns import (
    column_of,
    dates_from_days,
    dates_of,
    days_of,
    kind_of,
    narrowed,
    numbers_of,
    spread,
    text_column,
    typed,
    with_columns,
)
from kgcv.errors import DataError


@pytest.mark.parametrize(
    ("texts", "kind", "dtype"),
    [
        (["1", "2"], "numbers", "int8"),
        (["1", "-200"], "numbers", "int16"),
        (["70000"], "numbers", "int32"),
        (["5000000000"], "numbers", "int64"),
        (["1", ""], "numbers", "float32"),
        (["0.5", "2.", ".25", "-1e3"], "numbers", "float32"),
        (["0.1"], "numbers", "float64"),
        (["", ""], "numbers", "float32"),
        (["007", "12"], "texts", "category"),
        (["1", "x"], "texts", "category"),
        (["nan", "1"], "texts", "category"),
        (["inf"], "texts", "category"),
        (["1_000"], "texts", "category"),
        (["9007199254740992"], "texts", "category"),
        (["True", "False"], "texts", "category"),
        (["2015-07-31", ""], "dates", "datetime64[s]"),
        (["2015-07-31 23:59", "2015-07-31T23:59:58"], "dates", "datetime64[s]"),
        (["2015-7-31"], "texts", "category"),
        (["31.07.2015"], "texts", "category"),
    ],
)
def test_a_column_holds_what_all_its_texts_spell(texts: list[str], kind: str, dtype: str) -> None:
    column = pd.Series(typed(text_column(np.arange(len(texts)), texts)))
    assert (kind_of(column), str(column.dtype)) == (kind, dtype)
    assert column.isna().tolist() == [not text for text in texts]


def test_a_day_that_the_calendar_lacks_is_an_error() -> None:
    with pytest.raises(DataError, match=r"^'2015-02-30' is no date of the calendar$"):
        typed(text_column(np.arange(1), ["2015-02-30"]))


def test_equal_texts_become_one_and_are_sorted() -> None:
    column = text_column(np.array([0, 1, 2, -1, 3]), ["b", "a", "b", None])
    assert list(column.categories) == ["a", "b"]
    assert column.codes.tolist() == [1, 0, 1, -1, -1]


@pytest.mark.parametrize(
    ("numbers", "dtype"),
    [
        ([127], "int8"),
        ([-128], "int8"),
        ([128], "int16"),
        ([-32769], "int32"),
        ([2**31], "int64"),
        ([0.5, np.nan], "float32"),
        ([0.1], "float64"),
        ([1e39], "float64"),
        ([2.0**25 + 1], "float64"),
        ([True], "int8"),
        (np.array([], dtype=np.int64), "int8"),
    ],
)
def test_numbers_are_kept_in_the_smallest_type_that_holds_them_exactly(numbers: list[float], dtype: str) -> None:
    before = np.array(numbers)
    after = narrowed(before)
    assert str(after.dtype) == dtype
    assert np.array_equal(after.astype(np.float64), before.astype(np.float64), equal_nan=True)


def test_a_column_of_another_kind_is_an_error_that_shows_what_it_holds() -> None:
    texts = text_column(np.arange(3), ["1", "two", "3"])
    frame = pd.DataFrame({"a": texts, "b": [1, 2, 3]})
    with pytest.raises(DataError, match=r"^column 'a' holds texts, not numbers, such as 'two'$"):
        numbers_of(frame, "a")
    with pytest.raises(DataError, match=r"^column 'b' holds numbers, not dates$"):
        dates_of(frame, "b")
    with pytest.raises(DataError, match=r"^no column 'c'; the columns are 'a', 'b'$"):
        column_of(frame, "c")


def test_a_column_is_never_overwritten_by_a_new_one() -> None:
    frame = pd.DataFrame({"a": [1]})
    with pytest.raises(DataError, match=r"^there already is a column 'a'; choose another name, or drop it before$"):
        with_columns(frame, {"a": np.array([2])})


def test_spread_gives_gaps_where_a_code_is_missing() -> None:
    assert spread(np.array([5, 6]), np.array([1, 0])).dtype == np.int64
    assert np.array_equal(spread(np.array([5, 6]), np.array([1, -1])), [6, np.nan], equal_nan=True)
    assert np.isnat(spread(np.array(["2015-01-01"], dtype="datetime64[s]"), np.array([-1]))).all()


def test_days_and_dates() -> None:
    dates = np.array(["1970-01-02", "1969-12-31T23:00:00"], dtype="datetime64[s]")
    assert days_of(dates).tolist() == [1, -1]
    back = dates_from_days(np.array([1.0, np.nan]))
    assert str(back[0])[:10] == "1970-01-02"
    assert np.isnat(back[1])


def test_a_hundred_columns_come_without_a_complaint_of_pandas() -> None:
    frame = pd.DataFrame({"a": [1, 2]})
    for number in range(150):
        frame = with_columns(frame, {f"c{number}": np.array([number, number])})
    assert frame.shape == (2, 151)
