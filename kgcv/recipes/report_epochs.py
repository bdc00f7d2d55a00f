"""How a run came to its scores: its epochs, fold by fold, and the learning rates in between."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kgcv.config.schema import Config, StageConfig
from kgcv.engine.schedule import StageSchedule, cycle_epochs
from kgcv.errors import DataError
from kgcv.recipes.run_folder import RunFolder

_MAX_RATES = 600
"""Points of the learning rate's curve, more than a screen has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One line of `metrics.jsonl`."""

    stage: int
    """From 0, as in the file."""
    step: int
    """Optimizer steps done in the run when the epoch ended."""
    image_size: int | None
    lr: float
    """Of the head, in the epoch's last step."""
    train_loss: float
    valid_loss: float | None
    scores: dict[str, float]
    """On the fold's whole validation set; the competition's metric comes first."""
    is_best: bool
    """Whether it was the best so far."""


@dataclass(frozen=True, slots=True)
class FoldHistory:
    """All epochs of a fold; at least one."""

    fold: int
    epochs: tuple[Epoch, ...]

    @property
    def best(self) -> int:
        """Number of the epoch whose weights were kept, from 1."""
        return max((number for number, epoch in enumerate(self.epochs, start=1) if epoch.is_best), default=1)

    @property
    def borders(self) -> dict[int, int]:
        """The epoch (from 1) with which each stage (from 0) begins."""
        firsts: dict[int, int] = {}
        for number, epoch in enumerate(self.epochs, start=1):
            firsts.setdefault(epoch.stage, number)
        return firsts


class Rates(NamedTuple):
    """A curve of learning rates."""

    epochs: np.ndarray
    """`(n,)` float64: epochs done, with fractions."""
    lrs: np.ndarray
    """`(n,)` float64: of the head."""


class Sweep(NamedTuple):
    """What `kgcv lr-find` saw."""

    lrs: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray


def read_histories(run: RunFolder) -> tuple[FoldHistory, ...]:
    """The folds that have finished an epoch, ascending.

    Raises:
        DataError: a line of a `metrics.jsonl` is not as kgcv writes it.
    """
    files = {int(file.parent.name[4:]): file for file in run.path.glob("fold[0-9]*/metrics.jsonl")}
    histories = (FoldHistory(fold, _read_epochs(file)) for fold, file in sorted(files.items()))
    return tuple(history for history in histories if history.epochs)


def _read_epochs(file: Path) -> tuple[Epoch, ...]:
    names = Epoch.__dataclass_fields__
    epochs = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            epochs.append(Epoch(**{name: row[name] for name in names}))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{file}:{number}: is no epoch as kgcv writes it: {error!r}") from error
    return tuple(epochs)


def learning_rates(history: FoldHistory, config: Config) -> Rates:
    """The head's learning rate over the whole run, from the schedules of its stages."""
    epochs, lrs = [], []
    for stage, first in history.borders.items():
        of_stage = [epoch for epoch in history.epochs if epoch.stage == stage]
        before = history.epochs[first - 2].step if first > 1 else 0
        per_epoch = of_stage[0].step - before
        schedule = _schedule(config.stages[stage], config, per_epoch)
        steps = np.arange(min(len(of_stage) * per_epoch, schedule.num_steps))
        steps = steps[:: max(1, len(steps) // _MAX_RATES)]
        epochs.append(first - 1 + (steps + 1) / per_epoch)
        lrs.append([config.stages[stage].lr[-1] * schedule.lr_factor(int(step)) for step in steps])
    return Rates(np.concatenate(epochs), np.concatenate(lrs))


def _schedule(stage: StageConfig, config: Config, steps_per_epoch: int) -> StageSchedule:
    steps = tuple(epochs * steps_per_epoch for epochs in cycle_epochs(stage))
    return StageSchedule(stage.schedule or config.train.schedule, steps)


def describe_stage(stage: StageConfig) -> str:
    """What tells a stage from the next: `64 px, frozen`; empty for a stage of a table that trains all."""
    num = stage.frozen_groups
    frozen = "frozen" if stage.frozen else f"{num} group{'s' * (num > 1)} frozen" if num else ""
    return ", ".join(filter(None, (f"{stage.image_size} px" if stage.image_size else "", frozen)))


def find_sweeps(run: RunFolder, folds: Sequence[int]) -> dict[str, Sweep]:
    """The sweeps of the learning rate finder that lie in the run folder or its folds, by their place in it.

    Raises:
        DataError: a file is none.
    """
    files = [run.path / "lr_find.csv", *(run.fold_path(fold) / "lr_find.csv" for fold in folds)]
    return {str(file.relative_to(run.path)): _read_sweep(file) for file in files if file.is_file()}


def _read_sweep(file: Path) -> Sweep:
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        columns = [np.array([float(row[key]) for row in rows]) for key in ("lr", "loss", "smoothed_loss")]
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"{file}: is no sweep as kgcv lr-find writes it: {error!r}") from error
    return Sweep(*columns)
