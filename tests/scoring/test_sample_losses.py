import numpy as np
import pytest

from kgcv.scoring.metrics import METRICS
from kgcv.scoring.sample_losses import class_losses, margins, number_errors, tag_entropies, tag_losses

PROBABILITIES = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7], [0.0, 0.0, 1.0]], dtype=np.float32)


def test_a_class_costs_the_logarithm_of_its_probability():
    losses = class_losses(np.array([0, 2, 2]), PROBABILITIES)
    assert losses == pytest.approx([np.log(2), -np.log(0.7), 0], abs=1e-6)
    assert losses.mean() == pytest.approx(METRICS["log_loss"].score(np.array([0, 2, 2]), PROBABILITIES))


def test_the_impossible_costs_a_finite_amount():
    assert class_losses(np.array([0, 0, 0]), PROBABILITIES)[2] == pytest.approx(34.54, abs=0.01)


def test_tags_cost_what_their_mean_says():
    targets, values = np.array([[1, 0], [0, 0]], dtype=np.float32), np.array([[0.5, 0.75], [0.0, 0.5]])
    losses = tag_losses(targets, values)
    assert losses == pytest.approx([(np.log(2) + np.log(4)) / 2, np.log(2) / 2])
    assert losses.mean() == pytest.approx(METRICS["binary_log_loss"].score(targets, values))


def test_errors_have_a_sign_and_logarithms_a_floor():
    targets, values = np.array([[10.0], [0.0], [40.0]]), np.array([[20.0], [5.0], [-3.0]])
    assert number_errors(targets, values, is_log=False).ravel().tolist() == [10, 5, -43]
    # The smallest positive target is 10.
    assert number_errors(targets, values, is_log=True).ravel() == pytest.approx([np.log(2), 0, -np.log(4)])


def test_doubt_is_largest_where_two_answers_are_equal():
    assert margins(PROBABILITIES) == pytest.approx([0.25, 0.5, 1])
    assert margins(np.array([[0.5, 0.5]])) == 0
    assert tag_entropies(np.array([[0.5, 0.5], [0.0, 1.0], [0.25, 0.25]])) == pytest.approx([1, 0, 0.8113], abs=1e-4)
