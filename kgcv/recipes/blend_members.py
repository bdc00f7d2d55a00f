"""The members of a blend: run folders or prediction files, read, checked, and laid side by side by id and class name.

Letters: M members, N samples, C classes or numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from kgcv.config.schema import Config, Task
from kgcv.data.predictions import Predictions, as_targets, read_predictions
from kgcv.errors import ConfigError, DataError, listed
from kgcv.files import hash_file
from kgcv.recipes.run_folder import RunFolder
from kgcv.scoring.blending import BlendRule

Part = Literal["oof", "test"]
"""Predictions of the labelled samples, each by a model that did not see it; or of the samples to submit."""
PARTS: tuple[Part, ...] = ("oof", "test")


@dataclass(frozen=True, slots=True)
class Member:
    """One run folder, or one prediction file."""

    path: Path
    files: Mapping[Part, Path]
    predictions: Mapping[Part, Predictions]
    hashes: Mapping[Part, str]
    """SHA-256 of the files."""


@dataclass(frozen=True, slots=True)
class Joint:
    """What all members predicted, rows and columns in one order."""

    ids: tuple[str, ...]
    class_names: tuple[str, ...]
    task: Task
    values: np.ndarray
    """(M, N, C) float32."""

    def predictions(self, values: np.ndarray) -> Predictions:
        """Blended `values`, (N, C), as predictions."""
        return Predictions(self.ids, self.class_names, values, self.task)


def read_members(paths: Sequence[Path], file_part: Part) -> tuple[Member, ...]:
    """The members at `paths`: all of them folders, or all of them prediction files, which are a `file_part`.

    Raises:
        ConfigError: folders and files are mixed.
        DataError: a folder holds no predictions, or a file is damaged or holds no sound predictions.
    """
    files = [path for path in paths if not path.is_dir()]
    if files and len(files) < len(paths):
        raise ConfigError(
            [f"{files[0]}: is a file beside run folders; put oof.npz and test.npz into a folder and name that"]
        )
    return tuple(_read_member(path, {file_part: path} if files else _files_in(path)) for path in paths)


def _files_in(folder: Path) -> dict[Part, Path]:
    run = RunFolder(folder)
    found = {part: run.predictions(part) for part in PARTS if run.predictions(part).is_file()}
    if not found:
        raise DataError(f"{folder}: holds neither oof.npz nor test.npz; finish the run, or make them with: kgcv tta")
    return found


def _read_member(path: Path, files: Mapping[Part, Path]) -> Member:
    predictions = {part: read_predictions(file).checked(str(file)) for part, file in files.items()}
    return Member(path, files, predictions, {part: hash_file(file) for part, file in files.items()})


def join(members: Sequence[Member], part: Part, class_names: Sequence[str] | None = None) -> Joint | None:
    """One part of all members, in the order of ids and, unless `class_names` are given, of classes of the first.

    Returns:
        None if a member does not have this part.

    Raises:
        DataError: members differ in task, ids or class names.
    """
    if not all(part in member.files for member in members):
        return None
    first, source = members[0].predictions[part], members[0].files[part]
    names = tuple(class_names or first.class_names)
    stacked = []
    for member in members:
        other, file = member.predictions[part], member.files[part]
        if other.task != first.task:
            raise DataError(f"{file}: has predictions of task {other.task}, {source} of task {first.task}")
        if extra := sorted(set(other.ids) - set(first.ids)):
            raise DataError(f"{file}: has {len(extra)} ids that {source} has not: {listed(extra)}")
        stacked.append(other.aligned(first.ids, names, f"{file} (beside {source})").values)
    return Joint(first.ids, names, first.task, np.stack(stacked))


def require_scale(members: Sequence[Member], rule: BlendRule) -> None:
    """Refuse a mean that makes no sense for the members' numbers.

    Raises:
        ConfigError: ranks of numbers, which would not be on the target's scale.
        DataError: logarithms or powers of negative numbers.
    """
    for member in members:
        for part, predictions in member.predictions.items():
            if predictions.task != "regression":
                continue
            if rule.method == "rank":
                raise ConfigError([f"--method rank: {member.files[part]} holds numbers, and a rank is none of them"])
            if rule.method in ("geometric", "power"):
                source, what = str(member.files[part]), f"negative numbers ({rule.method})"
                predictions.refuse(source, predictions.values < 0, what)


def first_with(members: Sequence[Member], file_of: Callable[[RunFolder], Path]) -> Path | None:
    """The file of the first member that has it."""
    files = (file_of(RunFolder(member.path)) for member in members)
    return next((file for file in files if file.is_file()), None)


def read_first_config(members: Sequence[Member]) -> Config | None:
    """The config of the first member that is a run."""
    file = first_with(members, lambda run: run.config_file)
    return None if file is None else RunFolder(file.parent).read_config()


def find_targets(members: Sequence[Member], labels: Path | None, joint: Joint) -> np.ndarray | None:
    """The truth for the samples of `joint`: from the file `labels`, or else from the members' own.

    Returns:
        `(N,)` int64 or `(N, C)` float32; None if there are no labels.

    Raises:
        DataError: labels of another task, without some of the ids, or members that disagree about them.
    """
    if labels is not None:
        return as_targets(_labels_for(joint, labels))
    files = [RunFolder(member.path).labels_file for member in members]
    files = [file for file in dict.fromkeys(files) if file.is_file()]
    truths = [_labels_for(joint, file) for file in files]
    for file, truth in zip(files[1:], truths[1:], strict=True):
        if differing := np.flatnonzero((truth.values != truths[0].values).any(axis=1)).tolist():
            names = listed(joint.ids[row] for row in differing)
            raise DataError(f"{file}: has other labels than {files[0]} at {names}; say which are right with --labels")
    return as_targets(truths[0]) if truths else None


def _labels_for(joint: Joint, file: Path) -> Predictions:
    truth = read_predictions(file)
    if truth.task != joint.task:
        raise DataError(f"{file}: has labels of task {truth.task}, and the predictions are of task {joint.task}")
    return truth.aligned(joint.ids, joint.class_names, str(file))
