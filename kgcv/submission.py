"""From predictions and the sample file to a checked, deterministic submission file.

The sample file decides the ids, their order and the columns; its first column holds the ids.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from kgcv.config.schema import SubmissionConfig, Task
from kgcv.data.predictions import Predictions
from kgcv.errors import ConfigError, SubmissionError, listed
from kgcv.files import write_bytes

TAG_SEPARATOR = " "
ROUNDING = 1e-6
"""How far a probability may lie outside [0, 1], as means of float32 values do by rounding; it is clipped."""


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
    """The CSV table in `path` (`.gz`: compressed), every cell as text.

    Raises:
        SubmissionError: missing, unreadable, without rows, or a row of another length.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise SubmissionError(f"{path}: cannot be read as a table: {error}") from error
    if len(lines) < 2 or len(lines[0]) < 2:
        raise SubmissionError(f"{path}: needs a header, a row, an id column and another column")
    header, rows = tuple(lines[0]), tuple(tuple(line) for line in lines[1:])
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise SubmissionError(f"{path}: row {number} has {len(row)} cells, the header {len(header)}")
    return Submission(header, rows)


def build_submission(predictions: Predictions, sample: Path, config: SubmissionConfig, threshold: float) -> Submission:
    """The submission that the sample file asks for; tags are those with a probability above `threshold`.

    Raises:
        SubmissionError: ids are missing, extra or doubled, or values are NaN, infinite or no probabilities.
        ConfigError: the sample file does not tell the format, or the format does not fit the task.
    """
    table = _read_sample(sample)
    _require_same_ids(table.ids, predictions.ids, "the predictions")
    _require_sound(predictions)
    form = _find_format(table, predictions, config)
    row_of = {id_: row for row, id_ in enumerate(predictions.ids)}
    values = predictions.values[[row_of[id_] for id_ in table.ids]]
    if predictions.task != "regression":
        values = values.clip(0, 1)
    cells = _WRITERS[form](_Answer(table.header, predictions.class_names, values, config, threshold))
    rows = tuple((id_, *row) for id_, row in zip(table.ids, cells, strict=True))
    return Submission(table.header, rows, form)


def check_file(path: Path, sample: Path) -> Submission:
    """The table in `path`, in the order of the sample file's rows and columns.

    Raises:
        SubmissionError: other columns or ids than the sample's, or no number where the sample has numbers.
    """
    wanted, table = _read_sample(sample), read_table(path)
    _require_same_columns(wanted.header, table.header, str(path))
    places = [table.header.index(name) for name in wanted.header]
    rows = [tuple(row[place] for place in places) for row in table.rows]
    _require_same_ids(wanted.ids, [row[0] for row in rows], str(path))
    for column, name in enumerate(wanted.header[1:], start=1):
        wrong = [row[0] for row in rows if not _is_number(row[column])]
        if wrong and all(_is_number(row[column]) for row in wanted.rows):
            raise SubmissionError(f"{path}: column {name!r} is not a number at {listed(wrong)}")
    row_of = {row[0]: row for row in rows}
    return Submission(wanted.header, tuple(row_of[id_] for id_ in wanted.ids))


def write_submission(path: Path, submission: Submission) -> None:
    """Write `submission` as `.csv` or `.csv.gz`, read it back and compare; equal tables give equal bytes.

    Raises:
        SubmissionError: another suffix, or the file does not read back as it was written.
    """
    if not path.name.endswith((".csv", ".csv.gz")):
        raise SubmissionError(f"{path}: a submission is named .csv or .csv.gz")
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerows([submission.header, *submission.rows])
    content = stream.getvalue().encode("utf-8")
    # mtime 0 and no name in the gzip header: the bytes then depend on the content alone.
    write_bytes(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    written = read_table(path)
    if (written.header, written.rows) != (submission.header, submission.rows):
        raise SubmissionError(f"{path}: does not read back as it was written; write it again")


def _read_sample(path: Path) -> Submission:
    table = read_table(path)
    if doubled := _doubled(table.ids):
        raise SubmissionError(f"{path}: ids occur twice: {listed(doubled)}")
    return table


def _doubled(ids: Sequence[str]) -> list[str]:
    return [id_ for id_, count in Counter(ids).items() if count > 1]


def _require_same_ids(wanted: Sequence[str], found: Sequence[str], source: str) -> None:
    missing_set, extra_set = set(wanted) - set(found), set(found) - set(wanted)
    missing = [id_ for id_ in wanted if id_ in missing_set]
    extra = [id_ for id_ in found if id_ in extra_set]
    kinds = {"missing": missing, "not in the sample file": extra, "twice": _doubled(found)}
    problems = [f"{len(ids)} ids {kind}: {listed(ids)}" for kind, ids in kinds.items() if ids]
    if problems:
        raise SubmissionError(f"{source}: " + "; ".join(problems) + _suffix_hint(missing, extra))


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


def _require_sound(predictions: Predictions) -> None:
    values = predictions.values
    _refuse(predictions, (~np.isfinite(values)).any(axis=1), "NaN or infinite")
    if predictions.task != "regression":
        outside = (values < -ROUNDING) | (values > 1 + ROUNDING)
        _refuse(predictions, np.any(outside, axis=1), "outside [0, 1]")


def _refuse(predictions: Predictions, is_wrong: np.ndarray, what: str) -> None:
    wrong = [predictions.ids[row] for row in np.flatnonzero(is_wrong)]
    if wrong:
        raise SubmissionError(f"the predictions: {len(wrong)} rows are {what}: {listed(wrong)}")


def _require_same_columns(wanted: Sequence[str], found: Sequence[str], source: str) -> None:
    missing = [name for name in wanted if name not in found]
    extra = [name for name in found if name not in wanted]
    if missing or extra or len(found) != len(wanted):
        raise SubmissionError(
            f"{source}: columns differ from the sample file's: "
            f"missing {listed(missing) or 'none'}; not in the sample file {listed(extra) or 'none'}"
        )


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


_FITTING: Mapping[str, frozenset[Task]] = {
    "probabilities": frozenset({"single", "multi"}),
    "probability": frozenset({"single"}),
    "label": frozenset({"single"}),
    "index": frozenset({"single"}),
    "tags": frozenset({"multi"}),
    "numbers": frozenset({"regression"}),
}


def _find_format(table: Submission, predictions: Predictions, config: SubmissionConfig) -> str:
    """The format asked for, or what the sample file tells without doubt."""
    form = config.format if config.format != "auto" else _guess_format(table, predictions, config)
    if predictions.task not in _FITTING[form]:
        fitting = ", ".join(name for name, tasks in _FITTING.items() if predictions.task in tasks)
        raise ConfigError([f"submission.format: {form!r} does not fit task {predictions.task!r}: {fitting}"])
    if form not in ("probabilities", "numbers") and len(table.header) != 2:
        raise ConfigError(
            [f"submission.format: {form!r} fills one column, the sample file has {listed(table.header[1:])}"]
        )
    return form


def _guess_format(table: Submission, predictions: Predictions, config: SubmissionConfig) -> str:
    if predictions.task == "regression":
        return "numbers"
    if set(table.header[1:]) == set(predictions.class_names) or len(table.header) > 2:
        return "probabilities"
    if predictions.task == "multi":
        return "tags"
    return _guess_single(table, predictions.class_names, config)


def _guess_single(table: Submission, class_names: tuple[str, ...], config: SubmissionConfig) -> str:
    """One column for one class out of several: a name, a number or a probability."""
    examples = {row[1] for row in table.rows}
    is_numeric = all(_is_number(text) for text in examples)
    if config.positive_class is not None:
        return "probability"
    # Classes called 0 and 1 leave open whether a 0 in the sample stands for a class or for a probability.
    if examples <= set(class_names) and not (is_numeric and len(class_names) == 2):
        return "label"
    if is_numeric and len(class_names) > 2 and all(text.isdigit() for text in examples):
        return "index"
    raise ConfigError(
        [
            f"submission.format: the sample file's column {table.header[1]!r} (such as {min(examples)!r}) "
            f"does not tell what it wants of the classes {listed(class_names)}: say label, index, or "
            "probability together with submission.positive_class"
        ]
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a format needs: `values` are (N, C) in the order of the sample file's rows."""

    header: tuple[str, ...]
    class_names: tuple[str, ...]
    values: np.ndarray
    config: SubmissionConfig
    threshold: float


def _number_cells(values: np.ndarray) -> list[list[str]]:
    # Nine significant digits give every float32 back exactly.
    return [[f"{value:.9g}" for value in row] for row in values.tolist()]


def _write_columns(answer: _Answer) -> list[list[str]]:
    columns = answer.header[1:]
    # One number needs no name in common: the labels' column and the sample's may be called differently.
    if len(columns) == len(answer.class_names) == 1:
        return _number_cells(answer.values)
    _require_same_columns(columns, answer.class_names, "the predictions' classes")
    return _number_cells(answer.values[:, [answer.class_names.index(name) for name in columns]])


def _write_probability(answer: _Answer) -> list[list[str]]:
    positive, classes = answer.config.positive_class, listed(answer.class_names)
    if positive is None:
        raise ConfigError([f"submission.positive_class: say whose probability to write: {classes}"])
    if positive not in answer.class_names:
        raise ConfigError([f"submission.positive_class: {positive!r} is not one of the classes {classes}"])
    column = answer.class_names.index(positive)
    return _number_cells(answer.values[:, [column]])


def _write_label(answer: _Answer) -> list[list[str]]:
    return [[answer.class_names[index]] for index in answer.values.argmax(axis=1)]


def _write_index(answer: _Answer) -> list[list[str]]:
    return [[str(index)] for index in answer.values.argmax(axis=1)]


def _write_tags(answer: _Answer) -> list[list[str]]:
    names = np.array(answer.class_names)
    return [[TAG_SEPARATOR.join(names[row])] for row in answer.values > answer.threshold]


_WRITERS: Mapping[str, Callable[[_Answer], list[list[str]]]] = {
    "probabilities": _write_columns,
    "probability": _write_probability,
    "label": _write_label,
    "index": _write_index,
    "tags": _write_tags,
    "numbers": _write_columns,
}
