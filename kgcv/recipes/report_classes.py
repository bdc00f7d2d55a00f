"""How a run with one label an image fares by class, on its validation samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kgcv.recipes.report_data import Validated
from kgcv.scoring.calibration import Reliability, measure_reliability
from kgcv.scoring.class_scores import ClassScores, count_confusions, score_classes
from kgcv.scoring.probability_metrics import log_loss


@dataclass(frozen=True, slots=True, eq=False)
class ClassReport:
    """Of C classes."""

    class_names: tuple[str, ...]
    confusions: np.ndarray
    """`(C, C)` int64: samples of the row's class that were given the column's, the most probable one."""
    scores: ClassScores
    """With F1."""
    log_losses: np.ndarray
    """`(C,)` float64: over the samples of each class; NaN where there are none."""
    reliability: Reliability
    """Of the given class's probability: was it right?"""
    log_loss: float
    """Over all samples."""


def report_classes(validated: Validated) -> ClassReport:
    """What there is to tell of `validated`, whose task is `single`."""
    values, targets = validated.predictions.values, validated.targets
    names = validated.predictions.class_names
    decisions = values.argmax(axis=1)  # of equal ones the first, as every metric of decisions has it
    everything = np.arange(len(names))
    return ClassReport(
        class_names=names,
        confusions=count_confusions(targets, decisions, len(names)),
        scores=score_classes(targets[:, None] == everything, decisions[:, None] == everything),
        log_losses=np.array([_log_loss_of(number, targets, values) for number in range(len(names))]),
        reliability=measure_reliability(values.max(axis=1), decisions == targets),
        log_loss=log_loss(targets, values),
    )


def _log_loss_of(number: int, targets: np.ndarray, values: np.ndarray) -> float:
    rows = targets == number
    return log_loss(targets[rows], values[rows]) if rows.any() else np.nan
