"""Every decision rule fitted to out-of-fold predictions, and what each is worth on samples it was not fitted to.

Letters: N samples with predictions, C classes. `targets` are (N, C) bool, `values` (N, C) float32 in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from kgcv.scoring.decisions import DecisionRule, Groups
from kgcv.scoring.fbeta import FBeta
from kgcv.scoring.thresholds import cut_columns, fit_global, fit_per_class, fit_prevalence

TagScore = Callable[[np.ndarray, np.ndarray], float]
"""The score of `(N, C)` bool tags given, after the true ones, on the whole set."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Out-of-fold predictions with what is true."""

    targets: np.ndarray
    values: np.ndarray
    parts: np.ndarray
    """(N,) int64: samples of one part are decided with rules that are fitted to the other parts."""
    other_targets: np.ndarray
    """(M, C) bool: tags of labelled samples without predictions, as all that never validate; for their frequency."""


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """What the rules are to reach, and what holds for all of them."""

    metric: FBeta | None
    """None: there is nothing to fit `global` and `per_class` to."""
    fixed: float
    """The threshold of the rule `fixed`."""
    shares: np.ndarray
    """(C,) float64: the part of the samples that is to have each tag; NaN: as among the labels."""
    exclusive: Groups = ()
    never_empty: bool = False


@dataclass(frozen=True, slots=True)
class RuleScores:
    """What a rule scores."""

    in_sample: float
    """On the samples it was fitted to: optimistic, but for `fixed`."""
    cross_fitted: float
    """Each part decided by a rule that was fitted to the others, all scored at once: the one to believe."""


def fit_rules(evidence: Evidence, rows: np.ndarray, terms: Terms) -> dict[str, DecisionRule]:
    """The rules `fixed`, `global`, `per_class` and `prevalence`, by name, as far as `terms` allow.

    Args:
        evidence: all samples.
        rows: `(N,)` bool: those to fit to; no label of the others is looked at.
        terms: what to fit.
    """
    targets, values = evidence.targets[rows], evidence.values[rows]
    thresholds = {}
    cuts = cut_columns(values)
    if terms.metric is not None:
        start = fit_global(targets, values, terms.metric, terms.exclusive)
        thresholds["global"] = start
        thresholds["per_class"] = fit_per_class(targets, values, cuts, terms.metric, start, terms.exclusive)
    among_labels = np.concatenate([targets, evidence.other_targets]).mean(axis=0)
    shares = np.where(np.isnan(terms.shares), among_labels, terms.shares)
    thresholds["prevalence"] = fit_prevalence(cuts, shares, terms.exclusive)
    fitted = {name: DecisionRule(array, terms.exclusive, terms.never_empty) for name, array in thresholds.items()}
    return {"fixed": fixed_rule(terms), **fitted}


def fixed_rule(terms: Terms) -> DecisionRule:
    """The rule that needs no fit: one threshold for all classes."""
    thresholds = np.full(len(terms.shares), terms.fixed)
    thresholds[[number for group in terms.exclusive for number in group]] = np.nan
    return DecisionRule(thresholds, terms.exclusive, terms.never_empty)


def judge_rules(
    evidence: Evidence, terms: Terms, rules: Mapping[str, DecisionRule], score: TagScore
) -> dict[str, RuleScores]:
    """What each rule scores in sample and across the parts, of which there are at least two.

    Args:
        evidence: all samples.
        terms: those of the fit.
        rules: `fit_rules` of all samples.
        score: the metric.
    """
    targets, values = evidence.targets, evidence.values
    honest = {name: np.empty_like(targets) for name in rules}
    for part in np.unique(evidence.parts):
        held_out = evidence.parts == part
        for name, rule in fit_rules(evidence, ~held_out, terms).items():
            honest[name][held_out] = rule.decide(values[held_out])
    return {
        name: RuleScores(score(targets, rule.decide(values)), score(targets, honest[name]))
        for name, rule in rules.items()
    }
