"""The best weights of a run, ready to predict: the model, its geometry and its class names."""

from __future__ import annotations

from dataclasses import dataclass

from kgcv.config.schema import Config
from kgcv.data.images import ImageSource
from kgcv.engine.inference import Predictor
from kgcv.engine.runtime import Runtime, resolve_runtime
from kgcv.errors import CheckpointError
from kgcv.events import Reporter, StopCheck
from kgcv.model.checkpoint import WeightsCard, load_weights, read_card
from kgcv.model.heads import Objective
from kgcv.model.vision import VisionModel
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.workbench import build_network, image_inputs


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model with its best weights."""

    config: Config
    card: WeightsCard
    model: VisionModel
    objective: Objective
    runtime: Runtime

    def predictor(self, source: ImageSource, reporter: Reporter, should_stop: StopCheck) -> Predictor:
        """Predicts images of `source`, whose copies have the shortest edge `card.geometry.edge`."""
        stage = self.config.stages[self.card.stage]
        inputs = image_inputs(self.model, source, self.card.geometry, self.runtime)
        batch_size = stage.batch_size or self.config.train.batch_size
        return Predictor(self.model, self.objective, inputs, batch_size, self.runtime, reporter, should_stop)


def load_trained(run: RunFolder, fold: int) -> TrainedModel:
    """The best weights of a fold of a run.

    Raises:
        CheckpointError: this is no run folder, the fold has not been trained, or its weights are damaged.
    """
    config = run.read_config()
    weights = run.fold(fold).best_weights
    if not weights.is_file():
        raise CheckpointError(f"{weights}: is not there; train it first: kgcv train --resume {run.path}")
    card = read_card(weights)
    objective = Objective(card.task, len(card.class_names), config.model.binary_output == "sigmoid")
    model = build_network(config, objective)
    load_weights(weights, model)
    runtime = resolve_runtime(config.train, model)
    return TrainedModel(config, card, runtime.place_model(model), objective, runtime)
