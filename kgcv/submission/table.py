"""Tables of text: the sample file, which decides ids, order and columns, and files that must fit it."""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kgcv.errors import SubmissionError, listed
from kgcv.files import atomic_path

GZIP_MARK = b"\x1f\x8b"  # RFC 1952
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Submission:
    """The text of a table: a header and N rows of cells, the id first."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    format: str = "file"
    """One of the formats of `submission.format`, or `file` for a table that was read."""

    @property
    def ids(self) -> list[str]:
        """The first cell of each row."""
        return [row[0] for row in self.rows]


def read_table(path: Path) -> Submission:
    """The CSV table in `path`, packed by gzip or not, every cell as text.

    Raises:
        SubmissionError: missing, unreadable, without rows, or a row of another length.
    """
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if content.startswith(GZIP_MARK) else content
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise SubmissionError(f"{path}: cannot be read as a table: {error}") from error
    if len(lines) < 2 or len(lines[0]) < 2:
        raise SubmissionError(f"{path}: needs a header, a row, an id column and another column{_cell_hint(lines)}")
    header, rows = tuple(lines[0]), tuple(tuple(line) for line in lines[1:])
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise SubmissionError(f"{path}: row {number} has {len(row)} cells, the header {len(header)}")
    return Submission(header, rows)


def read_sample(path: Path) -> Submission:
    """The sample file in `path`.

    Raises:
        SubmissionError: as `read_table`, or ids or columns occur twice.
    """
    table = read_table(path)
    for what, names in (("ids", table.ids), ("columns", table.header)):
        if doubled := _doubled(names):
            raise SubmissionError(f"{path}: {what} occur twice: {listed(doubled)}")
    return table


def csv_bytes(submission: Submission) -> bytes:
    """The table as CSV in UTF-8; equal tables give equal bytes."""
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerows([submission.header, *submission.rows])
    return stream.getvalue().encode("utf-8")


def write_submission(
    path: Path, submission: Submission, verify: Callable[[Submission], None] = lambda written: None
) -> None:
    """Write `submission` as `.csv` or `.csv.gz`; equal tables give equal bytes.

    What was written is read back and compared before it takes its name, so that a refusal leaves the older file.

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
    with atomic_path(path) as temporary:
        # mtime 0 and no name in the gzip header: the bytes then depend on the content alone.
        temporary.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
        written = read_table(temporary)
        if (written.header, written.rows) != (submission.header, submission.rows):
            raise SubmissionError(f"{path}: does not read back as it was written; write it again")
        verify(written)


def require_same_ids(wanted: Sequence[str], found: Sequence[str], source: str) -> None:
    """Refuse ids that are not exactly those of the sample file, each once, in whatever order.

    Raises:
        SubmissionError: ids are missing, extra or doubled; `source` names where they come from.
    """
    missing_set, extra_set = set(wanted) - set(found), set(found) - set(wanted)
    missing = [id_ for id_ in wanted if id_ in missing_set]
    extra = [id_ for id_ in found if id_ in extra_set]
    kinds = {"missing": missing, "not in the sample file": extra, "twice": _doubled(found)}
    problems = [f"{len(ids)} ids {kind}: {listed(ids)}" for kind, ids in kinds.items() if ids]
    if problems:
        raise SubmissionError(f"{source}: " + "; ".join(problems) + _suffix_hint(missing, extra))


def require_same_columns(wanted: Sequence[str], found: Sequence[str], source: str) -> None:
    """Refuse columns that are not exactly those of the sample file, in whatever order.

    Raises:
        SubmissionError: columns are missing, extra or doubled; `source` names where they come from.
    """
    missing = [name for name in wanted if name not in found]
    extra = [name for name in found if name not in wanted]
    if missing or extra or len(found) != len(wanted):
        raise SubmissionError(
            f"{source}: columns differ from the sample file's: "
            f"missing {listed(missing) or 'none'}; not in the sample file {listed(extra) or 'none'}"
        )


def is_number(text: str) -> bool:
    """Whether `text` spells a finite number as every reader of CSV files understands it.

    Python alone also takes `1_000` and digits of other scripts for numbers.
    """
    return _NUMBER.fullmatch(text.strip(" ")) is not None and math.isfinite(float(text))


def _cell_hint(lines: list[list[str]]) -> str:
    """What stands between the cells, where it is not commas."""
    header = lines[0][0] if lines and len(lines[0]) == 1 else ""
    found = next((repr(mark) for mark in (";", "\t", "|") if mark in header), None)
    return f"; its cells are separated by {found}, and Kaggle reads commas" if found else ""


def _doubled(names: Sequence[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _suffix_hint(missing: list[str], extra: list[str]) -> str:
    """What to do when ids differ by nothing but a file suffix."""
    if set(missing) & {_stem(id_) for id_ in extra}:
        suffix = PurePosixPath(extra[0]).suffix
        return f"; the sample's ids have no {suffix!r}: set data.test.suffix to {suffix!r} and predict again"
    if set(extra) & {_stem(id_) for id_ in missing}:
        suffix = PurePosixPath(missing[0]).suffix
        return f"; the sample's ids end in {suffix!r}: set data.test.suffix to '' and predict again"
    return ""


def _stem(id_: str) -> str:
    return str(PurePosixPath(id_).with_suffix("")) if PurePosixPath(id_).name else id_
