"""Thresholds against answers worked out by hand, and against trying every one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import fbeta_score

from kgcv.scoring.thresholds import best_threshold, fit_threshold, sample_scores


def test_scores_of_samples_by_hand() -> None:
    """F2 = 5 right / (4 true + given): two of two true and one too many 10/11; none given 0; nothing at all 0."""
    targets = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]])
    values = np.array([[0.9, 0.8, 0.7], [0.1, 0.1, 0.1], [0.2, 0.2, 0.2]])
    assert sample_scores(targets, values, 0.5) == pytest.approx([10 / 11, 0, 0])


def test_the_threshold_lies_between_the_tags_and_the_rest() -> None:
    targets = np.array([[1, 0], [1, 0]])
    values = np.array([[0.9, 0.2], [0.6, 0.4]])
    assert best_threshold(targets, values) == pytest.approx(0.5)


def test_equal_values_are_given_together() -> None:
    """Both tags have 0.7: the true one cannot be had alone, and both (5/6) are better than none."""
    assert best_threshold(np.array([[1, 0]]), np.array([[0.7, 0.7]])) == pytest.approx(0.35)


@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_is_better(seed: int) -> None:
    random = np.random.default_rng(seed)
    targets = (random.random((40, 6)) < 0.3).astype(np.float32)
    values = np.clip(targets * 0.3 + random.random((40, 6)) * 0.7, 0, 1).astype(np.float32).round(2)
    levels = np.unique(np.append(values, 0))
    tried = [fbeta_score(targets, values > level, beta=2, average="samples", zero_division=0) for level in levels]
    found = sample_scores(targets, values, best_threshold(targets, values)).mean()
    assert found == pytest.approx(max(tried))


def test_the_honest_score_is_told_beside_the_optimistic_one() -> None:
    random = np.random.default_rng(0)
    targets = (random.random((50, 4)) < 0.4).astype(np.float32)
    fitted = fit_threshold(targets, random.random((50, 4)).astype(np.float32), fixed=0.2)
    assert fitted.cross_fitted <= fitted.in_sample
    assert fitted.fixed <= fitted.in_sample
