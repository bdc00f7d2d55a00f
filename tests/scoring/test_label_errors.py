import numpy as np
import pytest

from kgcv.scoring.label_errors import doubt_classes, doubt_tags


def test_who_clears_the_bar_of_another_class_is_suspect():
    targets = np.array([0, 0, 0, 1, 1, 1])
    of_first = np.array([0.9, 0.8, 0.1, 0.2, 0.3, 0.85])
    values = np.stack([of_first, 1 - of_first], axis=1)
    # Bars: 0.6 for the first class, (0.8 + 0.7 + 0.15) / 3 = 0.55 for the second.
    doubts = doubt_classes(targets, values)
    assert doubts.rows.tolist() == [2, 5]
    assert doubts.classes.tolist() == [1, 0]
    assert doubts.scores == pytest.approx([0.1, 0.15])


def test_a_class_that_is_always_doubtful_does_not_fill_the_list():
    # The second class gets 0.4 at best where it is given, the first one 0.9: a bar that none of the second clears.
    targets = np.array([0, 0, 0, 1, 1, 1])
    of_first = np.array([0.95, 0.9, 0.9, 0.6, 0.7, 0.65])
    assert len(doubt_classes(targets, np.stack([of_first, 1 - of_first], axis=1)).rows) == 0


def test_a_class_without_samples_suggests_nothing():
    values = np.array([[0.3, 0.6, 0.1], [0.4, 0.5, 0.1], [0.1, 0.3, 0.6]])
    assert len(doubt_classes(np.array([0, 0, 2]), values).rows) == 0


def test_each_tag_is_a_question_of_its_own():
    #                   a     b
    targets = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1], [0, 0]])
    values = np.array([[0.9, 0.1], [0.05, 0.1], [0.1, 0.8], [0.2, 0.7], [0.1, 0.99]])
    doubts = doubt_tags(targets, values)
    # The last one has b though it is not given; the second has a, which it seems not to be.
    assert list(zip(doubts.rows.tolist(), doubts.classes.tolist(), strict=True)) == [(4, 1), (1, 0)]
    assert doubts.scores == pytest.approx([0.01, 0.05])


def test_only_changed_labels_of_a_good_model_are_suspect():
    generator = np.random.default_rng(3)
    true = generator.integers(0, 5, 500)
    values = generator.dirichlet(np.ones(5), 500) * 0.4 + np.eye(5)[true] * 0.6
    changed = generator.choice(500, 20, replace=False)
    given = true.copy()
    given[changed] = (true[changed] + 1) % 5
    doubts = doubt_classes(given, values)
    # Changed ones whose true class is below its own bar are passed over; no other is taken.
    assert len(doubts.rows) >= 10 and set(doubts.rows.tolist()) <= set(changed.tolist())
    assert (doubts.classes == true[doubts.rows]).all()
