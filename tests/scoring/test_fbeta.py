"""F-beta of several labels by hand and beside scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import fbeta_score

from kgcv.scoring.fbeta import Average, FBeta, parse_fbeta, score_tags


@pytest.mark.parametrize(
    "name, beta, average",
    [
        ("f2", 2.0, "samples"),
        ("f1", 1.0, "samples"),
        ("f0.5_macro", 0.5, "macro"),
        ("f1_micro", 1.0, "micro"),
        ("f10_samples", 10.0, "samples"),
        ("f0.05", 0.05, "samples"),
    ],
)
def test_fbeta_by_name(name, beta, average):
    assert parse_fbeta(name) == FBeta(beta, average)


@pytest.mark.parametrize(
    "name", ["f1_weighted", "f1_binary", "accuracy", "f", "f2_", "mf2", "f0", "f0.0_macro", "f05", "f-1"]
)
def test_what_thresholds_cannot_be_fitted_to_is_no_fbeta(name):
    assert parse_fbeta(name) is None


def test_scores_by_hand() -> None:
    """F2 = 5 right / (4 true + given): two of two true and one too many 10/11, none given 0, nothing at all 0."""
    targets = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=bool)
    given = np.array([[1, 1, 1], [0, 0, 0], [0, 0, 0]], dtype=bool)
    assert score_tags(targets, given, FBeta(2.0, "samples")) == pytest.approx(10 / 11 / 3)
    # By class: 5/(8+1), 5/(4+1), and the third, which never occurs and is given, 0.
    assert score_tags(targets, given, FBeta(2.0, "macro")) == pytest.approx((5 / 9 + 1 + 0) / 3)
    assert score_tags(targets, given, FBeta(2.0, "micro")) == pytest.approx(10 / (12 + 3))


@pytest.mark.parametrize("average", ["samples", "macro", "micro"])
@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_scores_are_those_of_scikit_learn(beta: float, average: Average) -> None:
    random = np.random.default_rng(0)
    targets, given = random.random((2, 60, 5)) < np.array([0.5, 0.3, 0.1, 0.02, 0])
    expected = fbeta_score(targets, given, beta=beta, average=average, zero_division=0)
    assert score_tags(targets, given, FBeta(beta, average)) == pytest.approx(expected, abs=1e-12)
