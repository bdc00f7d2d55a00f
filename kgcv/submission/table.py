"""Tables of text: the sample file, which decides ids, order and columns, and files that must fit it."""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from kgcv.data.columns import doubled
from kgcv.data.csv_table import not_utf8, separator_hint
from kgcv.errors import SubmissionError, listed
from kgcv.files import atomic_path, open_file

GZIP_MARK = b"\x1f\x8b"  # RFC 1952
# What Python alone takes for a part of a number; with digits of other scripts, which are not ASCII.
_PYTHON_ONLY = "_\t\n\v\f\r\x1c\x1d\x1e\x1f"


@dataclass(frozen=True, slots=True)
class Submission:
    """The text of a table, the ids first.

    Columns, not rows: a tuple for each of a million rows costs more time in the garbage collector than in the reading.
    """

    header: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    """For each name in the header its N cells."""
    format: str = "file"
    """One of the formats of `submission.format`, or `file` for a table that was read."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The first column."""
        return self.columns[0]

    @property
    def rows(self) -> Iterator[tuple[str, ...]]:
        """The cells row by row, the id first."""
        return zip(*self.columns, strict=True)


def read_table(path: Path) -> Submission:
    """The CSV table in `path`, packed by gzip or not, every cell as text.

    Raises:
        SubmissionError: missing, unreadable, without rows, or a row of another length.
    """
    return _parse(_read_content(path), path)


def _read_content(path: Path) -> bytes:
    try:
        with open_file(path) as stream:
            content = stream.read()
        return gzip.decompress(content) if content.startswith(GZIP_MARK) else content
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from error


def _parse(content: bytes, path: Path) -> Submission:
    try:
        # Decoded piece by piece: StringIO would hold four bytes a character.
        text = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="")
        lines = csv.reader(text, strict=True)
        header = tuple(next(filter(None, lines), ()))
        cells = _cells_of(lines, len(header), path) if len(header) > 1 else []
    except UnicodeDecodeError as error:
        raise SubmissionError(not_utf8(path)) from error
    except csv.Error as error:
        raise _unreadable(path, error) from error
    if hint := separator_hint(header):
        raise SubmissionError(f"{path}: {hint}")
    if not cells:
        raise SubmissionError(f"{path}: needs a header, a row, an id column and another column")
    return Submission(header, tuple(tuple(cells[place :: len(header)]) for place in range(len(header))))


def _cells_of(lines: Iterable[list[str]], width: int, path: Path) -> list[str]:
    """The cells of all rows, one after the other: so no object lives on for each row. Empty lines are no rows.

    Raises:
        SubmissionError: a row has another number of cells than `width`.
    """
    cells: list[str] = []
    for number, row in enumerate(lines, start=2):
        if len(row) != width:
            if not "".join(row).strip():
                continue
            raise SubmissionError(f"{path}: row {number} has {len(row)} cells, the header {width}")
        cells += row
    return cells


def _unreadable(path: Path, error: Exception) -> SubmissionError:
    return SubmissionError(f"{path}: cannot be read as a table: {error}")


def read_sample(path: Path) -> Submission:
    """The sample file in `path`.

    Raises:
        SubmissionError: as `read_table`, or ids or columns occur twice.
    """
    table = read_table(path)
    for what, names in (("ids", table.ids), ("columns", table.header)):
        if twice := doubled(names):
            raise SubmissionError(f"{path}: {what} occur twice: {listed(twice)}")
    return table


def csv_bytes(submission: Submission) -> bytes:
    """The table as CSV in UTF-8; equal tables give equal bytes."""
    named = zip(submission.header, submission.columns, strict=True)
    quoted = [_quoted([name, *cells]) for name, cells in named]
    return "".join(f"{','.join(row)}\n" for row in zip(*quoted, strict=True)).encode("utf-8")


def _quoted(cells: list[str]) -> list[str]:
    """The cells of a column as CSV has them; hardly ever is there anything to quote in all of it."""
    if not _needs_quotes("".join(cells)):
        return cells
    return ['"' + cell.replace('"', '""') + '"' if _needs_quotes(cell) else cell for cell in cells]


def _needs_quotes(text: str) -> bool:
    return any(mark in text for mark in ',"\r\n')


def write_submission(
    path: Path, submission: Submission, verify: Callable[[Submission], None] = lambda written: None
) -> None:
    """Write `submission` as `.csv` or `.csv.gz`; equal tables give equal bytes.

    What was written is read back and compared before it takes its name, so that a refusal leaves the older file. The
    text is parsed while it is packed, which Python can do side by side; the file then has to hold that text.

    Args:
        path: where to.
        submission: the table.
        verify: looks at the table that was read back, and raises if it is not right.

    Raises:
        SubmissionError: another suffix, or the file does not read back as it was written.
    """
    if not path.name.endswith((".csv", ".csv.gz")):
        raise SubmissionError(f"{path}: a submission is named .csv or .csv.gz")
    content = csv_bytes(submission)
    with atomic_path(path) as temporary, ThreadPoolExecutor(1) as beside:
        writing = beside.submit(_write_content, temporary, content, path.suffix == ".gz")
        written = _parse(content, path)
        if (written.header, written.columns) != (submission.header, submission.columns):
            raise _changed(path)
        verify(written)
        writing.result()
        if _read_content(temporary) != content:
            raise _changed(path)


def _changed(path: Path) -> SubmissionError:
    return SubmissionError(f"{path}: does not read back as it was written; write it again")


def _write_content(path: Path, content: bytes, is_packed: bool) -> None:
    path.write_bytes(_pack(content) if is_packed else content)


def _pack(content: bytes) -> bytes:
    """`content` as gzip packs it, with neither a time nor a name: the bytes depend on the content alone.

    Z_FILTERED repeats no text of under six characters. In columns of digits such repeats cost more than they save:
    40,669 rows of 17 probabilities take a sixth of the time of gzip's level 9, and 4 % fewer bytes.
    """
    packer = zlib.compressobj(4, zlib.DEFLATED, 16 + zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_FILTERED)
    return packer.compress(content) + packer.flush()


def require_same_ids(wanted: Sequence[str], found: Sequence[str], source: str) -> None:
    """Refuse ids that are not exactly those of the sample file, each once, in whatever order.

    Raises:
        SubmissionError: ids are missing, extra or doubled; `source` names where they come from.
    """
    all_wanted, all_found = set(wanted), set(found)
    if all_wanted == all_found and len(all_found) == len(found):
        return
    missing = [id_ for id_ in wanted if id_ not in all_found]
    extra = [id_ for id_ in found if id_ not in all_wanted]
    kinds = {"missing": missing, "not in the sample file": extra, "twice": doubled(found)}
    problems = [f"{len(ids)} ids {kind}: {listed(ids)}" for kind, ids in kinds.items() if ids]
    if problems:
        raise SubmissionError(f"{source}: " + "; ".join(problems) + _suffix_hint(missing, extra))


def require_same_columns(wanted: Sequence[str], found: Sequence[str], source: str) -> None:
    """Refuse columns that are not exactly those of the sample file, in whatever order.

    Raises:
        SubmissionError: columns are missing, extra or doubled; `source` names where they come from.
    """
    all_wanted, all_found = set(wanted), set(found)
    missing = [name for name in wanted if name not in all_found]
    extra = [name for name in found if name not in all_wanted]
    if missing or extra or len(found) != len(wanted):
        raise SubmissionError(
            f"{source}: columns differ from the sample file's: "
            f"missing {listed(missing) or 'none'}; not in the sample file {listed(extra) or 'none'}"
        )


def is_number(text: str) -> bool:
    """Whether `text` spells a finite number as every reader of CSV files understands it."""
    return math.isfinite(_number(text))


def read_numbers(cells: Collection[str]) -> np.ndarray:
    """`(N,)` float64: the numbers in `cells`, not finite where `is_number` denies that there is one."""
    if not _is_for_python_alone("".join(cells)):
        with suppress(ValueError):
            return np.fromiter(map(float, cells), dtype=np.float64)  # all at once, as nearly always
    return np.array([_number(cell) for cell in cells], dtype=np.float64)


def _number(text: str) -> float:
    try:
        return math.nan if _is_for_python_alone(text) else float(text)
    except ValueError:
        return math.nan


def _is_for_python_alone(text: str) -> bool:
    return not text.isascii() or any(mark in text for mark in _PYTHON_ONLY)


def _suffix_hint(missing: list[str], extra: list[str]) -> str:
    """What to do when ids differ by nothing but a file suffix, or spaces."""
    if set(extra) & {id_.strip() for id_ in missing}:
        return f"; the sample's ids have spaces around them, such as {missing[0]!r}: take these out"
    if set(missing) & {_stem(id_) for id_ in extra}:
        suffix = PurePosixPath(extra[0]).suffix
        return f"; the sample's ids have no {suffix!r}: set data.test.suffix to {suffix!r} and predict again"
    if set(extra) & {_stem(id_) for id_ in missing}:
        suffix = PurePosixPath(missing[0]).suffix
        return f"; the sample's ids end in {suffix!r}: set data.test.suffix to '' and predict again"
    return ""


def _stem(id_: str) -> str:
    return str(PurePosixPath(id_).with_suffix("")) if PurePosixPath(id_).name else id_
