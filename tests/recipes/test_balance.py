from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kgcv.data.labels import LabelSet
from kgcv.data.samples import SampleTable
from kgcv.data.splits import Split
from kgcv.recipes.balance import Balance, ClassBalance, NumberBalance, lacking_classes, measure_balance

SAMPLES = SampleTable(tuple("stuvwxyz"), (Path("image"),) * 8)
CLASSES = LabelSet("single", ("cat", "dog"), np.array([0, 0, 0, 0, 0, 0, 1, 1]))


def measure(folds: Sequence[int], labels: LabelSet = CLASSES, groups: Sequence[str] | None = None) -> Balance:
    samples = SAMPLES if groups is None else replace(SAMPLES, groups=tuple(groups))
    return measure_balance(samples, labels, Split(np.array(folds), max(max(folds) + 1, 1)))


def test_a_holdout_has_two_parts() -> None:
    # A quarter of all are dogs, and half of those that validate.
    assert measure([-1, -1, -1, -1, -1, 0, 0, -1]) == Balance(
        num_samples=8,
        num_folds=1,
        num_groups=None,
        parts=("train", "valid"),
        sizes=(6, 2),
        groups=None,
        classes={"cat": ClassBalance(6, (5, 1), 0.25), "dog": ClassBalance(2, (1, 1), 0.25)},
        numbers={},
    )


def test_folds_are_compared_with_the_whole_and_the_worst_is_told() -> None:
    balance = measure([0, 0, 0, 1, 2, 2, 1, 2], groups="aabcdefg")
    assert balance.parts == ("fold 0", "fold 1", "fold 2")
    assert balance.sizes == (3, 2, 3)
    assert (balance.num_groups, balance.groups) == (7, (2, 2, 3))
    # Shares of dogs are 0, 1/2 and 1/3, against 1/4.
    assert balance.classes["dog"] == ClassBalance(2, (0, 1, 1), 0.25)


def test_samples_that_always_train_are_a_part_that_is_not_compared() -> None:
    balance = measure([-1, -1, -1, 0, 1, -1, 0, 1])
    assert balance.parts == ("train", "fold 0", "fold 1")
    assert balance.classes["dog"] == ClassBalance(2, (0, 1, 1), 0.25)
    assert balance.sizes == (4, 2, 2)


def test_tags_count_in_each_of_their_images() -> None:
    tags = LabelSet("multi", ("a", "b"), np.array([[1, 1]] * 4 + [[1, 0]] * 4, dtype=np.float32))
    balance = measure([0, 1, 0, 1, 0, 1, 0, 1], tags)
    assert balance.classes == {"a": ClassBalance(8, (4, 4), 0), "b": ClassBalance(4, (2, 2), 0)}


def test_numbers_have_means_and_a_distance_in_standard_deviations() -> None:
    numbers = LabelSet("regression", ("x", "y"), np.array([[1, 5]] * 4 + [[3, 5]] * 4, dtype=np.float32))
    balance = measure([0, 0, 0, 1, 1, 1, 1, 0], numbers)
    # x: mean 2, standard deviation 1; folds of 1, 1, 1, 3 and 1, 3, 3, 3.
    assert balance.numbers["x"] == NumberBalance(2.0, (1.5, 2.5), 0.5)
    assert balance.numbers["y"] == NumberBalance(5.0, (5.0, 5.0), 0.0)
    assert balance.classes == {}


def test_an_empty_part_is_off_by_nothing() -> None:
    assert measure([-1] * 8).classes["dog"] == ClassBalance(2, (2, 0), 0)
    numbers = LabelSet("regression", ("x",), np.arange(8, dtype=np.float32)[:, None])
    assert measure([-1] * 8, numbers).numbers["x"] == NumberBalance(3.5, (3.5, None), 0)


@pytest.mark.parametrize(
    ("folds", "untrained", "never", "sometimes"),
    [
        ([0, 1, 0, 1, 0, 1, 0, 1], [], [], []),
        ([0, 1, 0, 1, 0, 1, 0, 0], ["dog"], [], ["dog"]),
        ([0, 1, 0, 1, 0, 1, -1, 0], [], [], ["dog"]),
        ([0, 1, 0, 1, 0, 1, -1, -1], [], ["dog"], []),
        ([-1, -1, 0, 0, 0, 0, -1, -1], [], ["dog"], []),
        ([-1, -1, 0, 0, 0, 0, 0, 0], ["dog"], [], []),
    ],
)
def test_what_classes_lack_is_told(
    folds: Sequence[int], untrained: list[str], never: list[str], sometimes: list[str]
) -> None:
    assert dict(lacking_classes(measure(folds))) == {
        "classes without a training image in some fold": untrained,
        "classes without a validation image": never,
        "classes without a validation image in some fold": sometimes,
    }


def test_nothing_is_missed_in_validation_if_nothing_validates() -> None:
    assert dict(lacking_classes(measure([-1] * 8))) == {"classes without a training image in some fold": []}
