from __future__ import annotations

from pathlib import Path

import pytest

from kgcv.data.csv_table import CsvTable
from kgcv.recipes.guessing.label_columns import find_label_columns, guess_task


def table(**columns: str) -> CsvTable:
    """`table(id="1 2", label="a b")`: a word a cell, `_` for an empty one and `+` for a space in one."""
    cells = {name: tuple(cell.strip("_").replace("+", " ") for cell in text.split()) for name, text in columns.items()}
    return CsvTable(Path("t.csv"), cells)


def found(sample: CsvTable | None = None, test: CsvTable | None = None, **columns: str) -> tuple[str, ...] | None:
    columns_of = find_label_columns(table(**columns), "id", sample, test)
    return None if columns_of is None else columns_of.names


def test_the_sample_submission_tells_the_columns() -> None:
    assert found(table(id="9", target="0"), id="1", sex="m", target="0") == ("target",)
    assert found(table(id="9", a="0", b="0"), id="1", a="0", b="1", c="2") == ("a", "b")
    assert found(table(id="9", cat="0", dog="0"), id="1 2", size="3 4", kind="cat dog") == ("kind",)


def test_without_it_the_only_column_tells_then_the_test_file_then_the_name() -> None:
    assert found(id="1", anything="x") == ("anything",)
    assert found(None, table(id="2", sex="m"), id="1", sex="f", age_group="x") == ("age_group",)
    assert found(id="1", size="3", label="x") == ("label",)
    assert found(id="1", size="3", mood="x") is None


@pytest.mark.parametrize(
    "cells, asked, task, separator",
    [
        ("cat dog cat", None, "single", None),
        ("Ankle+boot Shirt T-shirt", None, "single", None),
        ("a+b a b+c c+a b", None, "multi", " "),
        ("a;b a b;c c;a b", None, "multi", ";"),
        ("16+0 0 16 0+7 7", None, "multi", " "),
        ("a _ b", None, "multi", " "),
        ("0 1 0", None, "single", None),
        ("0 1 2 3 4", "0", "single", None),
        ("1 2 3 4", "43.5", "regression", None),
        ("3 70 12", None, "regression", None),
        ("0.5 1", None, "regression", None),
        ("5 5", None, "regression", None),
    ],
)
def test_the_task_that_cells_tell(cells: str, asked: str | None, task: str, separator: str | None) -> None:
    sample = None if asked is None else table(id="1", y=asked)
    guess = guess_task(table(y=cells), ("y",), sample)
    assert (guess.task, guess.separator) == (task, separator)


@pytest.mark.parametrize(
    "first, second, task", [("1 0", "0 1", "single"), ("1 0", "1 0", "multi"), ("0.5 0", "0.5 1", "regression")]
)
def test_the_task_that_several_columns_tell(first: str, second: str, task: str) -> None:
    assert guess_task(table(a=first, b=second), ("a", "b"), None).task == task


def test_a_doubt_is_told() -> None:
    assert [other.value for other in guess_task(table(y="Ankle+boot Shirt"), ("y",), None).instead] == ["multi"]
    assert [other.value for other in guess_task(table(y="0 1 2"), ("y",), None).instead] == ["regression"]
    assert guess_task(table(y="cat dog"), ("y",), None).instead == ()
