"""From probabilities of several labels to tags, and what the tags score; numpy alone, for commands that must be quick.

Letters: N samples, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kgcv.scoring.metrics import FBeta

Groups = tuple[tuple[int, ...], ...]
"""Column numbers of classes that exclude each other, group by group."""


_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True, eq=False)
class DecisionRule:
    """Which tags a sample is given."""

    thresholds: np.ndarray
    """(C,) float64; a tag is given when its value is greater. NaN for classes of `exclusive`, where none acts."""
    exclusive: Groups = ()
    """Of each group exactly one tag is given: the one with the greatest value, of equal ones the first listed."""
    never_empty: bool = False
    """A sample without any tag is given the one with the greatest value, of equal ones the first column."""

    def decide(self, values: np.ndarray) -> np.ndarray:
        """The tags given, `(N, C)` bool, for `(N, C)` probabilities."""
        given: np.ndarray = values > self.thresholds
        for group in self.exclusive:
            columns = np.array(group)
            given[:, columns] = False
            given[np.arange(len(values)), columns[values[:, columns].argmax(axis=1)]] = True
        if self.never_empty:
            empty = np.flatnonzero(~given.any(axis=1))
            given[empty, values[empty].argmax(axis=1)] = True
        return given


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
