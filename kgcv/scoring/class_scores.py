"""How each class fares, and which classes are taken for which; for people to look at, not to compete with.

Letters: N samples, C classes. Numpy alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kgcv.scoring.fbeta import f_beta


@dataclass(frozen=True, slots=True, eq=False)
class ClassScores:
    """Of each class, from counts over all samples; NaN where a share of nothing would be meant."""

    precision: np.ndarray
    """`(C,)` float64: of the samples given the class, the share that has it; NaN where none was given it."""
    recall: np.ndarray
    """`(C,)` float64: of the samples that have the class, the share given it; NaN where none has it."""
    f_beta: np.ndarray
    """`(C,)` float64; NaN where the class is neither true nor given."""
    support: np.ndarray
    """`(C,)` int64: samples that have the class."""
    given: np.ndarray
    """`(C,)` int64: samples that were given it."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """A pair of classes, and how many samples."""

    true: int
    """Number of the class that is true."""
    given: int
    """Number of the class that was given instead."""
    count: int


def score_classes(targets: np.ndarray, given: np.ndarray, beta: float = 1.0) -> ClassScores:
    """Precision, recall and F-beta by class.

    Args:
        targets: `(N, C)` bool.
        given: `(N, C)` bool: the decisions.
        beta: how much more recall counts than precision.
    """
    right, num_given, support = ((tags.sum(axis=0)) for tags in (targets & given, given, targets))
    scores = f_beta(right, num_given, support, beta)
    return ClassScores(
        precision=_share(right, num_given),
        recall=_share(right, support),
        f_beta=np.where(num_given + support > 0, scores, np.nan),
        support=support,
        given=num_given,
    )


def count_confusions(targets: np.ndarray, decisions: np.ndarray, num_classes: int) -> np.ndarray:
    """The confusion matrix, `(C, C)` int64: how many samples of the row's class were given the column's.

    Args:
        targets: `(N,)` class numbers.
        decisions: `(N,)` class numbers.
        num_classes: C.
    """
    cells = np.bincount(targets * num_classes + decisions, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


def count_tag_confusions(targets: np.ndarray, given: np.ndarray) -> np.ndarray:
    """`(C, C)` int64: samples where the row's tag was true and missed while the column's was given and false.

    A sample with several missed and several wrong tags counts for each pair of them, for nothing tells which was
    taken for which.

    Args:
        targets: `(N, C)` bool.
        given: `(N, C)` bool.
    """
    missed, wrong = (tags.astype(np.float32) for tags in (targets & ~given, given & ~targets))
    counts: np.ndarray = np.rint(missed.T @ wrong).astype(np.int64)
    return counts


def largest_confusions(counts: np.ndarray, num_pairs: int) -> list[Confusion]:
    """The `num_pairs` most frequent confusions of `(C, C)` counts, without the diagonal and without empty ones.

    Of equal ones the first row, then the first column comes first.
    """
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:num_pairs]
    pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
    return [Confusion(int(row), int(column), int(wrong[row, column])) for row, column in pairs if wrong[row, column]]


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
