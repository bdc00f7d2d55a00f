"""Whether two scores of the same submissions agree, and which of their differences mean nothing."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

MIN_PAIRS = 3
"""Two submissions are always in perfect order or in perfect disorder."""


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation; ties share their mean rank.

    Args:
        first: N scores.
        second: N scores of the same things, in the same order, better in the same direction.

    Returns:
        From -1 (opposite order) to 1 (same order); None for fewer than three, or where all scores of a kind are equal.
    """
    if len(first) < MIN_PAIRS or len(set(first)) == 1 or len(set(second)) == 1:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic)


def noise_band(spreads: Sequence[float]) -> float | None:
    """The difference of two public scores below which it means nothing: one standard deviation of pure chance.

    The spread of a run over its folds is what the choice of images alone does to a score on a set as large as a fold.
    How large the part of the test set is behind a public score, Kaggle does not say; here it counts as large as a
    fold. The difference of two scores, each with this spread, has sqrt(2) times as much. The median over runs is
    taken, since one spread is itself known badly: of five folds, within about a third.

    Submissions are scored on the same images, which makes the chance in their difference smaller; a small public part
    makes it larger. So a larger difference is no proof either.

    Args:
        spreads: standard deviations of the folds' scores, a run each.

    Returns:
        None without any spread, as of runs with a single fold.
    """
    return math.sqrt(2) * statistics.median(spreads) if spreads else None
