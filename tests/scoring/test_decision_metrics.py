"""Every metric of decisions against counting in plain Python, and by hand where a set is unusual."""

import math
from itertools import product

import numpy as np
import pytest

from kgcv.scoring.metrics import METRICS, find_metric

RNG = np.random.default_rng(7)
NUM_CLASSES = 6
# Class 4 never occurs but is given, class 5 occurs but is never given; class 3 does neither.
TARGETS = RNG.choice([0, 1, 2, 5], 60)
GIVEN = RNG.choice([0, 1, 2, 4], 60)
# Tag 2 never occurs but is given, tag 3 is never given, tag 4 neither; some rows are empty on either side.
TAGS = (RNG.random((60, 5)) < 0.35) & np.array([True, True, False, True, False])
GIVEN_TAGS = (RNG.random((60, 5)) < 0.35) & np.array([True, True, True, False, False])


def single(name, targets=TARGETS, given=GIVEN):
    """The score of class numbers, through probabilities."""
    values = np.eye(NUM_CLASSES, dtype=np.float32)[given]
    return find_metric(name, "single").score(np.asarray(targets), values)


def multi(name, targets=TAGS, given=GIVEN_TAGS):
    """The score of tags, through probabilities."""
    return find_metric(name, "multi").score(np.asarray(targets, dtype=np.float32), np.asarray(given, dtype=np.float32))


def counts(targets, given, label):
    """Given rightly, given wrongly, missed."""
    pairs = [(truth == label, answer == label) for truth, answer in zip(targets, given, strict=True)]
    return [pairs.count(pair) for pair in ((True, True), (False, True), (True, False))]


def f_of(count, beta):
    """By precision and recall, as the textbook has it; 0 where either is not defined or both are 0."""
    right, wrong, missed = count
    if right == 0:
        return 0.0
    precision, recall = right / (right + wrong), right / (right + missed)
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def mean(numbers):
    numbers = list(numbers)
    return sum(numbers) / len(numbers)


def tag_counts(average):
    """Counts by sample, by tag, or one for all."""
    cells = np.stack([TAGS & GIVEN_TAGS, ~TAGS & GIVEN_TAGS, TAGS & ~GIVEN_TAGS])
    if average == "micro":
        return [cells.sum(axis=(1, 2)).tolist()]
    return cells.sum(axis=2 if average == "samples" else 1).T.tolist()


def test_the_sets_are_unusual_enough():
    assert set(range(NUM_CLASSES)) - set(TARGETS) == {3, 4}
    assert set(range(NUM_CLASSES)) - set(GIVEN) == {3, 5}
    assert not TAGS[:, 2].any() and GIVEN_TAGS[:, 2].any()
    assert (~TAGS.any(axis=1) & ~GIVEN_TAGS.any(axis=1)).any()


def test_accuracy_counts_the_right_ones():
    assert single("accuracy") == mean(truth == answer for truth, answer in zip(TARGETS, GIVEN, strict=True))


def test_equal_probabilities_give_the_first_class():
    values = np.array([[0.4, 0.4, 0.2], [0.4, 0.4, 0.2]], dtype=np.float32)
    assert METRICS["accuracy"].score(np.array([0, 1]), values) == 0.5


def test_balanced_accuracy_is_the_mean_recall_of_what_occurs():
    recalls = [right / (right + missed) for right, _, missed in (counts(TARGETS, GIVEN, x) for x in (0, 1, 2, 5))]
    assert single("balanced_accuracy") == pytest.approx(mean(recalls))


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_macro_f_of_one_label_leaves_out_what_neither_occurs_nor_is_given(beta):
    classes = [f_of(counts(TARGETS, GIVEN, label), beta) for label in (0, 1, 2, 4, 5)]
    assert single(f"f{beta}_macro") == pytest.approx(mean(classes))


def test_f1_alone_is_macro_for_one_label_and_samples_for_several():
    assert single("f1") == single("f1_macro")
    assert multi("f1") == multi("f1_samples") != multi("f1_macro")


def test_micro_f1_of_one_label_is_the_accuracy():
    assert single("f1_micro") == pytest.approx(single("accuracy"))


def test_weighted_f1_weighs_classes_by_how_often_they_occur():
    weighted = sum(f_of(counts(TARGETS, GIVEN, x), 1) * list(TARGETS).count(x) for x in (0, 1, 2, 5)) / len(TARGETS)
    assert single("f1_weighted") == pytest.approx(weighted)


def test_binary_f1_is_that_of_the_second_class():
    # Given rightly 1, wrongly 2, missed 1: 2 / (2 + 2 + 1).
    metric = find_metric("f1_binary", "single", class_names=["no", "yes"])
    assert metric.score(np.array([1, 1, 0, 0, 0]), np.eye(2)[[1, 0, 1, 1, 0]]) == pytest.approx(2 / 5)


@pytest.mark.parametrize("beta, average", list(product([0.5, 1, 2], ["samples", "macro", "micro"])))
def test_f_of_several_labels(beta, average):
    expected = mean(f_of(count, beta) for count in tag_counts(average))
    assert multi(f"f{beta}_{average}") == pytest.approx(expected)


def test_weighted_f1_of_several_labels():
    occurs = TAGS.sum(axis=0)
    expected = sum(f_of(count, 1) * n for count, n in zip(tag_counts("macro"), occurs, strict=True)) / occurs.sum()
    assert multi("f1_weighted") == pytest.approx(expected)


def test_f2_is_not_moved_by_the_new_families():
    # The course's: 5PR / (4P + R) a sample.
    assert multi("f2") == pytest.approx(mean(f_of(count, 2) for count in tag_counts("samples")))


@pytest.mark.parametrize("name, average", [("jaccard", "samples"), ("jaccard_macro", "macro")])
def test_jaccard_of_several_labels(name, average):
    expected = mean(right / max(right + wrong + missed, 1) for right, wrong, missed in tag_counts(average))
    assert multi(name) == pytest.approx(expected)


def test_jaccard_of_one_label_leaves_out_what_neither_occurs_nor_is_given():
    parts = [counts(TARGETS, GIVEN, label) for label in (0, 1, 2, 4, 5)]
    assert single("jaccard_macro") == pytest.approx(mean(part[0] / sum(part) for part in parts))


def test_hamming_is_the_share_of_wrong_cells():
    assert multi("hamming") == pytest.approx((TAGS ^ GIVEN_TAGS).mean())


def test_matthews_of_two_classes_by_the_four_counts():
    # 2 rightly yes, 3 rightly no, 1 wrongly yes, 2 missed.
    targets, given = [1, 1, 1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 1, 0, 0, 0]
    assert single("mcc", targets, given) == pytest.approx((2 * 3 - 1 * 2) / math.sqrt(3 * 4 * 4 * 5))


def test_matthews_of_several_classes_is_a_correlation_of_indicators():
    truth, answer = np.eye(NUM_CLASSES)[TARGETS], np.eye(NUM_CLASSES)[GIVEN]

    def covariance(left, right):
        return sum(np.cov(left[:, x], right[:, x])[0, 1] for x in range(NUM_CLASSES))

    expected = covariance(truth, answer) / math.sqrt(covariance(truth, truth) * covariance(answer, answer))
    assert single("mcc") == pytest.approx(expected)


def test_matthews_of_one_class_is_zero():
    assert single("mcc", [1, 1], [1, 1]) == 0


def kappa_by_matrix(truth, given):
    """By the weighted confusion matrix, as competitions publish it."""
    lowest, highest = min(*truth, *given), max(*truth, *given)
    size = highest - lowest + 1
    seen = np.zeros((size, size))
    for left, right in zip(truth, given, strict=True):
        seen[left - lowest, right - lowest] += 1
    chance = np.outer(seen.sum(axis=1), seen.sum(axis=0)) / len(truth)
    weights = np.array([[(row - column) ** 2 for column in range(size)] for row in range(size)])
    return 1 - (weights * seen).sum() / (weights * chance).sum()


def test_kappa_of_classes_takes_their_numbers_not_their_order_as_text():
    # As text 10 stands before 2, and 7 is no class at all.
    names = ("0", "1", "10", "2")
    ratings = [int(name) for name in names]
    targets, given = RNG.integers(0, 4, 80), RNG.integers(0, 4, 80)
    given = np.where(RNG.random(80) < 0.6, targets, given)
    metric = find_metric("quadratic_weighted_kappa", "single", class_names=names)
    expected = kappa_by_matrix([ratings[x] for x in targets], [ratings[x] for x in given])
    assert metric.score(targets, np.eye(4)[given]) == pytest.approx(expected)
    assert metric.score_decisions(targets, given) == pytest.approx(expected)
    assert kappa_by_matrix(list(targets), list(given)) != pytest.approx(expected, abs=0.01)


def test_kappa_agrees_with_scikit_learn():
    from sklearn.metrics import cohen_kappa_score

    targets, given = RNG.integers(0, 5, 50), RNG.integers(0, 5, 50)
    metric = find_metric("quadratic_weighted_kappa", "single", class_names=tuple("01234"))
    expected = cohen_kappa_score(targets, given, weights="quadratic", labels=range(5))
    assert metric.score(targets, np.eye(5)[given]) == pytest.approx(expected)


def test_kappa_of_numbers_rounds_them_and_is_the_mean_of_the_columns():
    truth = RNG.integers(0, 5, (40, 2))
    values = (truth + RNG.normal(0, 0.8, (40, 2))).astype(np.float32)
    given = np.rint(values).astype(int)
    expected = mean(kappa_by_matrix(truth[:, x].tolist(), given[:, x].tolist()) for x in range(2))
    metric = find_metric("quadratic_weighted_kappa", "regression")
    assert metric.score(truth.astype(np.float32), values) == pytest.approx(expected)


def test_kappa_of_far_numbers_takes_no_memory():
    metric = find_metric("quadratic_weighted_kappa", "regression")
    assert metric.score(np.array([[0.0], [1.0]]), np.array([[1e9], [-1e9]])) < 0


def test_kappa_of_one_rating_is_not_defined():
    metric = find_metric("quadratic_weighted_kappa", "regression")
    assert math.isnan(metric.score(np.array([[3.0], [3.0]]), np.array([[3.1], [2.9]])))


@pytest.mark.parametrize("name", ["f2_macro", "f2_micro", "f2_weighted", "jaccard_macro", "hamming"])
def test_one_tag_is_no_pair_of_classes(name):
    # Given rightly 1, wrongly 2, missed 1: 5 / (4 * 2 + 3), 1 / 4, and 3 of 6 wrong.
    targets, given = np.array([[1], [1], [0], [0], [0], [0]]), np.array([[1], [0], [1], [1], [0], [0]])
    expected = {"jaccard_macro": 1 / 4, "hamming": 1 / 2}.get(name, 5 / 11)
    assert multi(name, targets, given) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["f2", "f1", "jaccard"])
def test_one_tag_a_sample_is_right_or_wrong(name):
    assert multi(name, [[1], [1], [0], [0]], [[1], [0], [1], [0]]) == 1 / 4


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "f1", "f1_micro", "f1_weighted", "jaccard_macro"])
@pytest.mark.parametrize("given, expected", [(2, 1.0), (0, 0.0)])
def test_one_sample_of_one_label(name, given, expected):
    assert single(name, [2], [given]) == expected


@pytest.mark.parametrize("name", ["f1", "f2", "f1_micro", "jaccard"])
def test_one_sample_of_several_labels(name):
    assert multi(name, [[1, 0]], [[1, 0]]) == 1
    assert multi(name, [[1, 0]], [[0, 1]]) == 0
    assert multi(name, [[0, 0]], [[0, 0]]) == 0
