"""What each sample costs by itself, and how sure its prediction is.

Letters: N samples, C classes or columns of numbers. `targets` and `values` are as `metrics.py` has them.
"""

from __future__ import annotations

import numpy as np

_LEAST = 1e-15
"""Probabilities are taken for at least this, as scikit-learn's log loss did for years; its log is -34.5."""


def class_losses(targets: np.ndarray, values: np.ndarray) -> np.ndarray:
    """-log of the true class's probability, `(N,)` float64; their mean is the log loss."""
    losses: np.ndarray = -np.log(values[np.arange(len(targets)), targets].astype(np.float64).clip(_LEAST))
    return losses


def tag_losses(targets: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean over the tags of -log of the probability of what is true, `(N,)` float64."""
    probabilities = values.astype(np.float64)
    of_truth = np.where(targets > 0, probabilities, 1 - probabilities).clip(_LEAST)
    losses: np.ndarray = -np.log(of_truth).mean(axis=1)
    return losses


def number_errors(targets: np.ndarray, values: np.ndarray, is_log: bool) -> np.ndarray:
    """Predicted - true, `(N, C)` float64.

    Args:
        targets: `(N, C)`.
        values: `(N, C)`.
        is_log: the difference of the logarithms instead, which is about the error's share of the number; numbers
            below zero, which have none, count as the smallest positive target.
    """
    truth, given = targets.astype(np.float64), values.astype(np.float64)
    if is_log:
        least = truth[truth > 0].min(initial=np.inf)
        truth, given = np.log(truth.clip(least)), np.log(given.clip(least))
    errors: np.ndarray = given - truth
    return errors


def margins(values: np.ndarray) -> np.ndarray:
    """How far the most probable class is ahead of the second, `(N,)` float64; 0 where they are equal."""
    two = np.partition(values.astype(np.float64), -2, axis=1)[:, -2:]
    ahead: np.ndarray = two[:, 1] - two[:, 0]
    return ahead


def tag_entropies(values: np.ndarray) -> np.ndarray:
    """Mean over the tags of the entropy of each, in bits, `(N,)` float64: 1 where every tag has probability 1/2."""
    probabilities = values.astype(np.float64).clip(_LEAST, 1 - 1e-9)
    rest = 1 - probabilities
    bits: np.ndarray = -(probabilities * np.log2(probabilities) + rest * np.log2(rest)).mean(axis=1)
    return bits
