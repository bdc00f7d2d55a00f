"""CSV files as columns of text, exactly as they stand: leading zeros, `NA` and `1.0` keep their spelling.

Read by the standard library, which knows the line of a fault and, unlike pandas, renames no doubled column.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from kgcv.errors import DataError, listed


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


def read_csv_table(path: Path) -> CsvTable:
    """Read a UTF-8 CSV file (`.gz` too) with a header line.

    A byte order mark, CRLF line ends, empty lines and spaces around cells are no content.

    Raises:
        DataError: missing or damaged file, wrong encoding, doubled column, no rows, or a line that is longer
            or shorter than the header.
    """
    lines = _read_lines(path)
    if len(lines) < 2:
        raise DataError(f"{path}: {'has a header but no rows' if lines else 'is empty'}")
    (_, header), rows = lines[0], lines[1:]
    doubled = tuple(name for name, count in Counter(header).items() if count > 1)
    if doubled:
        raise DataError(f"{path}: columns that occur more than once: {quoted(doubled)}")
    for number, row in rows:
        if len(row) != len(header):
            raise DataError(f"{path}:{number}: {len(row)} fields, but the header has {len(header)}")
    cells = zip(*(row for _, row in rows), strict=True)
    return CsvTable(path, dict(zip(header, cells, strict=True)))


def _read_lines(path: Path) -> list[tuple[int, list[str]]]:
    """Line number and stripped cells of every line that has content."""
    try:
        with _open_text(path) as stream:
            reader = csv.reader(stream, strict=True, skipinitialspace=True)
            lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except (OSError, EOFError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(f"{path}: cannot be read: {reason}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text; save it as UTF-8") from error
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: is not valid CSV: {error}") from error
    return [(number, row) for number, row in lines if any(row)]


def _open_text(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")
