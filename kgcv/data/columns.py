"""Columns of CSV files that belong to samples by id: groups, weights, split marks; and lists of what does not fit."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from kgcv.config.schema import DataConfig, SplitConfig
from kgcv.data.csv_table import CsvTable, read_csv_table
from kgcv.errors import DataError, listed


def doubled(names: Iterable[str]) -> list[str]:
    """The names that occur more than once, each once."""
    found = list(names)
    if len(set(found)) == len(found):
        return []  # as nearly always, in a third of the time that counting takes
    return [name for name, count in Counter(found).items() if count > 1]


def raise_problems(subject: str, problems: Mapping[str, Sequence[str]]) -> None:
    """Raise one DataError that lists, for each kind of problem, its first ten cases and their count.

    Raises:
        DataError: at least one kind has cases.
    """
    lines = [f"  {kind} ({len(cases)}): {listed(cases)}" for kind, cases in problems.items() if cases]
    if lines:
        raise DataError("\n".join([f"{subject}:", *lines]))


def match_rows(table: CsvTable, id_column: str, column: str, ids: Sequence[str]) -> tuple[str, ...]:
    """The cells of `column` for `ids`, in their order.

    Raises:
        DataError: a column is missing, or the table's ids are not exactly `ids`, each once.
    """
    named, known = table.column(id_column), set(ids)
    cells = dict(zip(named, table.column(column), strict=True))
    problems = {
        "ids that occur more than once": doubled(named),
        "samples without a row": [name for name in ids if name not in cells],
        "rows of no sample": [name for name in cells if name not in known],
    }
    raise_problems(f"{table.path} and the samples", problems)
    return tuple(cells[name] for name in ids)


def read_weights(table: CsvTable, column: str, ids: Sequence[str]) -> np.ndarray:
    """The numbers of `column`, `(N,)` float64, positive and finite."""
    cells = table.column(column)
    weights = np.array([_weight(cell) for cell in cells])
    strays = [f"{name} ({cell})" for name, cell, weight in zip(ids, cells, weights, strict=True) if np.isnan(weight)]
    raise_problems(f"{table.path}, column {column!r}", {"weights that are no positive number": strays})
    return weights


def read_groups(ids: Sequence[str], data: DataConfig, split: SplitConfig, column: str) -> tuple[str, ...]:
    """The group of each id; none may be empty, for samples without one would make a group of strangers."""
    groups = read_split_cells(ids, data, split, column)
    strays = [name for name, group in zip(ids, groups, strict=True) if not group]
    raise_problems(f"split.group_column: {column}", {"samples without a group": strays})
    return groups


def read_split_cells(ids: Sequence[str], data: DataConfig, split: SplitConfig, column: str) -> tuple[str, ...]:
    """The text of `column` for each id, from `split.file` or else from the file with the labels."""
    source = data.train
    if split.file is not None:
        table = read_csv_table(Path(split.file))
        id_column = source.id_column if source.id_column in table.names else "id"
    else:
        assert source.labels is not None, "the config's rules see to it"
        table = read_csv_table(Path(data.root) / source.labels)
        id_column = source.id_column or table.names[0]
    return match_rows(table, id_column, column, ids)


def _weight(text: str) -> float:
    """The positive number that `text` spells, NaN for anything else."""
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if 0 < number < math.inf else math.nan
