"""The three kinds of columns in a table, and the way each is kept.

- numbers: any integer or float type, NaN where missing; kept in the smallest type that holds every value exactly.
- texts: `category` with sorted texts, missing where the code is -1; what is done to a text is done once for each
  different one, not once for each row.
- dates: `datetime64[s]`, NaT where missing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from kgcv.data.csv_table import quoted
from kgcv.errors import DataError, listed

# A leading zero is part of a code (a postcode), not of a number.
_NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_WHOLE = re.compile(r"[-+]?[0-9]+")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?")

_EXACT = 2**53
"""Whole numbers below it have a float64 of their own."""

SECONDS_A_DAY = 86_400


def kind_of(column: pd.Series) -> str:
    """`texts`, `dates` or `numbers`."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "texts"
    return "dates" if column.dtype.kind == "M" else "numbers"


def column_of(frame: pd.DataFrame, name: str, kind: str | None = None) -> pd.Series:
    """Column `name`, of a kind if one is asked for.

    Raises:
        DataError: there is no such column, or it is of another kind.
    """
    if name not in frame.columns:
        raise DataError(f"no column {name!r}; the columns are {quoted(tuple(frame.columns))}")
    column = frame[name]
    if kind is not None and kind_of(column) != kind:
        raise DataError(f"column {name!r} holds {kind_of(column)}, not {kind}{_example(column)}")
    return column


def _example(column: pd.Series) -> str:
    if kind_of(column) != "texts":
        return ""
    strays = [text for text in column.cat.categories if not _NUMBER.fullmatch(text)]
    return f", such as {listed(map(repr, strays), limit=3)}" if strays else ""


def numbers_of(frame: pd.DataFrame, name: str) -> np.ndarray:
    """The numbers of a column, `(N,)` float64, NaN where missing.

    Raises:
        DataError: as `column_of`.
    """
    return column_of(frame, name, "numbers").to_numpy(dtype=np.float64)


def dates_of(frame: pd.DataFrame, name: str) -> np.ndarray:
    """The dates of a column, `(N,)` datetime64[s], NaT where missing.

    Raises:
        DataError: as `column_of`.
    """
    return column_of(frame, name, "dates").to_numpy(dtype="datetime64[s]")


def with_columns(frame: pd.DataFrame, made: Mapping[str, np.ndarray | pd.Categorical]) -> pd.DataFrame:
    """`frame` with more columns, the numbers among them in the smallest type that fits.

    Raises:
        DataError: a column is already there.
    """
    if taken := [name for name in made if name in frame.columns]:
        raise DataError(f"there already is a column {quoted(tuple(taken))}; choose another name, or drop it before")
    columns = {name: _kept(values) for name, values in made.items()}
    added = pd.DataFrame(columns, index=frame.index, copy=False)
    return pd.concat([frame, added], axis=1)


def with_replaced(frame: pd.DataFrame, made: Mapping[str, np.ndarray | pd.Categorical]) -> pd.DataFrame:
    """`frame` with new values in columns that it has, the numbers among them in the smallest type that fits."""
    return frame.assign(**{name: _kept(values) for name, values in made.items()})


def _kept(values: np.ndarray | pd.Categorical) -> np.ndarray | pd.Categorical:
    return narrowed(values) if isinstance(values, np.ndarray) and values.dtype.kind in "biuf" else values


def narrowed(numbers: np.ndarray) -> np.ndarray:
    """`numbers` in the smallest signed integer or float type that holds each of them exactly."""
    if numbers.dtype.kind == "f":
        with np.errstate(over="ignore"):  # too large for it becomes infinite, which is not equal
            single = numbers.astype(np.float32)
        return single if np.array_equal(single, numbers, equal_nan=True) else numbers
    if numbers.dtype.kind == "b" or not len(numbers):
        return numbers.astype(np.int8)
    low, high = int(numbers.min()), int(numbers.max())
    limits = [np.iinfo(kind) for kind in (np.int8, np.int16, np.int32, np.int64)]
    return numbers.astype(next(limit.dtype for limit in limits if limit.min <= low and high <= limit.max))


def text_column(codes: np.ndarray, texts: Sequence[str | None], missing: Collection[str] = ("",)) -> pd.Categorical:
    """A column of texts.

    Args:
        codes: `(N,)` integers: the text of each row, -1 where there is none.
        texts: the texts that codes stand for; some may be equal, None is a missing one.
        missing: texts that stand for none.
    """
    known = sorted({text for text in texts if text is not None} - set(missing))
    number_of: dict[str | None, int] = {text: number for number, text in enumerate(known)}
    numbers = np.array([*(number_of.get(text, -1) for text in texts), -1], dtype=np.int32)
    return pd.Categorical.from_codes(numbers[codes], categories=pd.Index(known, dtype="str"))


def typed(column: pd.Categorical) -> np.ndarray | pd.Categorical:
    """Texts as what they spell, if all of them do: numbers, or dates like 2015-07-31 (23:59:00).

    Whole numbers too large to be held exactly and numbers with leading zeros stay texts. A column without any value
    holds numbers.

    Raises:
        DataError: a text looks like a date that the calendar does not have.
    """
    texts = list(column.categories)
    if all(map(_NUMBER.fullmatch, texts)):
        return _numbers(texts, column.codes, column)
    if all(map(_DATE.fullmatch, texts)):
        return spread(_dates(texts), column.codes)
    return column


def _numbers(texts: list[str], codes: np.ndarray, column: pd.Categorical) -> np.ndarray | pd.Categorical:
    if not all(map(_WHOLE.fullmatch, texts)):
        return narrowed(spread(np.array([float(text) for text in texts]), codes))
    whole = [int(text) for text in texts]
    if max(map(abs, whole), default=0) >= _EXACT:
        return column
    return narrowed(spread(np.array(whole, dtype=np.int64), codes))


def _dates(texts: Iterable[str]) -> np.ndarray:
    dates = []
    for text in texts:
        try:
            dates.append(np.datetime64(text, "s"))
        except ValueError as error:
            raise DataError(f"{text!r} is no date of the calendar") from error
    return np.array(dates, dtype="datetime64[s]")


def spread(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """`values[codes]`, with NaN or NaT where a code is -1; whole numbers then become float64."""
    if not (codes < 0).any():
        return np.asarray(values[codes])
    gap = np.array([np.datetime64("NaT", "s") if values.dtype.kind == "M" else np.nan])
    return np.asarray(np.concatenate([values, gap])[codes])


def days_of(dates: np.ndarray) -> np.ndarray:
    """Days from 1 January 1970 of each date, int64; there may be no NaT."""
    return dates.astype("datetime64[D]").astype(np.int64)


def dates_from_days(days: np.ndarray) -> np.ndarray:
    """Dates of float64 days from 1 January 1970, NaT where they are NaN."""
    is_known = ~np.isnan(days)
    dates = np.full(len(days), np.datetime64("NaT", "s"))
    dates[is_known] = days[is_known].astype(np.int64).astype("datetime64[D]")
    return dates
