from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from kgcv.data.csv_table import read_csv_table
from kgcv.errors import DataError


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_cells_stay_as_they_are_written(tmp_path: Path) -> None:
    table = read_csv_table(write(tmp_path / "t.csv", b"id,label\n007,1.0\nNA,null\n"))
    assert table.names == ("id", "label")
    assert table.column("id") == ("007", "NA")
    assert table.column("label") == ("1.0", "null")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfid,label\n1,cat\n2,dog\n",
        b"id,label\r\n1,cat\r\n2,dog\r\n",
        b"id,label\n\n1,cat\n   \n2,dog\n,\n\n",
        b" id , label\n1, cat \n 2,dog\n",
        b'"id","label"\n1, "cat"\n2,"dog"',
    ],
    ids=["byte order mark", "CRLF", "empty lines", "spaces", "quotes"],
)
def test_what_is_no_content_is_passed_over(tmp_path: Path, content: bytes) -> None:
    table = read_csv_table(write(tmp_path / "t.csv", content))
    assert dict(table.columns) == {"id": ("1", "2"), "label": ("cat", "dog")}


def test_a_cell_may_hold_commas_and_line_breaks(tmp_path: Path) -> None:
    table = read_csv_table(write(tmp_path / "t.csv", b'id,label\n1,"a, b"\n2,"c\nd"\n'))
    assert table.column("label") == ("a, b", "c\nd")


def test_compressed_files_are_read_too(tmp_path: Path) -> None:
    table = read_csv_table(write(tmp_path / "t.csv.gz", gzip.compress(b"id\n1\n")))
    assert table.column("id") == ("1",)


def test_a_missing_column_names_those_there_are(tmp_path: Path) -> None:
    table = read_csv_table(write(tmp_path / "t.csv", b"id,label\n1,cat\n"))
    with pytest.raises(DataError) as caught:
        table.column("tags")
    assert str(caught.value) == f"{tmp_path}/t.csv: no column 'tags'; the columns are 'id', 'label'"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ": is empty"),
        (b"\n\n", ": is empty"),
        (b"id,label\n", ": has a header but no rows"),
        (b"id,a,a,b,b\n1,2,3,4,5\n", ": columns that occur more than once: 'a', 'b'"),
        (b"id,label\n1,cat\n\n2,dog,x\n", ":4: 3 fields, but the header has 2"),
        (b"id,label\n1\n", ":2: 1 fields, but the header has 2"),
        (b"id,label\n1,caf\xe9\n", ": is not UTF-8 text; save it as UTF-8"),
        (b'id,label\n1,"cat\n', ":2: is not valid CSV: unexpected end of data"),
        ("id,label\n1,cat\n".encode("utf-16"), ": is not UTF-8 text; save it as UTF-8"),
        (b"id;label\n1;cat\n", ": its cells are separated by ';'; save it with commas between them"),
        (b"id\tlabel\n1\tcat\n", r": its cells are separated by '\t'; save it with commas between them"),
        (b"sep=;\nid;label\n1;0,5\n", ": its cells are separated by ';'; save it with commas between them"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = write(tmp_path / "t.csv", content)
    with pytest.raises(DataError) as caught:
        read_csv_table(path)
    assert str(caught.value) == f"{path}{message}"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_csv_table(tmp_path / "t.csv")
    assert str(caught.value) == f"{tmp_path}/t.csv: cannot be read: No such file or directory"


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"id\n1\n")[:-4]], ids=["plain", "cut"])
def test_a_damaged_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"t\.csv\.gz: cannot be read: \w+"):
        read_csv_table(write(tmp_path / "t.csv.gz", content))


def test_a_pipe_and_a_device_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t.csv")
    for path in (tmp_path / "t.csv", Path("/dev/zero")):
        with pytest.raises(DataError) as caught:
            read_csv_table(path)
        assert str(caught.value) == f"{path}: cannot be read: is no regular file"


def test_equal_cells_of_a_column_are_one_text_in_memory(tmp_path: Path) -> None:
    rows = "".join(f"{number},class {number % 3}\n" for number in range(12_000))
    table = read_csv_table(write(tmp_path / "t.csv", f"id,label\n{rows}".encode()))
    assert len({id(cell) for cell in table.column("label")}) == 3
    assert table.column("id") == tuple(map(str, range(12_000)))  # more than are remembered
