"""What training makes of the labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kgcv.config.schema import Config
from kgcv.data.labels import LabelSet
from kgcv.data.predictions import Predictions, write_predictions
from kgcv.data.samples import SampleTable
from kgcv.errors import ConfigError, DataError
from kgcv.recipes.targets import build_objective, draw_chances, soften_targets

Change = Callable[..., Config]

SAMPLES = SampleTable(tuple("abcd"), tuple(Path(name) for name in "abcd"))
SINGLE = LabelSet("single", ("cat", "dog"), np.array([0, 0, 0, 1]))
MULTI = LabelSet("multi", ("x", "y"), np.array([[1, 0], [1, 1], [0, 0], [1, 0]], dtype=np.float32))
NUMBERS = LabelSet("regression", ("age",), np.array([[1.0], [2.0], [3.0], [4.0]], dtype=np.float32))


def test_weights_count_only_what_trains(competition: Config, change: Change) -> None:
    config = change(competition, train={"class_weights": "balanced"})
    assert build_objective(config, SINGLE, np.array([0, 1, 3])).criterion.class_weights == pytest.approx((0.75, 1.5))
    assert build_objective(config, SINGLE).criterion.class_weights == pytest.approx((4 / 6, 2.0))
    config = change(competition, train={"pos_weight": "counts"})
    assert build_objective(config, MULTI, np.array([0, 1, 2])).criterion.pos_weight == pytest.approx((0.5, 2.0))


def test_settings_reach_the_loss(competition: Config, change: Change) -> None:
    config = change(competition, train={"loss": "focal", "focal_gamma": 1.5, "label_smoothing": 0.1})
    criterion = build_objective(config, MULTI).criterion
    assert (criterion.name, criterion.focal_gamma, criterion.label_smoothing) == ("focal", 1.5, 0.1)


@pytest.mark.parametrize(
    ("train", "labels", "problem"),
    [
        ({"pos_weight": "counts"}, SINGLE, "train.pos_weight: counts needs labels of task multi, and these are single"),
        ({"class_weights": "balanced"}, NUMBERS, "class_weights: balanced needs labels of task single or multi"),
        ({"loss": "l1"}, SINGLE, "train.loss: 'l1' does not fit task 'single'"),
    ],
)
def test_what_the_labels_do_not_allow(
    competition: Config, change: Change, train: dict[str, object], labels: LabelSet, problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        build_objective(change(competition, train=train, augment={"mixup": 0.0}), labels)


def test_numbers_are_not_mixed(competition: Config) -> None:
    with pytest.raises(ConfigError, match="augment: mixup and cutmix mix classes or tags, and these labels are numb"):
        build_objective(competition, NUMBERS)


def test_chances_by_sampler(competition: Config, change: Change) -> None:
    rows = np.array([0, 1, 3])
    assert draw_chances(competition, SAMPLES, SINGLE, rows) is None
    balanced = change(competition, train={"sampler": "class_balanced"})
    assert draw_chances(balanced, SAMPLES, SINGLE, rows) == pytest.approx([0.25, 0.25, 0.5])
    weighted = change(competition, train={"sampler": "weighted"})
    samples = replace(SAMPLES, weights=np.array([1.0, 2.0, 9.0, 5.0]))
    assert draw_chances(weighted, samples, SINGLE, rows) == pytest.approx([1 / 8, 2 / 8, 5 / 8])
    with pytest.raises(ConfigError, match="sampler: class_balanced needs labels of task single or multi"):
        draw_chances(balanced, SAMPLES, NUMBERS, rows)


def soft_config(competition: Config, change: Change, **predictions: Any) -> Config:
    values: dict[str, Any] = {
        "ids": ("d", "a"),
        "class_names": ("dog", "cat"),
        "values": np.array([[0.5, 0.5], [0.2, 0.8]], dtype=np.float32),
        "task": "single",
        **predictions,
    }
    write_predictions(Path("oof.npz"), Predictions(**values))
    return change(competition, train={"soft_targets": "oof.npz", "soft_weight": 0.25})


def test_soft_targets_mix_by_id_and_name(competition: Config, change: Change) -> None:
    soft = soften_targets(soft_config(competition, change), SAMPLES, SINGLE)
    assert soft is not None
    # a: cat, and the teacher says 0.8; d: dog, and the teacher says 0.5; b and c are unknown to the teacher.
    np.testing.assert_allclose(soft, np.array([[0.95, 0.05], [1, 0], [1, 0], [0.125, 0.875]]), rtol=1e-6)
    assert soften_targets(competition, SAMPLES, SINGLE) is None


@pytest.mark.parametrize(
    ("predictions", "problem"),
    [
        ({"task": "multi"}, "oof.npz: has predictions of task multi, and the labels are single"),
        ({"ids": ("y", "z")}, "oof.npz: has none of the training ids; its ids are like y, z"),
        ({"class_names": ("dog", "cow")}, "oof.npz: has the classes dog, cow, not cat, dog"),
    ],
)
def test_teachers_that_do_not_fit(
    competition: Config, change: Change, predictions: dict[str, object], problem: str
) -> None:
    with pytest.raises(DataError, match=problem):
        soften_targets(soft_config(competition, change, **predictions), SAMPLES, SINGLE)
