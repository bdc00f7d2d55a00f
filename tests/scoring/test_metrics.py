import math

import numpy as np
import pytest

from kgcv.errors import ConfigError
from kgcv.scoring.metrics import METRICS, find_metric

# Four samples of three classes; predicted 0, 1, 0, 2 against 0, 1, 2, 2.
TARGETS = np.array([0, 1, 2, 2])
VALUES = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.5, 0.1, 0.4], [0.2, 0.2, 0.6]], dtype=np.float32)


def score(name, targets, values):
    return METRICS[name].score(np.asarray(targets), np.asarray(values, dtype=np.float32))


def test_accuracy():
    assert score("accuracy", TARGETS, VALUES) == 0.75


def test_log_loss():
    expected = -(math.log(0.7) + math.log(0.8) + math.log(0.4) + math.log(0.6)) / 4
    assert score("log_loss", TARGETS, VALUES) == pytest.approx(expected, rel=1e-6)


def test_log_loss_divides_by_the_sum_of_a_row():
    assert score("log_loss", [0], [[0.2, 0.2]]) == pytest.approx(math.log(2))


def test_log_loss_of_a_certain_error_is_finite():
    assert 30 < score("log_loss", [0], [[0.0, 1.0]]) < 40


def test_balanced_accuracy():
    # Recalls: 1, 1 and 1/2.
    assert score("balanced_accuracy", TARGETS, VALUES) == pytest.approx(2.5 / 3)


def test_f1_is_the_mean_over_classes():
    # Class 0: precision 1/2, recall 1; class 1: 1 and 1; class 2: 1 and 1/2.
    assert score("f1", TARGETS, VALUES) == pytest.approx((2 / 3 + 1 + 2 / 3) / 3)


def test_roc_auc_of_two_classes():
    # Positives 0.8 and 0.3, negatives 0.6 and 0.1: three of four pairs are in order.
    positive = np.array([0.8, 0.3, 0.6, 0.1])
    values = np.stack([1 - positive, positive], axis=1)
    assert score("roc_auc", [1, 1, 0, 0], values) == pytest.approx(0.75)


def test_roc_auc_of_several_classes_is_the_mean_of_one_against_rest():
    # Only class 0 is out of order: 0.7 is above 0.5, so each of the three areas is 1.
    assert score("roc_auc", TARGETS, VALUES) == pytest.approx(1.0)
    # Now sample 2 (of class 2) has the highest value of class 0: one pair of three is in order.
    values = [[0.3, 0.4, 0.3], [0.1, 0.8, 0.1], [0.5, 0.1, 0.4], [0.4, 0.0, 0.6]]
    assert score("roc_auc", TARGETS, values) == pytest.approx((1 / 3 + 1 + 1) / 3)


def test_roc_auc_of_one_class_is_not_defined():
    assert math.isnan(score("roc_auc", [1, 1], [[0.1, 0.9], [0.2, 0.8]]))


@pytest.mark.parametrize("name", ["accuracy", "log_loss", "balanced_accuracy", "f1", "roc_auc"])
def test_a_class_that_never_occurs_breaks_nothing(name):
    # Four classes; class 0 never occurs but is predicted once, class 3 neither.
    values = [[0.1, 0.8, 0.1, 0.0], [0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.6, 0.1]]
    assert math.isfinite(score(name, [1, 1, 2], values))


def test_balanced_accuracy_leaves_out_a_class_that_never_occurs():
    values = [[0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.1, 0.2, 0.7]]
    assert score("balanced_accuracy", [1, 1, 2], values) == pytest.approx(0.75)


def test_f2_is_the_mean_over_samples_at_a_fixed_threshold():
    targets = [[1, 1, 0], [0, 0, 1]]
    values = [[0.9, 0.1, 0.3], [0.1, 0.2, 0.21]]
    # Sample 0: given {0, 2}, true {0, 1}: precision 1/2, recall 1/2, so F2 is 1/2. Sample 1: 0.2 is not above
    # the threshold, so given and true are {2}: F2 is 1.
    assert score("f2", np.array(targets, dtype=np.float32), values) == pytest.approx(0.75)


def test_f2_counts_recall_more_than_precision():
    # 5PR / (4P + R) with P = 1/3, R = 1.
    assert score("f2", [[1, 0, 0]], [[0.9, 0.9, 0.9]]) == pytest.approx(5 / 3 / (4 / 3 + 1))


def test_f2_without_any_tag_is_zero():
    assert score("f2", [[0, 0]], [[0.1, 0.1]]) == 0


def test_binary_log_loss_is_the_mean_over_all_cells():
    expected = -(math.log(0.9) + math.log(1 - 0.2)) / 2
    assert score("binary_log_loss", [[1, 0]], [[0.9, 0.2]]) == pytest.approx(expected, rel=1e-6)


def test_rmse_and_mae():
    targets, values = [[1.0], [2.0]], [[1.0], [4.0]]
    assert score("rmse", targets, values) == pytest.approx(math.sqrt(2))
    assert score("mae", targets, values) == pytest.approx(1.0)


@pytest.mark.parametrize("name", METRICS)
def test_the_direction_of_every_metric(name):
    metric = METRICS[name]
    assert metric.greater_is_better == (name not in ("log_loss", "binary_log_loss", "rmse", "mae"))
    assert metric.is_better(0.6, 0.5) == metric.greater_is_better
    assert metric.is_better(0.4, 0.5) != metric.greater_is_better
    assert not metric.is_better(0.5, 0.5)


def test_anything_beats_nothing_but_nan_beats_nobody():
    metric = METRICS["accuracy"]
    assert metric.is_better(0.0, None)
    assert metric.is_better(0.0, math.nan)
    assert not metric.is_better(math.nan, None)
    assert not metric.is_better(math.nan, 0.5)


@pytest.mark.parametrize("task, name", [("single", "accuracy"), ("multi", "f2"), ("regression", "rmse")])
def test_auto_is_told_by_the_task(task, name):
    assert find_metric("auto", task).name == name


def test_a_metric_is_found_by_name():
    assert find_metric("log_loss", "single") is METRICS["log_loss"]


def test_an_unknown_metric_names_the_nearest():
    with pytest.raises(ConfigError, match=r"train\.metric: there is no metric 'acuracy'; did you mean 'accuracy'\?"):
        find_metric("acuracy", "single")
    with pytest.raises(ConfigError, match=r"'zzz'; Task 'regression' has: rmse, mae"):
        find_metric("zzz", "regression")


def test_a_metric_of_another_task_is_refused():
    with pytest.raises(ConfigError, match=r"'accuracy' does not fit task 'multi', which has: f2, binary_log_loss"):
        find_metric("accuracy", "multi")
