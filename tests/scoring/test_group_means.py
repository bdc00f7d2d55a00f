import numpy as np
import pytest

from kgcv.scoring.group_means import compare_groups


def members(numbers):
    return np.stack([np.arange(len(numbers)), np.array(numbers)], axis=1)


def test_shares_have_wilsons_interval():
    costs = np.array([True] * 8 + [False] * 2 + [False] * 10)
    found = compare_groups(costs, members([0] * 10 + [1] * 10), num_groups=2, num_looks=1)
    assert found.means.tolist() == [0.8, 0] and found.overall == 0.4
    # Agresti and Coull's example: 10 of 10 has the interval 0.72 to 1; here 0 of 10, its mirror image.
    assert found.lows[1] == pytest.approx(0, abs=1e-12) and found.highs[1] == pytest.approx(0.2775, abs=1e-4)
    assert (found.lows[0], found.highs[0]) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert found.stands_out.tolist() == [1, -1]


def test_means_have_students_interval():
    costs = np.array([1.0, 2, 3, 4, 5, 100])
    found = compare_groups(costs, members([0, 0, 0, 0, 0, 1]), num_groups=3, num_looks=1)
    half = 2.776445 * np.sqrt(2.5 / 5)
    assert (found.lows[0], found.highs[0]) == pytest.approx((3 - half, 3 + half))
    # One sample has no spread, and nobody is no group.
    assert found.counts.tolist() == [5, 1, 0]
    assert np.isnan([found.lows[1], found.highs[1], found.means[2]]).all()
    assert found.stands_out.tolist() == [-1, 0, 0]


def test_the_more_groups_are_looked_at_the_wider_the_intervals():
    costs = np.array([True] * 8 + [False] * 12)
    one, many = (compare_groups(costs, members([0] * 10 + [1] * 10), 2, looks) for looks in (1, 200))
    assert (many.highs - many.lows > one.highs - one.lows).all()
    assert one.stands_out[0] == 1 and many.stands_out[0] == 0


def test_chance_alone_stands_out_in_one_of_twenty_reports():
    generator = np.random.default_rng(0)
    groups = members(np.repeat(np.arange(40), 50))
    alarms = sum(
        bool(compare_groups(generator.random(2000) < 0.2, groups, 40, 40).stands_out.any()) for _ in range(200)
    )
    assert alarms <= 20


def test_a_row_may_be_in_several_groups():
    costs = np.array([1.0, 3])
    found = compare_groups(costs, np.array([[0, 0], [1, 0], [1, 1]]), num_groups=2, num_looks=2)
    assert found.counts.tolist() == [2, 1] and found.means.tolist() == [2, 3]
