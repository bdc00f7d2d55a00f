import numpy as np
import pytest

from kgcv.scoring.class_scores import (
    Confusion,
    count_confusions,
    count_tag_confusions,
    largest_confusions,
    score_classes,
)

# Six samples of four classes; class 3 is neither true nor given, class 2 never given.
TARGETS = np.array([0, 0, 0, 1, 1, 2])
DECISIONS = np.array([0, 0, 1, 1, 0, 0])


def indicators(classes):
    return classes[:, None] == np.arange(4)


def test_scores_by_hand():
    scores = score_classes(indicators(TARGETS), indicators(DECISIONS), beta=2)
    assert scores.support.tolist() == [3, 2, 1, 0] and scores.given.tolist() == [4, 2, 0, 0]
    np.testing.assert_allclose(scores.precision, [2 / 4, 1 / 2, np.nan, np.nan])
    np.testing.assert_allclose(scores.recall, [2 / 3, 1 / 2, 0, np.nan])
    # (1 + 4) right / (4 true + given): 10 / 16, 5 / 10, 0 / 4.
    np.testing.assert_allclose(scores.f_beta, [0.625, 0.5, 0, np.nan])


def test_the_confusion_matrix_has_true_classes_in_rows():
    counts = count_confusions(TARGETS, DECISIONS, 4)
    assert counts.tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_the_largest_confusions_leave_out_the_diagonal_and_nothing():
    counts = np.array([[9, 1, 0], [4, 9, 1], [0, 0, 9]])
    assert largest_confusions(counts, 5) == [Confusion(1, 0, 4), Confusion(0, 1, 1), Confusion(1, 2, 1)]
    assert largest_confusions(counts, 1) == [Confusion(1, 0, 4)]
    assert counts[0, 0] == 9


def test_tags_are_confused_where_one_is_missed_and_another_given():
    # Sample 0: 0 missed, 2 wrong. Sample 1: 0 and 1 missed, 2 wrong. Sample 2: 1 missed, nothing wrong.
    targets = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0]], dtype=bool)
    given = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 0]], dtype=bool)
    assert count_tag_confusions(targets, given).tolist() == [[0, 0, 2], [0, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize("count", [1, 300])
def test_counts_do_not_overflow(count):
    targets = np.zeros(count, dtype=np.uint8)
    assert count_confusions(targets.astype(np.int64), np.ones(count, dtype=np.int64), 300)[0, 1] == count
