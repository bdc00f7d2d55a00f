from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kgcv.config.schema import DataConfig
from kgcv.data.tables.columns import kind_of
from kgcv.data.tables.reading import read_tables, read_texts, texts_of_values
from kgcv.errors import DataError

Cells = Callable[[pd.DataFrame, str], list[Any]]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        content = text.encode("utf-8")
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write_file


def data_of(folder: Path, **tables: str) -> DataConfig:
    return DataConfig(root=str(folder), kind="table", tables=tables, id_column="Id", target="y", missing_words=("NA",))


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_cells_are_texts_without_spaces_around(write: Callable[[str, str], Path], name: str) -> None:
    path = write(name, '\ufeffa , b\r\n 1,x\r\n\r\n"two, 2", x \r\n,NA\r\n')
    frame = read_texts(path, {"", "NA"})
    assert list(frame.columns) == ["a", "b"]
    assert frame["a"].cat.codes.tolist() == [0, 1, -1]
    assert list(frame["a"].cat.categories) == ["1", "two, 2"]
    assert frame["b"].tolist()[:2] == ["x", "x"]
    assert frame["b"].isna().tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a,b\n1,2\n3\n", r"Row #3: Expected 2 columns, got 1: 3"),
        ("a,b\n1,2\n3,4,5\n", r"Row #3: Expected 2 columns, got 3: 3,4,5"),
        ("a,a\n1,2\n", r"columns that occur more than once: 'a'$"),
        ("a,b\n", r"has a header but no rows$"),
        ("", r"cannot be read as CSV: Empty CSV file"),
        ("a;b\n1;2\n", r"its cells are separated by ';'; save it with commas between them$"),
        ("a;b\n1;2,5\n", r"its cells are separated by ';'; save it with commas between them$"),
        ('a,b\n1,"x\n2,y\n3,z\n', r"a quote that is opened in it is never closed$"),
        ("a,b\n1\x1b[31m\n", r"Row #2: Expected 2 columns, got 1: 1\\x1b\[31m$"),
    ],
)
def test_a_damaged_file_is_named_with_its_row(write: Callable[[str, str], Path], text: str, problem: str) -> None:
    path = write("a.csv", text)
    with pytest.raises(DataError, match=problem) as caught:
        read_texts(path, {""})
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_is_not_there_or_is_not_utf8_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: cannot be read as CSV: .*[Nn]o such file"):
        read_texts(tmp_path / "none.csv", {""})
    (tmp_path / "latin.csv").write_bytes(b"a\n\xe9t\xe9\n")
    (tmp_path / "head.csv").write_bytes(b"\xe9t\xe9\na\n")
    (tmp_path / "wide.csv").write_text("a,b\n1,2\n", encoding="utf-16")
    for name in ("latin.csv", "head.csv", "wide.csv"):
        with pytest.raises(DataError, match=rf"{name}: is not UTF-8 text; save it as UTF-8$"):
            read_texts(tmp_path / name, {""})


def test_train_and_test_become_one_table_whose_columns_are_judged_together(
    write: Callable[[str, str], Path], tmp_path: Path, cells: Cells
) -> None:
    write("train.csv", "shop,y,holiday\n1,5,0\n2,6,a\n")
    write("test.csv", "Id,shop,holiday\n01,3,0\n")
    write("shops.csv", "shop,town\n1,NA\n")
    tables = read_tables(data_of(tmp_path, train="train.csv", test="test.csv", shops="shops.csv"))
    rows = tables.frames["rows"]
    assert set(tables.frames) == {"rows", "shops"}
    assert tables.num_train == 2
    assert tables.is_train.tolist() == [True, True, False]
    assert cells(rows, "shop") == [1, 2, 3]
    assert cells(rows, "y") == [5, 6, None]
    # In the test file alone, holidays would be numbers.
    assert cells(rows, "holiday") == ["0", "a", "0"]
    assert cells(rows, "Id") == [None, None, "01"]
    assert cells(tables.frames["shops"], "town") == [None]


def test_ids_stay_texts_though_they_look_like_numbers(write: Callable[[str, str], Path], tmp_path: Path) -> None:
    write("train.csv", "Id,y\n10,5\n9,6\n")
    rows = read_tables(data_of(tmp_path, train="train.csv")).frames["rows"]
    assert kind_of(rows["Id"]) == "texts"
    assert rows["Id"].tolist() == ["10", "9"]


def test_a_wrong_date_is_named_with_its_table_and_column(write: Callable[[str, str], Path], tmp_path: Path) -> None:
    write("train.csv", "Id,day\n1,2015-13-01\n")
    with pytest.raises(DataError, match=r"^table rows, column 'day': '2015-13-01' is no date of the calendar$"):
        read_tables(data_of(tmp_path, train="train.csv"))


def test_one_row_of_values_reads_like_a_line_of_a_file() -> None:
    frame = texts_of_values({"a": 3, "b": None, "c": " x ", "d": "NA", "e": 0.5}, {"", "NA"})
    assert {name: None if pd.isna(value) else value for name, value in frame.iloc[0].items()} == {
        "a": "3",
        "b": None,
        "c": "x",
        "d": None,
        "e": "0.5",
    }
    with pytest.raises(DataError, match=r"'a', 'b' hold others$"):
        texts_of_values({"a": [1], "b": {}}, {""})


def test_a_cell_may_hold_line_breaks_and_the_last_one_too(write: Callable[[str, str], Path]) -> None:
    frame = read_texts(write("a.csv", 'a,b\r\n007,"x\ny"\r\n08,"u\nv"\r\n'), {""})
    assert frame["a"].tolist() == ["007", "08"]
    assert frame["b"].tolist() == ["x\ny", "u\nv"]


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(DataError, match=r"a\.csv: cannot be read as CSV: is no regular file$"):
        read_texts(tmp_path / "a.csv", {""})
