"""Every metric of probabilities and ranks against plain Python, with ties and classes that never occur."""

import math

import numpy as np
import pytest

from kgcv.scoring.metrics import find_metric

RNG = np.random.default_rng(11)
NUM_CLASSES = 5
# Class 3 never occurs. One decimal makes ties common, within a row and within a column.
TARGETS = RNG.choice([0, 1, 2, 4], 40)
VALUES = (RNG.integers(0, 5, (40, NUM_CLASSES)) / 10 + 0.1).astype(np.float32)
# Tag 3 never occurs, tag 4 always; row 0 has none but tag 4.
TAGS = ((RNG.random((40, NUM_CLASSES)) < 0.4) & np.array([1, 1, 1, 0, 0], dtype=bool)) | (np.arange(NUM_CLASSES) == 4)
TAGS[0, :4] = False


def single(name, targets=TARGETS, values=VALUES):
    return find_metric(name, "single").score(np.asarray(targets), np.asarray(values, dtype=np.float32))


def multi(name, targets=TAGS, values=VALUES):
    targets, values = (np.asarray(array, dtype=np.float32) for array in (targets, values))
    return find_metric(name, "multi").score(targets, values)


def mean(numbers):
    numbers = list(numbers)
    return sum(numbers) / len(numbers)


def area(truth, scores):
    """The share of pairs in order, equal ones counting half."""
    positives = [score for is_true, score in zip(truth, scores, strict=True) if is_true]
    negatives = [score for is_true, score in zip(truth, scores, strict=True) if not is_true]
    return mean(1.0 if high > low else 0.5 if high == low else 0.0 for high in positives for low in negatives)


def precision_area(truth, scores):
    """The sum over all thresholds of precision times the gain in recall."""
    total, recall_before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        taken = [is_true for is_true, score in zip(truth, scores, strict=True) if score >= threshold]
        recall = sum(taken) / sum(truth)
        total += sum(taken) / len(taken) * (recall - recall_before)
        recall_before = recall
    return total


def ranks(row):
    """Class numbers by falling probability, of equal ones the lower first."""
    return sorted(range(len(row)), key=lambda label: (-row[label], label))


def test_log_loss_with_a_class_that_never_occurs():
    expected = mean(-math.log(row[x] / sum(row)) for row, x in zip(VALUES.tolist(), TARGETS, strict=True))
    assert single("log_loss") == pytest.approx(expected)


def test_binary_log_loss_with_tags_that_never_and_always_occur():
    cells = zip(TAGS.ravel(), VALUES.ravel().tolist(), strict=True)
    assert multi("binary_log_loss") == pytest.approx(mean(-math.log(p if true else 1 - p) for true, p in cells))


def test_roc_auc_of_one_label_is_the_mean_over_the_classes_that_occur():
    assert single("roc_auc") == pytest.approx(mean(area(x == TARGETS, VALUES[:, x]) for x in (0, 1, 2, 4)))


def test_roc_auc_of_several_labels_is_the_mean_over_the_columns_that_have_both():
    assert multi("roc_auc") == pytest.approx(mean(area(TAGS[:, x], VALUES[:, x]) for x in (0, 1, 2)))


def test_roc_auc_of_one_tag_is_the_binary_one():
    assert multi("roc_auc", [[1], [1], [0]], [[0.5], [0.2], [0.2]]) == pytest.approx(0.75)


def test_roc_auc_of_equal_probabilities_is_a_half():
    assert single("roc_auc", [0, 1, 1], [[0.5, 0.5]] * 3) == 0.5


@pytest.mark.parametrize("tag", [0, 1])
def test_roc_auc_of_tags_without_pairs_is_not_defined_and_never_wins(tag):
    metric = find_metric("roc_auc", "multi")
    score = metric.score(np.full((3, 2), tag, dtype=np.float32), np.full((3, 2), 0.5, dtype=np.float32))
    assert math.isnan(score)
    assert not metric.is_better(score, None)


def test_average_precision_of_one_label():
    expected = mean(precision_area(x == TARGETS, VALUES[:, x]) for x in (0, 1, 2, 4))
    assert single("average_precision") == pytest.approx(expected)


def test_average_precision_of_several_labels_leaves_out_what_never_occurs():
    expected = mean(precision_area(TAGS[:, x], VALUES[:, x]) for x in (0, 1, 2, 4))
    assert multi("average_precision") == pytest.approx(expected)
    assert math.isnan(multi("average_precision", np.zeros((3, 2)), np.full((3, 2), 0.5)))


def test_binary_average_precision_is_that_of_the_second_class():
    # In falling order true, false, true: 1/2 * 1 + 1/2 * 2/3.
    values = [[0.1, 0.9], [0.4, 0.6], [0.5, 0.5]]
    assert single("average_precision_binary", [1, 0, 1], values) == pytest.approx(1 / 2 + 1 / 3)
    assert math.isnan(single("average_precision_binary", [0, 0, 0], values))


def probabilistic_f1(truth, probabilities):
    """As the competition's page has it, sample by sample."""
    right = sum(p for is_true, p in zip(truth, probabilities, strict=True) if is_true)
    wrong = sum(p for is_true, p in zip(truth, probabilities, strict=True) if not is_true)
    precision, recall = right / (right + wrong), right / sum(truth)
    return 2 * precision * recall / (precision + recall)


def test_probabilistic_f1_of_two_classes():
    # Rightly 0.9 + 0.5, wrongly 0.6: precision 0.7, recall 0.7.
    values = [[0.1, 0.9], [0.4, 0.6], [0.5, 0.5]]
    assert single("probabilistic_f1", [1, 0, 1], values) == pytest.approx(0.7)
    assert math.isnan(single("probabilistic_f1", [0, 0, 0], values))
    assert single("probabilistic_f1", [1, 0], [[1, 0], [1, 0]]) == 0


def test_probabilistic_f1_of_several_labels_leaves_out_what_never_occurs():
    expected = mean(probabilistic_f1(TAGS[:, x], VALUES[:, x].tolist()) for x in (0, 1, 2, 4))
    assert multi("probabilistic_f1") == pytest.approx(expected)


def test_probabilistic_f1_of_few_and_small_probabilities():
    # 2 * 0.01 / (0.01 + 1).
    assert multi("probabilistic_f1", [[1]], [[0.01]]) == pytest.approx(0.02 / 1.01)


def test_probabilistic_f1_takes_no_share_below_0_or_above_1():
    assert multi("probabilistic_f1", [[1], [0]], [[1.5], [-0.5]]) == 1


def test_brier_of_two_classes_is_the_error_of_the_one_probability():
    assert single("brier", [1, 0], [[0.3, 0.7], [0.8, 0.2]]) == pytest.approx((0.09 + 0.04) / 2)


def test_brier_of_several_classes_is_the_sum_over_them():
    expected = mean(
        sum((p - (label == x)) ** 2 for label, p in enumerate(row)) for row, x in zip(VALUES, TARGETS, strict=True)
    )
    assert single("brier") == pytest.approx(expected)


def test_brier_of_tags_is_the_mean_of_all_cells():
    assert multi("brier") == pytest.approx(
        mean((p - y) ** 2 for p, y in zip(VALUES.ravel(), TAGS.ravel(), strict=True))
    )


@pytest.mark.parametrize("k", [1, 2, 3, 5, 9])
def test_top_k_takes_the_first_of_equals(k):
    expected = mean(x in ranks(row)[:k] for row, x in zip(VALUES.tolist(), TARGETS, strict=True))
    assert single(f"top{k}_accuracy") == pytest.approx(expected)


def test_top_1_is_the_accuracy_also_with_ties():
    assert single("top1_accuracy") == single("accuracy")


def average_precision_at(k, true, ranked):
    """As the code that competitions publish for MAP@k has it."""
    score, hits = 0.0, 0
    for place, label in enumerate(ranked[:k], start=1):
        if label in true:
            hits += 1
            score += hits / place
    return score / min(len(true), k) if true else 0.0


@pytest.mark.parametrize("k", [1, 3, 5, 12])
def test_map_of_one_label(k):
    rows = zip(VALUES.tolist(), TARGETS, strict=True)
    assert single(f"map{k}") == pytest.approx(mean(average_precision_at(k, {x}, ranks(row)) for row, x in rows))


@pytest.mark.parametrize("k", [1, 3, 5, 12])
def test_map_of_several_labels(k):
    tags = TAGS & (np.arange(NUM_CLASSES) < 4)
    rows = zip(VALUES.tolist(), [set(np.flatnonzero(row)) for row in tags], strict=True)
    expected = mean(average_precision_at(k, true, ranks(row)) for row, true in rows)
    assert not tags[0].any()
    assert multi(f"map{k}", tags) == pytest.approx(expected)


def test_map_by_hand():
    # The true class on place 2, then on place 4 of which only 3 count.
    values = [[0.4, 0.3, 0.2, 0.1], [0.4, 0.3, 0.2, 0.1]]
    assert single("map3", [1, 3], values) == pytest.approx((1 / 2 + 0) / 2)
    # Places 1 and 3 of the first three are true, and three tags are: (1/1 + 2/3) / 3.
    assert multi("map3", [[1, 0, 1, 1]], [[0.4, 0.3, 0.2, 0.1]]) == pytest.approx((1 + 2 / 3) / 3)


@pytest.mark.parametrize("name", ["log_loss", "brier", "top2_accuracy", "map5", "average_precision"])
def test_one_sample(name):
    expected = {"log_loss": -math.log(0.2), "brier": 0.25 + 0.64 + 0.09, "average_precision": 1.0}
    expected |= {"top2_accuracy": 0.0, "map5": 1 / 3}
    assert single(name, [1], [[0.5, 0.2, 0.3]]) == pytest.approx(expected[name])
