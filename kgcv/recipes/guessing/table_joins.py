"""Side tables that can be joined to the rows: those whose rows a shared column, or several, tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from kgcv.config.table_steps import JoinStep
from kgcv.data.tables.columns import kind_of

MOST_KEYS = 3
"""Columns of a key; side tables are by shop, or by shop and day."""


@dataclass(frozen=True, slots=True)
class Joins:
    """What can be joined, in an order in which each join has its keys."""

    steps: tuple[JoinStep, ...]
    keys: frozenset[str]
    """Columns that are keys of a join."""
    left_out: tuple[str, ...]
    """Tables that no shared column tells the rows of apart."""


def find_joins(rows: pd.DataFrame, sides: Mapping[str, pd.DataFrame]) -> Joins:
    """The joins of side tables to `rows`; a table that is joined may bring the key of the next.

    Args:
        rows: rows to learn from and to predict, typed.
        sides: the other tables, typed, by name.
    """
    known = {name: kind_of(rows[name]) for name in rows.columns}
    steps, keys, left = [], set[str](), dict(sides)
    while found := next(((name, key) for name in left if (key := _key(known, left[name]))), None):
        name, on = found
        frame = left.pop(name)
        taken = {column: kind_of(frame[column]) for column in frame.columns if column not in on}
        suffix = f"_{name}" if any(column in known for column in taken) else ""
        step = JoinStep(step="join", right=name, on=on, suffix=suffix)
        known |= {column + suffix: kind for column, kind in taken.items()}
        keys |= set(on)
        steps.append(step)
    return Joins(tuple(steps), frozenset(keys), tuple(left))


def _key(known: Mapping[str, str], side: pd.DataFrame) -> tuple[str, ...]:
    """The fewest shared columns that tell the rows of `side` apart; none if there is nothing else to take from it."""
    shared = [name for name in side.columns if known.get(name) == kind_of(side[name])]
    for size in range(1, min(len(shared), MOST_KEYS) + 1):
        for names in combinations(shared, size):
            if _tells_apart(side, names) and len(names) < len(side.columns):
                return names
    return ()


def _tells_apart(side: pd.DataFrame, names: Sequence[str]) -> bool:
    return not side.duplicated(list(names)).any() and not side[list(names)].isna().any(axis=None)
