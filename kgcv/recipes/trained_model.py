"""The best weights of a run, ready to predict: the model, its geometry and its class names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kgcv.config.schema import Config
from kgcv.data.images import ImageSource
from kgcv.engine.inference import Predictor
from kgcv.engine.inputs import Inputs
from kgcv.engine.processes import ALONE, Processes
from kgcv.engine.runtime import Runtime, resolve_runtime
from kgcv.errors import CheckpointError
from kgcv.events import Reporter, StopCheck
from kgcv.model.checkpoint import WeightsCard, load_weights, read_card
from kgcv.model.heads import Objective
from kgcv.model.network import Network
from kgcv.model.vision import VisionModel
from kgcv.recipes.image_feed import build_vision_model, image_inputs
from kgcv.recipes.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

    from kgcv.data.tables.encode import Encoding


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model with its best weights."""

    config: Config
    card: WeightsCard
    model: Network
    objective: Objective
    runtime: Runtime
    encoding: Encoding | None
    """How columns become numbers; None for images."""
    batch_size: int
    """Of the stage that the weights are from."""

    def image_inputs(self, source: ImageSource) -> Inputs:
        """Images of `source`, whose copies have the shortest edge `card.geometry.edge`."""
        assert isinstance(self.model, VisionModel), "the run is of images"
        assert self.card.geometry is not None, "the run is of images"
        return image_inputs(self.model, source, self.card.geometry, self.runtime)

    def table_inputs(self, frame: pd.DataFrame) -> Inputs:
        """The rows of a table with the columns of the encoding.

        Raises:
            DataError: a column is missing, of another kind, or has missing numbers that may not be.
        """
        from kgcv.data.tables.encode import encode_rows
        from kgcv.recipes.table_feed import table_inputs

        assert self.encoding is not None, "the run is of tables"
        return table_inputs(encode_rows(frame, self.encoding), self.runtime)

    def predictor(self, inputs: Inputs, reporter: Reporter, should_stop: StopCheck) -> Predictor:
        """Predicts samples of `inputs`."""
        return Predictor(self.model, self.objective, inputs, self.batch_size, self.runtime, reporter, should_stop)


def load_trained(run: RunFolder, fold: int, processes: Processes = ALONE) -> TrainedModel:
    """The best weights of a fold of a run.

    Raises:
        CheckpointError: this is no run folder, the fold has not been trained, or its weights are damaged.
    """
    config = run.read_config()
    weights = run.fold(fold).best_weights
    if not weights.is_file():
        raise CheckpointError(f"{weights}: is not there; train it first: kgcv train --resume {run.path}")
    card = read_card(weights)
    is_sigmoid = config.model.binary_output == "sigmoid"
    objective = Objective(card.task, len(card.class_names), is_sigmoid, log_target=config.target.log)
    model, encoding = _empty_model(run, fold, config, objective)
    load_weights(weights, model)
    runtime = resolve_runtime(config.train, model, processes)
    batch_size = run.batch_size(card.stage, config)
    return TrainedModel(config, card, runtime.place_model(model), objective, runtime, encoding, batch_size)


def _empty_model(run: RunFolder, fold: int, config: Config, objective: Objective) -> tuple[Network, Encoding | None]:
    """The model as the config has it, before its weights are loaded."""
    if config.data.kind == "images":
        return build_vision_model(config, objective), None
    from kgcv.recipes.table_feed import build_table_model, read_encoding

    encoding = read_encoding(run.fold(fold).encoding)
    return build_table_model(config, encoding, objective), encoding
