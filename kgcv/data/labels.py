"""From label texts to targets: which task it is, which classes there are, one row of numbers a sample."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Literal

import numpy as np

from kgcv.config.schema import Task
from kgcv.data.columns import raise_problems
from kgcv.data.samples import SampleTable
from kgcv.errors import DataError, listed

_WHOLE_NUMBER = re.compile(r"[+-]?\d+")


@dataclass(frozen=True, slots=True)
class LabelSet:
    """Targets of N samples over C classes (or columns of numbers)."""

    task: Task
    class_names: tuple[str, ...]
    """Sorted as text, once, over all samples; for regression the columns as configured."""
    targets: np.ndarray
    """single: `(N,)` int64 in [0, C); multi: `(N, C)` float32 of 0 and 1; regression: `(N, C)` float32."""
    notes: tuple[str, ...] = ()
    """What a person should know about how the labels were understood, a sentence each."""


def encode_labels(
    samples: SampleTable,
    task: Literal["auto", "single", "multi", "regression"],
    class_names: tuple[str, ...] | None = None,
) -> LabelSet:
    """Targets of labelled samples.

    Args:
        samples: samples with labels.
        task: what the labels are; `auto` lets `detect_task` tell.
        class_names: the vocabulary of an earlier run, to be kept; by default the sorted labels of these
            samples, or the sorted names of several label columns.

    Raises:
        DataError: labels that do not fit the task or `class_names`, fewer than two classes for `single`, no
            tag at all for `multi`, or labels from which `auto` cannot tell the task.
    """
    told = detect_task(samples) if task == "auto" else task
    if told == "regression":
        return _encode_numbers(samples, class_names)
    tags = _column_tags(samples, told) if _has_columns(samples) else _labels(samples)
    if class_names is None:
        known = samples.label_columns if _has_columns(samples) else {tag for row in tags for tag in row}
        class_names = tuple(sorted(known))
        _require_classes(class_names, told)
    _refuse_unknown(samples.ids, tags, class_names)
    if told == "single":
        notes = _notes_on_single(samples) if task == "auto" else ()
        return LabelSet(told, class_names, _class_numbers(samples.ids, tags, class_names), notes)
    return LabelSet(told, class_names, _indicators(tags, class_names))


def detect_task(samples: SampleTable) -> Task:
    """The task that the labels tell: `single` if every sample has exactly one label, else `multi`.

    Whole numbers count as classes (0 to 9 for digits).

    Raises:
        DataError: the labels are decimal numbers, or columns of other values than 0 and 1, or there are no
            more different sets of tags than tags, as with class names of several words; set `data.task` then.
    """
    rows = _labels(samples)
    if _has_columns(samples):
        return _detect_columns(samples, rows)
    if all(len(row) == 1 for row in rows):
        _refuse_decimals([row[0] for row in rows])
        return "single"
    sets, tags = set(rows), {tag for row in rows for tag in row}
    # A tag with a space in it was not separated by spaces, so somebody said what separates.
    if len(sets) <= len(tags) and not any(" " in tag for tag in tags):
        example = next(" ".join(row) for row in rows if len(row) != 1)
        raise DataError(
            f"data.task: auto cannot tell whether {example!r} is one class or several tags; "
            f"set data.task to single or multi"
        )
    return "multi"


def _notes_on_single(samples: SampleTable) -> tuple[str, ...]:
    """A set of tags may happen to have one tag a sample; a file name or a folder can hold no more than one class."""
    if not samples.label_columns:
        return ()
    return (
        "every sample has exactly one label, so the task is single (softmax, one answer an image); "
        "if an image can have several, set data.task: multi, and single if it cannot",
    )


def _labels(samples: SampleTable) -> tuple[tuple[str, ...], ...]:
    assert samples.labels is not None, "test samples have no labels"
    return samples.labels


def _has_columns(samples: SampleTable) -> bool:
    """Whether each label has a column of its own, with numbers in it."""
    return len(samples.label_columns) > 1


def _detect_columns(samples: SampleTable, rows: Sequence[Sequence[str]]) -> Task:
    numbers = [[_number(cell) for cell in row] for row in rows]
    if any(number not in (0, 1) for row in numbers for number in row):
        raise DataError(
            f"data.task: auto needs label columns of 0 and 1, and {listed(samples.label_columns)} hold "
            f"other values; set data.task to regression if they are numbers to predict"
        )
    return "single" if all(sum(row) == 1 for row in numbers) else "multi"


def _refuse_decimals(labels: Sequence[str]) -> None:
    numbers = [_number(label) for label in labels]
    decimal = next((label for label in labels if not _WHOLE_NUMBER.fullmatch(label)), None)
    if decimal is not None and not any(math.isnan(number) for number in numbers):
        raise DataError(
            f"data.task: auto cannot tell whether numbers such as {decimal!r} are classes; "
            f"set data.task to regression or single"
        )


def _number(text: str) -> float:
    """The number that `text` spells, NaN for anything else."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _column_tags(samples: SampleTable, task: Task) -> tuple[tuple[str, ...], ...]:
    """For columns of 0 and 1, the names of those with 1."""
    rows = list(zip(samples.ids, _labels(samples), strict=True))
    strays = [f"{name} ({cell})" for name, row in rows for cell in row if _number(cell) not in (0, 1)]
    raise_problems(f"data.task: {task} reads label columns of 0 and 1", {"samples with other values": strays})
    return tuple(tuple(compress(samples.label_columns, (_number(cell) for cell in row))) for _, row in rows)


def _require_classes(class_names: tuple[str, ...], task: Task) -> None:
    if task == "single" and len(class_names) < 2:
        raise DataError(f"data.task: single needs at least two classes, found only {class_names[0]!r}")
    if not class_names:
        raise DataError("data.task: multi needs at least one tag, but no sample has any")


def _refuse_unknown(ids: Sequence[str], tags: Sequence[Sequence[str]], class_names: Collection[str]) -> None:
    known = frozenset(class_names)
    strays = [f"{name} ({tag})" for name, row in zip(ids, tags, strict=True) for tag in row if tag not in known]
    raise_problems(f"the classes of the run are {listed(class_names)}", {"samples with another label": strays})


def _class_numbers(ids: Sequence[str], tags: Sequence[Sequence[str]], class_names: Sequence[str]) -> np.ndarray:
    pairs = zip(ids, tags, strict=True)
    strays = [f"{name} ({' '.join(row) or 'none'})" for name, row in pairs if len(row) != 1]
    raise_problems("data.task: single needs one class a sample", {"samples with none or several": strays})
    numbers = {name: number for number, name in enumerate(class_names)}
    return np.array([numbers[row[0]] for row in tags], dtype=np.int64)


def _indicators(tags: Sequence[Iterable[str]], class_names: Sequence[str]) -> np.ndarray:
    columns = {name: column for column, name in enumerate(class_names)}
    targets = np.zeros((len(tags), len(class_names)), dtype=np.float32)
    for row, names in enumerate(tags):
        targets[row, [columns[name] for name in names]] = 1
    return targets


def _encode_numbers(samples: SampleTable, class_names: tuple[str, ...] | None) -> LabelSet:
    columns = samples.label_columns or ("label",)
    names = columns if class_names is None else class_names
    if sorted(names) != sorted(columns):
        raise DataError(f"the label columns are {listed(columns)}, but the run has {listed(names)}")
    rows = list(zip(samples.ids, _labels(samples), strict=True))
    strays = [f"{name} ({cell})" for name, row in rows for cell in row if not math.isfinite(_number(cell))]
    raise_problems("data.task: regression needs numbers", {"samples with other labels": strays})
    numbers = np.array([[_number(cell) for cell in row] for _, row in rows], dtype=np.float32)
    return LabelSet("regression", names, numbers[:, [columns.index(name) for name in names]])
