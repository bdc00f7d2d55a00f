from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kgcv.config.schema import ColumnsConfig, Config, DataConfig, ModelConfig, StageConfig
from kgcv.config.table_steps import JoinStep
from kgcv.errors import ConfigError, DataError
from kgcv.events import Message, Recorder, never_stop
from kgcv.recipes.features import make_features


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.csv").write_text("shop,y\n1,5\n2,6\n2,7\n")
    (tmp_path / "shops.csv").write_text("shop,town\n1,x\n")
    return Config(
        data=DataConfig(root=".", kind="table", tables={"train": "train.csv", "shops": "shops.csv"}, target="y"),
        features=(JoinStep(step="join", right="shops", on=("shop",)),),
        columns=ColumnsConfig(categories=("town",)),
        model=ModelConfig(name="x"),
        stages=(StageConfig(lr=(0.1,)),),
    )


def test_rows_that_a_join_leaves_alone_are_told_whether_it_is_done_now_or_was_before(config: Config) -> None:
    for is_cached in (False, True):
        recorder = Recorder()
        report = make_features(config, recorder, never_stop)
        assert report.is_cached == is_cached
        messages = [event for event in recorder.events if isinstance(event, Message)]
        text = "features.0 (join): 2 of 3 rows of rows have no partner; their new cells are missing"
        assert messages == [Message(text, level="warning")]


def test_a_column_that_nothing_makes_is_named(config: Config, tmp_path: Path) -> None:
    wrong = replace(config, columns=ColumnsConfig(categories=("town", "twon"), numbers=("size",)))
    with pytest.raises(DataError, match=r"^rows has no 'size', 'twon' after the steps; it has shop, y, town$"):
        make_features(wrong, Recorder(), never_stop)


def test_images_have_no_features() -> None:
    images = Config(
        data=DataConfig(root="d"), model=ModelConfig(name="x"), stages=(StageConfig(image_size=8, lr=(1.0,)),)
    )
    with pytest.raises(ConfigError, match=r"^data\.kind: features are made of tables; this config has images$"):
        make_features(images, Recorder(), never_stop)
