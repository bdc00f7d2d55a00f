"""Whether probabilities mean what they say: of samples said to be right with 0.8, eight in ten should be.

Letters: N predictions, B bins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

NUM_BINS = 15
"""Bins of equal width, as usual since Guo et al. 2017 (On Calibration of Modern Neural Networks)."""


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """A reliability diagram and the expected calibration error that it adds up to."""

    counts: np.ndarray
    """`(B,)` int64: predictions in each bin."""
    confidence: np.ndarray
    """`(B,)` float64: their mean probability; NaN in an empty bin."""
    frequency: np.ndarray
    """`(B,)` float64: the share of them that came true; NaN in an empty bin."""
    error: float
    """The expected calibration error, the plug-in estimate: |frequency - confidence| averaged over the predictions."""
    by_chance: float
    """What `error` would be, on average, if every probability were exactly right.

    A bin of few predictions is off by chance alone, always upward, so that the error of a perfect model is not 0
    (Kumar et al. 2019, Roelofs et al. 2022). Each bin's deviation is taken as normal: its mean size is
    sqrt(2 / pi) times its standard deviation.
    """


def measure_reliability(probabilities: np.ndarray, is_true: np.ndarray, num_bins: int = NUM_BINS) -> Reliability:
    """Probabilities against what came true, in bins of equal width.

    Args:
        probabilities: `(N,)` in [0, 1], N at least 1.
        is_true: `(N,)` bool.
        num_bins: B; a probability on a border belongs to the bin above, 1 to the last.
    """
    wide = probabilities.astype(np.float64)
    bins = np.minimum((wide * num_bins).astype(np.int64), num_bins - 1)
    counts = np.bincount(bins, minlength=num_bins)
    total = np.maximum(counts, 1)
    said, came, variance = (
        np.bincount(bins, weights=each, minlength=num_bins) for each in (wide, is_true, wide * (1 - wide))
    )
    some = counts > 0
    return Reliability(
        counts=counts,
        confidence=np.where(some, said / total, np.nan),
        frequency=np.where(some, came / total, np.nan),
        error=float(np.abs(came - said).sum() / len(wide)),
        by_chance=float(math.sqrt(2 / math.pi) * np.sqrt(variance).sum() / len(wide)),
    )
