from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kgcv.config.schema import ColumnsConfig
from kgcv.data.tables.encode import Encoding, Scale, Vocabulary, embedding_size, encode_rows, fit_encoding
from kgcv.errors import DataError

Make = Callable[..., pd.DataFrame]


@pytest.fixture
def frame(make_frame: Make) -> pd.DataFrame:
    """Rows 1 and 3 to 5 are to train."""
    return make_frame(
        shop=["z", "b", "", "a", "b", ""],
        year=[2015, 2013, 2015, "", 2011, 2013],
        size=[100, 1, 9, 3, 1, 3],
        same=[1, 7, 7, 7, 7, 7],
    )


TRAIN = np.array([1, 3, 4, 5])
COLUMNS = ColumnsConfig(categories=("shop", "year"), numbers=("size", "same"))


def test_vocabularies_and_scales_are_of_the_rows_that_train(frame: pd.DataFrame) -> None:
    encoding = fit_encoding(frame, TRAIN, COLUMNS)
    # 3 codes each: a missing one and two kinds; half of 3 + 1 is 2.
    assert encoding.categories == (Vocabulary("shop", ("a", "b"), 2), Vocabulary("year", (2011, 2013), 2))
    assert encoding.numbers == (Scale("size", 2.0, 1.0), Scale("same", 7.0, 1.0))


def test_rows_as_a_network_reads_them(frame: pd.DataFrame) -> None:
    rows = encode_rows(frame, fit_encoding(frame, TRAIN, COLUMNS))
    # z and 2015 do not occur among the rows that train, as if they were missing.
    assert rows.codes.tolist() == [[0, 0], [2, 2], [0, 0], [1, 0], [2, 1], [0, 2]]
    assert rows.numbers.tolist() == [[98, -6], [-1, 0], [7, 0], [1, 0], [-1, 0], [1, 0]]
    assert (str(rows.codes.dtype), str(rows.numbers.dtype), len(rows)) == ("int64", "float32", 6)
    assert rows.numbers[TRAIN].mean(axis=0).tolist() == [0, 0]


def test_an_encoding_survives_json_and_encodes_new_rows_alike(frame: pd.DataFrame, make_frame: Make) -> None:
    encoding = fit_encoding(frame, TRAIN, COLUMNS)
    again = Encoding.from_json(json.loads(json.dumps(encoding.to_json())))
    assert again == encoding
    new = make_frame(shop=["b", "new"], year=[2013.0, 1900], size=[2, 3], same=[7, 8])
    rows = encode_rows(new, again)
    assert rows.codes.tolist() == [[2, 2], [0, 0]]
    assert rows.numbers.tolist() == [[0, 0], [1, 1]]


def test_missing_numbers_are_an_error_or_the_mean(make_frame: Make) -> None:
    frame = make_frame(a=[1, "", 3], b=[1, 2, 3])
    strict = fit_encoding(frame, np.arange(3), ColumnsConfig(numbers=("a", "b")))
    with pytest.raises(DataError, match=r"^columns\.numbers: rows without a value in a \(1\); fill them with a step"):
        encode_rows(frame, strict)
    mean = fit_encoding(frame, np.arange(3), ColumnsConfig(numbers=("a", "b"), missing_numbers="mean"))
    assert encode_rows(frame, mean).numbers[:, 0].tolist() == [-1, 0, 1]


def test_a_number_without_any_value_is_an_error(make_frame: Make) -> None:
    with pytest.raises(DataError, match=r"^columns\.numbers: 'a' has no value in the rows that train$"):
        fit_encoding(make_frame(a=["", 1]), np.array([0]), ColumnsConfig(numbers=("a",)))


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"categories": ("none",)}, r"^columns\.categories: no column 'none'; the columns are "),
        ({"numbers": ("none",)}, r"^columns\.numbers: no column 'none'; the columns are "),
        ({"numbers": ("text",)}, r"^columns\.numbers: column 'text' holds texts, not numbers, such as 'x'$"),
        ({"categories": ("day",)}, r"^columns\.categories: column 'day' holds dates, not numbers$"),
    ],
)
def test_columns_that_do_not_fit_are_named(make_frame: Make, columns: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        fit_encoding(make_frame(text=["x"], day=["2015-01-01"]), np.array([0]), ColumnsConfig(**columns))


def test_a_column_must_hold_what_it_held_when_the_network_learned(make_frame: Make) -> None:
    texts = fit_encoding(make_frame(a=["x"]), np.array([0]), ColumnsConfig(categories=("a",)))
    with pytest.raises(DataError, match=r"^columns\.categories: column 'a' holds numbers, not what it held when"):
        encode_rows(make_frame(a=[1]), texts)
    numbers = fit_encoding(make_frame(a=[1]), np.array([0]), ColumnsConfig(categories=("a",)))
    with pytest.raises(DataError, match=r"^columns\.categories: column 'a' holds texts, not what it held when"):
        encode_rows(make_frame(a=["x"]), numbers)


@pytest.mark.parametrize(
    ("num_codes", "course", "fastai"),
    # The course's: Store 1116, DayOfWeek 8, Day 32, CompetitionMonthsOpen 26; fastai's by its formula.
    [(1116, 50, round(1.6 * 1116**0.56)), (8, 4, 5), (32, 16, 11), (26, 13, 10), (2, 1, 2), (100_000, 50, 600)],
)
def test_embedding_sizes(num_codes: int, course: int, fastai: int) -> None:
    assert embedding_size(num_codes, "course") == course
    assert embedding_size(num_codes, "fastai") == fastai


def test_sizes_may_be_given(frame: pd.DataFrame) -> None:
    columns = ColumnsConfig(categories=("shop", "year"), embedding_sizes={"year": 7}, embedding_rule="fastai")
    encoding = fit_encoding(frame, TRAIN, columns)
    assert [category.embedding_size for category in encoding.categories] == [3, 7]  # 1.6 * 3^0.56 = 2.96
    assert [category.num_codes for category in encoding.categories] == [3, 3]
    assert encode_rows(frame, encoding).numbers.shape == (6, 0)


def test_numbers_that_are_not_whole_may_be_kinds(make_frame: Make) -> None:
    frame = make_frame(a=[0.5, 1.5, 0.5, 2])
    encoding = fit_encoding(frame, np.array([0, 1]), ColumnsConfig(categories=("a",)))
    assert encoding.categories[0].values == (0.5, 1.5)
    assert encode_rows(frame, encoding).codes[:, 0].tolist() == [1, 2, 1, 0]


def test_amounts_beyond_float32_are_standardised_before_they_are_narrowed(make_frame: Make) -> None:
    frame = make_frame(a=[2**30 + 1, 2**30 + 3])
    rows = encode_rows(frame, fit_encoding(frame, np.arange(2), ColumnsConfig(numbers=("a",))))
    assert rows.numbers[:, 0].tolist() == [-1, 1]
    assert math.isclose(float(rows.numbers.std()), 1)
