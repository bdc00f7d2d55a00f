from __future__ import annotations

import math

import numpy as np
import pytest

from kgcv.data.tables.targets import TargetForm
from kgcv.errors import DataError


def test_the_logarithm_there_and_back() -> None:
    form = TargetForm(log=True)
    targets = np.array([[1], [5], [40000]], dtype=np.float32)
    learned = form.learned(targets, ["a", "b", "c"])
    assert learned.dtype == np.float32
    assert learned[:, 0].tolist() == pytest.approx([0, math.log(5), math.log(40000)])
    assert form.answers(learned) == pytest.approx(targets, rel=1e-6)


def test_what_has_no_logarithm_is_named() -> None:
    targets = np.array([[1], [0], [-2]], dtype=np.float32)
    with pytest.raises(DataError, match=r"^target\.log:\n  rows whose target is 0 or less, .* \(2\): b, c$"):
        TargetForm(log=True).learned(targets, ["a", "b", "c"])


def test_without_it_targets_stay_as_they_are() -> None:
    targets = np.array([[-1]], dtype=np.float32)
    assert TargetForm().learned(targets, ["a"]).tolist() == [[-1]]
    assert TargetForm().answers(targets).tolist() == [[-1]]
