"""Images that are nearly the same, and labels or folds that do not treat them so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kgcv.data.predictions import Predictions, as_targets
from kgcv.data.splits import Split
from kgcv.recipes.report_looks import Looks
from kgcv.scoring.near_pairs import find_near_pairs, whiten

NEAREST = 0.92
"""Cosine of two whitened copies from which on images count as nearly the same. On 1,600 photos and 2,800 posters with
200 planted changes each, all of those that were resized, compressed or cropped by up to 4 % a side lay above it, and
88 % of those cropped by 2 to 6 %; of the other pairs, one."""


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two labelled images that are nearly the same."""

    first: int
    """Row of the labelled samples."""
    second: int
    likeness: float
    """Cosine in [NEAREST, 1]."""


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """What was found among the labelled images."""

    num_images: int
    """Those that could be compared."""
    num_pairs: int
    disagreeing: tuple[NearPair, ...]
    """Pairs with different labels, the most alike first."""
    num_torn: int
    """Pairs with equal labels of which one trains while the other validates."""


def find_near_duplicates(looks: Looks, truth: Predictions, split: Split | None) -> NearDuplicates:
    """Compare all labelled images with each other.

    Args:
        looks: of the samples in `truth`.
        truth: the labels; numbers differ where they are more than a tenth of their standard deviation apart.
        split: of the same samples.
    """
    known = np.flatnonzero(looks.is_known)
    if len(known) < 2:
        return NearDuplicates(len(known), 0, (), 0)
    pairs, cosines = find_near_pairs(whiten(looks.copies[known]), NEAREST)
    first, second = known[pairs[:, 0]], known[pairs[:, 1]]
    differs = _differs(truth, first, second)
    folds = np.zeros(len(truth.ids)) if split is None else split.folds
    torn = ~differs & (folds[first] != folds[second])
    found = tuple(
        NearPair(int(first[at]), int(second[at]), min(float(cosines[at]), 1.0)) for at in np.flatnonzero(differs)
    )
    return NearDuplicates(len(known), len(pairs), found, int(torn.sum()))


def _differs(truth: Predictions, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """`(P,)` bool: the labels of the two are not the same."""
    targets = as_targets(truth).reshape(len(truth.ids), -1).astype(np.float64)
    allowed = 0.1 * targets.std(axis=0) if truth.task == "regression" else 0.0
    apart: np.ndarray = (np.abs(targets[first] - targets[second]) > allowed).any(axis=1)
    return apart
