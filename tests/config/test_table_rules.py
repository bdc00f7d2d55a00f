from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kgcv.config.load import dump_config, load_config, resolved
from kgcv.config.schema import Config

Load = Callable[..., Config]
Complaints = Callable[..., list[str]]

TABLE = """\
data:
  kind: table
  root: d
  tables: {train: a.csv, test: b.csv, stores: s.csv}
  id_column: id
  date_column: when
  target: y
  task: regression
columns: {categories: shop, numbers: size}
model: {name: embeddings}
stages: [{lr: 1}]
"""
ROLLING = "features=[{step: rolling, columns: y, days: 7, lag_days: 41}]"


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (["data.tables={stores: s.csv}"], "data.tables: needs train: the file with the rows to learn from"),
        (["data.tables.rows=r.csv"], "data.tables.rows: rows is what train and test are together; give this file"),
        (["data.id_column=null"], "data.id_column: required with a table test: the column with the ids of its rows"),
        (["data.target=null"], "data.target: required with data.kind: table: the column of train to predict"),
        (["data.task=multi"], "data.task: a table has one target a row; use single, regression or auto"),
        (["columns={}"], "columns: needs categories, numbers or both: the columns that the network sees"),
        (["columns.numbers=y"], "columns.numbers: 'y' is the target; a network that sees it learns nothing else"),
        (["columns.numbers=[a, a]"], "columns.numbers: names 'a' twice"),
        (["columns.numbers=[shop]"], "columns.numbers: 'shop' is among the categories, too"),
        (["columns.embedding_sizes={size: 3}"], "columns.embedding_sizes: 'size' is not among the categories"),
        (
            ["features=[{step: join, right: shops, on: shop}]"],
            "features.0.right: there is no table 'shops'; data.tables and rows make rows, stores",
        ),
        (
            ["features=[{step: drop, table: test, columns: a}]"],
            "features.0.table: test is part of the table rows; steps work on both parts at once",
        ),
        (
            ["features=[{step: elapsed, table: stores, columns: a, calendar: true}]"],
            "features.0.date: required, but not given; data.date_column is of rows alone",
        ),
        (
            ["data.date_column=null", "features=[{step: elapsed, columns: a, calendar: true}]"],
            "features.0.date: required, but not given; data.date_column is of rows alone",
        ),
        (["split.kind=last_days"], "split.days: required with split.kind: last_days; as many as the rows to predict"),
        (["split.kind=forward"], "split.days: required with split.kind: forward; as many as the rows to predict"),
        (["data.date_column=null", "split={kind: last_days, days: 7}"], "split.kind: last_days needs data.date_column"),
        (["split.kind=folder"], "split.kind: folder needs data.kind: images"),
        (
            ["split={kind: last_days, days: 42}", ROLLING],
            "features.0.lag_days: must be at least split.days (42), got 41: rows that validate would see values of",
        ),
        (["rows.keep_where=y>0"], "rows.keep_where: must be a column, one of == != < <= > >= and a value"),
        (["rows.predict=[{where: open, value: 0}]"], "rows.predict.0.where: must be a column, one of == != < <= > >="),
        (["data.task=single", "target.log=true"], "target.log: does nothing here; it needs data.task: regression"),
        (["target.y_range=3"], "target.y_range: needs two numbers, the smaller one first, got [3.0]"),
        (["target.y_range=[3, 3]"], "target.y_range: needs two numbers, the smaller one first, got [3.0, 3.0]"),
        (
            ["target={y_range: [0, 1], y_range_margin: 0.2}"],
            "target.y_range_margin: give y_range or y_range_margin, not both",
        ),
        (["model.name=resnet34"], "model.name: must be embeddings, the network for tables, got 'resnet34'"),
        (["model.weights=runs/a"], "model.weights: does nothing here; it needs data.kind: images"),
        (["split.days=3"], "split.days: does nothing here; it needs split.kind: last_days or forward, and no split."),
        (["resize.ratio=2"], "resize: does nothing here; it needs data.kind: images"),
        (["augment.max_zoom=2"], "augment: does nothing here; it needs data.kind: images"),
        (["tta.views=flip"], "tta: does nothing here; it needs data.kind: images"),
        (["data.train.labels=x.csv"], "data.train: does nothing here; it needs data.kind: images"),
        (["stages.0.image_size=8"], "stages.0.image_size: does nothing here; it needs data.kind: images"),
        (["stages.0.augment={preset: none}"], "stages.0.augment: does nothing here; it needs data.kind: images"),
    ],
)
def test_what_contradicts_itself_is_named(complaints: Complaints, overrides: list[str], problem: str) -> None:
    found = [line.split(": ", 1)[1] for line in complaints(*overrides, text=TABLE)]
    assert any(line.startswith(problem) or f" {problem}" in line for line in found)
    assert len(found) == 1


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["split={kind: last_days, days: 42}"],
        ["split={kind: last_days, days: 41}", ROLLING],
        [ROLLING],
        ["split={kind: forward, days: 7, num_folds: 3, gap_days: 2}"],
        ["split={kind: column, column: part}"],
        ["split={train_on_all: true}"],
        ["data.tables={train: a.csv}", "data.id_column=null"],
        ["data.task=auto"],
        ["target={log: true, y_range: [0, 12.5]}"],
        ["target.y_range_margin=0"],
    ],
)
def test_what_goes_together_is_accepted(complaints: Complaints, overrides: list[str]) -> None:
    assert complaints(*overrides, text=TABLE) == []


@pytest.mark.parametrize(
    "override",
    [
        "data.tables={train: a.csv}",
        "data.target=y",
        "data.id_column=id",
        "data.date_column=when",
        "data.missing_words=NA",
        "data.cache=c",
        "features=[{step: drop, columns: a, table: rows}]",
        "columns.numbers=a",
        "target.log=false",
        "rows.keep_where=a > 0",
        "split={kind: last_days, days: 3}",
    ],
)
def test_keys_of_tables_do_nothing_with_images(complaints: Complaints, override: str) -> None:
    found = complaints(override)
    assert found
    assert any("needs data.kind: table" in line or "needs rows with dates: data.kind: table" in line for line in found)


def test_an_image_stage_needs_a_size_and_a_table_has_none(complaints: Complaints, load: Load) -> None:
    assert complaints("stages=[{lr: 1}]") == [
        "--set stages=[{lr: 1}]: stages.0.image_size: required, but not given",
    ]
    assert "image_size" not in resolved(load(text=TABLE))["stages"][0]


def test_the_dump_of_a_table_has_no_keys_of_images_and_loads_back(load: Load, tmp_path: Path) -> None:
    config = load("split={kind: forward, days: 7}", text=TABLE)
    tree = resolved(config)
    assert not {"resize", "augment", "tta"} & set(tree)
    assert not {"train", "test"} & set(tree["data"])
    (tmp_path / "dump.yaml").write_text(dump_config(config))
    assert load_config(tmp_path / "dump.yaml") == config


def test_the_dump_of_images_has_no_keys_of_tables(load: Load) -> None:
    tree = resolved(load())
    assert not {"features", "columns", "target", "rows"} & set(tree)
    assert not {"tables", "target", "id_column", "date_column", "missing_words", "cache"} & set(tree["data"])
    assert not {"days", "gap_days"} & set(tree["split"])
