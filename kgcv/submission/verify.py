"""Reads a written submission as the competition will, and compares what it says with the predictions it came from.

Nothing here is shared with the writing of cells but the rules that match columns to classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

from kgcv.config.schema import SubmissionConfig
from kgcv.data.predictions import Predictions
from kgcv.errors import SubmissionError, listed
from kgcv.submission.build import match_columns
from kgcv.submission.formats import find_positive_class, separator_of
from kgcv.submission.table import Submission, read_numbers


def verify_submission(
    written: Submission,
    predictions: Predictions,
    sample: Submission,
    form: str,
    config: SubmissionConfig,
    decisions: np.ndarray | None = None,
) -> None:
    """Refuse a table that does not say what the predictions say.

    Ids and columns are the sample file's, in its order; numbers are those of the predictions once rounded to float32,
    labels are the most probable classes, sets of tags are the decisions.

    Args:
        written: the table as read back.
        predictions: as given to `build_submission`, as the other arguments.
        sample: from `read_sample`.
        form: from `find_format`.
        config: from `submission_settings`.
        decisions: `(N, C)` bool.

    Raises:
        SubmissionError: something differs; the ids are named.
    """
    if written.header != sample.header:
        raise SubmissionError(f"the file has the columns {listed(written.header)}, not {listed(sample.header)}")
    if written.ids != sample.ids:
        raise SubmissionError("the file does not have the sample file's ids in its order")
    row_of = {id_: row for row, id_ in enumerate(predictions.ids)}
    rows = [row_of[id_] for id_ in sample.ids]
    said = _Said(
        header=sample.header,
        columns=written.columns[1:],
        class_names=predictions.class_names,
        values=predictions.values[rows],
        decisions=None if decisions is None else decisions[rows],
        config=config,
    )
    is_right = _READERS[form](said)
    if wrong := [sample.ids[row] for row in np.flatnonzero(~is_right)]:
        raise SubmissionError(f"the file does not say what the predictions say at {len(wrong)} ids: {listed(wrong)}")


@dataclass(frozen=True, slots=True)
class _Said:
    """Columns of cells, and what they should say; N rows in the same order, arrays `(N, C)`."""

    header: tuple[str, ...]
    columns: Sequence[tuple[str, ...]]
    class_names: tuple[str, ...]
    values: np.ndarray
    decisions: np.ndarray | None
    config: SubmissionConfig


def _read_numbers(said: _Said) -> np.ndarray:
    return _equal(said.columns, said.values[:, match_columns(said.header, said.class_names)])


def _read_probability(said: _Said) -> np.ndarray:
    positive = find_positive_class(said.header, said.class_names, said.config)
    return _equal(said.columns, said.values[:, [said.class_names.index(positive)]])


def _equal(columns: Sequence[Sequence[str]], values: np.ndarray) -> np.ndarray:
    is_equal = np.ones(len(values), dtype=bool)
    for cells, column in zip(columns, values.T, strict=True):
        wanted = column.astype(np.float64)
        # Decimals within half the distance to the next float32 round to this one: float64 has 29 bits more. A cell that
        # is no number is NaN, which is near to nothing.
        distance = np.maximum(np.spacing(np.abs(wanted)) * 2.0**29, np.finfo(np.float32).smallest_subnormal)
        is_equal &= np.abs(read_numbers(cells) - wanted) <= distance / 2
    return is_equal


def _read_label(said: _Said) -> np.ndarray:
    return _is_most_probable(said, dict(enumerate(said.class_names)))


def _read_index(said: _Said) -> np.ndarray:
    return _is_most_probable(said, {index: str(index) for index in range(len(said.class_names))})


def _is_most_probable(said: _Said, names: Mapping[int, str]) -> np.ndarray:
    best = said.values.argmax(axis=1).tolist()
    (cells,) = said.columns
    return np.array([cell == names[index] for cell, index in zip(cells, best, strict=True)])


def _read_tags(said: _Said) -> np.ndarray:
    return _is_given(said, said.class_names)


def _read_indices(said: _Said) -> np.ndarray:
    return _is_given(said, [str(index) for index in range(len(said.class_names))])


def _is_given(said: _Said, names: Sequence[str]) -> np.ndarray:
    assert said.decisions is not None, "this form is written from decisions"
    separator = separator_of(said.config)
    (cells,) = said.columns
    right = [
        sorted(cell.split(separator) if cell else []) == sorted(compress(names, row))
        for cell, row in zip(cells, said.decisions.tolist(), strict=True)
    ]
    return np.array(right)


def _read_decisions(said: _Said) -> np.ndarray:
    assert said.decisions is not None, "this form is written from decisions"
    wanted = said.decisions[:, match_columns(said.header, said.class_names)]
    meanings = {"0": 0, "1": 1}
    found = np.array([[meanings.get(cell, -1) for cell in cells] for cells in said.columns])
    is_right: np.ndarray = (wanted == found.T).all(axis=1)
    return is_right


# Each gives `(N,)` bool: whether a row is right.
_READERS: Mapping[str, Callable[[_Said], np.ndarray]] = {
    "probabilities": _read_numbers,
    "probability": _read_probability,
    "label": _read_label,
    "index": _read_index,
    "tags": _read_tags,
    "indices": _read_indices,
    "decisions": _read_decisions,
    "numbers": _read_numbers,
}
