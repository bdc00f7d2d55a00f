"""Left joins: every row of a table gets the cells of the one row of another table that has its key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kgcv.config.table_steps import JoinStep
from kgcv.data.tables.columns import column_of, kind_of, spread, with_columns
from kgcv.errors import DataError, listed

_NOWHERE = -1
"""Position of the partner of a row that has none."""


def join(frame: pd.DataFrame, right: pd.DataFrame, step: JoinStep) -> tuple[pd.DataFrame, int]:
    """`frame` with the columns that `step` takes from `right`, and the number of rows without a partner there.

    Order and number of rows stay. A missing key has no partner.

    Raises:
        DataError: key columns are missing or of different kinds, a key stands in `right` more than once, a
            column is already there, or rows have no partner and must have one.
    """
    left_on, right_on = step.left_on or step.on, step.right_on or step.on
    positions = _partners(frame, right, left_on, right_on)
    is_alone = positions == _NOWHERE
    if step.unmatched == "error" and is_alone.any():
        keys = listed(_keys(frame.loc[is_alone, list(left_on)].drop_duplicates()), limit=5)
        raise DataError(f"{is_alone.sum()} of {len(frame)} rows have no partner in {step.right}: {keys}")
    taken = step.columns or tuple(name for name in right.columns if name not in right_on)
    made = {name + step.suffix: _taken(column_of(right, name), positions) for name in taken}
    return with_columns(frame, made), int(is_alone.sum())


def _partners(frame: pd.DataFrame, right: pd.DataFrame, left_on: Sequence[str], right_on: Sequence[str]) -> np.ndarray:
    """The row of `right` with the key of each row of `frame`, int64, _NOWHERE where there is none."""
    codes, right_codes = np.zeros(len(frame), dtype=np.int64), np.zeros(len(right), dtype=np.int64)
    for name, right_name in zip(left_on, right_on, strict=True):
        part, right_part, size = _numbered(column_of(frame, name), column_of(right, right_name))
        codes, right_codes = _combined(codes, part, size), _combined(right_codes, right_part, size)
    order = np.flatnonzero(right_codes >= 0)
    order = order[np.argsort(right_codes[order], kind="stable")]
    known = right_codes[order]
    if (known[1:] == known[:-1]).any():
        _refuse_doubled(right, order[1:][known[1:] == known[:-1]], right_on)
    if not len(order):
        return np.full(len(frame), _NOWHERE)
    places = np.searchsorted(known, codes).clip(max=len(known) - 1)
    return np.where((known[places] == codes) & (codes >= 0), order[places], _NOWHERE)


def _numbered(left: pd.Series, right: pd.Series) -> tuple[np.ndarray, np.ndarray, int]:
    """Equal numbers for equal values, -1 for what is missing or not in `right`; and how many numbers there are."""
    if kind_of(left) != kind_of(right):
        raise DataError(f"the keys {left.name!r} and {right.name!r} hold {kind_of(left)} and {kind_of(right)}")
    if kind_of(left) == "texts":
        places = np.append(right.cat.categories.get_indexer(left.cat.categories), -1)
        return places[left.cat.codes], right.cat.codes.to_numpy(dtype=np.int64), len(right.cat.categories)
    codes, values = pd.factorize(right.to_numpy())
    return pd.Index(values).get_indexer(pd.Index(left.to_numpy())), codes, len(values)


def _combined(codes: np.ndarray, part: np.ndarray, size: int) -> np.ndarray:
    return np.where((codes < 0) | (part < 0), -1, codes * size + part)


def _refuse_doubled(right: pd.DataFrame, rows: np.ndarray, keys: Sequence[str]) -> None:
    doubled = right.iloc[rows][list(keys)].drop_duplicates()
    raise DataError(
        f"keys that occur more than once in the table on the right ({len(doubled)}): "
        f"{listed(_keys(doubled), limit=5)}; each may occur once, or rows would multiply"
    )


def _keys(frame: pd.DataFrame) -> list[str]:
    return [" ".join(f"{name}={value}" for name, value in row.items()) for row in frame.to_dict("records")]


def _taken(column: pd.Series, positions: np.ndarray) -> np.ndarray | pd.Categorical:
    if kind_of(column) == "texts":
        codes = np.append(column.cat.codes, -1)[positions]
        return pd.Categorical.from_codes(codes, categories=column.cat.categories)
    return spread(column.to_numpy(), positions)
