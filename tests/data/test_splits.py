from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from kgcv.config.schema import SplitConfig
from kgcv.data.labels import LabelSet, encode_labels
from kgcv.data.samples import SampleTable
from kgcv.data.splits import Split, draw_course_rows, make_split, read_split, write_split
from kgcv.errors import DataError


def table(labels: Sequence[Sequence[str]], marks: Sequence[str] | None = None) -> SampleTable:
    ids = tuple(f"{row:05}" for row in range(len(labels)))
    rows = tuple(tuple(row) for row in labels)
    return SampleTable(ids, tuple(map(Path, ids)), rows, split_marks=None if marks is None else tuple(marks))


def single(counts: dict[str, int]) -> tuple[SampleTable, LabelSet]:
    samples = table([(name,) for name, count in counts.items() for _ in range(count)])
    return samples, encode_labels(samples, "single")


def marked(*marks: str) -> tuple[SampleTable, LabelSet]:
    samples = table([("ab"[row % 2],) for row in range(len(marks))], marks)
    return samples, encode_labels(samples, "single")


def holdout(**keys: object) -> SplitConfig:
    return SplitConfig(**keys)  # type: ignore[arg-type]


def shares(labels: LabelSet, rows: np.ndarray) -> list[int]:
    return [int(count) for count in np.bincount(labels.targets[rows], minlength=len(labels.class_names))]


# The course's draw


def test_the_course_draw_is_the_start_of_the_seeded_permutation() -> None:
    # np.random.seed(42); np.random.permutation(10) is 8 1 5 0 7 2 9 4 3 6.
    assert draw_course_rows(10, 0, 2, 42).tolist() == [8, 1]
    assert draw_course_rows(10, 4, 2, 42).tolist() == [3, 6]


def test_unstratified_holdout_is_the_courses() -> None:
    split = make_split(*single({"a": 5, "b": 5}), holdout(stratify=False))
    assert split.num_folds == 1
    assert split.valid_rows(0).tolist() == [1, 8]
    assert split.train_rows(0).tolist() == [0, 2, 3, 4, 5, 6, 7, 9]
    assert split.folds.dtype == np.int64


def test_dog_breeds_has_the_courses_sizes() -> None:
    split = make_split(*single({"a": 5000, "b": 5222}), holdout(stratify=False))
    np.random.seed(42)  # as the course did it
    expected = np.random.permutation(10222)[:2044]
    assert split.valid_rows(0).tolist() == sorted(expected.tolist())
    assert len(split.train_rows(0)) == 8178


def test_unstratified_folds_are_the_courses_and_leave_the_remainder_out() -> None:
    split = make_split(*single({"a": 6, "b": 5}), holdout(kind="folds", stratify=False))
    permutation = np.random.RandomState(42).permutation(11)
    for fold in range(5):
        assert split.valid_rows(fold).tolist() == sorted(permutation[2 * fold : 2 * fold + 2].tolist())
    assert np.flatnonzero(split.folds == -1).tolist() == [permutation[10]]
    assert all(permutation[10] in split.train_rows(fold) for fold in range(5))


def test_blocks_are_as_long_as_the_courses_fraction_makes_them() -> None:
    assert all(num_samples // 5 == int(0.2 * num_samples) for num_samples in range(2000))


# Stratified


def test_stratified_holdout_keeps_the_shares() -> None:
    samples, labels = single({"cat": 100, "dog": 50, "emu": 10})
    split = make_split(samples, labels, holdout())
    assert shares(labels, split.valid_rows(0)) == [20, 10, 2]
    assert shares(labels, split.train_rows(0)) == [80, 40, 8]


@pytest.mark.parametrize("kind", ["holdout", "folds"])
@pytest.mark.parametrize("task", ["single", "multi"])
@pytest.mark.parametrize("stratify", [True, False])
def test_the_seed_decides(kind: str, task: Literal["single", "multi"], stratify: bool) -> None:
    samples, _ = single({"cat": 50, "dog": 50})
    labels = encode_labels(samples, task)
    configs = (holdout(kind=kind, stratify=stratify, seed=seed) for seed in (1, 1, 2))
    one, same, other = (make_split(samples, labels, config).folds for config in configs)
    assert one.tolist() == same.tolist()
    assert one.tolist() != other.tolist()


def test_a_draw_leaves_the_global_generator_alone() -> None:
    np.random.seed(7)
    expected = np.random.rand()
    np.random.seed(7)
    make_split(*single({"cat": 10, "dog": 10}), holdout())
    make_split(*single({"cat": 10, "dog": 10}), holdout(stratify=False))
    assert np.random.rand() == expected


@pytest.mark.parametrize("seed", range(5))
def test_a_class_with_one_sample_always_trains(seed: int) -> None:
    samples, labels = single({"cat": 10, "dog": 10, "yeti": 1})
    split = make_split(samples, labels, holdout(seed=seed))
    assert shares(labels, split.valid_rows(0)) == [2, 2, 0]
    folds = make_split(samples, labels, holdout(kind="folds", seed=seed))
    assert folds.folds[20] == -1
    assert sorted(folds.folds[:20].tolist()) == sorted([0, 1, 2, 3, 4] * 4)


def test_stratified_folds_keep_the_shares_and_cover_everything() -> None:
    samples, labels = single({"cat": 50, "dog": 25, "emu": 3})
    split = make_split(samples, labels, holdout(kind="folds"))
    assert split.num_folds == 5
    for fold in range(5):
        cat, dog, _ = shares(labels, split.valid_rows(fold))
        assert (cat, dog) == (10, 5)
    assert sorted(split.folds[75:].tolist()) == sorted(set(split.folds[75:].tolist()))
    assert split.folds.min() == 0


def test_tags_keep_their_shares() -> None:
    rows = [["common"] + ["rare"] * (row % 10 == 0) + ["half"] * (row % 2) for row in range(200)]
    samples = table(rows)
    labels = encode_labels(samples, "multi")
    assert labels.targets.sum(axis=0).tolist() == [200, 100, 20]
    held = make_split(samples, labels, holdout()).valid_rows(0)
    assert labels.targets[held].sum(axis=0).tolist() == [40, 20, 4]
    folds = make_split(samples, labels, holdout(kind="folds"))
    for fold in range(5):
        assert labels.targets[folds.valid_rows(fold)].sum(axis=0).tolist() == [40, 20, 4]


def test_a_single_tag_is_stratified_as_two_classes() -> None:
    samples = table([["haze"]] * 10 + [[]] * 40)
    labels = encode_labels(samples, "multi")
    split = make_split(samples, labels, holdout())
    assert labels.targets[split.valid_rows(0)].sum() == 2
    assert len(split.valid_rows(0)) == 10


def test_regression_takes_the_course_draw_whatever_stratify_says() -> None:
    samples = table([(str(row),) for row in range(10)])
    labels = encode_labels(samples, "regression")
    assert make_split(samples, labels, holdout()).valid_rows(0).tolist() == [1, 8]
    assert make_split(samples, labels, holdout(kind="folds")).valid_rows(4).tolist() == [3, 6]


# Told


def test_a_folder_validates_and_a_class_missing_from_it_shifts_nothing() -> None:
    samples = table([("cat",), ("dog",), ("emu",), ("emu",)], ["train", "train", "train", "valid"])
    labels = encode_labels(samples, "single")
    split = make_split(samples, labels, holdout(kind="folder"))
    assert split.valid_rows(0).tolist() == [3]
    assert labels.targets[split.valid_rows(0)].tolist() == [2]
    assert split.num_folds == 1


@pytest.mark.parametrize(
    "marks", [("1", "0", "1"), ("True", "false", "TRUE"), ("yes", "no", "yes"), ("valid", "", "1")]
)
def test_marks_tell_who_validates(marks: tuple[str, ...]) -> None:
    split = make_split(*marked(*marks), holdout(kind="column"))
    assert split.folds.tolist() == [0, -1, 0]
    assert split.num_folds == 1


@pytest.mark.parametrize(
    ("column", "marks", "folds", "num_folds"),
    [
        ("valid", ("0", "1", "2"), [0, 1, 2], 3),
        ("valid", ("0", "-1", "0"), [0, -1, 0], 1),
        ("valid", ("0", "1", "-1"), [0, 1, -1], 2),
        ("fold", ("0", "1", "0"), [0, 1, 0], 2),
        ("fold", ("-1", "0", "-1"), [-1, 0, -1], 1),
    ],
)
def test_fold_numbers_are_known_by_the_name_or_by_a_value(
    column: str, marks: tuple[str, ...], folds: list[int], num_folds: int
) -> None:
    split = make_split(*marked(*marks), holdout(kind="column", column=column))
    assert split.folds.tolist() == folds
    assert split.num_folds == num_folds


@pytest.mark.parametrize(
    ("column", "marks", "message"),
    [
        (
            "valid",
            ("1", "0", "maybe", "maybe"),
            "column 'valid': 1, true, yes or valid marks validation rows; 0, false, no, train or nothing "
            "marks the others; found 'maybe'",
        ),
        ("fold", ("0", "1", ""), "column 'fold': folds count from 0, and -1 always trains; found ''"),
        ("k", ("0", "2", "-2", "x"), "column 'k': folds count from 0, and -1 always trains; found '-2', 'x'"),
    ],
)
def test_other_marks_are_refused(column: str, marks: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError) as caught:
        make_split(*marked(*marks), holdout(kind="column", column=column))
    assert str(caught.value) == message


# What cannot be split


@pytest.mark.parametrize(
    ("counts", "config", "message"),
    [
        (
            {"a": 2, "b": 2},
            holdout(stratify=False),
            "split.kind: holdout leaves fold 0 without validation samples; there are 4 samples and 1 folds",
        ),
        (
            {"a": 2, "b": 2},
            holdout(kind="folds", stratify=False),
            "split.kind: folds leaves fold 0 without validation samples; there are 4 samples and 5 folds",
        ),
        (
            {"a": 6, "b": 6, "c": 6},
            holdout(valid_fraction=0.1),
            "split.stratify: 2 validation and 16 training samples cannot both hold all 3 classes; "
            "change split.valid_fraction or set split.stratify: false",
        ),
        (
            {"a": 3, "b": 3},
            holdout(valid_fraction=0.9),
            "split.stratify: 5 validation and 1 training samples cannot both hold all 2 classes; "
            "change split.valid_fraction or set split.stratify: false",
        ),
        (
            {"a": 1, "b": 1},
            holdout(),
            "split.stratify: no class has two samples, so none can validate; set it to false",
        ),
        (
            {"a": 4, "b": 3},
            holdout(kind="folds"),
            "split.num_folds: 5 is more than the 4 samples of any class",
        ),
    ],
)
def test_too_few_samples_are_refused(counts: dict[str, int], config: SplitConfig, message: str) -> None:
    with pytest.raises(DataError) as caught:
        make_split(*single(counts), config)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("column", "marks", "where"),
    [
        ("valid", ("1", "1"), "fold 0 without training samples; there are 2 samples and 1 folds"),
        ("valid", ("0", "0"), "fold 0 without validation samples; there are 2 samples and 1 folds"),
        ("fold", ("-1", "-1"), "fold 0 without validation samples; there are 2 samples and 1 folds"),
        ("fold", ("1", "2"), "fold 0 without validation samples; there are 2 samples and 3 folds"),
    ],
)
def test_an_empty_side_is_refused(column: str, marks: tuple[str, ...], where: str) -> None:
    with pytest.raises(DataError) as caught:
        make_split(*marked(*marks), holdout(kind="column", column=column))
    assert str(caught.value) == f"split.kind: column leaves {where}"


@pytest.mark.parametrize("fold", [-1, 2])
def test_a_fold_that_does_not_exist_is_refused(fold: int) -> None:
    split = Split(np.array([0, 1, 0]), 2)
    for rows in (split.train_rows, split.valid_rows):
        with pytest.raises(DataError) as caught:
            rows(fold)
        assert str(caught.value) == f"fold {fold} does not exist; the split has 2, numbered from 0"


# The file


@pytest.mark.parametrize("folds", [[0, -1, -1], [1, 0, 2], [-1, 0, 1]])
def test_a_written_split_reads_back_exactly(tmp_path: Path, folds: list[int]) -> None:
    path, ids = tmp_path / "split.csv", ["007", 'a, "b"/c.jpg', "NA"]
    split = Split(np.array(folds), max(folds) + 1)
    write_split(path, ids, split)
    again = read_split(path, ids)
    assert again.folds.tolist() == folds
    assert again.folds.dtype == np.int64
    assert again.num_folds == split.num_folds
    assert read_split(path, ids[::-1]).folds.tolist() == folds[::-1]


def test_the_file_is_plain(tmp_path: Path) -> None:
    write_split(tmp_path / "split.csv", ["x", "y"], Split(np.array([-1, 0]), 1))
    assert (tmp_path / "split.csv").read_bytes() == b"id,fold\nx,-1\ny,0\n"


def test_a_stored_holdout_serves_as_a_split_column(tmp_path: Path) -> None:
    samples, labels = single({"a": 10, "b": 10})
    split = make_split(samples, labels, holdout())
    again = make_split(
        table(samples.labels or (), [str(fold) for fold in split.folds]),
        labels,
        holdout(kind="column", column="fold"),
    )
    assert again.folds.tolist() == split.folds.tolist()


def test_a_split_of_other_samples_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    write_split(path, ["x", "y"], Split(np.array([-1, 0]), 1))
    with pytest.raises(DataError) as caught:
        read_split(path, ["x", "z"])
    assert str(caught.value) == (f"{path} and the samples:\n  samples without a row (1): z\n  rows of no sample (1): y")
