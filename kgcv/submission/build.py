"""From predictions, or decisions, to the cells of a submission."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgcv.config.schema import SubmissionConfig
from kgcv.data.predictions import Predictions
from kgcv.submission.formats import find_format, find_positive_class, separator_of
from kgcv.submission.table import Submission, read_sample, require_same_columns, require_same_ids


def build_submission(
    predictions: Predictions, sample: Path, config: SubmissionConfig, decisions: np.ndarray | None = None
) -> Submission:
    """The submission that the sample file asks for, in the order of its rows and columns.

    Args:
        predictions: with exactly the ids of the sample file, in any order; sound, see `Predictions.checked`.
        sample: the sample file.
        config: from `submission_settings`.
        decisions: `(N, C)` bool, the tags given, row by row those of `predictions`; for the forms in
            `kgcv.submission.formats.DECIDED`.

    Raises:
        SubmissionError: ids are missing, extra or doubled, or the columns are not the classes.
        ConfigError: the sample file does not tell the format, or the format does not fit the task.
    """
    table = read_sample(sample)
    require_same_ids(table.ids, predictions.ids, "the predictions")
    form = find_format(table, predictions, config)
    filled = fill_table(table.header, predictions, form, config, decisions)
    row_of = {row[0]: row for row in filled.rows}
    return Submission(table.header, tuple(row_of[id_] for id_ in table.ids), form)


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
    cells = _WRITERS[form](_Answer(header, predictions.class_names, predictions.values, config, decisions))
    rows = tuple((id_, *row) for id_, row in zip(predictions.ids, cells, strict=True))
    return Submission(header, rows, form)


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
    return [class_names.index(name) for name in columns]


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


def _number_cells(values: np.ndarray) -> list[list[str]]:
    # Nine significant digits give every float32 back exactly.
    return [[f"{value:.9g}" for value in row] for row in values.tolist()]


def _write_columns(answer: _Answer) -> list[list[str]]:
    return _number_cells(answer.values[:, match_columns(answer.header, answer.class_names)])


def _write_probability(answer: _Answer) -> list[list[str]]:
    positive = find_positive_class(answer.header, answer.class_names, answer.config)
    return _number_cells(answer.values[:, [answer.class_names.index(positive)]])


def _write_label(answer: _Answer) -> list[list[str]]:
    return [[answer.class_names[index]] for index in answer.values.argmax(axis=1)]


def _write_index(answer: _Answer) -> list[list[str]]:
    return [[str(index)] for index in answer.values.argmax(axis=1)]


def _write_tags(answer: _Answer) -> list[list[str]]:
    return _join_given(answer, np.array(answer.class_names))


def _write_indices(answer: _Answer) -> list[list[str]]:
    return _join_given(answer, np.arange(len(answer.class_names)).astype(np.str_))


def _join_given(answer: _Answer, names: np.ndarray) -> list[list[str]]:
    """The tags of each row in one cell; an empty one where there are none."""
    separator = separator_of(answer.config)
    return [[separator.join(names[row])] for row in answer.given()]


def _write_decisions(answer: _Answer) -> list[list[str]]:
    given = answer.given()[:, match_columns(answer.header, answer.class_names)]
    return [["1" if is_given else "0" for is_given in row] for row in given.tolist()]


_WRITERS: Mapping[str, Callable[[_Answer], list[list[str]]]] = {
    "probabilities": _write_columns,
    "probability": _write_probability,
    "label": _write_label,
    "index": _write_index,
    "tags": _write_tags,
    "indices": _write_indices,
    "decisions": _write_decisions,
    "numbers": _write_columns,
}
