"""Which rows of a table meet the conditions of the config."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from kgcv.config.conditions import Condition, parse_condition
from kgcv.data.tables.columns import column_of, kind_of
from kgcv.errors import DataError

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def rows_where(frame: pd.DataFrame, conditions: Sequence[str]) -> np.ndarray:
    """Which rows meet all of some conditions, `(N,)` bool; a missing value meets none.

    Args:
        frame: the table.
        conditions: as the config spells them; without any, all rows are meant.

    Raises:
        DataError: a column is not there, or is compared with something of another kind.
    """
    is_met = np.ones(len(frame), dtype=bool)
    for text in conditions:
        condition = parse_condition(text)
        column = column_of(frame, condition.column)
        is_met &= _meets(column, condition)
    return is_met


def _meets(column: pd.Series, condition: Condition) -> np.ndarray:
    kind = kind_of(column)
    if kind == "texts":
        return _meets_text(column.cat, condition)
    values, wanted = column.to_numpy(), _wanted(kind, condition)
    # NaN and NaT are unequal to everything, which is no answer here.
    return np.asarray(_COMPARE[condition.comparison](values, wanted) & ~np.isnan(values))


def _wanted(kind: str, condition: Condition) -> np.datetime64 | float:
    if kind == "dates":
        try:
            return np.datetime64(str(condition.value), "s")
        except ValueError as error:
            raise DataError(f"{condition}: the column holds dates; compare it with one such as 2015-07-31") from error
    if isinstance(condition.value, str):
        raise DataError(f"{condition}: the column holds numbers; compare it with a number")
    return condition.value


def _meets_text(texts: Any, condition: Condition) -> np.ndarray:
    if condition.comparison not in ("==", "!="):
        raise DataError(f"{condition}: the column holds texts, which == and != compare; others have no order")
    if not isinstance(condition.value, str):
        quoted = f"{condition.column} {condition.comparison} '{condition.value:g}'"
        raise DataError(f"{condition}: the column holds texts; write {quoted}")
    codes = texts.codes.to_numpy()
    is_wanted = np.append(_COMPARE[condition.comparison](texts.categories.to_numpy(), condition.value), False)
    return np.asarray(is_wanted[codes], dtype=bool)
