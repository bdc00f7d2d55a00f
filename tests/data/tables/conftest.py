from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kgcv.data.tables.columns import text_column, typed


@pytest.fixture
def make_frame() -> Callable[..., pd.DataFrame]:
    """Makes a table from cells as a file spells them: `make_frame(a=["1", "", "3"])`; empty is missing."""

    def make(**columns: Sequence[object]) -> pd.DataFrame:
        return pd.DataFrame({name: typed(_texts(cells)) for name, cells in columns.items()}, copy=False)

    return make


def _texts(cells: Sequence[object]) -> pd.Categorical:
    return text_column(np.arange(len(cells)), [str(cell) for cell in cells])


@pytest.fixture
def cells() -> Callable[[pd.DataFrame, str], list[Any]]:
    """The values of a column for comparison: None for what is missing, dates as text, numbers as floats."""

    def values(frame: pd.DataFrame, name: str) -> list[Any]:
        return [_plain(value) for value in frame[name]]

    return values


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return str(value.date()) if value == value.normalize() else str(value)
    return value if isinstance(value, str) else float(value)
