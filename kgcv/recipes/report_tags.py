"""How a run with several labels an image fares by tag, on its validation samples, with its decision rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kgcv.config.schema import Config
from kgcv.recipes.decision import read_rule
from kgcv.recipes.decision_terms import find_score, plan_decision
from kgcv.recipes.report_data import ReportData, Validated
from kgcv.scoring.calibration import Reliability, measure_reliability
from kgcv.scoring.class_scores import ClassScores, count_tag_confusions, score_classes
from kgcv.scoring.decisions import DecisionRule
from kgcv.scoring.fbeta import FBeta, f_beta, score_tags
from kgcv.scoring.metrics import THRESHOLD
from kgcv.scoring.probability_metrics import average_precision
from kgcv.scoring.rules import TagScore, fixed_rule

_CURVE = np.linspace(0.01, 0.99, 99)
"""Thresholds of the curves."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The score by threshold, the same one for all tags."""

    metric: str
    thresholds: np.ndarray
    """`(T,)` float64."""
    scores: np.ndarray
    """`(T,)` float64."""


@dataclass(frozen=True, slots=True, eq=False)
class TagReport:
    """Of C tags."""

    class_names: tuple[str, ...]
    rule: DecisionRule
    """What decides here: the run's own rule, or the fixed threshold where it has none."""
    is_own_rule: bool
    beta: float
    """Of the F-beta by tag."""
    scores: ClassScores
    """With the rule; precision, recall and F-beta."""
    average_precision: np.ndarray
    """`(C,)` float64; NaN where the tag never occurs."""
    confusions: np.ndarray
    """`(C, C)` int64: see `count_tag_confusions`."""
    reliability: Reliability
    """Of all N * C probabilities at once."""
    curve: Curve
    tag_curves: np.ndarray
    """`(T, C)` float64: F-beta of each tag by its threshold, at the thresholds of `curve`."""


def report_tags(data: ReportData, validated: Validated) -> TagReport:
    """What there is to tell of `validated`, whose task is `multi`.

    Raises:
        ConfigError: the config's section `decision` does not fit the tags.
        DataError: the run's decision rule is for other tags.
    """
    names, values = validated.predictions.class_names, validated.predictions.values
    targets = validated.targets > 0
    is_own_rule = data.run.thresholds_file.is_file()
    rule = deciding_rule(data, names)
    given = rule.decide(values)
    metric = _fbeta_of(data.config, names)
    columns = range(len(names))
    return TagReport(
        class_names=names,
        rule=rule,
        is_own_rule=is_own_rule,
        beta=metric.beta,
        scores=score_classes(targets, given, metric.beta),
        average_precision=np.array([average_precision(targets[:, [at]], values[:, [at]]) for at in columns]),
        confusions=count_tag_confusions(targets, given),
        reliability=measure_reliability(values.ravel(), targets.ravel()),
        curve=_curve(data.config, validated, rule, metric),
        tag_curves=np.stack([_scores_at(cut, targets, values, metric.beta) for cut in _CURVE]),
    )


def deciding_rule(data: ReportData, names: tuple[str, ...]) -> DecisionRule:
    """The run's own rule for the tags `names`, or the fixed threshold where it has none.

    Raises:
        ConfigError: the config's section `decision` does not fit the tags.
        DataError: the run's decision rule is for other tags.
    """
    return read_rule(data.run.path, names) if data.run.thresholds_file.is_file() else _fixed(data.config, names)


def _fixed(config: Config | None, names: tuple[str, ...]) -> DecisionRule:
    if config is None:
        return DecisionRule(np.full(len(names), THRESHOLD))
    return fixed_rule(plan_decision(config, names))


def _fbeta_of(config: Config | None, names: tuple[str, ...]) -> FBeta:
    """The F-beta to decide by; F1 where the competition's metric is another."""
    found = None if config is None else plan_decision(config, names).metric
    return found or FBeta(1.0, "samples")


def _curve(config: Config | None, validated: Validated, rule: DecisionRule, metric: FBeta) -> Curve:
    """With the rule's exclusive groups, in which no threshold acts."""
    names, ids = validated.predictions.class_names, validated.predictions.ids
    targets, values = validated.targets > 0, validated.predictions.values
    name, score = _score(config, metric, names, ids)
    grouped = np.isnan(rule.thresholds)
    rules = (DecisionRule(np.where(grouped, np.nan, cut), rule.exclusive, rule.never_empty) for cut in _CURVE.tolist())
    return Curve(name, _CURVE, np.array([score(targets, each.decide(values)) for each in rules]))


def _score(config: Config | None, metric: FBeta, names: tuple[str, ...], ids: tuple[str, ...]) -> tuple[str, TagScore]:
    """The metric that decides, and its name. A competition's own file is not run for a picture's sake."""
    runs_a_file = config is not None and config.decision.metric is None and config.train.metric_file is not None
    found = None if config is None or runs_a_file else find_score(config, plan_decision(config, names), names, ids)
    if found is not None:
        return found
    return f"f{metric.beta:g}", lambda targets, given: score_tags(targets, given, metric)


def _scores_at(cut: float, targets: np.ndarray, values: np.ndarray, beta: float) -> np.ndarray:
    given = values > cut
    right, num_given, support = (tags.sum(axis=0) for tags in (targets & given, given, targets))
    return f_beta(right, num_given, support, beta)
