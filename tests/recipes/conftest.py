"""Fixtures for recipes that work on trained runs."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from kgcv.config.schema import Config
from kgcv.events import Recorder, never_stop
from kgcv.model.vision import VisionModel
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.train import RunResult, start_run, train


@pytest.fixture(scope="session")
def trained() -> Callable[..., RunFolder]:
    """Trains `trained(config, folder)` to its end, or one fold of it: `trained(config, folder, 1)`."""

    def train_run(config: Config, folder: Path, fold: int | None = None) -> RunFolder:
        run = start_run(config, "run", folder)
        train(run, fold, Recorder(), never_stop)
        return run

    return train_run


@pytest.fixture(scope="session")
def straight_recorder() -> Recorder:
    """What was told while `straight` was trained."""
    return Recorder()


@pytest.fixture(scope="session")
def straight(
    tmp_path_factory: pytest.TempPathFactory,
    make_competition: Callable[[Path], Config],
    straight_recorder: Recorder,
) -> RunResult:
    """A run of the config of `competition` that nothing stopped; tests leave it as it is, or take `finished`."""
    home = tmp_path_factory.mktemp("straight")
    config = make_competition(home)
    with contextlib.chdir(home):
        return train(start_run(config, "run", home / "runs/one"), None, straight_recorder, never_stop)


@pytest.fixture
def finished(straight: RunResult, competition: Config, tmp_path: Path) -> RunFolder:
    """A copy of `straight`, beside the data of `competition`."""
    return RunFolder(shutil.copytree(straight.folder, tmp_path / "runs/one"))


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of all batches that a network has seen."""
    sizes: list[int] = []
    forward = VisionModel.forward

    def counted(model: VisionModel, images: torch.Tensor) -> torch.Tensor:
        sizes.append(len(images))
        return forward(model, images)

    monkeypatch.setattr(VisionModel, "forward", counted)
    return sizes
