"""What the numbers to predict look like: skewed, and zero by a rule."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kgcv.data.tables.columns import kind_of
from kgcv.recipes.guessing.guess import Guess, Instead
from kgcv.recipes.guessing.table_columns import MOST_KINDS

SKEWED = 1.0
"""Skewness from which logarithms are worth it; a normal distribution has 0, an exponential one 2."""

RULED = 0.95
"""Part of the zeros that a rule must explain, before the others are taken for gaps in the data."""

FEW = 0.01
"""Part of the rows below which a rule may be an accident."""


@dataclass(frozen=True, slots=True)
class ZeroRule:
    """Rows of which the target is known to be 0."""

    column: str
    condition: str
    num_rows: int


@dataclass(frozen=True, slots=True)
class TargetForm:
    """In what form numbers are learned."""

    guesses: tuple[Guess, ...] = ()
    """Of the sections `target` and `rows`."""
    is_log: bool = False
    ruled: tuple[str, ...] = ()
    """The column that tells the rows which are 0; among the others it says nothing."""


def guess_target_form(frame: pd.DataFrame, target: str, shared: Iterable[str]) -> TargetForm:
    """Whether to learn logarithms, and what becomes of rows whose target is 0.

    Args:
        frame: rows to learn from.
        target: its column of numbers.
        shared: columns that rows to predict have, too.
    """
    values = frame[target].to_numpy(dtype=np.float64)
    zeros, least = int((values == 0).sum()), float(np.nanmin(values))
    above = values[values > 0]
    if least < 0 or len(above) < 3 or (skew := _skewness(above)) < SKEWED:
        return TargetForm()
    because = f"all above 0, with skewness {skew:.1f}: errors count in percent"
    if not zeros:
        return TargetForm((Guess("target.log", True, because),), is_log=True)
    rule = _zero_rule(frame, values, shared)
    if rule is None:
        seen = f"skewness {skew:.1f}, but {zeros:,} rows are 0; with rows.keep_where: {target} > 0"
        return TargetForm((Guess("target", instead=(Instead({"log": True}, seen),)),))
    guesses = (
        Guess("target.log", True, f"above 0 the skewness is {skew:.1f}: errors count in percent"),
        Guess("rows.keep_where", f"{target} > 0", f"{zeros:,} rows are 0, which has no logarithm"),
        Guess(
            "rows.predict",
            [{"where": rule.condition, "value": 0}],
            f"{target} is 0 in all {rule.num_rows:,} rows with {rule.condition}",
        ),
    )
    return TargetForm(guesses, is_log=True, ruled=(rule.column,))


def _zero_rule(frame: pd.DataFrame, values: np.ndarray, shared: Iterable[str]) -> ZeroRule | None:
    """The value of a column with which the target is always 0, if it explains nearly all zeros.

    Of several the one that explains most, and then that of the column with fewest values: a shop is closed because it
    says so, not because it is Sunday.
    """
    num_zeros = int((values == 0).sum())
    found: list[tuple[int, int, ZeroRule]] = []
    for name in shared:
        column = frame[name]
        if kind_of(column) != "numbers" or column.nunique() > MOST_KINDS or not re.fullmatch(r"\w+", name):
            continue
        for value in column.dropna().unique():
            inside = values[(column == value).to_numpy()]
            if len(inside) >= FEW * len(values) and not inside.any() and len(inside) >= RULED * num_zeros:
                rule = ZeroRule(name, f"{name} == {value:g}", len(inside))
                found.append((rule.num_rows, -column.nunique(), rule))
    return max(found, key=lambda case: case[:2])[2] if found else None


def _skewness(values: Sequence[float] | np.ndarray) -> float:
    numbers = np.asarray(values, dtype=np.float64)
    deviation = float(numbers.std())
    return float(((numbers - numbers.mean()) ** 3).mean() / deviation**3) if deviation > 0 else 0.0
