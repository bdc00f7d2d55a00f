"""From predictions, or decisions, to the cells of a submission."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np

from kgcv.config.schema import SubmissionConfig
from kgcv.data.predictions import Predictions
from kgcv.submission.formats import find_positive_class, separator_of
from kgcv.submission.table import Submission, require_same_columns, require_same_ids


def build_submission(
    predictions: Predictions,
    sample: Submission,
    form: str,
    config: SubmissionConfig,
    decisions: np.ndarray | None = None,
) -> Submission:
    """The submission that the sample file asks for, in the order of its rows and columns.

    Args:
        predictions: with exactly the ids of the sample file, in any order; sound, see `Predictions.checked`.
        sample: from `read_sample`.
        form: from `find_format`.
        config: from `submission_settings`.
        decisions: `(N, C)` bool, the tags given, row by row those of `predictions`; for the forms in
            `kgcv.submission.formats.DECIDED`.

    Raises:
        SubmissionError: ids are missing, extra or doubled, or the columns are not the classes.
        ConfigError: `positive_class` is needed and is no class.
    """
    require_same_ids(sample.ids, predictions.ids, "the predictions")
    row_of = {id_: row for row, id_ in enumerate(predictions.ids)}
    rows = [row_of[id_] for id_ in sample.ids]
    ordered = replace(predictions, ids=sample.ids, values=predictions.values[rows])
    return fill_table(sample.header, ordered, form, config, None if decisions is None else decisions[rows])


def fill_table(
    header: tuple[str, ...],
    predictions: Predictions,
    form: str,
    config: SubmissionConfig,
    decisions: np.ndarray | None = None,
) -> Submission:
    """The rows of a submission for any ids, in the order of `predictions`.

    Args:
        header: the sample file's, the id column first.
        predictions: probabilities in [0, 1] or numbers.
        form: from `find_format`.
        config: from `submission_settings`.
        decisions: `(N, C)` bool, as for `build_submission`.

    Raises:
        SubmissionError: the columns are not the classes.
        ConfigError: `positive_class` is needed and is no class.
    """
    columns = _WRITERS[form](_Answer(header, predictions.class_names, predictions.values, config, decisions))
    return Submission(header, (predictions.ids, *map(tuple, columns)), form)


def match_columns(header: Sequence[str], class_names: Sequence[str]) -> list[int]:
    """For each column of the sample file but the ids', the number of its class, by name.

    One column needs no name in common with one class: the labels' column and the sample's may differ.

    Raises:
        SubmissionError: the columns are not the classes.
    """
    columns = header[1:]
    if len(columns) == len(class_names) == 1:
        return [0]
    require_same_columns(columns, class_names, "the predictions' classes")
    number_of = {name: number for number, name in enumerate(class_names)}
    return [number_of[name] for name in columns]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a format needs; arrays are `(N, C)`."""

    header: tuple[str, ...]
    class_names: tuple[str, ...]
    values: np.ndarray
    config: SubmissionConfig
    decisions: np.ndarray | None

    def given(self) -> np.ndarray:
        """`(N, C)` bool, the decisions."""
        assert self.decisions is not None, "this form is written from decisions"
        return self.decisions


Columns = list[list[str]]
"""The cells of each column but the ids', N each."""


def _number_cells(values: np.ndarray) -> Columns:
    """The fewest digits that give each float32 back exactly.

    Arrow finds them in half the time that Python takes to write nine digits, which are always enough.
    """
    import pyarrow as pa

    columns = np.ascontiguousarray(values.T, dtype=np.float32)
    # `pa.array` would load pandas, only to see that a column is none of its own.
    arrays = [pa.Array.from_buffers(pa.float32(), len(one), [None, pa.py_buffer(one)]) for one in columns]
    return [array.cast(pa.string()).to_pylist() for array in arrays]


def _write_columns(answer: _Answer) -> Columns:
    return _number_cells(answer.values[:, match_columns(answer.header, answer.class_names)])


def _write_probability(answer: _Answer) -> Columns:
    positive = find_positive_class(answer.header, answer.class_names, answer.config)
    return _number_cells(answer.values[:, [answer.class_names.index(positive)]])


def _write_label(answer: _Answer) -> Columns:
    return [[answer.class_names[index] for index in answer.values.argmax(axis=1).tolist()]]


def _write_index(answer: _Answer) -> Columns:
    return [[str(index) for index in answer.values.argmax(axis=1).tolist()]]


def _write_tags(answer: _Answer) -> Columns:
    return _join_given(answer, answer.class_names)


def _write_indices(answer: _Answer) -> Columns:
    return _join_given(answer, [str(index) for index in range(len(answer.class_names))])


def _join_given(answer: _Answer, names: Sequence[str]) -> Columns:
    """The tags of each row in one cell; an empty one where there are none."""
    separator = separator_of(answer.config)
    return [[separator.join(compress(names, row)) for row in answer.given().tolist()]]


def _write_decisions(answer: _Answer) -> Columns:
    given = answer.given()[:, match_columns(answer.header, answer.class_names)]
    return [["1" if is_given else "0" for is_given in column] for column in given.T.tolist()]


_WRITERS: Mapping[str, Callable[[_Answer], Columns]] = {
    "probabilities": _write_columns,
    "probability": _write_probability,
    "label": _write_label,
    "index": _write_index,
    "tags": _write_tags,
    "indices": _write_indices,
    "decisions": _write_decisions,
    "numbers": _write_columns,
}
