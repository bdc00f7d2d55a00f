"""Metrics of probabilities.

Letters: N samples, C classes. `targets` are (N,) class numbers for `single` and (N, C) of 0 and 1 for `multi`;
`values` are (N, C) probabilities. "Occurs" means: is the true class, or a true tag, of some sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np


def log_loss(targets: np.ndarray, values: np.ndarray) -> float:
    """Mean of -log of the true class's share of its row; a class that never occurs only takes shares away."""
    from sklearn.metrics import log_loss as sklearn_log_loss

    probabilities = values.astype(np.float64)
    # Rows of float32 sum to one within rounding only; Kaggle divides by the sum, too.
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return float(sklearn_log_loss(targets, probabilities, labels=np.arange(values.shape[1])))


def binary_log_loss(targets: np.ndarray, values: np.ndarray) -> float:
    """Mean log loss over all N * C cells, each by itself; a tag that never occurs counts like any other."""
    from sklearn.metrics import log_loss as sklearn_log_loss

    return float(sklearn_log_loss(targets.ravel(), values.ravel().astype(np.float64), labels=[0, 1]))


def roc_auc(targets: np.ndarray, values: np.ndarray) -> float:
    """Mean over the classes of the area under one against the rest: the share of pairs that are in order.

    A pair of equal probabilities counts half. A class that never occurs, or always, has no pairs and is left out;
    NaN if none is left. Of two classes both areas are the same, which is the binary ROC AUC.
    """
    from sklearn.metrics import roc_auc_score

    return _mean_over_classes(roc_auc_score, targets, values, needs_both=True)


def average_precision(targets: np.ndarray, values: np.ndarray) -> float:
    """Mean over the classes of the average precision of one against the rest.

    Equal probabilities are taken in at once, in no order. A class that never occurs is left out; NaN if none is
    left.
    """
    from sklearn.metrics import average_precision_score

    return _mean_over_classes(average_precision_score, targets, values, needs_both=False)


def binary_average_precision(targets: np.ndarray, values: np.ndarray) -> float:
    """Average precision of class number 1 of two; NaN if it never occurs; ties as in `average_precision`."""
    return average_precision((targets == 1)[:, None], values[:, 1:])


def probabilistic_f1(targets: np.ndarray, values: np.ndarray) -> float:
    """F1 of probabilities taken as shares of a decision, as RSNA's breast cancer competition defines it.

    2 * (sum of the probabilities where true) / (sum of all probabilities + number true); of class number 1 of two
    (`single`), or the mean over the tags (`multi`). What never occurs is left out; NaN if nothing is left.
    """
    truth = (targets == 1)[:, None] if targets.ndim == 1 else targets > 0
    probabilities = (values[:, 1:] if targets.ndim == 1 else values).astype(np.float64).clip(0, 1)
    occurs = truth.any(axis=0)
    if not occurs.any():
        return math.nan
    scores = 2 * (probabilities * truth).sum(axis=0) / (probabilities.sum(axis=0) + truth.sum(axis=0)).clip(min=1)
    return float(scores[occurs].mean())


def brier(targets: np.ndarray, values: np.ndarray) -> float:
    """Mean squared error of the probabilities; a class that never occurs counts like any other.

    Two classes: of the one probability. More: Brier's sum over the classes, in [0, 2]. Tags: the mean over all
    N * C cells.
    """
    indicators = _indicators(targets, values.shape[1])
    squares = np.square(indicators - values.astype(np.float64))
    if targets.ndim == 1 and values.shape[1] > 2:
        return float(squares.sum(axis=1).mean())
    return float(squares.mean())


def _indicators(targets: np.ndarray, num_classes: int) -> np.ndarray:
    """`(N, C)` bool of class numbers or of tags."""
    if targets.ndim == 1:
        return np.asarray(targets[:, None] == np.arange(num_classes))
    return targets > 0


def _mean_over_classes(
    score: Callable[[np.ndarray, np.ndarray], float], targets: np.ndarray, values: np.ndarray, *, needs_both: bool
) -> float:
    """The mean of `score` over the classes that occur (and, if `needs_both`, not in every sample); or NaN."""
    indicators = _indicators(targets, values.shape[1])
    counts = indicators.sum(axis=0)
    is_defined = (counts > 0) & (counts < len(targets)) if needs_both else counts > 0
    scores = [score(indicators[:, column], values[:, column]) for column in np.flatnonzero(is_defined)]
    return float(np.mean(scores)) if scores else math.nan
