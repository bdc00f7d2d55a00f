"""What is done to single columns: reckoning, limits, gaps, flags, texts."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from kgcv.config.number_steps import ClipStep, DifferenceStep, DivideStep, FillStep, FlagStep, LogStep
from kgcv.config.table_steps import DropStep, ExtractStep, KeepStep, MapStep
from kgcv.data.csv_table import quoted
from kgcv.data.tables.calendar import date_difference
from kgcv.data.tables.columns import column_of, kind_of, numbers_of, text_column, typed, with_columns, with_replaced
from kgcv.data.tables.conditions import rows_where
from kgcv.errors import DataError, listed


def difference(frame: pd.DataFrame, step: DifferenceStep) -> pd.DataFrame:
    """`frame` with one column minus another, of dates in days; missing where one of them is.

    Raises:
        DataError: a column is missing, or they are not both numbers or both dates.
    """
    if kind_of(column_of(frame, step.of)) == "dates":
        return with_columns(frame, {step.name: date_difference(frame, step.of, step.minus)})
    return with_columns(frame, {step.name: numbers_of(frame, step.of) - numbers_of(frame, step.minus)})


def divide(frame: pd.DataFrame, step: DivideStep) -> pd.DataFrame:
    """`frame` with a column divided by a number.

    Raises:
        DataError: the column is missing or holds no numbers.
    """
    quotient = numbers_of(frame, step.column) / step.by
    return with_columns(frame, {step.name: np.floor(quotient) if step.floor else quotient})


def clip(frame: pd.DataFrame, step: ClipStep) -> pd.DataFrame:
    """`frame` with columns held within limits.

    Raises:
        DataError: a column is missing or holds no numbers.
    """
    limited = {name: np.clip(numbers_of(frame, name), step.least, step.most) for name in step.columns}
    return with_replaced(frame, limited)


def log(frame: pd.DataFrame, step: LogStep) -> pd.DataFrame:
    """`frame` with columns replaced by the logarithm of 1 + their values.

    Raises:
        DataError: a column is missing, holds no numbers, or one of -1 or less.
    """
    made = {}
    for name in step.columns:
        numbers = numbers_of(frame, name)
        if (numbers <= -1).any():
            raise DataError(f"column {name!r} goes down to {np.nanmin(numbers):g}; 1 + value must be above 0")
        made[name] = np.log1p(numbers)
    return with_replaced(frame, made)


def fill(frame: pd.DataFrame, step: FillStep, is_train: np.ndarray) -> pd.DataFrame:
    """`frame` with a value where columns had none, and columns `NAME_na` that tell where, if wanted.

    Args:
        frame: the table.
        step: what to fill in.
        is_train: `(N,)` bool: rows from which a mean or a median is learned.

    Raises:
        DataError: a column is missing or of the wrong kind, or has no value to learn from.
    """
    flags = {}
    if step.flag:
        flags = {f"{name}_na": column_of(frame, name).isna().to_numpy() for name in step.columns}
    filled = {name: _filled(frame, name, step, is_train) for name in step.columns}
    return with_columns(with_replaced(frame, filled), flags)


def _filled(frame: pd.DataFrame, name: str, step: FillStep, is_train: np.ndarray) -> np.ndarray | pd.Categorical:
    if step.text is not None:
        texts = column_of(frame, name, "texts").cat
        known = list(texts.categories)
        codes = texts.codes.to_numpy()
        return text_column(np.where(codes < 0, len(known), codes), [*known, step.text], missing=())
    numbers = numbers_of(frame, name).copy()
    value = _learned(numbers[is_train], step.by, name) if step.by is not None else step.value
    numbers[np.isnan(numbers)] = value
    return numbers


def _learned(numbers: np.ndarray, by: str, name: str) -> float:
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        raise DataError(f"column {name!r} has no value in the training rows, so it has no {by}")
    return float(known.mean() if by == "mean" else np.median(known))


def flag(frame: pd.DataFrame, step: FlagStep) -> pd.DataFrame:
    """`frame` with a column of 1 where conditions hold and 0 elsewhere.

    Raises:
        DataError: a column is missing, or is compared with something of another kind.
    """
    return with_columns(frame, {step.name: rows_where(frame, step.where)})


def map_texts(frame: pd.DataFrame, step: MapStep) -> pd.DataFrame:
    """`frame` with other texts in a column.

    Raises:
        DataError: the column is missing or holds no texts, or an old text does not occur.
    """
    texts = column_of(frame, step.column, "texts").cat
    known = list(texts.categories)
    if strays := [text for text in step.values if text not in known]:
        raise DataError(f"column {step.column!r} holds no {quoted(tuple(strays))}; it holds {quoted(tuple(known))}")
    new = [step.values.get(text, text if step.others == "keep" else None) for text in known]
    return with_replaced(frame, {step.column: text_column(texts.codes.to_numpy(), new, missing=())})


def extract(frame: pd.DataFrame, step: ExtractStep) -> pd.DataFrame:
    """`frame` with a column for each named group of a pattern, missing where the pattern or the group is not found.

    Raises:
        DataError: the column is missing or holds no texts, a result is already there, or texts do not have the
            pattern and must have it.
    """
    texts = column_of(frame, step.column, "texts").cat
    matches = [re.search(step.pattern, text) for text in texts.categories]
    strays = [repr(text) for text, match in zip(texts.categories, matches, strict=True) if match is None]
    if strays and step.unmatched == "error":
        raise DataError(f"column {step.column!r}: {step.pattern!r} is not in {len(strays)} texts: {listed(strays)}")
    names, codes = re.compile(step.pattern).groupindex, texts.codes.to_numpy()
    return with_columns(frame, {name: typed(_group_column(matches, name, codes)) for name in names})


def _group_column(matches: Sequence[re.Match[str] | None], name: str, codes: np.ndarray) -> pd.Categorical:
    return text_column(codes, [None if match is None else match[name] for match in matches])


def keep(frame: pd.DataFrame, step: KeepStep) -> pd.DataFrame:
    """The rows of `frame` that meet conditions.

    Raises:
        DataError: none does, or a column is missing or of another kind.
    """
    is_kept = rows_where(frame, step.where)
    if not is_kept.any():
        raise DataError("no row meets the conditions")
    return frame[is_kept].reset_index(drop=True)


def drop(frame: pd.DataFrame, step: DropStep) -> pd.DataFrame:
    """`frame` without some columns.

    Raises:
        DataError: one of them is missing.
    """
    for name in step.columns:
        column_of(frame, name)
    return frame.drop(columns=list(step.columns))
