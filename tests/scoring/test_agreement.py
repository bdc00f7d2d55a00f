import pytest

from kgcv.scoring.agreement import noise_band, rank_correlation


def test_the_same_order_is_one_and_the_opposite_minus_one():
    assert rank_correlation([1, 2, 3, 4], [10, 20, 30, 40]) == 1
    assert rank_correlation([1, 2, 3, 4], [4, 3, 2, 1]) == -1


def test_ranks_count_and_not_distances():
    # Squared differences of ranks 0, 1, 1, 0: 1 - 6 * 2 / (4 * 15).
    assert rank_correlation([0.1, 0.2, 0.3, 99], [1, 3, 2, 4]) == pytest.approx(0.8)


def test_ties_share_their_rank():
    # Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: covariance 4.5, sums of squares 4.5 and 5.
    assert rank_correlation([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(4.5 / (4.5 * 5) ** 0.5)


@pytest.mark.parametrize("first, second", [([], []), ([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [2, 2, 2])])
def test_nothing_can_be_said_of_few_or_equal_scores(first, second):
    assert rank_correlation(first, second) is None


def test_the_band_is_the_spread_of_a_difference():
    assert noise_band([0.003]) == pytest.approx(0.003 * 2**0.5)
    assert noise_band([0.001, 0.003, 0.2]) == pytest.approx(0.003 * 2**0.5)
    assert noise_band([]) is None
