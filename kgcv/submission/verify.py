"""Reads a written submission as the competition will, and compares what it says with the predictions it came from.

Nothing here is shared with the writing of cells but the rules that match columns to classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import numpy as np

from kgcv.config.schema import SubmissionConfig
from kgcv.data.predictions import Predictions
from kgcv.errors import SubmissionError, listed
from kgcv.submission.build import match_columns
from kgcv.submission.formats import find_format, find_positive_class, separator_of
from kgcv.submission.table import Submission, read_sample

FLOAT32_STEP = 2.0**-23
"""Relative distance of neighbouring float32 numbers."""


def verify_submission(
    written: Submission,
    predictions: Predictions,
    sample: Path,
    config: SubmissionConfig,
    decisions: np.ndarray | None = None,
) -> None:
    """Refuse a table that does not say what the predictions say.

    Ids and columns are the sample file's, in its order; numbers are equal within float32 rounding, labels are the
    most probable classes, sets of tags are the decisions.

    Args:
        written: the table as read back.
        predictions: as given to `build_submission`, as the other arguments.
        sample: the sample file.
        config: from `submission_settings`.
        decisions: `(N, C)` bool.

    Raises:
        SubmissionError: something differs; the ids are named.
    """
    wanted = read_sample(sample)
    if written.header != wanted.header:
        raise SubmissionError(f"the file has the columns {listed(written.header)}, not {listed(wanted.header)}")
    if written.ids != wanted.ids:
        raise SubmissionError("the file does not have the sample file's ids in its order")
    row_of = {id_: row for row, id_ in enumerate(predictions.ids)}
    rows = [row_of[id_] for id_ in wanted.ids]
    said = _Said(
        header=wanted.header,
        cells=[row[1:] for row in written.rows],
        class_names=predictions.class_names,
        values=predictions.values[rows],
        decisions=None if decisions is None else decisions[rows],
        config=config,
    )
    is_right = _READERS[find_format(wanted, predictions, config)](said)
    if wrong := [id_ for id_, right in zip(wanted.ids, is_right, strict=True) if not right]:
        raise SubmissionError(f"the file does not say what the predictions say at {len(wrong)} ids: {listed(wrong)}")


@dataclass(frozen=True, slots=True)
class _Said:
    """Cells, and what they should say; N rows in the same order, arrays `(N, C)`."""

    header: tuple[str, ...]
    cells: list[tuple[str, ...]]
    class_names: tuple[str, ...]
    values: np.ndarray
    decisions: np.ndarray | None
    config: SubmissionConfig


def _read_numbers(said: _Said) -> list[bool]:
    return _equal(said.cells, said.values[:, match_columns(said.header, said.class_names)])


def _read_probability(said: _Said) -> list[bool]:
    positive = find_positive_class(said.header, said.class_names, said.config)
    return _equal(said.cells, said.values[:, [said.class_names.index(positive)]])


def _equal(cells: Sequence[Sequence[str]], values: np.ndarray) -> list[bool]:
    found = np.array([[_number(cell) for cell in row] for row in cells])
    wanted = values.astype(np.float64)
    # A cell that is no number is NaN here, which is near to nothing.
    is_near = np.abs(found - wanted) <= FLOAT32_STEP * np.abs(wanted)
    return [bool(row.all()) for row in is_near]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _read_label(said: _Said) -> list[bool]:
    return _is_most_probable(said, dict(enumerate(said.class_names)))


def _read_index(said: _Said) -> list[bool]:
    return _is_most_probable(said, {index: str(index) for index in range(len(said.class_names))})


def _is_most_probable(said: _Said, names: Mapping[int, str]) -> list[bool]:
    best = said.values.argmax(axis=1).tolist()
    return [cell == names[index] for (cell,), index in zip(said.cells, best, strict=True)]


def _read_tags(said: _Said) -> list[bool]:
    return _is_given(said, said.class_names)


def _read_indices(said: _Said) -> list[bool]:
    return _is_given(said, [str(index) for index in range(len(said.class_names))])


def _is_given(said: _Said, names: Sequence[str]) -> list[bool]:
    assert said.decisions is not None, "this form is written from decisions"
    separator = separator_of(said.config)
    right = []
    for (cell,), row in zip(said.cells, said.decisions, strict=True):
        words = cell.split(separator) if cell else []
        right.append(len(words) == row.sum() and set(words) == set(compress(names, row)))
    return right


def _read_decisions(said: _Said) -> list[bool]:
    assert said.decisions is not None, "this form is written from decisions"
    wanted = said.decisions[:, match_columns(said.header, said.class_names)].tolist()
    return [
        [cell == "1" for cell in row] == given and set(row) <= {"0", "1"}
        for row, given in zip(said.cells, wanted, strict=True)
    ]


_READERS: Mapping[str, Callable[[_Said], list[bool]]] = {
    "probabilities": _read_numbers,
    "probability": _read_probability,
    "label": _read_label,
    "index": _read_index,
    "tags": _read_tags,
    "indices": _read_indices,
    "decisions": _read_decisions,
    "numbers": _read_numbers,
}
