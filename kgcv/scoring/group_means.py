"""How groups of samples fare, with intervals that say how far chance alone may move them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
"""Of all intervals together."""


@dataclass(frozen=True, slots=True, eq=False)
class GroupMeans:
    """G groups of samples, in the order of their numbers."""

    counts: np.ndarray
    """`(G,)` int64."""
    means: np.ndarray
    """`(G,)` float64; NaN for a group without samples."""
    lows: np.ndarray
    """`(G,)` float64; NaN where no interval can be told."""
    highs: np.ndarray
    """`(G,)` float64; see `lows`."""
    overall: float
    """The mean of all samples."""

    @property
    def stands_out(self) -> np.ndarray:
        """`(G,)` int64: 1 where the whole interval is above the overall mean, -1 where it is below, else 0."""
        return np.where(self.lows > self.overall, 1, np.where(self.highs < self.overall, -1, 0))


def compare_groups(costs: np.ndarray, groups: np.ndarray, num_groups: int, num_looks: int) -> GroupMeans:
    """The mean cost of each group.

    With many groups some look bad by chance. So each interval is as wide as it takes that all `num_looks` together
    hold the true means with 95 % (Bonferroni's correction). Shares get Wilson's interval (Journal of the American
    Statistical Association 22, 1927), which is right for small groups too; means of other costs get Student's, for at
    least two samples.

    Args:
        costs: `(N,)`; bool for shares.
        groups: `(M, 2)` int64, row and group of each membership; a row may be in several groups, or in none.
        num_groups: G.
        num_looks: groups that will be looked at, over all ways of grouping.
    """
    rows, numbers = groups[:, 0], groups[:, 1]
    values = costs[rows].astype(np.float64)
    counts = np.bincount(numbers, minlength=num_groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.bincount(numbers, weights=values, minlength=num_groups) / counts
        squares = np.bincount(numbers, weights=(values - means[numbers]) ** 2, minlength=num_groups)
        tail = (1 - CONFIDENCE) / (2 * max(num_looks, 1))
        interval = _wilson(means, counts, tail) if costs.dtype == bool else _student(means, squares, counts, tail)
    return GroupMeans(counts, means, *interval, overall=float(costs.mean()))


def _wilson(means: np.ndarray, counts: np.ndarray, tail: float) -> tuple[np.ndarray, np.ndarray]:
    from scipy.stats import norm

    z = norm.isf(tail)
    middle = (means + z**2 / (2 * counts)) / (1 + z**2 / counts)
    half = z / (1 + z**2 / counts) * np.sqrt(means * (1 - means) / counts + z**2 / (4 * counts**2))
    return middle - half, middle + half


def _student(means: np.ndarray, squares: np.ndarray, counts: np.ndarray, tail: float) -> tuple[np.ndarray, np.ndarray]:
    from scipy.stats import t

    enough = np.where(counts > 1, counts, np.nan)
    half = t.isf(tail, enough - 1) * np.sqrt(squares / (enough - 1) / enough)
    return means - half, means + half
