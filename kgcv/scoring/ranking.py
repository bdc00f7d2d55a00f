"""Metrics of the order in which a sample's classes are ranked by probability.

Letters: N samples, C classes, k places. Of equal probabilities the lower class number comes first, as with argmax:
scikit-learn's own top-k takes the higher one, and its top-1 is then not the accuracy.
"""

from __future__ import annotations

import numpy as np


def top_k_accuracy(targets: np.ndarray, values: np.ndarray, k: int) -> float:
    """Share of the samples whose class is among the k most probable; one that never occurs only takes up places.

    Args:
        targets: `(N,)` class numbers.
        values: `(N, C)` probabilities.
        k: 1 for the accuracy; from C on everything is right.
    """
    return float((_ranked(values, k) == targets[:, None]).any(axis=1).mean())


def mean_average_precision(targets: np.ndarray, values: np.ndarray, k: int) -> float:
    """MAP@k: the mean over samples of the average precision of the first k places.

    The precision at each place that holds a true class is added up and divided by the number of true classes, at
    most k. With one class a sample that is 1 / its place, or 0 beyond k. A sample without any tag counts 0. A class
    that never occurs only takes up places.

    Args:
        targets: `(N,)` class numbers, or `(N, C)` of 0 and 1.
        values: `(N, C)` probabilities.
        k: number of places.
    """
    ranked = _ranked(values, k)
    if targets.ndim == 1:
        is_true, num_true = ranked == targets[:, None], np.ones(len(targets), dtype=np.int64)
    else:
        is_true = np.take_along_axis(targets, ranked, axis=1) > 0
        num_true = (targets > 0).sum(axis=1)
    precisions = np.cumsum(is_true, axis=1) / np.arange(1, ranked.shape[1] + 1)
    return float(((precisions * is_true).sum(axis=1) / num_true.clip(1, k)).mean())


def _ranked(values: np.ndarray, k: int) -> np.ndarray:
    """`(N, min(k, C))` class numbers by falling probability."""
    return np.argsort(-values, axis=1, kind="stable")[:, :k]
