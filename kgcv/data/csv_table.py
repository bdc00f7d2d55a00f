"""CSV files as columns of text, exactly as they stand: leading zeros, `NA` and `1.0` keep their spelling.

Read by the standard library, which knows the line of a fault and, unlike pandas, renames no doubled column.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO

from kgcv.errors import DataError, listed
from kgcv.files import open_file

if TYPE_CHECKING:
    from _csv import Reader

_MANY_WORDS = 10_000
"""Different cells of a column that are remembered; classes are fewer, and ids are not worth it."""


@dataclass(frozen=True, slots=True)
class CsvTable:
    """The columns of one CSV file, in the file's order; every cell is stripped of surrounding spaces."""

    path: Path
    columns: Mapping[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in the file's order."""
        return tuple(self.columns)

    def column(self, name: str) -> tuple[str, ...]:
        """The cells of column `name`, one a row.

        Raises:
            DataError: there is no such column; the message names those that exist.
        """
        if name not in self.columns:
            raise DataError(f"{self.path}: no column {name!r}; the columns are {quoted(self.names)}")
        return self.columns[name]


def quoted(names: tuple[str, ...]) -> str:
    """`names` in quotes, the first ten and the count of the rest."""
    return listed(repr(name) for name in names)


def separator_hint(header: Sequence[str]) -> str:
    """What stands between the cells where it is not commas, and what to do; empty for a header of several cells."""
    line = header[0] if len(header) == 1 else ""
    found = next((repr(mark) for mark in (";", "\t", "|") if mark in line), None)
    return f"its cells are separated by {found}; save it with commas between them" if found else ""


def not_utf8(path: Path) -> str:
    """The message for a text in another encoding."""
    return f"{path}: is not UTF-8 text; save it as UTF-8"


def read_csv_table(path: Path) -> CsvTable:
    """Read a UTF-8 CSV file (`.gz` too) with a header line.

    A byte order mark, CRLF line ends, empty lines and spaces around cells are no content.

    Raises:
        DataError: missing or damaged file, wrong encoding, doubled column, no rows, cells that no commas separate,
            or a line that is longer or shorter than the header.
    """
    try:
        with open_file(path) as content, _text_of(content, path) as stream:
            reader = csv.reader(stream, strict=True, skipinitialspace=True)
            return CsvTable(path, _columns_of(reader, path))
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(f"{path}: cannot be read: {reason}") from error
    except UnicodeDecodeError as error:
        raise DataError(not_utf8(path)) from error
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: is not valid CSV: {error}") from error


def _text_of(content: BinaryIO, path: Path) -> TextIO:
    binary = gzip.GzipFile(fileobj=content) if path.suffix == ".gz" else content
    return io.TextIOWrapper(binary, "utf-8-sig", newline="")


def _columns_of(reader: Reader, path: Path) -> dict[str, tuple[str, ...]]:
    """The cells of every line that has content, column by column: rows would take twice the memory."""
    lines = ((reader.line_num, row) for row in _stripped(reader) if any(row))
    _, header = next(lines, (0, []))
    if hint := separator_hint(header):
        raise DataError(f"{path}: {hint}")
    if twice := tuple(name for name, count in Counter(header).items() if count > 1):
        raise DataError(f"{path}: columns that occur more than once: {quoted(twice)}")
    columns: list[list[str]] = [[] for _ in header]
    known: list[dict[str, str]] = [{} for _ in header]
    for number, row in lines:
        if len(row) != len(header):
            raise DataError(f"{path}:{number}: {len(row)} fields, but the header has {len(header)}")
        for column, words, cell in zip(columns, known, row, strict=True):
            column.append(_once(cell, words))
    if not columns or not columns[0]:
        raise DataError(f"{path}: {'has a header but no rows' if header else 'is empty'}")
    return {name: tuple(columns.pop(0)) for name in header}


def _stripped(reader: Reader) -> Iterator[list[str]]:
    return ([cell.strip() for cell in row] for row in reader)


def _once(cell: str, words: dict[str, str]) -> str:
    """The one text that stands for all that are equal, in a column of so few that remembering them pays."""
    if len(words) < _MANY_WORDS:
        return words.setdefault(cell, cell)
    return words.get(cell, cell)
