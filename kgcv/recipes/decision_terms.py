"""What a config wants decided: the terms of the rules, and the score to judge them by."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from kgcv.config.schema import Config
from kgcv.errors import ConfigError, listed
from kgcv.recipes.metric import load_metric
from kgcv.recipes.metric_file import FileMetric
from kgcv.scoring.fbeta import FBeta, parse_fbeta
from kgcv.scoring.metrics import F2_THRESHOLD, THRESHOLD, Metric, find_metric
from kgcv.scoring.rules import TagScore, Terms


def plan_decision(config: Config, class_names: Sequence[str]) -> Terms:
    """What the section `decision` asks for, for these classes of a task `multi`.

    Raises:
        ConfigError: `decision.metric` is no F-beta, thresholds are to be fitted to a metric that is none,
            `exclusive` or `prevalence` name a class that there is not, or `prevalence` one of an exclusive group.
    """
    decision = config.decision
    metric = _find_fbeta(config)
    if problems := [*_strangers(config, class_names), *_idle_shares(config)]:
        raise ConfigError(problems)
    number = {name: number for number, name in enumerate(class_names)}
    usual = F2_THRESHOLD if metric is not None and metric.beta == 2 else THRESHOLD
    return Terms(
        metric=metric,
        fixed=usual if decision.threshold is None else decision.threshold,
        shares=np.array([decision.prevalence.get(name, np.nan) for name in class_names]),
        exclusive=tuple(tuple(number[name] for name in group) for group in decision.exclusive),
        never_empty=decision.never_empty,
    )


def find_score(
    config: Config, terms: Terms, class_names: Sequence[str], ids: Sequence[str]
) -> tuple[str, TagScore] | None:
    """The name of the metric and its score of tags given, for samples `ids`; None where it does not score tags."""
    is_fbeta = terms.metric is not None
    scorer = find_metric(_metric_name(config), "multi") if is_fbeta else load_metric(config, "multi", class_names)
    if isinstance(scorer, FileMetric) and scorer.scores_tags:
        return scorer.name, partial(scorer.score_decisions, ids=ids)
    if isinstance(scorer, Metric) and scorer.needs == "decisions":
        return scorer.name, scorer.score_decisions
    return None


def _metric_name(config: Config) -> str:
    """The metric to decide by; `train.metric: auto` is F2, as for training."""
    name = config.decision.metric or config.train.metric
    return "f2" if name == "auto" else name


def _find_fbeta(config: Config) -> FBeta | None:
    """The F-beta to decide by; None where the competition's metric is another, and nothing is to be fitted to it."""
    decision, train = config.decision, config.train
    is_file = decision.metric is None and train.metric_file is not None
    metric = None if is_file else parse_fbeta(_metric_name(config))
    if metric is not None:
        return metric
    if decision.metric is not None:
        raise ConfigError([f"decision.metric: {decision.metric!r} is no F-beta, such as f2, f0.5_macro, f1_micro"])
    if decision.thresholds in ("global", "per_class"):
        name = f"train.metric_file {train.metric_file}" if is_file else f"train.metric {train.metric!r}"
        raise ConfigError(
            [
                f"decision.metric: thresholds: {decision.thresholds} is fitted to an F-beta, and {name} is none; "
                "name the nearest: f2, f0.5_macro, f1_micro"
            ]
        )
    return None


def _strangers(config: Config, class_names: Sequence[str]) -> Iterator[str]:
    """A line for every class that the section `decision` names and that there is not."""
    decision = config.decision
    grouped = [name for group in decision.exclusive for name in group]
    for key, names in (("exclusive", grouped), ("prevalence", decision.prevalence)):
        for name in names:
            if name not in class_names:
                near = difflib.get_close_matches(name, class_names, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"the classes are {listed(class_names)}"
                yield f"decision.{key}: there is no class {name!r}; {hint}"


def _idle_shares(config: Config) -> Iterator[str]:
    for group in config.decision.exclusive:
        for name in group:
            if name in config.decision.prevalence:
                yield f"decision.prevalence: {name!r} is in a group of decision.exclusive, where no threshold acts"
