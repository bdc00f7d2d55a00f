import numpy as np
import pytest

from kgcv.scoring.near_pairs import find_near_pairs, whiten


@pytest.fixture(scope="module")
def vectors():
    """600 unit vectors, of which the last 100 lie near the first 100."""
    generator = np.random.default_rng(0)
    plain = generator.standard_normal((600, 24))
    plain[500:] = plain[:100] + 0.2 * generator.standard_normal((100, 24))
    return (plain / np.linalg.norm(plain, axis=1, keepdims=True)).astype(np.float32)


def test_all_near_pairs_are_found_and_no_other(vectors):
    pairs, cosines = find_near_pairs(vectors, 0.92)
    every = vectors @ vectors.T
    first, second = np.nonzero(np.triu(every >= 0.92, 1))
    assert set(map(tuple, pairs.tolist())) == set(zip(first.tolist(), second.tolist(), strict=True))
    assert len(pairs) >= 95 and (np.diff(cosines) <= 0).all()
    assert cosines == pytest.approx(every[pairs[:, 0], pairs[:, 1]], abs=1e-6)


def test_a_crowd_of_equal_vectors_costs_little():
    pairs, cosines = find_near_pairs(np.tile(np.array([[0.6, 0.8]], dtype=np.float32), (3000, 1)), 0.92)
    assert 3000 <= len(pairs) < 100_000 and cosines == pytest.approx(1)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_vectors(count):
    pairs, _ = find_near_pairs(np.ones((count, 1), dtype=np.float32), 0.92)
    assert pairs.tolist() == ([[0, 1]] if count == 2 else [])


def test_what_all_have_in_common_counts_nothing():
    generator = np.random.default_rng(1)
    vectors = (100 + generator.standard_normal((400, 6)) * [9, 1, 1, 1, 1, 1]).astype(np.float32)
    turned = whiten(vectors)
    assert turned.shape == (400, 6)
    assert np.linalg.norm(turned, axis=1) == pytest.approx(1)
    # Before, any two were nearly parallel; now every direction counts alike.
    assert abs((turned @ turned.T)[np.triu_indices(400, 1)].mean()) < 0.05
    assert (turned**2).mean(axis=0) == pytest.approx(1 / 6, abs=0.03)


def test_equal_vectors_have_no_direction():
    assert whiten(np.ones((8, 3), dtype=np.float32)).tolist() == whiten(np.zeros((8, 3), dtype=np.float32)).tolist()
