"""F-beta of several labels, from counts of tags: the metric that decisions are fitted to, asked thousands of times.

Numpy alone, for scikit-learn takes longer to load than all thresholds to fit; the tests hold the two equal.
Letters: N samples, C classes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np

Average = Literal["samples", "macro", "micro"]

FBETA_NAME = re.compile(
    # A beta begins with 0 only before a point, so that f05 is nothing at all rather than F5; it is not 0 itself.
    r"f(?P<beta>(?!0(?:\.0*)?(?:_|$))(?:0|[1-9][0-9]*)(?:\.[0-9]+)?)"
    r"(?:_(?P<average>samples|macro|micro|weighted|binary))?",
    re.ASCII,
)
"""The names of all F-betas, those of one label too."""

_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True)
class FBeta:
    """F-beta of several labels: recall counts `beta` times as much as precision."""

    beta: float
    average: Average


def parse_fbeta(name: str) -> FBeta | None:
    """`f2`: beta 2 averaged over samples; `f0.5_macro`, `f1_micro`; None for anything else."""
    match = FBETA_NAME.fullmatch(name)
    average = (match["average"] or "samples") if match else None
    if match is None or average not in get_args(Average):
        return None
    return FBeta(float(match["beta"]), cast("Average", average))


def f_beta(right: np.ndarray, given: np.ndarray, true: np.ndarray, beta: float) -> np.ndarray:
    """F-beta from counts of tags given rightly, given, and true: (1 + beta^2) right / (beta^2 true + given).

    Any shapes that broadcast; float64. 0 where nothing is true and nothing is given, as scikit-learn has it with
    zero_division=0.
    """
    # Where the divisor is 0, so is the numerator.
    score: np.ndarray = right / np.maximum(beta**2 * true + given, _TINY)
    score *= 1 + beta**2
    return score


def count_by_unit(tags: np.ndarray, metric: FBeta) -> np.ndarray:
    """Number of tags in each unit that `metric` averages over: `(N,)` samples, `(C,)` classes, or `(1,)` for micro."""
    counts: np.ndarray = unit_by_row(tags, metric).sum(axis=1)
    return counts


def unit_by_row(array: np.ndarray, metric: FBeta) -> np.ndarray:
    """`(N, C)` as one row for each unit that `metric` averages over; see `count_by_unit`."""
    match metric.average:
        case "samples":
            return array
        case "macro":
            return array.T
        case "micro":
            return array.reshape(1, -1)


def score_tags(targets: np.ndarray, given: np.ndarray, metric: FBeta) -> float:
    """The score of the tags `given` against `targets`, both `(N, C)` bool, on the whole set.

    A class that never occurs and is never given counts 0 in a macro average, as in scikit-learn.
    """
    right, num_given, true = (count_by_unit(tags, metric) for tags in (targets & given, given, targets))
    return float(f_beta(right, num_given, true, metric.beta).mean())
