"""Predictions keyed by id, and the file that holds them."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

import numpy as np

from kgcv.config.schema import Task
from kgcv.errors import DataError
from kgcv.files import atomic_path

_KEYS = ("ids", "class_names", "values", "task")


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model says about N samples: probabilities of C classes, or C numbers (`regression`)."""

    ids: tuple[str, ...]
    class_names: tuple[str, ...]
    values: np.ndarray
    """(N, C) float32; in [0, 1] unless the task is `regression`."""
    task: Task


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


def read_predictions(path: Path) -> Predictions:
    """The predictions in `path`.

    Raises:
        DataError: the file is missing, damaged, or its arrays do not belong together.
    """
    try:
        # Opened here: np.load leaves a damaged file open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            content = {key: arrays[key] for key in _KEYS}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: cannot be read as predictions: {error}") from error
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
