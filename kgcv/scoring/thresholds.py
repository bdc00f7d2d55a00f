"""The best thresholds for tags, found by sorting: every cut between two values is tried, and there is no grid.

Letters: N samples, C classes. `targets` are (N, C) bool, `values` (N, C) float32 in [0, 1]. Thresholds come as
(C,) float64; a tag is given when its value is greater. Each lies in the middle between two neighbouring values; beside
the values stand 0, which is never given, and 1. Of cuts that are equally good the highest is taken: the fewest tags.

Classes of an `exclusive` group get NaN: `DecisionRule` gives exactly one tag of each group, whatever the thresholds,
and all others are fitted with these tags as given. `never_empty` plays no part in a fit; it is applied afterwards.

A class that never occurs gets 1, which gives it to no sample, wherever classes have thresholds of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kgcv.scoring.decisions import DecisionRule, Groups
from kgcv.scoring.fbeta import FBeta, count_by_unit, f_beta, unit_by_row

NEVER = 1.0
"""No probability is greater."""
ROUNDING = 1e-12
"""Scores that differ by less are equal: sums of up to a million float64 terms below 1 are right to about 1e-13."""

_ONE_BITS = np.float32(1).view(np.uint32)


@dataclass(frozen=True, slots=True, eq=False)
class Cuts:
    """Every way in which a threshold can part V values, from giving none of them to giving all above 0."""

    order: np.ndarray
    """(V,) int64: the values' places, from the greatest value to the smallest."""
    counts: np.ndarray
    """(K,) int64, rising from 0: how many values each cut gives. Equal values are given together."""
    levels: np.ndarray
    """(V + 2,) float64: 1, the values from the greatest to the smallest, 0."""

    @classmethod
    def between(cls, values: np.ndarray) -> Cuts:
        """The cuts of `(V,)` float32 values in [0, 1]."""
        order = falling_order(values)
        levels = np.concatenate([[1.0], values[order], [0.0]])
        counts = np.flatnonzero(np.append(True, levels[1:-1] > levels[2:]))
        return cls(order, counts, levels)

    def sums(self, amounts: np.ndarray) -> np.ndarray:
        """`(K,)`: the sum of the `(V,)` amounts that belong to the values given, at each cut."""
        running = np.cumsum(amounts[self.order])
        # The first cut gives nothing.
        return np.concatenate([np.zeros(1, dtype=running.dtype), running[self.counts[1:] - 1]])

    def given(self, cut: int) -> np.ndarray:
        """`(V,)` bool: the values that a cut gives."""
        given = np.zeros(len(self.order), dtype=bool)
        given[self.order[: self.counts[cut]]] = True
        return given

    def threshold(self, cut: int) -> float:
        """The middle between the smallest value that a cut gives and the next smaller one."""
        count = self.counts[cut]
        return float(self.levels[count] + self.levels[count + 1]) / 2


def falling_order(values: np.ndarray) -> np.ndarray:
    """`(V,)` int64 places of float32 values from 0 up, the greatest first; equal ones keep their order.

    Value and place make one integer, so that all are distinct, and numpy's fastest sort gives the same order on every
    machine; `argsort` takes twice as long.
    """
    keys = _falling_bits(values)
    keys <<= np.uint64(32)
    keys |= np.arange(len(values), dtype=np.uint64)
    keys.sort()
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _sorted_falling(values: np.ndarray, tags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each row of float32 values from 0 up, the greatest first, and the tags that go with them.

    Args:
        values: `(U, V)`.
        tags: `(U, V)` bool; they come back as numbers, 0 and 1.
    """
    keys = _falling_bits(values)
    keys <<= np.uint64(1)
    keys |= tags
    keys.sort(axis=1)
    return (~(keys >> np.uint64(1)).astype(np.uint32)).view(np.float32), keys & np.uint64(1)


def _falling_bits(values: np.ndarray) -> np.ndarray:
    """The bits of float32 values from 0 up, as uint64 that sort the other way round."""
    return (~_bits(values)).astype(np.uint64)


def _bits(values: np.ndarray) -> np.ndarray:
    """The bits of float32 values from 0 up, as uint32, which sort like the values."""
    return (values + np.float32(0)).view(np.uint32)  # the sum turns -0.0 into 0.0


def best_cut(scores: np.ndarray, rounding: float = ROUNDING) -> int:
    """The first of the cuts whose score is the greatest, but for `rounding`."""
    return int(np.argmax(scores >= scores.max() - rounding))


def fit_global(targets: np.ndarray, values: np.ndarray, metric: FBeta, exclusive: Groups = ()) -> np.ndarray:
    """The one threshold for all classes with the greatest score; exact for every averaging.

    The score changes only where the threshold passes a value. What one more tag changes in its unit (a sample, a class
    or the whole, see `count_by_unit`) is known from the unit's own sorted values; the running sum of these changes
    over all values in falling order is the score at every possible threshold.
    """
    is_free = _is_free(values.shape[1], exclusive)
    forced = DecisionRule(np.full(values.shape[1], np.inf), exclusive).decide(values)
    right, given, true = (count_by_unit(tags, metric) for tags in (targets & forced, forced, targets))
    if metric.average == "macro":
        right, given, true = right[is_free], given[is_free], true[is_free]
    free_targets, free_values = (unit_by_row(array[:, is_free], metric) for array in (targets, values))
    sorted_values, sorted_tags = _sorted_falling(free_values, free_targets)
    # In place where it can be: fresh memory for whole arrays costs as much as the arithmetic.
    num_right = np.cumsum(sorted_tags, axis=1, dtype=np.float64)
    num_right += right[:, None]
    num_given = np.arange(1, free_values.shape[1] + 1) + given[:, None]
    changes = f_beta(num_right, num_given, true[:, None], metric.beta)
    changes[:, 1:] -= changes[:, :-1].copy()
    changes[:, :1] -= f_beta(right, given, true, metric.beta)[:, None]
    threshold = _best_threshold(sorted_values.ravel(), changes.ravel(), ROUNDING * len(changes))
    return np.where(is_free, threshold, np.nan)


def _best_threshold(values: np.ndarray, changes: np.ndarray, rounding: float) -> float:
    """The threshold with the greatest sum of the `(V,)` changes whose `(V,)` values are above it.

    Only values in bands that can hold the best cut are sorted, a few in a hundred: inside a band no sum is greater
    than the sum up to the band with all of the band's positive changes. Overwrites the changes of values of 0, which
    are never above a threshold, with 0.
    """
    changes[values == 0] = 0
    # A band is all values that agree in exponent and 7 bits of the fraction, so at most 1 % apart.
    bands = ((_ONE_BITS - _bits(values)) >> np.uint32(16)).astype(np.int64)
    in_band = np.bincount(bands, changes)
    up_to_end = np.cumsum(in_band)
    most = up_to_end - in_band + np.bincount(bands, np.maximum(changes, 0))
    is_candidate = most >= up_to_end.max(initial=0.0) - rounding
    some = np.flatnonzero(is_candidate[bands])
    cuts = Cuts.between(values[some])
    sums = cuts.sums(changes[some])
    left_out = np.cumsum(np.where(is_candidate, 0.0, in_band))
    sums[1:] += left_out[bands[some[cuts.order[cuts.counts[1:] - 1]]]]
    smallest_given = cuts.levels[cuts.counts[best_cut(sums, rounding)]]
    return float(smallest_given + values[values < smallest_given].max(initial=0.0)) / 2


def cut_columns(values: np.ndarray) -> tuple[Cuts, ...]:
    """The cuts of each class."""
    return tuple(Cuts.between(column) for column in values.T)


def fit_per_class(
    targets: np.ndarray,
    values: np.ndarray,
    cuts: Sequence[Cuts],
    metric: FBeta,
    start: np.ndarray,
    exclusive: Groups = (),
) -> np.ndarray:
    """A threshold for each class; the score is at least that of `start`.

    `macro`: exact, each class by itself. `micro`: exact. `samples`: the classes hang together, and the search goes
    from class to class, each time to the best cut given all the others, until no class improves the score.

    Args:
        targets: see the top of this file.
        values: see the top of this file.
        cuts: `cut_columns` of `values`.
        metric: what to score by.
        start: `(C,)` thresholds of `fit_global` for the same samples.
        exclusive: groups of column numbers.
    """
    is_fitted = targets.any(axis=0) & ~np.isnan(start)
    thresholds = np.where(is_fitted | np.isnan(start), start, NEVER)
    given = DecisionRule(thresholds, exclusive).decide(values)
    columns = [
        _Column(number, targets[:, number].copy(), cuts[number]) for number in np.flatnonzero(is_fitted).tolist()
    ]
    match metric.average:
        case "macro":
            found = {column.number: _best_alone(column, metric.beta) for column in columns}
        case "micro":
            found = _best_together(columns, targets, given, metric.beta)
        case "samples":
            found = _climb(columns, targets, given, metric.beta)
    for number, threshold in found.items():
        thresholds[number] = threshold
    return thresholds


def fit_prevalence(cuts: Sequence[Cuts], shares: np.ndarray, exclusive: Groups = ()) -> np.ndarray:
    """The threshold of each class at which the part of the samples that is given it is nearest to `shares`, `(C,)`."""
    thresholds = np.where(_is_free(len(shares), exclusive), NEVER, np.nan)
    for number in np.flatnonzero((thresholds == NEVER) & (shares > 0)).tolist():
        column = cuts[number]
        nearest = np.abs(column.counts - shares[number] * len(column.order)).argmin()
        thresholds[number] = column.threshold(int(nearest))
    return thresholds


@dataclass(frozen=True, slots=True, eq=False)
class _Column:
    """A class whose threshold is looked for."""

    number: int
    targets: np.ndarray
    """(N,) bool."""
    cuts: Cuts


def _best_alone(column: _Column, beta: float) -> float:
    """The threshold with the greatest F-beta of the class itself."""
    scores = f_beta(column.cuts.sums(column.targets), column.cuts.counts, column.targets.sum(), beta)
    return column.cuts.threshold(best_cut(scores))


def _best_together(columns: Sequence[_Column], targets: np.ndarray, given: np.ndarray, beta: float) -> dict[int, float]:
    """The thresholds with the greatest F-beta over all tags, by Dinkelbach's method for ratios (1967).

    F is greater than r exactly where (1 + beta^2) right - r (beta^2 true + given) is positive, and this is a sum over
    the classes, each of which has its best cut. The F of these cuts is the next r; when it no longer grows, no choice
    of cuts has a greater one.
    """
    others = np.delete(np.arange(targets.shape[1]), [column.number for column in columns])
    other_right, other_given = (targets & given)[:, others].sum(), given[:, others].sum()
    rights = [column.cuts.sums(column.targets) for column in columns]
    ratio = 0.0
    while True:
        best = [
            best_cut((1 + beta**2) * right - ratio * column.cuts.counts, ROUNDING * len(targets))
            for right, column in zip(rights, columns, strict=True)
        ]
        num_right = other_right + sum(right[cut] for right, cut in zip(rights, best, strict=True))
        num_given = other_given + sum(column.cuts.counts[cut] for column, cut in zip(columns, best, strict=True))
        score = float(f_beta(num_right, num_given, targets.sum(), beta))
        if score <= ratio + ROUNDING:
            break
        ratio = score
    return {column.number: column.cuts.threshold(cut) for column, cut in zip(columns, best, strict=True)}


def _climb(columns: Sequence[_Column], targets: np.ndarray, given: np.ndarray, beta: float) -> dict[int, float]:
    """Thresholds of the classes that changed when the mean F-beta of the samples was climbed from `given`.

    A class's tag changes the score of every sample by an amount that the sample's other tags decide; the sum of these
    amounts over the class's values in falling order is what each of its thresholds adds to the score.
    """
    rounding = ROUNDING * len(targets)
    right, num_given, true = (tags.sum(axis=1) for tags in (targets & given, given, targets))
    found = {}
    num_settled = 0
    for column in itertools.cycle(columns):
        if num_settled == len(columns):
            break
        before = given[:, column.number].copy()
        other_right, other_given = right - (before & column.targets), num_given - before
        with_tag = f_beta(other_right + column.targets, other_given + 1, true, beta)
        gains = with_tag - f_beta(other_right, other_given, true, beta)
        sums = column.cuts.sums(gains)
        cut = best_cut(sums, rounding)
        num_settled += 1
        if sums[cut] > gains[before].sum() + rounding:
            num_settled = 1
            after = column.cuts.given(cut)
            given[:, column.number] = after
            right, num_given = other_right + (after & column.targets), other_given + after
            found[column.number] = column.cuts.threshold(cut)
    return found


def _is_free(num_classes: int, exclusive: Groups) -> np.ndarray:
    """Which classes are in no group, `(C,)` bool."""
    is_free = np.ones(num_classes, dtype=bool)
    is_free[[number for group in exclusive for number in group]] = False
    return is_free
