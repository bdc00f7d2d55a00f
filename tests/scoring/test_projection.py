import numpy as np
import pytest

from kgcv.scoring.projection import principal_plane


def test_the_longest_direction_comes_first():
    # Along (3, 4) / 5 the points lie at -10, 0, 10, across it at 1, -2, 1.
    along, across = np.array([0.6, 0.8]), np.array([-0.8, 0.6])
    vectors = np.outer([-10, 0, 10], along) + np.outer([1, -2, 1], across) + [7, 7]
    points, shares = principal_plane(vectors)
    assert np.abs(points[:, 0]) == pytest.approx([10, 0, 10], abs=1e-9)
    assert points[:, 1] == pytest.approx([-1, 2, -1])  # the largest coordinate is positive
    assert shares == pytest.approx([200 / 206, 6 / 206])


@pytest.mark.parametrize("vectors", [np.zeros((3, 4)), np.ones((1, 2))])
def test_vectors_without_differences(vectors):
    points, shares = principal_plane(vectors)
    assert points.shape == (len(vectors), 2) and not points.any() and not shares.any()


def test_a_single_number_fills_one_direction():
    points, shares = principal_plane(np.array([[1.0], [3.0]]))
    assert np.abs(points) == pytest.approx(np.array([[1, 0], [1, 0]])) and shares.tolist() == [1, 0]
