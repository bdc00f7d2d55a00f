"""The metrics by name: each knows its tasks, its direction and what it scores; always on whole sets.

Letters: N samples, C classes or numbers. `targets` are (N,) int64 for `single`, (N, C) float32 of 0 and 1 for
`multi`, (N, C) float32 for `regression`; `values` are (N, C) probabilities or numbers. What a metric does with ties
and with a class that never occurs stands at its function.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Protocol

import numpy as np

from kgcv.config.schema import Task
from kgcv.errors import ConfigError, listed
from kgcv.scoring import decision_metrics, number_metrics, probability_metrics, ranking
from kgcv.scoring.fbeta import FBETA_NAME

F2_THRESHOLD = 0.2
"""Tags above this probability count as given; the course's threshold for the Planet competition."""
THRESHOLD = 0.5
"""The same for all metrics but F2."""

Needs = Literal["probabilities", "decisions", "numbers"]


class Scorer(Protocol):
    """What the engine and the recipes need of a metric."""

    @property
    def name(self) -> str:
        """What it is called in logs and scores."""

    @property
    def greater_is_better(self) -> bool:
        """The direction."""

    def score(self, targets: np.ndarray, values: np.ndarray, ids: Sequence[str] = ()) -> float:
        """The score of `values` on the whole set; NaN where the set does not define one."""

    def is_better(self, score: float, best: float | None) -> bool:
        """Whether `score` is strictly better than `best`; anything but NaN beats None or NaN."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A score, the tasks it belongs to, which direction is better, and what it takes."""

    name: str
    tasks: frozenset[Task]
    greater_is_better: bool
    needs: Needs
    function: Callable[[np.ndarray, np.ndarray], float]
    """Takes targets and what it needs; decisions are as `score_decisions` has them."""
    threshold: float = THRESHOLD
    """Metrics of several labels that need decisions: tags above it are given."""

    def score(self, targets: np.ndarray, values: np.ndarray, ids: Sequence[str] = ()) -> float:
        """The score of `values` on the whole set; NaN where the set does not define one.

        Where the metric needs decisions, they are the most probable class (of equal ones the first), the tags with
        a probability above the threshold, or the nearest whole number (halves to the even one).

        Args:
            targets: as in the module's docstring.
            values: `(N, C)` probabilities or numbers.
            ids: not read; a competition's own metric reads them.
        """
        return float(self.function(targets, self._decide(targets, values) if self.needs == "decisions" else values))

    def score_decisions(self, targets: np.ndarray, decisions: np.ndarray) -> float:
        """The score of `(N,)` class numbers, `(N, C)` bool tags or `(N, C)` whole numbers.

        Raises:
            ConfigError: the metric scores probabilities or numbers.
        """
        if self.needs != "decisions":
            raise ConfigError([f"train.metric: {self.name!r} scores {self.needs}, not decisions"])
        return float(self.function(targets, decisions))

    def is_better(self, score: float, best: float | None) -> bool:
        """Whether `score` is strictly better than `best`; anything but NaN beats None or NaN."""
        return beats(score, best, greater_is_better=self.greater_is_better)

    def _decide(self, targets: np.ndarray, values: np.ndarray) -> np.ndarray:
        if targets.ndim == 1:
            return np.asarray(values.argmax(axis=1))
        return np.rint(values) if "regression" in self.tasks else np.asarray(values > self.threshold)


def beats(score: float, best: float | None, *, greater_is_better: bool) -> bool:
    """Whether `score` is strictly better than `best`; anything but NaN beats None or NaN."""
    if math.isnan(score):
        return False
    if best is None or math.isnan(best):
        return True
    return score > best if greater_is_better else score < best


def find_metric(
    name: str, task: Task, threshold: float | None = None, class_names: Sequence[str] | None = None
) -> Metric:
    """The metric called `name`.

    Args:
        name: one of `METRICS`, of the families `f2`, `f0.5_macro`, `top5_accuracy`, `map5`, or `auto`: accuracy, f2
            or rmse, by task.
        task: what it has to fit.
        threshold: tags above it are given; 0.2 for F2 and 0.5 for others where None.
        class_names: the classes, so that a metric that cannot score them is refused. The kappa of `single` can score
            nothing without them, for it needs to know which number each class is.

    Raises:
        ConfigError: there is no such metric, or it fits neither `task` nor `class_names`.
    """
    asked = _DEFAULTS[task] if name == "auto" else name
    metric = METRICS.get(asked) or _member_of_family(asked)
    if metric is None:
        known = [other for every in _DEFAULTS for other in metric_names(every)]
        near = difflib.get_close_matches(asked, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        problem = f"there is no metric {asked!r}; {hint}Task {task!r} has: {', '.join(metric_names(task))}"
        raise ConfigError([f"train.metric: {problem}"])
    if task not in metric.tasks:
        fitting = ", ".join(metric_names(task))
        raise ConfigError([f"train.metric: {asked!r} does not fit task {task!r}, which has: {fitting}"])
    if task == "multi" and metric.needs == "decisions" and threshold is not None:
        metric = replace(metric, threshold=threshold)
    return metric if task != "single" or class_names is None else _fit_to_classes(metric, class_names)


def metric_names(task: Task) -> list[str]:
    """Names that fit `task`: all fixed ones, then some of each family."""
    members = (_member_of_family(example) for example in _EXAMPLES)
    return [metric.name for metric in (*METRICS.values(), *members) if metric is not None and task in metric.tasks]


def _fit_to_classes(metric: Metric, class_names: Sequence[str]) -> Metric:
    """`metric` for these classes, or a ConfigError if it can say nothing about them."""
    num_classes = len(class_names)
    if metric.name.endswith(("_binary", "probabilistic_f1")) and num_classes != 2:
        raise ConfigError([f"train.metric: {metric.name!r} needs two classes; these labels have {num_classes}"])
    if (top := _TOP_K.fullmatch(metric.name)) and int(top["k"]) >= num_classes:
        raise ConfigError([f"train.metric: {metric.name!r} is always 1 with {num_classes} classes"])
    if metric.name != _KAPPA:
        return metric
    if strays := [class_name for class_name in class_names if not _WHOLE_NUMBER.fullmatch(class_name)]:
        text = f"{_KAPPA!r} needs classes that are whole numbers, for it weighs how far two lie apart"
        raise ConfigError([f"train.metric: {text}; these are not: {listed(strays)}"])
    ratings = [int(class_name) for class_name in class_names]
    return replace(metric, function=partial(decision_metrics.quadratic_weighted_kappa, ratings=ratings))


def _member_of_family(name: str) -> Metric | None:
    if match := FBETA_NAME.fullmatch(name):
        return _fbeta_metric(name, float(match["beta"]), match["average"])
    if match := _TOP_K.fullmatch(name):
        function = partial(ranking.top_k_accuracy, k=int(match["k"]))
        return Metric(name, _SINGLE, True, "probabilities", function)
    if match := _MAP_K.fullmatch(name):
        function = partial(ranking.mean_average_precision, k=int(match["k"]))
        return Metric(name, _LABELS, True, "probabilities", function)
    return None


def _fbeta_metric(name: str, beta: float, average: str | None) -> Metric:
    threshold = F2_THRESHOLD if beta == 2 else THRESHOLD
    function = partial(decision_metrics.fbeta, beta=beta, average=average)
    # Of one label, f1 alone is known as the macro average; f2 alone, as Planet has it, means several labels.
    bare = _LABELS if name == "f1" else _MULTI
    tasks = {None: bare, "samples": _MULTI, "binary": _SINGLE}.get(average, _LABELS)
    return Metric(name, tasks, True, "decisions", function, threshold)


def _jaccard(average: str) -> Callable[[np.ndarray, np.ndarray], float]:
    return partial(decision_metrics.jaccard, average=average)


_DEFAULTS: Mapping[Task, str] = {"single": "accuracy", "multi": "f2", "regression": "rmse"}
_SINGLE: frozenset[Task] = frozenset({"single"})
_MULTI: frozenset[Task] = frozenset({"multi"})
_LABELS: frozenset[Task] = frozenset({"single", "multi"})
_NUMBERS: frozenset[Task] = frozenset({"regression"})

_TOP_K = re.compile(r"top(?P<k>[1-9][0-9]*)_accuracy", re.ASCII)
_MAP_K = re.compile(r"map(?P<k>[1-9][0-9]*)", re.ASCII)
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_KAPPA = "quadratic_weighted_kappa"
_EXAMPLES = ("f0.5", "f1_macro", "f1_micro", "f1_weighted", "f1_binary", "top5_accuracy", "map5")

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", _SINGLE, True, "decisions", decision_metrics.accuracy),
        Metric("balanced_accuracy", _SINGLE, True, "decisions", decision_metrics.balanced_accuracy),
        _fbeta_metric("f1", 1.0, None),
        _fbeta_metric("f2", 2.0, None),
        Metric("mcc", _SINGLE, True, "decisions", decision_metrics.matthews),
        Metric(_KAPPA, _SINGLE | _NUMBERS, True, "decisions", decision_metrics.quadratic_weighted_kappa),
        Metric("jaccard", _MULTI, True, "decisions", _jaccard("samples")),
        Metric("jaccard_macro", _LABELS, True, "decisions", _jaccard("macro")),
        Metric("hamming", _MULTI, False, "decisions", decision_metrics.hamming),
        Metric("log_loss", _SINGLE, False, "probabilities", probability_metrics.log_loss),
        Metric("binary_log_loss", _MULTI, False, "probabilities", probability_metrics.binary_log_loss),
        Metric("roc_auc", _LABELS, True, "probabilities", probability_metrics.roc_auc),
        Metric("average_precision", _LABELS, True, "probabilities", probability_metrics.average_precision),
        Metric(
            "average_precision_binary", _SINGLE, True, "probabilities", probability_metrics.binary_average_precision
        ),
        Metric("probabilistic_f1", _LABELS, True, "probabilities", probability_metrics.probabilistic_f1),
        Metric("brier", _LABELS, False, "probabilities", probability_metrics.brier),
        Metric("rmse", _NUMBERS, False, "numbers", number_metrics.rmse),
        Metric("mcrmse", _NUMBERS, False, "numbers", number_metrics.mcrmse),
        Metric("mae", _NUMBERS, False, "numbers", number_metrics.mae),
        Metric("rmsle", _NUMBERS, False, "numbers", number_metrics.rmsle),
        Metric("rmspe", _NUMBERS, False, "numbers", number_metrics.rmspe),
        Metric("mape", _NUMBERS, False, "numbers", number_metrics.mape),
        Metric("r2", _NUMBERS, True, "numbers", number_metrics.r2),
    )
}
"""Every metric that is no member of a family."""
