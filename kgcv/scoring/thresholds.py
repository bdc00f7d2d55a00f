"""From probabilities of tags to tags: one threshold for all, found exactly, and its honest score.

Letters: N samples, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BETA = 2.0
"""The course's competition counts recall more (F2)."""
NUM_PARTS = 5


@dataclass(frozen=True, slots=True)
class FittedThreshold:
    """A threshold and what it scores: F-beta averaged over samples."""

    threshold: float
    in_sample: float
    """On the samples it was fitted on: optimistic."""
    cross_fitted: float
    """Each fifth of the samples scored with the threshold of the other four: the one to believe."""
    fixed: float
    """With the fixed threshold, for comparison."""


def fit_threshold(targets: np.ndarray, values: np.ndarray, fixed: float) -> FittedThreshold:
    """The best single threshold, beside scores that say what it is worth.

    Args:
        targets: `(N, C)` of 0 and 1.
        values: `(N, C)` float probabilities.
        fixed: the threshold to compare with.
    """
    parts = np.arange(len(targets)) % NUM_PARTS
    cross_fitted = np.concatenate(
        [
            sample_scores(targets[parts == part], values[parts == part], best_threshold(targets[rest], values[rest]))
            for part in range(min(NUM_PARTS, len(targets)))
            for rest in [parts != part]
        ]
    )
    threshold = best_threshold(targets, values)
    return FittedThreshold(
        threshold,
        in_sample=float(sample_scores(targets, values, threshold).mean()),
        cross_fitted=float(cross_fitted.mean()),
        fixed=float(sample_scores(targets, values, fixed).mean()),
    )


def sample_scores(targets: np.ndarray, values: np.ndarray, threshold: float) -> np.ndarray:
    """F-beta of each sample, `(N,)` float64; 0 where nothing is true and nothing is given."""
    given = values > threshold
    right = (given & (targets > 0)).sum(axis=1)
    total = BETA**2 * (targets > 0).sum(axis=1) + given.sum(axis=1)
    scores: np.ndarray = np.divide((1 + BETA**2) * right, total, out=np.zeros(len(targets)), where=total > 0)
    return scores


def best_threshold(targets: np.ndarray, values: np.ndarray) -> float:
    """The threshold with the greatest mean of `sample_scores`; exact, by sorting, with no grid.

    The mean changes only where the threshold passes one of the N x C values. Lowering it past a sample's k-th largest
    value gives that sample its k-th tag, which changes its own score by a known amount; the running sum of these
    amounts over all values in falling order is the mean at every possible threshold.

    Returns:
        The middle between the lowest value given and the next lower one; 0 halves the last.
    """
    order = np.argsort(-values, axis=1, kind="stable")
    right = np.cumsum(np.take_along_axis(targets, order, axis=1) > 0, axis=1)
    num_given = np.arange(1, values.shape[1] + 1)
    num_true = (targets > 0).sum(axis=1, keepdims=True)
    scores = (1 + BETA**2) * right / (BETA**2 * num_true + num_given)
    changes = np.diff(scores, axis=1, prepend=0.0).ravel()
    sorted_values = np.take_along_axis(values, order, axis=1).astype(np.float64).ravel()

    falling = np.argsort(-sorted_values, kind="stable")
    levels = np.append(sorted_values[falling], 0.0)
    is_last_of_equals = levels[:-1] > levels[1:]
    totals = np.where(is_last_of_equals, np.cumsum(changes[falling]), -np.inf)
    best = int(np.argmax(totals))
    return float((levels[best] + levels[best + 1]) / 2)
