"""Groups of samples dealt out to parts so that every part has its share of every class at once.

scikit-learn balances groups for one label a sample and in folds alone. This serves one label, several labels,
decile strata and none, in folds and in hold-outs, by one rule: groups are dealt out from the heaviest to the
lightest, each to the part that lacks most of what it holds, and then exchanged where that evens the parts out.
For one label a sample it is also the more even of the two, which tests/data/test_balance.py measures.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_RARITY = 1.25
"""Power of a column's total that its squared deviations are divided by. 1 is the chi-square statistic, which
favours common classes; 2 compares shares alone, which favours rare ones. With 1, 1.25, 1.5 and 2, for 2,000
samples with 17 tags in 300 groups (the case of tests/data/test_balance.py, means of 8 draws), the largest
deviation of a tag's share in a fold is 0.68, 0.72, 1.19 and 1.54 points, and of a tag's samples a fold holds a
fifth give or take 0.54, 0.52, 0.49 and 0.50 points."""

_SWEEPS = 2
"""Rounds of exchanges: the 0.72 above is 1.18 without, 0.74 after one, and 0.69 after three and more."""

_MAX_EXCHANGED = 1000
"""Groups up to which exchanges are tried, for their time grows with the square: 0.06 s at 300 groups. With more,
dealing out alone leaves nothing to even out."""


def join_groups(names: Sequence[str], links: Sequence[tuple[int, ...]]) -> np.ndarray:
    """A number for each of N samples, `(N,)` int64: equal for samples that have to stay together.

    Args:
        names: the group of each sample.
        links: row numbers of samples that belong together whatever their groups; they join their groups.
    """
    parents = {name: name for name in names}

    def root(name: str) -> str:
        while parents[name] != name:
            parents[name] = name = parents[parents[name]]
        return name

    for first, *others in links:
        for row in others:
            parents[root(names[row])] = root(names[first])
    return np.asarray(np.unique([root(name) for name in names], return_inverse=True)[1], dtype=np.int64)


def deal_groups(groups: np.ndarray, strata: np.ndarray | None, shares: Sequence[float], seed: int) -> np.ndarray:
    """The part of each of N samples, `(N,)` int64 in [0, P): no group is cut, and parts are as even as groups allow.

    Args:
        groups: `(N,)` integers from 0, without gaps.
        strata: `(N,)` class numbers from 0, `(N, C)` of 0 and 1, or None to balance the number of samples alone.
        shares: part of all samples that each of the P parts should hold; they add up to 1.
        seed: decides between groups that weigh the same.
    """
    table = _Table(_weighted_counts(groups, strata), np.asarray(shares, dtype=np.float64))
    parts = table.deal(np.random.default_rng(seed))
    return np.asarray(parts[groups])


def _weighted_counts(groups: np.ndarray, strata: np.ndarray | None) -> np.ndarray:
    """Samples of each group and, beside them, of each class in it, divided by a power of their total: `(G, 1 + C)`."""
    num_classes = 0 if strata is None else int(strata.max()) + 1 if strata.ndim == 1 else strata.shape[1]
    counts = np.zeros((int(groups.max()) + 1, 1 + num_classes))
    counts[:, 0] = np.bincount(groups)
    if strata is not None and strata.ndim == 1:
        np.add.at(counts, (groups, 1 + strata), 1)
    elif strata is not None:
        np.add.at(counts[:, 1:], groups, strata)
    return np.asarray(counts / np.maximum(counts.sum(axis=0), 1) ** (_RARITY / 2))


class _Table:
    """G groups in P parts, and what each part holds too much of: squares of it are what is to be small."""

    def __init__(self, counts: np.ndarray, shares: np.ndarray) -> None:
        self._counts = counts  # (G, C)
        self._norms = np.square(counts).sum(axis=1)
        self._parts = np.full(len(counts), -1, dtype=np.int64)
        self._scale = 1 / shares
        self._excess = -np.outer(shares, counts.sum(axis=0))  # (P, C): what a part holds less what it should hold

    def deal(self, generator: np.random.Generator) -> np.ndarray:
        """The part of each group, `(G,)`."""
        shuffled = generator.permutation(len(self._counts))
        order = shuffled[np.argsort(-self._norms[shuffled], kind="stable")]
        for group in order:
            self._place(group)
        if len(order) <= _MAX_EXCHANGED:
            for group in np.tile(order, _SWEEPS):
                self._exchange(group)
        return self._parts

    def _place(self, group: int) -> None:
        counts = self._counts[group]
        part = int(np.argmin(self._scale * (self._norms[group] + 2 * self._excess @ counts)))
        self._parts[group] = part
        self._excess[part] += counts

    def _exchange(self, group: int) -> None:
        """Let `group` and the one group of another part with which it evens things out most change places."""
        part, change = self._parts[group], self._counts - self._counts[group]
        pull = self._scale[:, None] * self._excess
        cost = np.square(change).sum(axis=1) * (self._scale[part] + self._scale[self._parts])
        cost += 2 * np.einsum("gc,gc->g", change, pull[part] - pull[self._parts])
        cost[self._parts == part] = 0
        other = int(np.argmin(cost))
        if cost[other] < -1e-12 * self._norms.sum():  # less is rounding, and could go round in circles
            self._excess[part] += change[other]
            self._excess[self._parts[other]] -= change[other]
            self._parts[group], self._parts[other] = self._parts[other], part
