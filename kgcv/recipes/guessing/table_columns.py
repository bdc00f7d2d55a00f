"""Which columns of a table are kinds and which are amounts, and which say nothing of the rows to predict."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kgcv.data.tables.columns import kind_of, numbers_of

MOST_KINDS = 60
"""Whole numbers with up to so many different values are kinds: weeks of a year and minutes are."""

ALL_DIFFERENT = 0.5
"""Texts with more different values than this part of the rows are names, of which nothing can be learned."""

STRANGE = 0.5
"""Part of the rows to predict with values that no other row has, above which a column of kinds is of no use."""


@dataclass(frozen=True, slots=True)
class ColumnGuesses:
    """The columns of a table by their use."""

    categories: tuple[str, ...]
    numbers: tuple[str, ...]
    gappy: tuple[str, ...]
    """Numbers among them that are missing in some rows."""
    left_out: dict[str, str]
    """Columns that the network does not see, and why."""


def sort_columns(frame: pd.DataFrame, num_train: int, used: Collection[str], keys: Collection[str]) -> ColumnGuesses:
    """Tell kinds from amounts.

    Args:
        frame: rows to learn from and, below them, rows to predict.
        num_train: how many are to learn from.
        used: columns with another part to play.
        keys: columns by which tables are joined; their numbers are names.
    """
    uses: dict[str, list[str]] = {"category": [], "number": []}
    left_out, gappy = {}, []
    for name in (name for name in frame.columns if name not in used):
        use = _use(frame[name], num_train, is_key=name in keys)
        if use not in uses:
            left_out[name] = use
            continue
        uses[use].append(name)
        if use == "number" and np.isnan(numbers_of(frame, name)).any():
            gappy.append(name)
    return ColumnGuesses(tuple(uses["category"]), tuple(uses["number"]), tuple(gappy), left_out)


def _use(column: pd.Series, num_train: int, *, is_key: bool) -> str:
    """`category`, `number`, or why it is neither."""
    kind, train = kind_of(column), column.iloc[:num_train]
    num_values = int(train.nunique())
    if num_values < 2:
        return "one value in all rows to learn from"
    if kind == "dates":
        return "dates; the steps date_parts and difference make columns of them"
    if kind == "texts":
        if num_values > ALL_DIFFERENT * num_train:
            return "nearly a value a row"
        return "category" if _is_known(column, num_train) else "most rows to predict have values of their own"
    numbers = column.to_numpy(dtype=np.float64)
    is_whole = bool((np.isnan(numbers) | (numbers == np.rint(numbers))).all())
    is_kind = is_whole and (is_key or num_values <= min(MOST_KINDS, ALL_DIFFERENT * num_train))
    return "category" if is_kind and _is_known(column, num_train) else "number"


def _is_known(column: pd.Series, num_train: int) -> bool:
    """Whether the rows to predict mostly have values that can be learned."""
    test = column.iloc[num_train:].dropna()
    return not len(test) or float((~test.isin(column.iloc[:num_train].unique())).mean()) <= STRANGE
