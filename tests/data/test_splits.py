from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from kgcv.config.schema import SplitConfig
from kgcv.data.labels import LabelSet, encode_labels
from kgcv.data.samples import SampleTable
from kgcv.data.splits import Split, count_folds, make_split, parts_of_folds, read_folds, read_split, write_split
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


def grouped(groups: str) -> tuple[SampleTable, LabelSet]:
    """Cats and dogs in turn, in groups called by one letter."""
    samples = replace(table([(("cat", "dog")[row % 2],) for row in range(len(groups))]), groups=tuple(groups))
    return samples, encode_labels(samples, "single")


def config(**keys: object) -> SplitConfig:
    return SplitConfig(**keys)  # type: ignore[arg-type]


# Drawn


@pytest.mark.parametrize("kind", ["holdout", "folds"])
@pytest.mark.parametrize("task", ["single", "multi"])
@pytest.mark.parametrize("stratify", ["yes", "no"])
@pytest.mark.parametrize("has_groups", [True, False])
def test_the_seed_decides(kind: str, task: Literal["single", "multi"], stratify: str, has_groups: bool) -> None:
    samples, _ = single({"cat": 50, "dog": 50})
    if has_groups:
        samples = replace(samples, groups=tuple(str(row // 2) for row in range(100)))
    labels = encode_labels(samples, task)
    configs = (config(kind=kind, stratify=stratify, seed=seed) for seed in (1, 1, 2))
    one, same, other = (make_split(samples, labels, each).folds for each in configs)
    assert one.tolist() == same.tolist()
    assert one.tolist() != other.tolist()


def test_a_draw_leaves_the_global_generator_alone() -> None:
    np.random.seed(7)
    expected = np.random.rand()
    np.random.seed(7)
    make_split(*single({"cat": 10, "dog": 10}), config())
    make_split(*single({"cat": 10, "dog": 10}), config(stratify="no"))
    make_split(*grouped("aabbccddee"), config())
    assert np.random.rand() == expected


@pytest.mark.parametrize("kind", ["holdout", "folds"])
@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_together(kind: str, seed: int) -> None:
    samples, labels = grouped("aaabbccddeeeffgghij" * 3)
    split = make_split(samples, labels, config(kind=kind, num_folds=3, seed=seed))
    folds = dict(zip(samples.groups or (), split.folds.tolist(), strict=True))
    assert split.folds.tolist() == [folds[group] for group in samples.groups or ()]


def test_training_on_all_validates_nothing() -> None:
    split = make_split(*single({"a": 3, "b": 2}), config(train_on_all=True), twins=[(0, 4)])
    assert split.folds.tolist() == [-1] * 5
    assert split.num_folds == 1
    assert split.train_rows(0).tolist() == [0, 1, 2, 3, 4]
    assert len(split.valid_rows(0)) == 0


# Twins


@pytest.mark.parametrize("kind", ["holdout", "folds"])
@pytest.mark.parametrize("seed", range(20))
def test_twins_follow_the_first_of_their_kind_and_all_else_stays_as_drawn(kind: str, seed: int) -> None:
    samples, labels = single({"cat": 20, "dog": 20})
    twins = [(0, 5, 39), (7, 8)]
    free = make_split(samples, labels, config(kind=kind, seed=seed), ()).folds
    bound = make_split(samples, labels, config(kind=kind, seed=seed), twins).folds
    expected = free.copy()
    expected[[5, 39]], expected[8] = free[0], free[7]
    assert bound.tolist() == expected.tolist()
    allowed = make_split(samples, labels, config(kind=kind, seed=seed, allow_twins=True), twins).folds
    assert allowed.tolist() == free.tolist()


@pytest.mark.parametrize("kind", ["holdout", "folds"])
@pytest.mark.parametrize("seed", range(20))
def test_twins_in_two_groups_join_the_groups(kind: str, seed: int) -> None:
    samples, labels = grouped("aabbccddeeffgghh")
    # a = b by rows 1 and 2, b = h by rows 3 and 15: one group of a, b and h.
    split = make_split(samples, labels, config(kind=kind, num_folds=3, seed=seed), [(1, 2), (3, 15)])
    folds = split.folds.tolist()
    assert len(set(folds[:4] + folds[14:])) == 1
    assert all(folds[row] == folds[row + 1] for row in range(4, 14, 2))


def test_twins_that_a_column_puts_on_both_sides_are_refused() -> None:
    samples, labels = marked("0", "1", "-1", "0", "1")
    by_fold = config(kind="column", column="fold")
    with pytest.raises(DataError) as caught:
        make_split(samples, labels, by_fold, [(0, 1), (2, 3), (1, 4)])
    assert str(caught.value) == (
        "split.kind: column puts identical images on both sides (2): 00000 = 00001, 00002 = 00003; "
        "move them to one side, or set split.allow_twins: true"
    )
    allowed = replace(by_fold, allow_twins=True)
    assert make_split(samples, labels, allowed, [(0, 1), (2, 3)]).folds.tolist() == [0, 1, -1, 0, 1]
    assert make_split(samples, labels, by_fold, [(0, 3), (1, 4)]).folds.tolist() == [0, 1, -1, 0, 1]


def test_twins_that_folders_put_on_both_sides_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"^split.kind: folder puts identical images on both sides \(1\): 00001 = 00003"
    ):
        make_split(*marked("train", "train", "valid", "valid"), config(kind="folder"), [(1, 3)])


# Told


def test_a_folder_validates_and_a_class_missing_from_it_shifts_nothing() -> None:
    samples = table([("cat",), ("dog",), ("emu",), ("emu",)], ["train", "train", "train", "valid"])
    labels = encode_labels(samples, "single")
    split = make_split(samples, labels, config(kind="folder"))
    assert split.valid_rows(0).tolist() == [3]
    assert labels.targets[split.valid_rows(0)].tolist() == [2]
    assert split.num_folds == 1


@pytest.mark.parametrize(
    "marks", [("1", "0", "1"), ("True", "false", "TRUE"), ("yes", "no", "yes"), ("valid", "", "1")]
)
def test_marks_tell_who_validates(marks: tuple[str, ...]) -> None:
    split = make_split(*marked(*marks), config(kind="column"))
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
    split = make_split(*marked(*marks), config(kind="column", column=column))
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
        make_split(*marked(*marks), config(kind="column", column=column))
    assert str(caught.value) == message


# What cannot be split


@pytest.mark.parametrize(
    ("split", "fold", "amount"),
    [
        (SplitConfig(stratify="no"), 0, "4 samples and 1 folds"),
        (SplitConfig(kind="folds", stratify="no"), 4, "4 samples and 5 folds"),
    ],
)
def test_too_few_samples_are_refused(split: SplitConfig, fold: int, amount: str) -> None:
    with pytest.raises(DataError) as caught:
        make_split(*single({"a": 2, "b": 2}), split)
    expected = f"split.kind: {split.kind} leaves fold {fold} without validation samples; there are {amount}"
    assert str(caught.value) == expected


def test_groups_that_are_too_large_for_the_fraction_are_refused() -> None:
    with pytest.raises(DataError) as caught:
        make_split(*grouped("aaaabbbb"), config(valid_fraction=0.1))
    assert str(caught.value) == (
        "split.kind: holdout leaves fold 0 without validation samples; there are 8 samples, 2 groups and 1 folds"
    )


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
        make_split(*marked(*marks), config(kind="column", column=column))
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
    split = make_split(samples, labels, config())
    again = make_split(
        table(samples.labels or (), [str(fold) for fold in split.folds]),
        labels,
        config(kind="column", column="fold"),
    )
    assert again.folds.tolist() == split.folds.tolist()


def test_a_split_of_other_samples_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    write_split(path, ["x", "y"], Split(np.array([-1, 0]), 1))
    with pytest.raises(DataError) as caught:
        read_split(path, ["x", "z"])
    assert str(caught.value) == (f"{path} and the samples:\n  samples without a row (1): z\n  rows of no sample (1): y")


@pytest.mark.parametrize("cell", ["x", "", "-2", "1.0", "9" * 400, "\u0661"])
def test_a_split_that_somebody_changed_is_named(tmp_path: Path, cell: str) -> None:
    (tmp_path / "split.csv").write_text(f"id,fold\na,0\nb,{cell}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"column 'fold': folds count from 0, and -1 always trains; found "):
        read_split(tmp_path / "split.csv", ("a", "b"))


def test_the_folds_of_some_samples(tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    write_split(path, ["x", "y", "z"], Split(np.array([2, 0, 1]), 3))
    assert count_folds(path) == 3
    assert read_folds(path, ["z", "x"]).tolist() == [1, 2]
    with pytest.raises(DataError, match=r"split\.csv: 1 ids are missing: w$"):
        read_folds(path, ["z", "w"])


def test_parts_are_the_folds_or_every_fifth() -> None:
    assert parts_of_folds(np.array([1, 0, 1])).tolist() == [1, 0, 1]
    assert parts_of_folds(np.zeros(7, dtype=np.int64)).tolist() == [0, 1, 2, 3, 4, 0, 1]
