"""The layers of a config's model, as a stage trains them."""

from __future__ import annotations

from kgcv.config.schema import Config
from kgcv.engine.plan import plan_stage
from kgcv.errors import ConfigError
from kgcv.model.summary import ModelSummary, summarize
from kgcv.model.vision import check_image_size
from kgcv.recipes.dataset import load_labelled
from kgcv.recipes.targets import build_objective
from kgcv.recipes.workbench import build_network


def summarize_config(config: Config, stage: int) -> ModelSummary:
    """Every layer of the network at the image size of `stage`, with what that stage trains. Weights are not loaded.

    Raises:
        ConfigError: no such stage, or no such model.
        DataError: the number of classes cannot be told from the data.
    """
    if stage >= len(config.stages):
        raise ConfigError([f"--stage {stage}: the config has stages 0 to {len(config.stages) - 1}"])
    objective = build_objective(config, load_labelled(config)[1])
    model = build_network(config, objective)
    plan = plan_stage(config, stage, num_train=2, num_groups=model.num_groups)
    check_image_size(config.model.name, model.body, config.model.channels, plan.geometry.image_size)
    model.freeze(plan.frozen_groups)
    return summarize(model, config.model.channels, plan.geometry.image_size)
