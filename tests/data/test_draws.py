from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from kgcv.config.schema import SplitConfig
from kgcv.data.draws import draw_course_rows, draw_folds, draw_holdout
from kgcv.data.labels import LabelSet
from kgcv.errors import DataError


def single(*counts: int) -> LabelSet:
    """So many samples of class 0, of class 1 and so on, one class after the other."""
    names = tuple(f"class {number}" for number in range(len(counts)))
    return LabelSet("single", names, np.repeat(np.arange(len(counts)), counts))


def multi(tags: np.ndarray) -> LabelSet:
    names = tuple(f"tag {number}" for number in range(tags.shape[1]))
    return LabelSet("multi", names, tags.astype(np.float32))


def numbers(*columns: Sequence[float] | np.ndarray) -> LabelSet:
    names = tuple(f"column {number}" for number in range(len(columns)))
    return LabelSet("regression", names, np.array(columns, dtype=np.float32).T)


def config(**keys: object) -> SplitConfig:
    return SplitConfig(**keys)  # type: ignore[arg-type]


def shares(labels: LabelSet, rows: np.ndarray) -> list[int]:
    return [int(count) for count in np.bincount(labels.targets[rows], minlength=len(labels.class_names))]


def rows_of(folds: np.ndarray, fold: int) -> list[int]:
    return [int(row) for row in np.flatnonzero(folds == fold)]


# The course's draw


def test_the_course_draw_is_the_start_of_the_seeded_permutation() -> None:
    # np.random.seed(42); np.random.permutation(10) is 8 1 5 0 7 2 9 4 3 6.
    assert draw_course_rows(10, 0, 2, 42).tolist() == [8, 1]
    assert draw_course_rows(10, 4, 2, 42).tolist() == [3, 6]


def test_unstratified_holdout_is_the_courses() -> None:
    folds = draw_holdout(single(5, 5), None, config(stratify="no"))
    assert folds.tolist() == [-1, 0, -1, -1, -1, -1, -1, -1, 0, -1]
    assert folds.dtype == np.int64


def test_dog_breeds_has_the_courses_sizes() -> None:
    folds = draw_holdout(single(5000, 5222), None, config(stratify="no"))
    np.random.seed(42)  # as the course did it
    expected = np.random.permutation(10222)[:2044]
    assert rows_of(folds, 0) == sorted(expected.tolist())
    assert len(rows_of(folds, -1)) == 8178


def test_unstratified_folds_are_the_courses_with_the_remainder_dealt_out() -> None:
    folds = draw_folds(single(6, 7), None, config(kind="folds", stratify="no"))
    order = np.random.RandomState(42).permutation(13).tolist()
    # Five folds of 13: blocks of two as in the course, and three rows are left for the first three folds.
    blocks = [sorted(order[2 * fold : 2 * fold + 2] + order[10 + fold : 11 + fold]) for fold in range(5)]
    assert [rows_of(folds, fold) for fold in range(5)] == blocks
    assert [len(block) for block in blocks] == [3, 3, 3, 2, 2]


def test_blocks_are_as_long_as_the_courses_fraction_makes_them() -> None:
    assert all(num_samples // 5 == int(0.2 * num_samples) for num_samples in range(2000))


@pytest.mark.parametrize("stratify", ["auto", "no"])
def test_numbers_take_the_course_draw_unless_strata_are_asked_for(stratify: str) -> None:
    labels = numbers(range(10))
    assert rows_of(draw_holdout(labels, None, config(stratify=stratify)), 0) == [1, 8]
    assert rows_of(draw_folds(labels, None, config(kind="folds", stratify=stratify)), 4) == [3, 6]


# Classes


@pytest.mark.parametrize("stratify", ["auto", "yes"])
def test_stratified_holdout_keeps_the_shares(stratify: str) -> None:
    labels = single(100, 50, 10)
    folds = draw_holdout(labels, None, config(stratify=stratify))
    assert shares(labels, folds == 0) == [20, 10, 2]
    assert shares(labels, folds == -1) == [80, 40, 8]


@pytest.mark.parametrize("seed", range(5))
def test_a_class_with_one_sample_trains_in_a_holdout_and_validates_once_in_folds(seed: int) -> None:
    labels = single(10, 10, 1)
    assert shares(labels, draw_holdout(labels, None, config(seed=seed)) == 0) == [2, 2, 0]
    folds = draw_folds(labels, None, config(kind="folds", seed=seed))
    assert sorted(np.bincount(folds).tolist()) == [4, 4, 4, 4, 5]
    assert sorted(folds[:10].tolist()) == sorted([0, 1, 2, 3, 4] * 2)


@pytest.mark.parametrize("stratify", ["auto", "no"])
@pytest.mark.parametrize("num_samples", [25, 26, 29])
def test_every_sample_validates_in_one_fold(stratify: str, num_samples: int) -> None:
    tags = np.random.default_rng(0).random((num_samples, 3)) < 0.3
    for labels in (single(num_samples - 3, 2, 1), multi(tags), numbers(range(num_samples))):
        folds = draw_folds(labels, None, config(kind="folds", stratify=stratify))
        assert folds.min() == 0
        assert folds.max() == 4


def test_stratified_folds_keep_the_shares() -> None:
    labels = single(50, 25, 3)
    folds = draw_folds(labels, None, config(kind="folds"))
    for fold in range(5):
        first, second, _ = shares(labels, folds == fold)
        assert (first, second) == (10, 5)
    assert len(set(folds[75:].tolist())) == 3


# Tags


def test_tags_keep_their_shares() -> None:
    tags = np.array([[1, row % 10 == 0, row % 2] for row in range(200)])
    labels = multi(tags)
    assert tags.sum(axis=0).tolist() == [200, 20, 100]
    held = draw_holdout(labels, None, config()) == 0
    assert tags[held].sum(axis=0).tolist() == [40, 4, 20]
    folds = draw_folds(labels, None, config(kind="folds"))
    for fold in range(5):
        assert tags[folds == fold].sum(axis=0).tolist() == [40, 4, 20]


def test_a_single_tag_is_stratified_as_two_classes() -> None:
    tags = np.repeat([[1], [0]], [10, 40], axis=0)
    held = draw_holdout(multi(tags), None, config()) == 0
    assert tags[held].sum() == 2
    assert held.sum() == 10


# Numbers in deciles


@pytest.mark.parametrize("seed", range(5))
def test_each_decile_of_a_column_keeps_its_share(seed: int) -> None:
    values = np.random.default_rng(seed).permutation(100)  # the tens are the deciles
    labels = numbers(values)
    held = draw_holdout(labels, None, config(stratify="yes", seed=seed)) == 0
    assert np.bincount(values[held] // 10).tolist() == [2] * 10
    folds = draw_folds(labels, None, config(kind="folds", stratify="yes", seed=seed))
    for fold in range(5):
        assert np.bincount(values[folds == fold] // 10).tolist() == [2] * 10


def test_equal_numbers_share_a_stratum() -> None:
    # Six tenths are zeros: one stratum of sixty beside four of ten.
    values = np.array([0] * 60 + list(range(1, 41)))
    folds = draw_folds(numbers(values), None, config(kind="folds", stratify="yes"))
    for fold in range(5):
        chosen = values[folds == fold]
        assert (chosen == 0).sum() == 12
        assert np.bincount((chosen[chosen > 0] - 1) // 10).tolist() == [2] * 4


def test_the_deciles_of_several_columns_are_balanced_at_once() -> None:
    generator = np.random.default_rng(0)
    columns = [generator.permutation(500), generator.permutation(500)]
    folds = draw_folds(numbers(*columns), None, config(kind="folds", stratify="yes"))
    for fold in range(5):
        for column in columns:
            # Ten of a decile's fifty belong in each fold; a plain draw strays by five and more.
            assert np.abs(np.bincount(column[folds == fold] // 50) - 10).max() <= 2


# Groups


@pytest.mark.parametrize("seed", range(5))
def test_groups_and_classes_are_balanced_at_once(seed: int) -> None:
    # Ten groups of three samples of class 0, ten of two of class 1.
    groups = np.concatenate([np.repeat(np.arange(10), 3), np.repeat(np.arange(10, 20), 2)])
    labels = single(30, 20)
    folds = draw_folds(labels, groups, config(kind="folds", seed=seed))
    assert [shares(labels, folds == fold) for fold in range(5)] == [[6, 4]] * 5
    held = draw_holdout(labels, groups, config(seed=seed))
    assert shares(labels, held == 0) == [6, 4]
    assert shares(labels, held == -1) == [24, 16]
    assert held.dtype == np.int64


def test_groups_without_strata_are_balanced_in_size_alone() -> None:
    groups = np.repeat(np.arange(6), [6, 5, 4, 3, 2, 1])
    folds = draw_folds(single(11, 10), groups, config(kind="folds", num_folds=3, stratify="no"))
    assert np.bincount(folds).tolist() == [7, 7, 7]


def test_more_folds_than_groups_are_refused() -> None:
    with pytest.raises(DataError) as caught:
        draw_folds(single(5, 5), np.arange(10) // 3, config(kind="folds"))
    assert str(caught.value) == "split.num_folds: 5 is more than the 4 groups that there are"


# What cannot be drawn


@pytest.mark.parametrize(
    ("labels", "split", "message"),
    [
        (
            single(6, 6, 6),
            config(valid_fraction=0.1),
            "split.stratify: 2 validation and 16 training samples cannot both hold every class (3); "
            "change split.valid_fraction or set split.stratify: no",
        ),
        (
            single(3, 3),
            config(valid_fraction=0.9),
            "split.stratify: 5 validation and 1 training samples cannot both hold every class (2); "
            "change split.valid_fraction or set split.stratify: no",
        ),
        (
            numbers(range(40)),
            config(stratify="yes"),
            "split.stratify: 8 validation and 32 training samples cannot both hold every decile (10); "
            "change split.valid_fraction or set split.stratify: no",
        ),
        (single(1, 1), config(), "split.stratify: no class has two samples, so none can validate; set it to no"),
        (single(4, 3), config(kind="folds"), "split.num_folds: 5 is more than the 4 samples of any class"),
        (
            numbers(range(40)),
            config(kind="folds", stratify="yes"),
            "split.num_folds: 5 is more than the 4 samples of any decile",
        ),
    ],
)
def test_too_few_samples_are_refused(labels: LabelSet, split: SplitConfig, message: str) -> None:
    draw = draw_folds if split.kind == "folds" else draw_holdout
    with pytest.raises(DataError) as caught:
        draw(labels, None, split)
    assert str(caught.value) == message
