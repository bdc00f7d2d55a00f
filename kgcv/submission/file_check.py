"""Looks at a submission file that kgcv did not make, before it costs one of the day's submissions.

A fault is certain: the sample file says otherwise. A doubt is what looks wrong beside the sample file, which shows
only a part of what is allowed; a person may know better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgcv.errors import SubmissionError, listed
from kgcv.submission.table import (
    GZIP_MARK,
    Submission,
    read_numbers,
    read_sample,
    read_table,
    require_same_columns,
    require_same_ids,
)

# What pandas takes for a missing value unless told otherwise, in lower case.
_MISSING = {"", "#n/a", "#n/a n/a", "#na", "-1.#ind", "-1.#qnan", "-nan", "1.#ind", "1.#qnan", "<na>", "n/a", "na"}
_MISSING |= {"null", "nan", "none"}

_SEPARATORS = (";", "|", ",", "\t")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file without faults."""

    table: Submission
    """In the order of the sample file's rows and columns."""
    doubts: tuple[str, ...]
    """What looks wrong, a sentence each."""
    notes: tuple[str, ...]
    """What a person may want to know, a sentence each."""


def check_file(path: Path, sample: Path) -> CheckedFile:
    """Compare the file in `path` with the sample file.

    Raises:
        SubmissionError: a name or packing that Kaggle does not read, other columns or ids than the sample's, or no
            number where the sample has numbers.
    """
    _refuse_packing(path)
    wanted, table = read_sample(sample), read_table(path)
    require_same_columns(wanted.header, table.header, str(path))
    ordered = _in_order(wanted, table, path)
    columns = [_Column(name, wanted, ordered, place) for place, name in enumerate(wanted.header) if place > 0]
    for column in columns:
        _refuse_no_number(path, column)
    doubts = [*_doubt_bytes(path), *(doubt for column in columns for doubt in _doubt(column))]
    return CheckedFile(ordered, tuple(doubts), tuple(_notes(wanted, table, ordered, columns)))


def _in_order(wanted: Submission, table: Submission, path: Path) -> Submission:
    """`table` with the rows and columns in the order of `wanted`.

    Raises:
        SubmissionError: the ids are not the same.
    """
    column_of = dict(zip(table.header, table.columns, strict=True))
    ids = column_of[wanted.header[0]]
    require_same_ids(wanted.ids, ids, str(path))
    row_of = {id_: row for row, id_ in enumerate(ids)}
    rows = [row_of[id_] for id_ in wanted.ids]
    cells = (column_of[name] for name in wanted.header)
    return Submission(wanted.header, tuple(tuple(column[row] for row in rows) for column in cells))


class _Column:
    """One column of the file beside the sample's; rows in the same order."""

    def __init__(self, name: str, sample: Submission, table: Submission, place: int) -> None:
        self.name = name
        self.ids = table.ids
        self.cells = table.columns[place]
        wanted = set(sample.columns[place])
        self.wanted_numbers = read_numbers(wanted)
        self.has_numbers = bool(np.isfinite(self.wanted_numbers).all())
        self.numbers = read_numbers(self.cells) if self.has_numbers else np.array([])
        joined = "".join(wanted)
        # A space comes last, for it may be a part of the words that another mark separates.
        self.separator = next((mark for mark in (*_SEPARATORS, " ") if mark in joined), None)
        self.vocabulary = {word for cell in wanted for word in self.words(cell)}
        self.lower_vocabulary = {word.lower() for word in self.vocabulary}

    def words(self, cell: str) -> list[str]:
        """The words of a cell as the sample file separates them."""
        return cell.split(self.separator) if self.separator is not None and cell else [cell]

    def used_words(self) -> set[str]:
        """The words of the file's cells."""
        return {word for cell in set(self.cells) for word in self.words(cell)}

    def where(self, is_wrong: np.ndarray) -> list[str]:
        """Ids and cells of the rows that are wrong; `is_wrong` is `(N,)` bool."""
        return [f"{self.ids[row]} ({self.cells[row]!r})" for row in np.flatnonzero(is_wrong)]


def _refuse_packing(path: Path) -> None:
    if not path.name.endswith((".csv", ".csv.gz")):
        raise SubmissionError(f"{path}: a submission is named .csv or .csv.gz")
    try:
        with path.open("rb") as stream:
            is_packed = stream.read(len(GZIP_MARK)) == GZIP_MARK
    except OSError as error:
        raise SubmissionError(f"{path}: cannot be read: {error.strerror}") from error
    if is_packed != path.name.endswith(".gz"):
        is_or_not, name = ("is", "X.csv.gz") if is_packed else ("is not", "X.csv")
        raise SubmissionError(f"{path}: {is_or_not} packed by gzip, which its name denies; call it {name}")


def _refuse_no_number(path: Path, column: _Column) -> None:
    if not column.has_numbers:
        return
    if wrong := column.where(~np.isfinite(column.numbers)):
        raise SubmissionError(f"{path}: column {column.name!r} is not a number at {len(wrong)} ids: {listed(wrong)}")


def _doubt_bytes(path: Path) -> Iterator[str]:
    with path.open("rb") as stream:
        if stream.read(len(_BYTE_ORDER_MARK)) == _BYTE_ORDER_MARK:
            yield "begins with a byte order mark, which some readers take for a part of the first column's name"


def _doubt(column: _Column) -> Iterator[str]:
    found = _doubt_numbers(column) if column.has_numbers else _doubt_words(column)
    for what, wrong in found:
        if wrong:
            yield f"column {column.name!r}: {what} at {len(wrong)} ids: {listed(wrong, 5)}"


def _doubt_numbers(column: _Column) -> Iterator[tuple[str, list[str]]]:
    wanted, values = column.wanted_numbers, column.numbers
    if ((wanted >= 0) & (wanted <= 1)).all() and ((wanted > 0) & (wanted < 1)).any():
        yield "outside 0 to 1, where the sample file has probabilities,", column.where((values < 0) | (values > 1))
    elif len(np.unique(wanted)) > 2 and (wanted == wanted.round()).all():
        yield "not whole, where the sample file has whole numbers only,", column.where(values != values.round())


def _doubt_words(column: _Column) -> Iterator[tuple[str, list[str]]]:
    """Each cell is doubted for one reason at most."""
    kind_of = {cell: _doubtful(column, cell) for cell in set(column.cells)}
    kinds = [kind_of[cell] for cell in column.cells]
    for kind in dict.fromkeys(kind for kind in kinds if kind is not None):
        yield kind, column.where(np.array([other == kind for other in kinds]))
    if not any(kinds) and not column.used_words() & column.vocabulary:
        every = column.where(np.ones(len(kinds), dtype=bool))
        yield f"none of the sample file's words ({listed(sorted(map(repr, column.vocabulary)), 5)})", every


def _doubtful(column: _Column, cell: str) -> str | None:
    if cell in column.vocabulary:
        return None
    if cell.lower() in _MISSING:
        return "what readers take for a missing value"
    if cell != cell.strip():
        return "spaces around the text"
    unknown = [word for word in column.words(cell) if word not in column.vocabulary]
    if column.lower_vocabulary.intersection(map(str.lower, unknown)):
        return "the sample file's words in other letters"
    if any(_is_joined(word, column.vocabulary) for word in unknown):
        return "another separator than the sample file's"
    return None


def _is_joined(word: str, vocabulary: set[str]) -> bool:
    """Whether `word` is several; of parts between spaces all have to be known, as many names have spaces in them."""
    by_marks = (word.split(mark) for mark in _SEPARATORS if mark in word)
    return any(vocabulary.intersection(parts) for parts in by_marks) or set(word.split(" ")) <= vocabulary


def _notes(wanted: Submission, table: Submission, ordered: Submission, columns: Sequence[_Column]) -> Iterator[str]:
    if ordered.columns == wanted.columns:
        yield "it says what the sample file says"
    elif len(wanted.ids) > 1 and all(len(set(column.cells)) == 1 for column in columns):
        yield "every row says the same"
    if (table.header, table.ids) != (wanted.header, wanted.ids):
        yield "rows or columns are not in the sample file's order, which few competitions mind; -o FILE puts them in it"
    for column in columns:
        if not column.has_numbers and (strange := sorted(column.used_words() - column.vocabulary)):
            yield f"column {column.name!r} has words that the sample file does not show: {listed(map(repr, strange))}"
