"""Predictions keyed by id, and the file that holds them; the true labels in the same form."""

from __future__ import annotations

import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast, get_args

import numpy as np

from kgcv.config.schema import Task
from kgcv.data.columns import doubled
from kgcv.data.labels import LabelSet
from kgcv.errors import DataError, listed, printable
from kgcv.files import atomic_path, open_file

ROUNDING = 1e-6
"""How far a probability may lie outside [0, 1], as means of float32 values do by rounding; it is clipped."""

_KEYS = ("ids", "class_names", "values", "task")
_KINDS = {"ids": ("U", 1), "class_names": ("U", 1), "values": ("f", 2), "task": ("U", 0)}
"""NumPy's letter for what each holds, and its number of axes."""

# Whatever NumPy, zipfile and what is below them raise on damage.
_DAMAGE = (
    *(OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, RuntimeError, OverflowError, MemoryError),
    *(SyntaxError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)

_MAX_BYTES, _MAX_RATIO = 4 << 30, 200
"""Of what a packed file may unpack to: so much always, more only up to so many times its size. kgcv packs nothing."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model says about N samples: probabilities of C classes, or C numbers (`regression`)."""

    ids: tuple[str, ...]
    class_names: tuple[str, ...]
    values: np.ndarray
    """(N, C) float32; in [0, 1] unless the task is `regression`."""
    task: Task

    def aligned(self, ids: Sequence[str], class_names: Sequence[str], source: str) -> Predictions:
        """The same predictions with rows and columns in the order of `ids` and `class_names`, matched by name.

        Args:
            ids: some or all of the ids here.
            class_names: all the class names here, in any order.
            source: what these predictions are, for the message.

        Raises:
            DataError: ids are missing, or the class names are not the same set.
        """
        row_of = {name: row for row, name in enumerate(self.ids)}
        if missing := [name for name in ids if name not in row_of]:
            raise DataError(f"{source}: {len(missing)} ids are missing: {listed(missing)}")
        if len(class_names) != len(self.class_names) or set(class_names) != set(self.class_names):
            raise DataError(f"{source}: has the classes {listed(self.class_names)}, not {listed(class_names)}")
        column_of = {name: column for column, name in enumerate(self.class_names)}
        columns = [column_of[name] for name in class_names]
        values = self.values[[row_of[name] for name in ids]][:, columns]
        return replace(self, ids=tuple(ids), class_names=tuple(class_names), values=values)

    def checked(self, source: str) -> Predictions:
        """The same predictions, probabilities clipped to [0, 1].

        Args:
            source: what these predictions are, for the message.

        Raises:
            DataError: an id stands twice, or there are NaN, infinity, or values that are no probabilities.
        """
        if twice := doubled(self.ids):
            raise DataError(f"{source}: ids that occur more than once: {listed(twice)}")
        self.refuse(source, ~np.isfinite(self.values), "NaN or infinite values")
        if self.task == "regression":
            return self
        self.refuse(source, (self.values < -ROUNDING) | (self.values > 1 + ROUNDING), "values outside [0, 1]")
        return replace(self, values=self.values.clip(0, 1))

    def refuse(self, source: str, is_wrong: np.ndarray, what: str) -> None:
        """Name the ids of the rows in which any of `is_wrong`, `(N, C)` bool, is true.

        Raises:
            DataError: there are some.
        """
        rows = np.flatnonzero(is_wrong.any(axis=1))
        if len(rows):
            names = listed(self.ids[row] for row in rows)
            raise DataError(f"{source}: has {what} at {len(rows)} ids: {names}")


def as_predictions(ids: Sequence[str], labels: LabelSet) -> Predictions:
    """The true labels as if they were predicted: 1 for what is true, 0 for what is not, or the numbers."""
    targets = labels.targets
    if labels.task == "single":
        targets = np.eye(len(labels.class_names), dtype=np.float32)[targets]
    return Predictions(tuple(ids), labels.class_names, targets.astype(np.float32, copy=False), labels.task)


def as_targets(truth: Predictions) -> np.ndarray:
    """What `as_predictions` was given: `(N,)` int64 class numbers (`single`), or `(N, C)` float32."""
    return truth.values.argmax(axis=1) if truth.task == "single" else truth.values


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write `predictions` as an .npz file, whole or not at all; equal predictions give equal bytes."""
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(
            stream,
            ids=np.array(predictions.ids, dtype=np.str_),
            class_names=np.array(predictions.class_names, dtype=np.str_),
            values=predictions.values.astype(np.float32, copy=False),
            task=np.array(predictions.task),
        )


def _refuse_bomb(path: Path, stream: BinaryIO) -> None:
    size = os.fstat(stream.fileno()).st_size
    with zipfile.ZipFile(stream) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    stream.seek(0)
    if unpacked > max(_MAX_BYTES, _MAX_RATIO * size):
        raise DataError(f"{path}: {size} bytes would unpack to {unpacked}, which no predictions do")


def read_predictions(path: Path) -> Predictions:
    """The predictions in `path`.

    Raises:
        DataError: the file is missing, damaged, or its arrays do not belong together.
    """
    try:
        # Opened here: np.load leaves a damaged file open.
        with open_file(path) as stream:
            _refuse_bomb(path, stream)
            with np.load(stream, allow_pickle=False) as arrays:
                content = {key: arrays[key] for key in _KEYS}
    except _DAMAGE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DataError(f"{path}: cannot be read as predictions: {printable(reason)}") from error
    kinds = {key: (array.dtype.kind, array.ndim) for key, array in content.items()}
    if kinds != _KINDS:
        raise DataError(f"{path}: not predictions of kgcv: ids, class names and task must be texts, values float")
    values, task = content["values"], str(content["task"])
    shape = (len(content["ids"]), len(content["class_names"]))
    if values.shape != shape or task not in get_args(Task):
        raise DataError(
            f"{path}: not predictions of kgcv: {shape[0]} ids and {shape[1]} class names, "
            f"values of shape {values.shape}, task {task!r}"
        )
    return Predictions(
        tuple(content["ids"].tolist()), tuple(content["class_names"].tolist()), values, cast("Task", task)
    )
