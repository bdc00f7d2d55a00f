from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kgcv.config.schema import (
    ColumnsConfig,
    Config,
    DataConfig,
    KnownAnswerConfig,
    ModelConfig,
    RowsConfig,
    SplitConfig,
    StageConfig,
)
from kgcv.data.splits import make_split
from kgcv.data.tables.features import FeatureTable
from kgcv.data.tables.rows import known_answers, needed_columns, table_labels, test_rows, train_rows
from kgcv.errors import DataError

Make = Callable[..., pd.DataFrame]

CONFIG = Config(
    data=DataConfig(
        root="d",
        kind="table",
        tables={"train": "a.csv", "test": "b.csv"},
        id_column="id",
        date_column="day",
        target="y",
        task="regression",
    ),
    columns=ColumnsConfig(categories=("shop",), numbers=("size",)),
    rows=RowsConfig(keep_where=("y > 0",), predict=(KnownAnswerConfig(where=("open == 0",), value=0),)),
    split=SplitConfig(kind="last_days", days=1),
    model=ModelConfig(name="x"),
    stages=(StageConfig(lr=(0.1,)),),
)


@pytest.fixture
def table(make_frame: Make) -> FeatureTable:
    """Four rows to learn from, one of them without sales, and two to predict."""
    frame = make_frame(
        id=["", "", "", "", "x1", "x2"],
        day=["2015-01-01", "2015-01-01", "2015-01-02", "2015-01-02", "2015-01-03", "2015-01-03"],
        y=[5, 0, 7, 8, "", ""],
        shop=["a", "b", "a", "b", "a", "b"],
        size=[1, 2, 3, 4, 5, 6],
        open=[1, 0, 1, 1, 0, ""],
    )
    return FeatureTable(frame, 4)


def changed(**sections: dict[str, Any]) -> Config:
    config = CONFIG
    for name, keys in sections.items():
        config = replace(config, **{name: replace(getattr(config, name), **keys)})
    return config


def test_rows_to_learn_from_are_numbered_and_some_are_left_out(table: FeatureTable) -> None:
    rows = train_rows(table, CONFIG)
    assert rows.samples.ids == ("1", "3", "4")
    assert rows.frame["size"].tolist() == [1, 3, 4]
    assert len(rows) == 3
    assert rows.samples.dates is not None
    assert rows.samples.dates.astype(str).tolist() == ["2015-01-01", "2015-01-02", "2015-01-02"]
    assert rows.samples.paths == ()
    labels = table_labels(rows, CONFIG)
    assert (labels.task, labels.class_names, labels.targets.tolist()) == ("regression", ("y",), [[5], [7], [8]])
    assert labels.targets.dtype == np.float32
    split = make_split(rows.samples, labels, CONFIG.split)
    assert split.train_rows(0).tolist() == [0]


def test_rows_to_predict_have_the_ids_of_their_file(table: FeatureTable) -> None:
    rows = test_rows(table, CONFIG)
    assert rows.samples.ids == ("x1", "x2")
    assert rows.frame["size"].tolist() == [5, 6]
    assert list(rows.frame.index) == [0, 1]


def test_known_answers(table: FeatureTable) -> None:
    rules = (KnownAnswerConfig(where=("open == 0",), value=0), KnownAnswerConfig(where=("size >= 1",), value=9))
    frame = table.frame.iloc[3:]
    assert known_answers(frame, rules).tolist() == [9, 0, 9]
    assert np.array_equal(known_answers(frame, rules[:1]), [np.nan, 0, np.nan], equal_nan=True)
    assert np.isnan(known_answers(frame, ())).all()


def test_ids_of_rows_to_learn_from_are_kept_where_they_have_some(make_frame: Make) -> None:
    frame = make_frame(id=["p", "q", "r"], y=[1, 0, 2], day=["2015-01-01"] * 3)
    assert train_rows(FeatureTable(frame, 3), CONFIG).samples.ids == ("p", "r")
    with pytest.raises(DataError, match=r"names no table test, so there are no rows to predict$"):
        test_rows(FeatureTable(frame, 3), changed(data={"id_column": None}))


@pytest.mark.parametrize(
    ("ids", "problem"),
    [
        (["p", "p", "q"], r"ids that occur more than once \(1\): p"),
        (["p", "", "q"], r"rows without an id \(1\): row 2"),
    ],
)
def test_doubled_and_missing_ids_are_named(make_frame: Make, ids: list[str], problem: str) -> None:
    frame = make_frame(id=ids, y=[1, 1, 1], day=["2015-01-01"] * 3)
    with pytest.raises(DataError, match=problem):
        train_rows(FeatureTable(frame, 3), CONFIG)


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"day": ["2015-01-01", ""]}, r"^data\.date_column: day:\n  rows without a date \(1\): 2$"),
        ({"y": ["0", "0"]}, r"^rows\.keep_where: none of 2 rows meets y > 0$"),
        ({"y": ["a", "b"]}, r"^rows\.keep_where: y > 0: the column holds texts"),
    ],
)
def test_rows_that_cannot_be_learned_from_are_named(make_frame: Make, columns: dict[str, Any], problem: str) -> None:
    frame = make_frame(**{"id": ["", ""], "day": ["2015-01-01", "2015-01-02"], "y": [1, 1], **columns})
    with pytest.raises(DataError, match=problem):
        train_rows(FeatureTable(frame, 2), CONFIG)


def test_a_missing_target_is_named(make_frame: Make) -> None:
    config = changed(rows={"keep_where": ()})
    frame = make_frame(id=["", ""], day=["2015-01-01", "2015-01-02"], y=[1, ""])
    with pytest.raises(DataError, match=r"^data\.target: y:\n  rows to learn from without a value \(1\): 2$"):
        table_labels(train_rows(FeatureTable(frame, 2), config), config)


@pytest.mark.parametrize(
    ("cells", "task", "expected"),
    [
        (["b", "a", "b"], "auto", ([1, 0, 1], ("a", "b"))),
        (["10", "9", "10"], "single", ([0, 1, 0], ("10", "9"))),
    ],
)
def test_classes(make_frame: Make, cells: list[str], task: Any, expected: tuple[list[int], tuple[str, ...]]) -> None:
    config = changed(rows={"keep_where": ()}, data={"task": task})
    rows = train_rows(FeatureTable(make_frame(id=["p", "q", "r"], y=cells, day=["2015-01-01"] * 3), 3), config)
    labels = table_labels(rows, config)
    assert (labels.task, labels.targets.tolist(), labels.class_names) == ("single", *expected)
    with pytest.raises(DataError, match=r"samples with another label"):
        table_labels(rows, config, ("a", "c"))


def test_numbers_may_be_amounts_or_classes(table: FeatureTable) -> None:
    config = changed(data={"task": "auto"})
    with pytest.raises(DataError, match=r"auto cannot tell whether the numbers of y are amounts or classes; set data"):
        table_labels(train_rows(table, config), config)


@pytest.mark.parametrize(
    ("split", "is_warned"),
    [
        ({"kind": "holdout"}, True),
        ({"kind": "folds"}, True),
        ({"kind": "last_days", "days": 1}, False),
        ({"kind": "column", "column": "shop"}, False),
        ({"train_on_all": True}, False),
    ],
)
def test_a_random_split_of_rows_with_dates_is_warned_of(
    table: FeatureTable, split: dict[str, Any], is_warned: bool
) -> None:
    config = replace(CONFIG, split=SplitConfig(**split))
    notes = table_labels(train_rows(table, config), config).notes
    assert bool(notes) == is_warned
    if is_warned:
        assert notes[0].startswith(f"split.kind: {split['kind']} draws rows at random, though they have dates (day): ")
        undated = replace(config, data=replace(config.data, date_column=None))
        assert table_labels(train_rows(table, undated), undated).notes == ()


def test_columns_of_the_table_may_tell_the_split_and_its_groups(table: FeatureTable, tmp_path: Path) -> None:
    told = replace(CONFIG, split=SplitConfig(kind="column", column="size"))
    assert train_rows(table, told).samples.split_marks == ("1", "3", "4")
    grouped = replace(CONFIG, split=SplitConfig(kind="folds", num_folds=2, group_column="shop"))
    assert train_rows(table, grouped).samples.groups == ("a", "a", "b")
    stored = tmp_path / "split.csv"
    stored.write_text("id,fold\n4,0\n3,-1\n1,1\n")
    filed = replace(CONFIG, split=SplitConfig(kind="column", column="fold", file=str(stored)))
    assert train_rows(table, filed).samples.split_marks == ("1", "-1", "0")


def test_the_columns_that_are_needed() -> None:
    assert needed_columns(CONFIG) == {"shop", "size", "y", "id", "day", "open"}
    config = replace(CONFIG, split=SplitConfig(kind="column", column="part"), rows=RowsConfig())
    assert needed_columns(config) == {"shop", "size", "y", "id", "day", "part"}
    grouped = replace(config, split=SplitConfig(group_column="town"))
    assert "town" in needed_columns(grouped)
