from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.feather
import pytest

from kgcv.config.calendar_steps import ElapsedStep
from kgcv.config.number_steps import ClipStep, FillStep, FlagStep
from kgcv.config.schema import ColumnsConfig, Config, DataConfig, ModelConfig, StageConfig
from kgcv.config.table_steps import JoinStep
from kgcv.data.tables.features import FeatureReport, FeatureTable, features_of_row, load_features
from kgcv.errors import DataError, StopRequested
from kgcv.events import Recorder, TaskDone, TaskStarted, never_stop

Change = Callable[..., Config]

STEPS = (
    JoinStep(step="join", right="shops", on=("shop",)),
    FillStep(step="fill", columns=("size",), by="mean", flag=True),
    FlagStep(step="flag", where=("holiday != '0'",), name="free"),
    ElapsedStep(step="elapsed", columns=("free",), group=("shop",), calendar=True),
)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Three rows to learn from and two to predict, of two shops."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    files = {
        "train.csv": "shop,day,y,holiday\n1,2015-01-01,5,a\n1,2015-01-02,6,0\n2,2015-01-02,7,0\n",
        "test.csv": "Id,shop,day,holiday\n10,3,2015-01-03,0\n11,1,2015-01-04,b\n",
        "shops.csv": "shop,town,size\n1,x,10\n2,y,\n3,z,1000\n",
    }
    for name, text in files.items():
        (tmp_path / "data" / name).write_text(text)
    return Config(
        data=DataConfig(
            root="data",
            kind="table",
            tables={"train": "train.csv", "test": "test.csv", "shops": "shops.csv"},
            id_column="Id",
            date_column="day",
            target="y",
            task="regression",
        ),
        features=STEPS,
        columns=ColumnsConfig(categories=("shop", "town"), numbers=("size", "free_days_since")),
        model=ModelConfig(name="x"),
        stages=(StageConfig(lr=(0.1,)),),
    )


def load(config: Config, **keys: Any) -> tuple[FeatureTable, FeatureReport]:
    return load_features(config, Recorder(), never_stop, **keys)


def test_steps_run_in_their_order_and_are_reported(config: Config) -> None:
    table, report = load(config)
    frame = table.frame
    assert table.num_train == 3
    assert frame["town"].tolist() == ["x", "x", "y", "z", "x"]
    # The mean is of the rows to learn from: 10, 10 and a gap; the 1000 of a row to predict does not count.
    assert frame["size"].tolist() == [10, 10, 10, 1000, 10]
    assert frame["size_na"].tolist() == [0, 0, 1, 0, 0]
    assert frame["free_days_to"].fillna(-1).tolist() == [0, 2, -1, -1, 0]
    assert (report.is_cached, report.num_train, report.num_test) == (False, 3, 2)
    assert report.columns == tuple(frame.columns)
    assert [(step.step, step.made, step.unmatched) for step in report.steps] == [
        ("join", ("town", "size"), 0),
        ("fill", ("size_na",), None),
        ("flag", ("free",), None),
        ("elapsed", ("free_days_since", "free_days_to"), None),
    ]
    assert all(step.table == "rows" and step.num_rows == 5 and step.seconds >= 0 for step in report.steps)


def test_the_table_is_kept_and_read_back_as_it_was(config: Config) -> None:
    built, made = load(config)
    kept, found = load(config)
    pd.testing.assert_frame_equal(built.frame, kept.frame)
    assert found == replace(made, is_cached=True, seconds=found.seconds)
    # It is a Feather file for anyone.
    assert pyarrow.feather.read_table(made.path).num_rows == 5


def test_only_the_columns_that_are_wanted(config: Config) -> None:
    for _ in range(2):
        table, report = load(config, columns={"town", "y", "none"})
        assert list(table.frame.columns) == ["y", "town"]
        assert len(report.columns) == 11


@pytest.mark.parametrize(
    ("name", "line"), [("train.csv", "3,2015-01-03,8,0"), ("test.csv", "12,1,2015-01-05,0"), ("shops.csv", "4,x,1")]
)
def test_it_is_made_anew_when_a_file_changes(config: Config, name: str, line: str) -> None:
    load(config)
    with (Path("data") / name).open("a") as stream:
        stream.write(f"{line}\n")
    assert not load(config)[1].is_cached
    assert load(config)[1].is_cached


@pytest.mark.parametrize(
    "sections",
    [
        {"features": (*STEPS, ClipStep(step="clip", columns=("size",), most=50))},
        {"features": STEPS[:-1]},
        {"data": {"missing_words": ("x",)}},
    ],
)
def test_it_is_made_anew_when_steps_or_the_reading_change(config: Config, sections: dict[str, Any]) -> None:
    load(config)
    data = replace(config.data, **sections.pop("data", {}))
    changed = replace(config, data=data, **sections)
    assert not load(changed)[1].is_cached
    assert load(changed)[1].is_cached
    assert load(config)[1].is_cached


def test_what_the_table_does_not_depend_on_leaves_it_current(config: Config) -> None:
    load(config)
    changed = replace(config, columns=ColumnsConfig(categories=("shop",)), data=replace(config.data, target="shop"))
    assert load(changed)[1].is_cached


@pytest.mark.parametrize("damage", [b"", b"ARROW1\0\0 and no more"])
def test_a_damaged_file_is_made_anew(config: Config, damage: bytes) -> None:
    table, report = load(config)
    Path(report.path).write_bytes(damage)
    again, report = load(config)
    assert not report.is_cached
    pd.testing.assert_frame_equal(again.frame, table.frame)


def test_a_file_of_another_origin_is_not_trusted(config: Config) -> None:
    _, report = load(config)
    notes = json.dumps({"signature": "another", "report": {}}).encode()
    stored = pyarrow.feather.read_table(report.path).replace_schema_metadata({b"kgcv": notes})
    pyarrow.feather.write_feather(stored, report.path)
    assert not load(config)[1].is_cached


def test_a_step_that_fails_is_named_and_nothing_is_kept(config: Config) -> None:
    broken = replace(config, features=(*STEPS, ClipStep(step="clip", columns=("town",), most=1)))
    with pytest.raises(DataError, match=r"^features\.4 \(clip, table rows\): column 'town' holds texts, not numbers"):
        load(broken)
    assert not Path("cache").exists()


def test_a_stop_between_steps_leaves_nothing(config: Config) -> None:
    asked: list[int] = []

    def stop_at_the_third() -> int | None:
        asked.append(1)
        return 15 if len(asked) == 3 else None

    with pytest.raises(StopRequested) as caught:
        load_features(config, Recorder(), stop_at_the_third)
    assert caught.value.exit_code == 143
    assert not Path("cache").exists()


def test_progress_counts_steps(config: Config) -> None:
    recorder = Recorder()
    load_features(config, recorder, never_stop)
    assert recorder.events[0] == TaskStarted("features", 4, unit="steps")
    assert recorder.events[-1] == TaskDone("features")
    assert len(recorder.events) == 6


def test_a_missing_file_is_named(config: Config) -> None:
    Path("data/shops.csv").unlink()
    with pytest.raises(DataError, match=r"^data/shops\.csv: cannot be read: No such file"):
        load(config)


def test_the_features_of_one_row_are_those_of_its_line_in_the_test_file(config: Config) -> None:
    row = features_of_row(config, {"shop": 1, "day": "2015-01-04", "holiday": "b", "Id": 11})
    table, _ = load(config)
    pd.testing.assert_frame_equal(
        row.astype(object), table.frame.iloc[[4]].reset_index(drop=True).astype(object), check_dtype=False
    )


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"shop": 1, "day": "2015-01-04", "holiday": "0", "weather": 3}, "the row has 'weather', which the rows to"),
        ({"shop": 1, "day": "soon", "holiday": "0"}, r"features.3 \(elapsed, table rows\): column 'day' holds texts"),
        ({"shop": [1]}, "values must be numbers, texts, true, false or null; 'shop' hold others"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(config: Config, values: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError, match=f"^{problem}"):
        features_of_row(config, values)
