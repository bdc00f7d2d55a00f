"""Every metric of numbers against plain Python; two columns of different size."""

import math

import numpy as np
import pytest

from kgcv.scoring.metrics import find_metric

RNG = np.random.default_rng(3)
TARGETS = (RNG.random((30, 2)) * [10, 1000] + 1).astype(np.float32)
VALUES = (TARGETS * RNG.uniform(0.7, 1.4, (30, 2))).astype(np.float32)
CELLS = list(zip(TARGETS.ravel().tolist(), VALUES.ravel().tolist(), strict=True))
COLUMNS = [list(zip(TARGETS[:, x].tolist(), VALUES[:, x].tolist(), strict=True)) for x in range(2)]


def score(name, targets=TARGETS, values=VALUES):
    targets, values = (np.asarray(array, dtype=np.float32) for array in (targets, values))
    return find_metric(name, "regression").score(targets, values)


def mean(numbers):
    numbers = list(numbers)
    return sum(numbers) / len(numbers)


def root_mean_square(errors):
    return math.sqrt(mean(error**2 for error in errors))


def test_rmse_pools_the_columns_and_mcrmse_takes_their_mean():
    assert score("rmse") == pytest.approx(root_mean_square(t - v for t, v in CELLS))
    assert score("mcrmse") == pytest.approx(mean(root_mean_square(t - v for t, v in cells) for cells in COLUMNS))
    assert score("rmse") != pytest.approx(score("mcrmse"), rel=0.01)


def test_one_column_has_one_rmse():
    assert score("mcrmse", [[1], [2]], [[1], [4]]) == score("rmse", [[1], [2]], [[1], [4]]) == pytest.approx(2**0.5)


def test_mae():
    assert score("mae") == pytest.approx(mean(abs(t - v) for t, v in CELLS))


def test_rmsle():
    assert score("rmsle") == pytest.approx(root_mean_square(math.log(1 + t) - math.log(1 + v) for t, v in CELLS))
    assert score("rmsle", [[0.0]], [[math.e - 1]]) == pytest.approx(1)


@pytest.mark.parametrize("value", [-1.0, -5.0])
def test_rmsle_where_the_logarithm_ends_is_not_defined_and_never_wins(value):
    assert math.isnan(score("rmsle", [[1.0], [2.0]], [[value], [2.0]]))
    assert math.isnan(score("rmsle", [[value], [2.0]], [[1.0], [2.0]]))
    assert score("rmsle", [[0.0]], [[-0.5]]) == pytest.approx(math.log(2))


def test_rmspe():
    assert score("rmspe") == pytest.approx(root_mean_square((t - v) / t for t, v in CELLS))


def test_rmspe_leaves_out_targets_of_zero():
    assert score("rmspe", [[0.0], [10.0]], [[7.0], [9.0]]) == pytest.approx(0.1)
    assert math.isnan(score("rmspe", [[0.0]], [[1.0]]))


def test_mape():
    assert score("mape") == pytest.approx(mean(abs(t - v) / t for t, v in CELLS))
    assert score("mape", [[-2.0]], [[-1.0]]) == 0.5
    assert score("mape", [[0.0], [1.0]], [[0.0], [1.0]]) == 0
    assert score("mape", [[0.0], [1.0]], [[0.1], [1.0]]) > 1e10


def test_r2_is_the_mean_over_the_columns():
    def explained(cells):
        center = mean(t for t, _ in cells)
        return 1 - sum((t - v) ** 2 for t, v in cells) / sum((t - center) ** 2 for t, _ in cells)

    assert score("r2") == pytest.approx(mean(explained(cells) for cells in COLUMNS))


def test_r2_where_there_is_no_variance():
    assert score("r2", [[1.0], [1.0]], [[1.0], [1.0]]) == 1
    assert score("r2", [[1.0], [1.0]], [[1.0], [2.0]]) == 0
    assert math.isnan(score("r2", [[1.0]], [[1.0]]))


@pytest.mark.parametrize("name", ["rmse", "mcrmse", "mae", "mape", "rmspe"])
def test_one_sample(name):
    assert score(name, [[2.0]], [[1.0]]) == (0.5 if name in ("mape", "rmspe") else 1)


def test_squares_are_summed_in_float64():
    # In float32 the sum of 2^24 and 1 is 2^24.
    assert score("rmse", [[4096.0], [0.0]], [[0.0], [1.0]]) ** 2 * 2 == pytest.approx(2**24 + 1, abs=0.1)
