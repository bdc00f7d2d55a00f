"""Looks at a submission file that kgcv did not make, before it costs one of the day's submissions.

A fault is certain: the sample file says otherwise. A doubt is what looks wrong beside the sample file, which shows
only a part of what is allowed; a person may know better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kgcv.errors import SubmissionError, listed
from kgcv.submission.table import (
    GZIP_MARK,
    Submission,
    is_number,
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
    places = [table.header.index(name) for name in wanted.header]
    rows = [tuple(row[place] for place in places) for row in table.rows]
    require_same_ids(wanted.ids, [row[0] for row in rows], str(path))
    row_of = {row[0]: row for row in rows}
    ordered = Submission(wanted.header, tuple(row_of[id_] for id_ in wanted.ids))
    columns = [_Column(name, wanted, ordered, place) for place, name in enumerate(wanted.header) if place > 0]
    for column in columns:
        _refuse_no_number(path, column)
    doubts = [*_doubt_bytes(path), *(doubt for column in columns for doubt in _doubt(column))]
    return CheckedFile(ordered, tuple(doubts), tuple(_notes(wanted, table, ordered, columns)))


class _Column:
    """One column of the file beside the sample's; rows in the same order."""

    def __init__(self, name: str, sample: Submission, table: Submission, place: int) -> None:
        self.name = name
        self.ids = table.ids
        self.wanted = [row[place] for row in sample.rows]
        self.cells = [row[place] for row in table.rows]
        self.has_numbers = all(map(is_number, self.wanted))
        joined = "".join(self.wanted)
        # A space comes last, for it may be a part of the words that another mark separates.
        self.separator = next((mark for mark in (*_SEPARATORS, " ") if mark in joined), None)
        self.vocabulary = {word for cell in self.wanted for word in self.words(cell)}

    def words(self, cell: str) -> list[str]:
        """The words of a cell as the sample file separates them."""
        return cell.split(self.separator) if self.separator is not None and cell else [cell]

    def where(self, is_wrong: Sequence[bool]) -> list[str]:
        """Ids and cells of the rows that are wrong."""
        return [f"{id_} ({cell!r})" for id_, cell, wrong in zip(self.ids, self.cells, is_wrong, strict=True) if wrong]


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
    if wrong := column.where([not is_number(cell) for cell in column.cells]):
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
    wanted, values = ([float(cell) for cell in cells] for cells in (column.wanted, column.cells))
    if all(0 <= value <= 1 for value in wanted) and any(0 < value < 1 for value in wanted):
        outside = [not 0 <= value <= 1 for value in values]
        yield "outside 0 to 1, where the sample file has probabilities,", column.where(outside)
    elif len(set(wanted)) > 2 and all(value.is_integer() for value in wanted):
        broken = [not value.is_integer() for value in values]
        yield "not whole, where the sample file has whole numbers only,", column.where(broken)


def _doubt_words(column: _Column) -> Iterator[tuple[str, list[str]]]:
    """Each cell is doubted for one reason at most."""
    kinds = [_doubtful(column, cell) for cell in column.cells]
    for kind in dict.fromkeys(kind for kind in kinds if kind is not None):
        yield kind, column.where([other == kind for other in kinds])
    used = {word for cell in column.cells for word in column.words(cell)}
    if not any(kinds) and not used & column.vocabulary:
        every = column.where([True] * len(column.cells))
        yield f"none of the sample file's words ({listed(sorted(map(repr, column.vocabulary)), 5)})", every


def _doubtful(column: _Column, cell: str) -> str | None:
    if cell in column.vocabulary:
        return None
    if cell.lower() in _MISSING:
        return "what readers take for a missing value"
    if cell != cell.strip():
        return "spaces around the text"
    unknown = [word for word in column.words(cell) if word not in column.vocabulary]
    if set(map(str.lower, unknown)) & set(map(str.lower, column.vocabulary)):
        return "the sample file's words in other letters"
    if any(_is_joined(word, column.vocabulary) for word in unknown):
        return "another separator than the sample file's"
    return None


def _is_joined(word: str, vocabulary: set[str]) -> bool:
    """Whether `word` is several; of parts between spaces all have to be known, as many names have spaces in them."""
    by_marks = (word.split(mark) for mark in _SEPARATORS if mark in word)
    return any(vocabulary.intersection(parts) for parts in by_marks) or set(word.split(" ")) <= vocabulary


def _notes(wanted: Submission, table: Submission, ordered: Submission, columns: Sequence[_Column]) -> Iterator[str]:
    if ordered.rows == wanted.rows:
        yield "it says what the sample file says"
    elif len(wanted.rows) > 1 and len({row[1:] for row in ordered.rows}) == 1:
        yield "every row says the same"
    if (table.header, table.ids) != (wanted.header, wanted.ids):
        yield "rows or columns are not in the sample file's order, which few competitions mind; -o FILE puts them in it"
    for column in columns:
        used = {word for cell in column.cells for word in column.words(cell)}
        if not column.has_numbers and (strange := sorted(used - column.vocabulary)):
            yield f"column {column.name!r} has words that the sample file does not show: {listed(map(repr, strange))}"
