"""Competition metrics on whole sets: numpy in, one number out.

Letters: N samples, C classes or numbers. `targets` are (N,) int64 for `single`, (N, C) float32 of 0 and 1 for
`multi`, (N, C) float32 for `regression`; `values` are (N, C) probabilities or numbers.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from kgcv.config.schema import Task
from kgcv.errors import ConfigError

F2_THRESHOLD = 0.2
"""Tags above this probability count as given; the course's threshold for the Planet competition."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A score, the tasks it belongs to, and which direction is better."""

    name: str
    tasks: frozenset[Task]
    greater_is_better: bool
    function: Callable[[np.ndarray, np.ndarray], float]

    def score(self, targets: np.ndarray, values: np.ndarray) -> float:
        """The score of `values` on the whole set; NaN where the set does not define one."""
        return float(self.function(targets, values))

    def is_better(self, score: float, best: float | None) -> bool:
        """Whether `score` is strictly better than `best`; anything but NaN beats None or NaN."""
        if math.isnan(score):
            return False
        if best is None or math.isnan(best):
            return True
        return score > best if self.greater_is_better else score < best


def find_metric(name: str, task: Task) -> Metric:
    """The metric called `name`; `auto` means accuracy, f2 or rmse, by task.

    Raises:
        ConfigError: there is no such metric, or it does not belong to `task`.
    """
    metric = METRICS.get(_DEFAULTS[task] if name == "auto" else name)
    fitting = ", ".join(other.name for other in METRICS.values() if task in other.tasks)
    if metric is None:
        near = difflib.get_close_matches(name, METRICS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError([f"train.metric: there is no metric {name!r}; {hint}Task {task!r} has: {fitting}"])
    if task not in metric.tasks:
        raise ConfigError([f"train.metric: {name!r} does not fit task {task!r}, which has: {fitting}"])
    return metric


def _accuracy(targets: np.ndarray, values: np.ndarray) -> float:
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(targets, values.argmax(axis=1)))


def _log_loss(targets: np.ndarray, values: np.ndarray) -> float:
    from sklearn.metrics import log_loss

    probabilities = values.astype(np.float64)
    # Rows of float32 sum to one within rounding only; Kaggle divides by the sum, too.
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return float(log_loss(targets, probabilities, labels=np.arange(values.shape[1])))


def _balanced_accuracy(targets: np.ndarray, values: np.ndarray) -> float:
    """Mean recall over the classes that occur in `targets`."""
    from sklearn.metrics import recall_score

    occurring = np.unique(targets)
    return float(recall_score(targets, values.argmax(axis=1), labels=occurring, average="macro"))


def _f1(targets: np.ndarray, values: np.ndarray) -> float:
    """Mean F1 over the classes that occur in `targets` or are predicted, as scikit-learn has it."""
    from sklearn.metrics import f1_score

    return float(f1_score(targets, values.argmax(axis=1), average="macro", zero_division=0))


def _roc_auc(targets: np.ndarray, values: np.ndarray) -> float:
    """Mean over the classes that occur of the area under one-against-rest; NaN if there is only one class."""
    from sklearn.metrics import roc_auc_score

    occurring = np.unique(targets)
    if len(occurring) < 2:
        return math.nan
    return float(np.mean([roc_auc_score(targets == label, values[:, label]) for label in occurring]))


def _f2(targets: np.ndarray, values: np.ndarray) -> float:
    """Mean over samples of F-beta with beta 2 (recall counts more) at the fixed threshold."""
    from sklearn.metrics import fbeta_score

    given = (values > F2_THRESHOLD).astype(np.int64)
    return float(fbeta_score(targets.astype(np.int64), given, beta=2, average="samples", zero_division=0))


def _binary_log_loss(targets: np.ndarray, values: np.ndarray) -> float:
    """Mean over all samples and classes of the log loss of the one probability."""
    from sklearn.metrics import log_loss

    return float(log_loss(targets.ravel(), values.ravel().astype(np.float64), labels=[0, 1]))


def _rmse(targets: np.ndarray, values: np.ndarray) -> float:
    from sklearn.metrics import root_mean_squared_error

    return float(root_mean_squared_error(targets.astype(np.float64).ravel(), values.ravel()))


def _mae(targets: np.ndarray, values: np.ndarray) -> float:
    from sklearn.metrics import mean_absolute_error

    return float(mean_absolute_error(targets.astype(np.float64).ravel(), values.ravel()))


_DEFAULTS: Mapping[Task, str] = {"single": "accuracy", "multi": "f2", "regression": "rmse"}
_SINGLE: frozenset[Task] = frozenset({"single"})
_MULTI: frozenset[Task] = frozenset({"multi"})
_REGRESSION: frozenset[Task] = frozenset({"regression"})

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", _SINGLE, True, _accuracy),
        Metric("log_loss", _SINGLE, False, _log_loss),
        Metric("balanced_accuracy", _SINGLE, True, _balanced_accuracy),
        Metric("f1", _SINGLE, True, _f1),
        Metric("roc_auc", _SINGLE, True, _roc_auc),
        Metric("f2", _MULTI, True, _f2),
        Metric("binary_log_loss", _MULTI, False, _binary_log_loss),
        Metric("rmse", _REGRESSION, False, _rmse),
        Metric("mae", _REGRESSION, False, _mae),
    )
}
