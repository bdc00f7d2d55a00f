from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kgcv.config.schema import SplitConfig
from kgcv.data.labels import LabelSet
from kgcv.data.samples import SampleTable
from kgcv.data.splits import Split, make_split, read_split, write_split
from kgcv.errors import DataError

# Ten days, two rows each, in no order.
DAYS = np.array([3, 9, 0, 5, 7, 1, 8, 2, 6, 4, 4, 0, 9, 5, 2, 8, 1, 3, 7, 6])
SAMPLES = SampleTable(
    ids=tuple(f"r{row}" for row in range(20)),
    paths=(),
    dates=np.datetime64("2015-02-25") + DAYS,
)
LABELS = LabelSet("regression", ("y",), np.zeros((20, 1), dtype=np.float32))


def split_of(**keys: Any) -> Split:
    return make_split(SAMPLES, LABELS, SplitConfig(**keys))


def days(rows: np.ndarray) -> list[int]:
    assert all(np.count_nonzero(DAYS[rows] == day) == 2 for day in DAYS[rows])
    return sorted(set(DAYS[rows].tolist()))


def test_the_last_days_validate_and_those_before_train() -> None:
    split = split_of(kind="last_days", days=3)
    assert split.num_folds == 1
    assert days(split.train_rows(0)) == [0, 1, 2, 3, 4, 5, 6]
    assert days(split.valid_rows(0)) == [7, 8, 9]


def test_in_the_gap_before_them_nothing_trains() -> None:
    split = split_of(kind="last_days", days=3, gap_days=2)
    assert days(split.train_rows(0)) == [0, 1, 2, 3, 4]
    assert days(split.valid_rows(0)) == [7, 8, 9]


def test_folds_go_forward() -> None:
    split = split_of(kind="forward", num_folds=3, days=2, gap_days=1)
    assert split.num_folds == 3
    assert [days(split.train_rows(fold)) for fold in range(3)] == [[0, 1, 2], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5, 6]]
    assert [days(split.valid_rows(fold)) for fold in range(3)] == [[4, 5], [6, 7], [8, 9]]


def test_days_without_rows_are_days_all_the_same() -> None:
    samples = SampleTable(("a", "b", "c"), (), dates=np.array(["2015-01-01", "2015-01-08", "2015-01-10"], "M8[D]"))
    labels = LabelSet("regression", ("y",), np.zeros((3, 1), dtype=np.float32))
    split = make_split(samples, labels, SplitConfig(kind="last_days", days=3))
    assert split.valid_rows(0).tolist() == [1, 2]
    split = make_split(samples, labels, SplitConfig(kind="last_days", days=2))
    assert split.valid_rows(0).tolist() == [2]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"kind": "last_days", "days": 10}, "split.kind: last_days leaves fold 0 without training samples"),
        ({"kind": "last_days", "days": 9, "gap_days": 1}, "split.kind: last_days leaves fold 0 without training"),
        ({"kind": "forward", "days": 2, "num_folds": 5}, "split.kind: forward leaves fold 0 without training samples"),
        ({"kind": "forward", "days": 2, "num_folds": 7}, "split.kind: forward leaves fold 0 without training samples"),
    ],
)
def test_too_few_days_are_an_error(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError, match=f"^{problem}"):
        split_of(**keys)
    split_of(**{**keys, "days": 1, "num_folds": 3})


def test_a_split_in_time_is_kept_as_a_file(tmp_path: Path) -> None:
    split = split_of(kind="forward", num_folds=2, days=2, gap_days=1)
    write_split(tmp_path / "split.csv", SAMPLES.ids, split)
    lines = (tmp_path / "split.csv").read_text().splitlines()
    assert lines[0] == "id,fold,trains_from"
    assert lines[1] == "r0,-1,0"
    assert lines[2] == "r1,1,2"  # of day 9: validates in the last fold and trains in none
    again = read_split(tmp_path / "split.csv", SAMPLES.ids)
    for fold in range(2):
        assert np.array_equal(again.train_rows(fold), split.train_rows(fold))
        assert np.array_equal(again.valid_rows(fold), split.valid_rows(fold))


def test_other_splits_are_kept_as_before(tmp_path: Path) -> None:
    split = split_of(kind="holdout", valid_fraction=0.2)
    write_split(tmp_path / "split.csv", SAMPLES.ids, split)
    assert (tmp_path / "split.csv").read_text().startswith("id,fold\n")
    assert read_split(tmp_path / "split.csv", SAMPLES.ids).trains_from is None


def test_dates_follow_their_rows() -> None:
    chosen = SAMPLES.select(np.array([2, 1]))
    assert chosen.ids == ("r2", "r1")
    assert chosen.paths == ()
    assert chosen.dates is not None
    assert chosen.dates.astype(str).tolist() == ["2015-02-25", "2015-03-06"]
