from __future__ import annotations

import numpy as np
import pytest

from kgcv.data.tables.targets import require_logarithms
from kgcv.errors import DataError


def test_numbers_above_zero_have_logarithms() -> None:
    require_logarithms(np.array([[1e-30], [5], [40000]], dtype=np.float32), ["a", "b", "c"])


def test_what_has_no_logarithm_is_named() -> None:
    targets = np.array([[1], [0], [-2]], dtype=np.float32)
    with pytest.raises(DataError, match=r"^target\.log:\n  rows whose target is 0 or less, .* \(2\): b, c$"):
        require_logarithms(targets, ["a", "b", "c"])
