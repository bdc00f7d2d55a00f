"""Fixtures for every room: small images, and a competition that trains in a second."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from kgcv.config.schema import (
    AugmentConfig,
    Config,
    DataConfig,
    ModelConfig,
    ResizeConfig,
    SplitConfig,
    StageConfig,
    Task,
    TestSourceConfig,
    TrainConfig,
    TrainSourceConfig,
)
from kgcv.data.predictions import Predictions, as_targets, write_predictions
from kgcv.data.splits import Split, write_split
from kgcv.files import write_json
from kgcv.scoring.metrics import find_metric

NUM_TRAIN, NUM_TEST = 20, 6

torch.set_num_threads(1)  # networks this small only wait for each other's threads


@pytest.fixture
def tiny_images() -> Callable[..., list[Path]]:
    """Writes small images that all differ: `tiny_images(folder, 4)`, `tiny_images(folder, ["a", "b"])`."""

    def write(
        folder: Path,
        images: int | Sequence[str],
        suffix: str = ".png",
        size: tuple[int, int] = (12, 10),
        mode: str = "RGB",
    ) -> list[Path]:
        names = [f"{number:03d}" for number in range(images)] if isinstance(images, int) else images
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for number, name in enumerate(names):
            pixels = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
            paths.append(folder / f"{name}{suffix}")
            Image.fromarray(pixels).convert(mode).save(paths[-1])
        return paths

    return write


def write_squares(folder: Path, names: list[str], first: int = 0) -> None:
    """Write 20 x 24 images; those with an even number are bright."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names, start=first):
        low, high = (140, 256) if number % 2 == 0 else (0, 116)
        pixels = np.random.default_rng(number).integers(low, high, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")


@pytest.fixture
def competition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A config whose data lie in the working directory, `tmp_path`: two stages, 16 and 20 pixels, in a second each."""
    monkeypatch.chdir(tmp_path)
    return write_competition(tmp_path)


@pytest.fixture(scope="session")
def make_competition() -> Callable[[Path], Config]:
    """Writes the data of `competition` into a folder, for tests that share what they train there."""
    return write_competition


@pytest.fixture(scope="session")
def tiny_network() -> None:
    """Teaches timm the network `tiny_resnet`."""
    register_tiny_network()


@functools.cache
def register_tiny_network() -> None:
    """Teach timm `tiny_resnet`: a stem and two residual blocks, ten thousand numbers.

    A step with it takes a third of the time of one with timm's own smallest, and a checkpoint half of it.
    """
    from timm.models import ByobNet, register_model
    from timm.models.byobnet import ByoBlockCfg, ByoModelCfg

    block = ByoBlockCfg(type="basic", d=1, c=16, s=1, gs=0, br=1.0)
    layers = ByoModelCfg(blocks=(block, block), stem_chs=16, stem_type="3x3")

    @register_model
    def tiny_resnet(pretrained: bool, num_classes: int, in_chans: int, **_: object) -> ByobNet:
        assert not pretrained
        network = ByobNet(layers, num_classes, in_chans)
        described = {"input_size": (3, 32, 32), "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.25, 0.3)}
        vars(network)["pretrained_cfg"] = described  # where timm's own builder puts it; mypy sees only modules here
        return network


def write_competition(folder: Path) -> Config:
    """Write images and a sample submission into `folder`; the config for that working directory."""
    register_tiny_network()
    kinds = ("bright", "dark")
    names = [f"{kinds[number % 2]}.{number}" for number in range(NUM_TRAIN)]
    write_squares(folder / "data/train", names)
    write_squares(folder / "data/test", [str(number) for number in range(NUM_TEST)], first=100)
    rows = "".join(f"{number},0.5\n" for number in range(NUM_TEST))
    (folder / "data/sample_submission.csv").write_text(f"id,label\n{rows}")
    return Config(
        data=DataConfig(
            root="data",
            train=TrainSourceConfig(images="train", pattern=r"(?P<label>bright|dark)\.\d+", suffix=".png"),
            test=TestSourceConfig(images=("test",), suffix=".png"),
            sample_submission="sample_submission.csv",
        ),
        model=ModelConfig(name="tiny_resnet", pretrained=False, pool="concat", hidden=(8,), dropout=(0.1, 0.2)),
        split=SplitConfig(valid_fraction=0.3),
        resize=ResizeConfig(ratio=1.25),
        augment=AugmentConfig(preset="top_down", max_zoom=1.1, mixup=0.4),
        train=TrainConfig(
            batch_size=4,
            optimizer="adamw",
            weight_decay=0.01,
            ema_decay=0.9,
            workers=2,
            precision="float32",  # `auto` differs from machine to machine
        ),
        stages=(
            StageConfig(image_size=16, lr=(0.003,), num_cycles=2, frozen=True),
            StageConfig(image_size=20, lr=(0.001, 0.002, 0.003), num_cycles=2),
        ),
    )


@pytest.fixture
def change() -> Callable[..., Config]:
    """`change(config, train={"seed": 1})`: a copy of a config with fields of its sections replaced."""

    def changed(config: Config, **sections: dict[str, object]) -> Config:
        for name, fields in sections.items():
            section = getattr(config, name)
            config = replace(config, **{name: replace(section, **fields)})
        return config

    return changed


@pytest.fixture(scope="session")
def write_run() -> Callable[..., Path]:
    """Writes a run folder as training leaves it, without training: `write_run(folder, "multi", num_classes=3)`."""
    return write_run_folder


def write_run_folder(folder: Path, task: Task = "single", num_classes: int = 3, num_folds: int = 2) -> Path:
    """Write a run of 60 labelled samples: config, labels, split, predictions, scores, epochs, sessions.

    Predictions are good, not perfect, and lie in folds and out-of-fold. Class names are such as could do harm.
    """
    rng = np.random.default_rng(7)
    names = ("a <b> & $c$", *(f"class {number}" for number in range(1, num_classes)))
    ids = tuple(f"image {number}" for number in range(60))
    if task == "regression":
        truth = rng.normal(100, 20, (60, num_classes))
        values = truth + rng.normal(0, 5, truth.shape)
    else:
        truth = (rng.random((60, num_classes)) < 0.4).astype(float)
        if task == "single":
            truth = np.eye(num_classes)[np.arange(60) % num_classes]
        values = np.clip(0.25 + 0.5 * truth + rng.uniform(-0.3, 0.3, truth.shape), 0.01, 0.99)
        values = values / values.sum(axis=1, keepdims=True) if task == "single" else values
    folds = np.arange(60) % num_folds
    labels = Predictions(ids, names, truth.astype(np.float32), task)
    oof = Predictions(ids, names, values.astype(np.float32), task)
    write_predictions(folder / "labels.npz", labels)
    write_predictions(folder / "oof.npz", oof)
    write_split(folder / "split.csv", ids, Split(folds, num_folds))
    metric = {"single": "accuracy", "multi": "f2", "regression": "rmse"}[task]
    for fold in range(num_folds):
        rows = np.flatnonzero(folds == fold)
        part = oof.aligned([ids[row] for row in rows], names, "oof")
        write_predictions(folder / f"fold{fold}/valid.npz", part)
        (folder / f"fold{fold}/metrics.jsonl").write_text("".join(_epoch_line(number, metric) for number in range(5)))
    (folder / "config.yaml").write_text(
        f"data: {{root: data}}\nmodel: {{name: resnet18}}\ntrain: {{metric: {metric}}}\n"
        f"split: {{kind: folds, num_folds: {num_folds}}}\n"
        "stages:\n- {image_size: 64, lr: 0.1, frozen: true, cycle_len: 2}\n"
        "- {image_size: 128, lr: [0.001, 0.01, 0.1], num_cycles: 2, cycle_mult: 2}\n"
    )
    score = find_metric(metric, task).score(as_targets(labels), oof.values)
    valid = {f"fold{fold}": {metric: score + fold / 100} for fold in range(num_folds)}
    write_json(folder / "scores.json", {"valid": valid, "oof": {metric: score}})
    write_json(folder / "environment.json", {"command": ["kgcv", "train", "a b.yaml"], "git_commit": "0123abc"})
    (folder / "sessions.jsonl").write_text('{"started": "2026-01-02T03:04:05", "seconds": 83.2, "ended": "finished"}\n')
    return folder


def _epoch_line(number: int, metric: str) -> str:
    """The `number`-th epoch, 10 steps long, of two and then three."""
    stage = int(number >= 2)
    row = {"stage": stage, "epoch": number - 2 * stage, "step": 10 * (number + 1), "image_size": 64 * (stage + 1)}
    losses = {"lr": 0.01, "train_loss": 2.0 / (number + 1), "valid_loss": 2.5 / (number + 1)}
    return json.dumps({**row, **losses, "scores": {metric: 0.5 + number / 10}, "is_best": number != 4}) + "\n"


def _load_loopback() -> ModuleType:
    """The stand-in for Kaggle, by its path: it serves the tests of several rooms, and `tests` is no package."""
    spec = importlib.util.spec_from_file_location("loopback_kaggle", Path(__file__).with_name("kaggle") / "loopback.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A LoopbackKaggle that runs, and an environment in which `connect()` and programs reach it with a good key.

    Its competition is `leaf-disease`; see tests/kaggle/loopback.py.
    """
    for name in [name for name in os.environ if name.upper().startswith(("KAGGLE_", "VERBOSE", "XDG_CONFIG"))]:
        monkeypatch.delenv(name)
    with _load_loopback().LoopbackKaggle() as server:
        for name, value in server.environment(tmp_path / "home").items():
            monkeypatch.setenv(name, value)
        yield server
