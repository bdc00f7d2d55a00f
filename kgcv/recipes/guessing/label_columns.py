"""Which columns of a CSV file hold the labels, and what the labels are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kgcv.data.csv_table import CsvTable, quoted
from kgcv.errors import DataError
from kgcv.recipes.guessing.guess import Instead

_USUAL = ("label", "labels", "target", "targets", "class", "classes", "category", "tag", "tags")
"""Names that label columns mostly have, where nothing else tells them."""

SEPARATORS = (" ", "|", ";", ",")
"""What stands between the tags of a cell, the likeliest first."""

MANY_CLASSES = 1000
"""Whole numbers from 0 or 1 without gaps are classes up to here; ImageNet has as many."""


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """The label columns of a table."""

    names: tuple[str, ...]
    because: str
    is_asked: bool
    """Whether the sample submission speaks of them."""


@dataclass(frozen=True, slots=True)
class TaskGuess:
    """What the labels are."""

    task: str
    because: str
    separator: str | None = None
    """What stands between the tags of a cell, if there is one column of them."""
    instead: tuple[Instead, ...] = ()


def find_label_columns(
    table: CsvTable, id_column: str, sample: CsvTable | None, test: CsvTable | None
) -> LabelColumns | None:
    """The label columns of `table`; None if nothing tells them.

    Args:
        table: the file with an id a row.
        id_column: its column with ids.
        sample: the sample submission, ids first.
        test: a file of the same kind for the images to predict, which lacks the labels.
    """
    others = tuple(name for name in table.names if name != id_column)
    asked = () if sample is None else sample.names[1:]
    if asked and set(asked) <= set(others):
        return LabelColumns(tuple(asked), "the sample submission asks for the same", True)
    for name in others:
        if len(asked) > 1 and set(table.column(name)) <= set(asked):
            return LabelColumns((name,), "its values are the columns of the sample submission", True)
    if len(others) == 1:
        return LabelColumns(others, "the only column beside the id", False)
    if test is not None and len(alone := tuple(name for name in others if name not in test.names)) == 1:
        return LabelColumns(alone, f"the only column that {test.path.name} has not", False)
    usual = tuple(name for name in others if name.lower() in _USUAL)
    return LabelColumns(usual, "by its name alone", False) if len(usual) == 1 else None


def untold_columns(table: CsvTable, id_column: str) -> DataError:
    """That nothing tells which column has the labels."""
    names = tuple(name for name in table.names if name != id_column)
    return DataError(
        f"{table.path}: which of the columns {quoted(names)} has the labels cannot be told; "
        "a sample submission with the same column would tell"
    )


def guess_task(table: CsvTable, names: Sequence[str], sample: CsvTable | None) -> TaskGuess:
    """The task that the cells of the label columns tell, and where they leave a doubt the other one."""
    if len(names) > 1:
        return _task_of_columns(table, names)
    cells = table.column(names[0])
    if all(math.isfinite(number_in(cell)) for cell in cells):
        return _task_of_numbers(cells, () if sample is None else sample.columns[sample.names[-1]])
    return _task_of_texts(cells)


def number_in(text: str) -> float:
    """The number that `text` spells, NaN for anything else."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _task_of_columns(table: CsvTable, names: Sequence[str]) -> TaskGuess:
    rows = [[number_in(cell) for cell in row] for row in zip(*(table.column(name) for name in names), strict=True)]
    if any(number not in (0, 1) for row in rows for number in row):
        return TaskGuess("regression", "the label columns hold other numbers than 0 and 1")
    if all(sum(row) == 1 for row in rows):
        return TaskGuess("single", "every row has 1 in exactly one of the label columns, and 0 in the others")
    return TaskGuess("multi", "rows have 1 in none or several of the label columns")


def _task_of_numbers(cells: Sequence[str], asked: Sequence[str]) -> TaskGuess:
    if decimal := next((cell for cell in cells if not cell.lstrip("+-").isdecimal()), None):
        return TaskGuess("regression", f"decimal numbers such as {decimal}")
    numbers = {int(cell) for cell in cells}
    span = f"{len(numbers):,} whole numbers from {min(numbers)} to {max(numbers)}"
    beyond = [cell for cell in asked if not cell.isdecimal() and number_in(cell) > 1]
    is_gapless = min(numbers) in (0, 1) and len(numbers) == max(numbers) - min(numbers) + 1
    if beyond or not is_gapless or len(numbers) > MANY_CLASSES or len(numbers) < 2:
        reason = f", and the sample submission has {beyond[0]}" if beyond else ""
        other = (Instead("single", "if they number classes"),) if 1 < len(numbers) <= MANY_CLASSES else ()
        return TaskGuess("regression", f"{span}{reason}", instead=other)
    other = (Instead("regression", "if they are amounts, such as ages or grades"),) if len(numbers) > 2 else ()
    return TaskGuess("single", f"{span}, as classes are numbered", instead=other)


def _task_of_texts(cells: Sequence[str]) -> TaskGuess:
    """Tags are fewer than the sets of them that occur; words of class names are not."""
    distinct = set(cells)
    for separator in SEPARATORS:
        if not any(separator in cell.strip() for cell in distinct):
            continue
        sets = {tuple(tag.strip() for tag in cell.split(separator) if tag.strip()) for cell in distinct}
        tags = {tag for row in sets for tag in row}
        if len(sets) > len(tags):
            because = f"cells are {len(sets)} sets of {len(tags)} tags, separated by {separator!r}"
            return TaskGuess("multi", because, separator)
    if "" in distinct:
        return TaskGuess("multi", "rows without a label, which only images with several can have", " ")
    because = f"one of {len(distinct)} classes a row"
    parts = next((cell for cell in cells if any(separator in cell for separator in SEPARATORS)), None)
    other = (Instead("multi", f"if {parts!r} and the like are several tags"),) if parts else ()
    return TaskGuess("single", because, instead=other)
