"""Features of a frozen body: computed once, kept while they are valid, never used when they are not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kgcv.config.schema import AugmentConfig, Config, StageConfig
from kgcv.data.watch import Watch
from kgcv.engine.inputs import FeatureInputs
from kgcv.engine.tta import PLAIN
from kgcv.errors import StopRequested
from kgcv.events import Recorder, TaskStarted, never_stop
from kgcv.model.vision import VisionModel
from kgcv.recipes.dataset import split_dataset
from kgcv.recipes.image_feed import ImageFeed
from kgcv.recipes.train import start_run, train
from kgcv.recipes.workbench import Workbench, set_up


@pytest.fixture
def config(competition: Config) -> Config:
    stage = StageConfig(image_size=16, lr=(0.01,), frozen=True, precompute=True, num_cycles=3)
    return replace(competition, stages=(stage,), augment=AugmentConfig())


def bench_of(config: Config, recorder: Recorder | None = None) -> Workbench:
    reporter = recorder or Recorder()
    return set_up(config, split_dataset(config, Watch(reporter, never_stop)), 0, reporter, never_stop)


def features_of(bench: Workbench) -> FeatureInputs:
    inputs = bench.stage_inputs(bench.plan(0))
    assert isinstance(inputs, FeatureInputs)
    return inputs


def num_computed(recorder: Recorder) -> int:
    return sum(event == TaskStarted("precompute features", 20) for event in recorder.events)


def test_features_are_the_bodys_outputs_for_the_plain_squares(config: Config) -> None:
    bench = bench_of(config)
    features = features_of(bench).features
    plan = bench.plan(0)
    images = bench.feed.inputs(plan.geometry)
    rows = np.arange(20)
    from kgcv.data.loader import BatchRequest

    raw = next(iter(images.read([BatchRequest(rows, np.full(20, 0.5))])))
    with torch.inference_mode(), bench.runtime.autocast():
        assert isinstance(bench.model, VisionModel)
        expected = bench.model.eval().features(images.ready(raw, PLAIN.changes(rows))).float()
    torch.testing.assert_close(features, expected)


def test_second_time_nothing_is_computed(config: Config) -> None:
    first, second = Recorder(), Recorder()
    one = features_of(bench_of(config, first)).features
    two = features_of(bench_of(config, second)).features
    assert (num_computed(first), num_computed(second)) == (1, 0)
    assert torch.equal(one, two)


@pytest.mark.parametrize("what", ["weights", "geometry", "images", "normalisation", "pooling", "precision"])
def test_whatever_changes_the_features_computes_them_anew(config: Config, tmp_path: Path, what: str) -> None:
    features_of(bench_of(config))
    changed = {
        "weights": replace(config, train=replace(config.train, seed=43)),
        "geometry": replace(config, resize=replace(config.resize, ratio=1.0)),
        "normalisation": replace(config, model=replace(config.model, name="test_efficientnet")),
        "pooling": replace(config, model=replace(config.model, pool="model")),
        "precision": replace(config, train=replace(config.train, precision="bfloat16")),
    }.get(what, config)
    if what == "images":
        other = tmp_path / "data/train/bright.0.png"
        other.write_bytes((tmp_path / "data/train/bright.2.png").read_bytes())
    recorder = Recorder()
    features_of(bench_of(changed, recorder))
    assert num_computed(recorder) == 1


def test_damaged_cache_is_computed_anew(config: Config, tmp_path: Path) -> None:
    expected = features_of(bench_of(config)).features
    (file,) = tmp_path.rglob("features-*.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    assert torch.equal(features_of(bench_of(config)).features, expected)


def test_training_on_features_trains_the_head_of_the_whole_model(config: Config, tmp_path: Path) -> None:
    """The scores of training on features are those of the complete network that was saved."""
    config = replace(config, stages=(replace(config.stages[0], num_cycles=8),))
    best = train(start_run(config, "run", tmp_path / "run"), None, Recorder(), never_stop).folds[0]
    assert best.scores["accuracy"] == best.card.score
    assert best.scores["accuracy"] >= 5 / 6


def test_a_later_stage_goes_on_with_the_trained_head(config: Config, tmp_path: Path) -> None:
    still = replace(config.stages[0], precompute=False, frozen=False, num_cycles=1, lr=(1e-30,), bn_frozen=True)
    config = replace(config, stages=(config.stages[0], still), train=replace(config.train, ema_decay=0.0))
    result = train(start_run(config, "run", tmp_path / "run"), None, Recorder(), never_stop)
    lines = (result.folder / "fold0/metrics.jsonl").read_text().splitlines()
    last, after = (json.loads(line)["scores"] for line in lines[-2:])
    assert after["log_loss"] == pytest.approx(last["log_loss"], rel=1e-3)


def test_a_signal_while_computing_writes_nothing(config: Config, tmp_path: Path) -> None:
    bench = bench_of(config)
    assert isinstance(bench.feed, ImageFeed)
    stopped = replace(bench, feed=replace(bench.feed, should_stop=lambda: 15))
    with pytest.raises(StopRequested, match="stopped while computing features"):
        features_of(stopped)
    assert not list(tmp_path.rglob("features-*"))
