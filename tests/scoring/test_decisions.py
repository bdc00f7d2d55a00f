"""Which tags are given, and what they score."""

from __future__ import annotations

import numpy as np

from kgcv.scoring.decisions import DecisionRule

NAN = float("nan")


def decide(rule: DecisionRule, values: list[list[float]]) -> list[list[int]]:
    """The tags given as 0 and 1."""
    given = rule.decide(np.array(values, dtype=np.float32))
    assert given.dtype == bool
    return [[int(tag) for tag in row] for row in given]


def test_a_tag_is_given_above_its_threshold_not_at_it() -> None:
    rule = DecisionRule(np.array([0.5, 0.25]))
    assert decide(rule, [[0.5, 0.26], [0.51, 0.25], [0.0, 0.0]]) == [[0, 1], [1, 0], [0, 0]]


def test_a_threshold_between_two_neighbouring_float32_values_parts_them() -> None:
    low = np.float32(0.3)
    high = np.nextafter(low, np.float32(1))
    rule = DecisionRule(np.array([(float(low) + float(high)) / 2]))
    assert rule.decide(np.array([[low], [high]])).tolist() == [[False], [True]]


def test_of_a_group_exactly_one_is_given_whatever_the_thresholds() -> None:
    rule = DecisionRule(np.array([NAN, 0.5, NAN]), exclusive=((2, 0),))
    assert decide(rule, [[0.1, 0.6, 0.2], [0.9, 0.4, 0.8], [0.0, 0.0, 0.0]]) == [[0, 1, 1], [1, 0, 0], [0, 0, 1]]


def test_of_equal_ones_in_a_group_the_first_listed_is_given() -> None:
    for group, expected in (((2, 0), [0, 0, 1]), ((0, 2), [1, 0, 0])):
        assert decide(DecisionRule(np.array([NAN, 1.0, NAN]), (group,)), [[0.7, 0.9, 0.7]]) == [expected]


def test_a_threshold_of_a_group_does_not_act() -> None:
    rule = DecisionRule(np.array([0.0, 0.0]), exclusive=((0, 1),))
    assert decide(rule, [[0.9, 0.8]]) == [[1, 0]]


def test_never_empty_gives_the_most_probable_where_nothing_is() -> None:
    values = [[0.1, 0.3, 0.2], [0.3, 0.3, 0.1], [0.6, 0.7, 0.9]]
    thresholds = np.array([0.5, 0.8, 0.95])
    assert decide(DecisionRule(thresholds), values) == [[0, 0, 0], [0, 0, 0], [1, 0, 0]]
    assert decide(DecisionRule(thresholds, never_empty=True), values) == [[0, 1, 0], [1, 0, 0], [1, 0, 0]]
