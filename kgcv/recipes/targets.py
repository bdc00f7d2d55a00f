"""What training makes of the labels: the loss with its weights, soft targets, how often each sample is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kgcv.config.schema import Config
from kgcv.data.labels import LabelSet
from kgcv.data.predictions import as_predictions, read_predictions
from kgcv.data.samples import SampleTable
from kgcv.errors import ConfigError, DataError, listed
from kgcv.model.heads import Objective
from kgcv.model.losses import (
    Criterion,
    balanced_class_weights,
    balanced_sample_weights,
    positive_weights,
)


def build_objective(config: Config, labels: LabelSet, rows: np.ndarray | None = None) -> Objective:
    """Loss and activation for these labels.

    Args:
        config: `train.loss` and what belongs to it.
        labels: of all samples.
        rows: `(n,)` those that train, whose counts weigh classes; None where nothing will be trained.

    Raises:
        ConfigError: the config asks for something that the task has not.
    """
    mixing = [stage.augment or config.augment for stage in config.stages]
    if labels.task == "regression" and any(augment.mixup or augment.cutmix for augment in mixing):
        raise ConfigError(["augment: mixup and cutmix mix classes or tags, and these labels are numbers"])
    return Objective(
        task=labels.task,
        num_classes=len(labels.class_names),
        sigmoid_output=config.model.binary_output == "sigmoid",
        criterion=_build_criterion(config, labels, rows),
        log_target=config.target.log,
    )


def _build_criterion(config: Config, labels: LabelSet, rows: np.ndarray | None) -> Criterion:
    train, num_classes = config.train, len(labels.class_names)
    _require_task(labels, "train.pos_weight: counts", train.pos_weight != "none", ("multi",))
    _require_task(labels, "train.class_weights: balanced", train.class_weights != "none", ("single", "multi"))
    taught = labels.targets if rows is None else labels.targets[rows]
    return Criterion(
        name=train.loss,
        label_smoothing=train.label_smoothing,
        focal_gamma=train.focal_gamma,
        pos_weight=positive_weights(taught) if train.pos_weight == "counts" else (),
        class_weights=balanced_class_weights(taught, num_classes) if train.class_weights == "balanced" else (),
    )


def _require_task(labels: LabelSet, setting: str, is_set: bool, tasks: tuple[str, ...]) -> None:
    """A config with `data.task: auto` is known to fit only now."""
    if is_set and labels.task not in tasks:
        raise ConfigError([f"{setting} needs labels of task {' or '.join(tasks)}, and these are {labels.task}"])


def draw_chances(config: Config, samples: SampleTable, labels: LabelSet, rows: np.ndarray) -> np.ndarray | None:
    """The chance of each training sample `rows` to be drawn, `(n,)` float64 adding up to 1; None: each once an epoch.

    Raises:
        ConfigError: balancing classes of numbers.
    """
    if config.train.sampler == "shuffle":
        return None
    if config.train.sampler == "weighted":
        assert samples.weights is not None, "the config's rules ask for data.train.weight_column"
        weights = samples.weights[rows]
        chances: np.ndarray = weights / weights.sum()
        return chances
    _require_task(labels, "train.sampler: class_balanced", True, ("single", "multi"))
    return balanced_sample_weights(labels.targets[rows], len(labels.class_names))


def soften_targets(config: Config, samples: SampleTable, labels: LabelSet) -> np.ndarray | None:
    """The labels mixed with the predictions in `train.soft_targets`, `(N, C)` float32; None if there are none.

    Samples that the predictions do not have keep their labels. Out-of-fold predictions come from models that did not
    see the sample; with others, a model would be taught its teacher's mistakes of memory.

    Raises:
        DataError: the file has another task, other classes, or none of the samples.
        ConfigError: the labels are numbers.
    """
    if config.train.soft_targets is None:
        return None
    _require_task(labels, "train.soft_targets", True, ("single", "multi"))
    file = Path(config.train.soft_targets)
    teacher = read_predictions(file)
    if teacher.task != labels.task:
        raise DataError(f"{file}: has predictions of task {teacher.task}, and the labels are {labels.task}")
    known = set(teacher.ids)
    rows = np.array([row for row, name in enumerate(samples.ids) if name in known], dtype=np.int64)
    if not len(rows):
        raise DataError(f"{file}: has none of the training ids; its ids are like {listed(teacher.ids, limit=3)}")
    soft = as_predictions(samples.ids, labels).values.copy()
    values = teacher.aligned([samples.ids[row] for row in rows], labels.class_names, str(file)).values
    weight = config.train.soft_weight
    soft[rows] = (1 - weight) * soft[rows] + weight * values
    return soft
