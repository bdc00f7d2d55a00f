"""Metrics of decisions: which class, or which tags.

Letters: N samples, C classes. `single`: targets and decisions are (N,) class numbers; `multi`: both are (N, C) of
0 and 1. "Occurs" means: is the true class, or a true tag, of some sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np

from kgcv.scoring.fbeta import Average, FBeta, score_tags


def accuracy(targets: np.ndarray, decisions: np.ndarray) -> float:
    """Share of the samples with the right class; a class that never occurs can only be a wrong answer."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(targets, decisions))


def balanced_accuracy(targets: np.ndarray, decisions: np.ndarray) -> float:
    """Mean recall over the classes that occur; one that never occurs has no recall and is left out."""
    from sklearn.metrics import recall_score

    return float(recall_score(targets, decisions, labels=np.unique(targets), average="macro"))


def fbeta(targets: np.ndarray, decisions: np.ndarray, beta: float, average: str | None = None) -> float:
    """F-beta: recall counts beta times as much as precision.

    Args:
        targets: `(N,)` or `(N, C)`.
        decisions: like `targets`.
        beta: above 0.
        average: `samples`, `macro`, `micro`, `weighted` (by how often a class occurs) or `binary` (class number 1
            of two alone). None: `macro` for `single`, `samples` for `multi`.

    Returns:
        A sample, class or set without anything true and anything given counts 0, as with scikit-learn. So a tag
        that never occurs pulls `macro` down; for `single`, a class that never occurs counts (as 0) only if it is
        given. It weighs nothing in `weighted`.
    """
    average = average or ("macro" if targets.ndim == 1 else "samples")
    if targets.ndim == 2 and average != "weighted":
        return score_tags(targets > 0, decisions > 0, FBeta(beta, cast("Average", average)))
    from sklearn.metrics import fbeta_score

    truth, given, average = _for_sklearn(targets, decisions, average)
    return float(fbeta_score(truth, given, beta=beta, average=average, zero_division=0))


def jaccard(targets: np.ndarray, decisions: np.ndarray, average: str) -> float:
    """Intersection over union, the mean over samples or over classes (`macro`).

    A sample or class with nothing true and nothing given counts 0, so a tag that never occurs pulls `macro` down;
    for `single`, a class that never occurs counts (as 0) only if it is given.
    """
    from sklearn.metrics import jaccard_score

    truth, given, average = _for_sklearn(targets, decisions, average)
    return float(jaccard_score(truth, given, average=average, zero_division=0))


def hamming(targets: np.ndarray, decisions: np.ndarray) -> float:
    """Share of all N * C tags that are wrong; a tag that never occurs counts like any other."""
    from sklearn.metrics import hamming_loss

    return float(hamming_loss(targets.astype(np.int64), decisions.astype(np.int64)))


def matthews(targets: np.ndarray, decisions: np.ndarray) -> float:
    """Matthews' correlation of the true and the given class, in [-1, 1], also of more than two classes.

    A class that never occurs counts where it is given; 0 where only one class occurs or is given.
    """
    from sklearn.metrics import matthews_corrcoef

    # Scikit-learn warns about a set of one class, in which there is nothing to correlate.
    return float(matthews_corrcoef(targets, decisions)) if np.ptp(targets) > 0 else 0.0


def quadratic_weighted_kappa(targets: np.ndarray, decisions: np.ndarray, ratings: Sequence[int] | None = None) -> float:
    """Agreement beyond chance, a disagreement counting the square of its size; 1 is perfect, 0 is chance.

    The size of a disagreement is the difference of the two ratings themselves, so a rating that never occurs still
    takes up its place on the scale. Several columns of numbers: the mean over the columns.

    Args:
        targets: `(N,)` class numbers (`single`), or `(N, C)` whole numbers (`regression`).
        decisions: like `targets`; numbers already rounded.
        ratings: what each class number stands for; needed for `single`, where classes are sorted as text and
            "10" comes before "2".

    Returns:
        NaN where all ratings, true and given, are equal.
    """
    if targets.ndim == 1:
        if ratings is None:
            raise ValueError("the kappa of classes needs the number that each class stands for")
        scale = np.array(ratings, dtype=np.float64)
        return _kappa(scale[targets], scale[decisions])
    columns = zip(targets.T.astype(np.float64), decisions.T.astype(np.float64), strict=True)
    return float(np.mean([_kappa(truth, given) for truth, given in columns]))


def _for_sklearn(targets: np.ndarray, decisions: np.ndarray, average: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Targets, decisions and average in a form in which scikit-learn means the same."""
    truth, given = targets.astype(np.int64), decisions.astype(np.int64)
    if truth.ndim == 1 or truth.shape[1] > 1:
        return truth, given, average
    # It takes a column alone for two classes, 0 and 1. A second one that is never true and never given changes
    # nothing but the macro average, and that of one column is the micro average.
    one_more = ((0, 0), (0, 1))
    return np.pad(truth, one_more), np.pad(given, one_more), "micro" if average == "macro" else average


def _kappa(truth: np.ndarray, given: np.ndarray) -> float:
    # The weighted confusion matrix in closed form: scikit-learn's has a cell for every pair of ratings, which a
    # diverging model's numbers would fill the memory with.
    observed = np.square(truth - given).mean()
    by_chance = truth.var() + given.var() + (truth.mean() - given.mean()) ** 2
    return float(1 - observed / by_chance) if by_chance > 0 else math.nan
