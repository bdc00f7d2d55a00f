import pytest

from kgcv.engine.batch_size import largest_fitting


@pytest.mark.parametrize(
    "total, room, expected",
    [(64, 64, 64), (64, 63, 32), (64, 1, 1), (64, 0, 1), (96, 50, 48), (96, 40, 32), (97, 96, 1), (1, 0, 1)],
)
def test_the_largest_divisor_that_fits(total, room, expected):
    tried = []

    def fits(size):
        tried.append(size)
        return size <= room

    assert largest_fitting(total, fits) == expected
    assert len(tried) <= 5, "each try is a step of training"
