"""The layers of a config's model, as a stage trains them."""

from __future__ import annotations

import torch
from torch import Tensor

from kgcv.config.schema import Config
from kgcv.data.watch import Watch
from kgcv.engine.plan import StagePlan, plan_stage
from kgcv.errors import ConfigError
from kgcv.events import Silent, never_stop
from kgcv.model.network import Network
from kgcv.model.summary import NUM_SAMPLES, ModelSummary, summarize
from kgcv.model.vision import check_image_size
from kgcv.recipes.dataset import load_labelled, split_dataset
from kgcv.recipes.image_feed import build_vision_model
from kgcv.recipes.targets import build_objective

_WATCH = Watch(Silent(), never_stop)


def summarize_config(config: Config, stage: int) -> ModelSummary:
    """Every layer of the network as `stage` trains it. Weights are not loaded.

    Raises:
        ConfigError: no such stage, or no such model.
        DataError: the number of classes, or of the values of a category, cannot be told from the data.
    """
    if stage >= len(config.stages):
        raise ConfigError([f"--stage {stage}: the config has stages 0 to {len(config.stages) - 1}"])
    model, inputs = _table_model(config) if config.data.kind == "table" else _vision_model(config, stage)
    model.freeze(_plan(config, stage, model).frozen_groups)
    return summarize(model, *inputs)


def _plan(config: Config, stage: int, model: Network) -> StagePlan:
    return plan_stage(config, stage, num_train=NUM_SAMPLES, num_groups=model.num_groups)


def _vision_model(config: Config, stage: int) -> tuple[Network, tuple[Tensor, ...]]:
    """The network, and zeros of the stage's image size."""
    model = build_vision_model(config, build_objective(config, load_labelled(config, _WATCH).labels))
    image_size, channels = config.stages[stage].image_size, config.model.channels
    check_image_size(config.model.name, model.body, channels, image_size)
    return model, (torch.zeros(NUM_SAMPLES, channels, image_size, image_size),)


def _table_model(config: Config) -> tuple[Network, tuple[Tensor, ...]]:
    """The network for the first fold, and a batch of missing categories and middling numbers."""
    from kgcv.data.tables.encode import fit_encoding
    from kgcv.recipes.table_feed import build_table_model

    dataset = split_dataset(config, _WATCH)
    assert dataset.rows is not None, "the config is of tables"
    encoding = fit_encoding(dataset.rows.frame, dataset.split.train_rows(0), config.columns)
    model = build_table_model(config, encoding, build_objective(config, dataset.labels))
    codes = torch.zeros(NUM_SAMPLES, len(encoding.categories), dtype=torch.int32)
    return model, (codes, torch.zeros(NUM_SAMPLES, len(encoding.numbers)))
