import math

import numpy as np
import pytest

from kgcv.errors import ConfigError
from kgcv.scoring.metrics import METRICS, find_metric, metric_names

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


FALLING = {"log_loss", "binary_log_loss", "hamming", "brier", "rmse", "mcrmse", "mae", "rmsle", "rmspe", "mape"}


@pytest.mark.parametrize("name", METRICS)
def test_the_direction_of_every_metric(name):
    metric = METRICS[name]
    assert metric.name == name
    assert metric.greater_is_better == (name not in FALLING)
    assert metric.is_better(0.6, 0.5) == metric.greater_is_better
    assert metric.is_better(0.4, 0.5) != metric.greater_is_better
    assert not metric.is_better(0.5, 0.5)


def example(task):
    """Sound targets with perfect and with bad values, three classes or columns."""
    if task == "single":
        return np.array([0, 1, 2]), np.eye(3, dtype=np.float32), np.roll(np.eye(3, dtype=np.float32), 1, axis=1)
    targets = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 0]], dtype=np.float32)
    if task == "multi":
        return targets, targets, 1 - targets
    return targets + 1, targets + 1, targets + 4


@pytest.mark.parametrize(
    "name, task", [(name, task) for task in ("single", "multi", "regression") for name in metric_names(task)]
)
def test_perfect_values_beat_bad_ones_in_every_metric(name, task):
    targets, perfect, bad = example(task)
    names: tuple[str, ...] = ("0", "1", "2")
    if name.endswith("_binary") or (name == "probabilistic_f1" and task == "single"):
        targets, perfect, bad, names = targets[:2], perfect[:2, :2], perfect[1::-1, :2], names[:2]
    if name == "top5_accuracy":
        targets, names = np.arange(7), tuple("0123456")
        perfect, bad = np.eye(7, dtype=np.float32), 1 - np.eye(7, dtype=np.float32)
    metric = find_metric(name, task, class_names=names)
    best, worst = metric.score(targets, perfect), metric.score(targets, bad, ids=["a", "b", "c"])
    assert metric.is_better(best, worst)
    assert best == pytest.approx(1 if metric.greater_is_better else 0, abs=1e-6)


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
    with pytest.raises(ConfigError, match=r"'top5_acuracy'; did you mean 'top5_accuracy'\?"):
        find_metric("top5_acuracy", "single")
    with pytest.raises(ConfigError, match=r"'zzz'; Task 'regression' has: quadratic_weighted_kappa, rmse, mcrmse"):
        find_metric("zzz", "regression")


@pytest.mark.parametrize(
    "name, task",
    [
        ("accuracy", "multi"),
        ("rmse", "multi"),
        ("f2", "single"),
        ("f1_samples", "single"),
        ("f1_binary", "multi"),
        ("map5", "regression"),
        ("quadratic_weighted_kappa", "multi"),
    ],
)
def test_a_metric_of_another_task_is_refused(name, task):
    with pytest.raises(
        ConfigError, match=rf"^train\.metric: '{name}' does not fit task '{task}', which has: "
    ) as caught:
        find_metric(name, task)
    fitting = str(caught.value).split("which has: ")[1].split(", ")
    assert fitting == metric_names(task)
    assert all(find_metric(other, task).name == other for other in fitting)


@pytest.mark.parametrize(
    "name", ["f0", "f0.0", "f0_macro", "f0.0_macro", "f05", "f-1", "f2_mean", "top0_accuracy", "map0", "map05"]
)
def test_names_that_only_look_like_a_family(name):
    with pytest.raises(ConfigError, match="there is no metric"):
        find_metric(name, "multi")


def test_the_threshold_is_02_for_f2_and_a_half_for_others():
    assert [find_metric(name, "multi").threshold for name in ("f2", "f2_macro", "f1", "hamming")] == [
        0.2,
        0.2,
        0.5,
        0.5,
    ]
    assert find_metric("f2", "multi", 0.35).threshold == 0.35
    assert find_metric("jaccard", "multi", 0.0).threshold == 0.0
    assert find_metric("accuracy", "single", 0.35) is METRICS["accuracy"]


def test_the_threshold_decides():
    targets, values = np.array([[1, 0]], dtype=np.float32), np.array([[0.3, 0.1]], dtype=np.float32)
    assert find_metric("f1", "multi").score(targets, values) == 0
    assert find_metric("f1", "multi", 0.2).score(targets, values) == 1
    assert find_metric("f1", "multi", 0.05).score(targets, values) == pytest.approx(2 / 3)


def test_decisions_made_elsewhere_are_scored_as_they_are():
    targets = np.array([[1, 0], [1, 1]], dtype=np.float32)
    given = np.array([[True, False], [True, False]])
    assert find_metric("f1", "multi").score_decisions(targets, given) == pytest.approx((1 + 2 / 3) / 2)
    assert METRICS["accuracy"].score_decisions(np.array([0, 1]), np.array([0, 0])) == 0.5
    with pytest.raises(ConfigError, match="'roc_auc' scores probabilities, not decisions"):
        METRICS["roc_auc"].score_decisions(targets, given)


@pytest.mark.parametrize("name", ["f1_binary", "average_precision_binary", "probabilistic_f1"])
def test_a_metric_of_two_classes_refuses_three(name):
    assert find_metric(name, "single", class_names=["no", "yes"]).name == name
    with pytest.raises(ConfigError, match=rf"train\.metric: '{name}' needs two classes; these labels have 3"):
        find_metric(name, "single", class_names=["a", "b", "c"])


def test_a_top_k_that_takes_in_all_classes_is_refused():
    assert find_metric("top2_accuracy", "single", class_names=["a", "b", "c"]).name == "top2_accuracy"
    with pytest.raises(ConfigError, match=r"train\.metric: 'top3_accuracy' is always 1 with 3 classes"):
        find_metric("top3_accuracy", "single", class_names=["a", "b", "c"])


def test_the_kappa_of_classes_without_numbers_is_refused():
    with pytest.raises(ConfigError, match=r"needs classes that are whole numbers.*these are not: low, high"):
        find_metric("quadratic_weighted_kappa", "single", class_names=["0", "low", "high"])


def test_the_kappa_never_takes_class_numbers_for_ratings():
    with pytest.raises(ValueError, match="needs the number that each class stands for"):
        find_metric("quadratic_weighted_kappa", "single").score(np.array([0, 1]), np.eye(2))
