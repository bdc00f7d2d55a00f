from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from kgcv.config.schema import ModelConfig
from kgcv.engine.best_weights import BestWeights
from kgcv.engine.fold_folder import FoldFolder
from kgcv.model.checkpoint import Geometry, WeightsCard, read_card
from kgcv.model.vision import VisionModel, build_model

CARD = WeightsCard("single", ("cat", "dog"), Geometry(32, 40, 3), stage=0, epoch=0, metric="accuracy", score=0.5)


@pytest.fixture
def model() -> VisionModel:
    return build_model(ModelConfig(name="test_resnet", pretrained=False), 2, seed=1)


@pytest.fixture
def best(tmp_path: Path) -> BestWeights:
    return BestWeights(FoldFolder(tmp_path))


def fill(model: VisionModel, value: float) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)


def test_the_file_holds_what_the_weights_were(best: BestWeights, model: VisionModel) -> None:
    fill(model, 1.0)
    best.keep(model, CARD, {"accuracy": 0.5})
    assert not best.folder.best_weights.exists(), "an epoch does not wait for the disk"
    fill(model, 2.0)
    best.write()
    written = load_file(best.folder.best_weights)
    assert {name: set(written[name].unique().tolist()) for name, _ in model.named_parameters()} == {
        name: {1.0} for name, _ in model.named_parameters()
    }
    assert best.folder.read_best_scores() == {"accuracy": 0.5}


def test_only_the_last_are_written_and_only_once(best: BestWeights, model: VisionModel) -> None:
    for epoch in (3, 4):
        best.keep(model, replace(CARD, epoch=epoch), {"accuracy": epoch / 10})
    best.write()
    assert read_card(best.folder.best_weights).epoch == 4
    best.folder.best_weights.unlink()
    best.write()
    assert not best.folder.best_weights.exists()


def test_a_training_that_fails_leaves_them(best: BestWeights, model: VisionModel) -> None:
    with pytest.raises(ValueError, match="diverged"), best.at_last():
        best.keep(model, CARD, {"accuracy": 0.5})
        raise ValueError("diverged")
    assert read_card(best.folder.best_weights) == CARD


def test_processes_but_the_first_keep_nothing(tmp_path: Path, model: VisionModel) -> None:
    best = BestWeights(FoldFolder(tmp_path, is_written=False))
    best.keep(model, CARD, {"accuracy": 0.5})
    best.write()
    assert list(tmp_path.iterdir()) == []
