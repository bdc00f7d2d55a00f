import math

import numpy as np
import pytest

from kgcv.scoring.calibration import measure_reliability


def test_bins_and_error_by_hand():
    # Two bins: 0.2 and 0.4 (one came true), 0.5 on the border above, 0.9 and 1 (both came true).
    probabilities = np.array([0.2, 0.4, 0.5, 0.9, 1.0], dtype=np.float32)
    found = measure_reliability(probabilities, np.array([False, True, False, True, True]), 2)
    assert found.counts.tolist() == [2, 3]
    np.testing.assert_allclose(found.confidence, [0.3, 0.8], rtol=1e-6)
    np.testing.assert_allclose(found.frequency, [0.5, 2 / 3])
    # |1 - 0.6| + |2 - 2.4|, over five.
    assert found.error == pytest.approx(0.16, abs=1e-6)
    # Variances 0.16 + 0.24 and 0.25 + 0.09 + 0.
    assert found.by_chance == pytest.approx(math.sqrt(2 / math.pi) * (math.sqrt(0.4) + math.sqrt(0.34)) / 5, abs=1e-6)


def test_an_empty_bin_counts_for_nothing():
    found = measure_reliability(np.array([0.95]), np.array([True]), 10)
    assert np.isnan(found.confidence[:9]).all() and found.error == pytest.approx(0.05)


def test_chance_is_what_a_perfect_model_shows():
    rng = np.random.default_rng(0)
    probabilities = rng.random(2000)
    errors = [measure_reliability(probabilities, rng.random(2000) < probabilities).error for _ in range(200)]
    assert measure_reliability(probabilities, probabilities > 2).by_chance == pytest.approx(np.mean(errors), rel=0.1)
