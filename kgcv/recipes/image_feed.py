"""What feeds a network for images: the network itself, stores at every stage's size, precomputed features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kgcv.config.schema import Config
from kgcv.data.images import ImageSource
from kgcv.data.resize import Store, ensure_store, store_spec
from kgcv.data.watch import Watch
from kgcv.engine.fold_folder import FoldFolder
from kgcv.engine.inputs import ImageInputs, Inputs
from kgcv.engine.plan import StagePlan
from kgcv.engine.precompute import FeatureCache, precompute_features
from kgcv.engine.randomness import Purpose, number_from
from kgcv.engine.runtime import Runtime
from kgcv.errors import listed
from kgcv.events import Message, Reporter, StopCheck
from kgcv.model.checkpoint import Geometry
from kgcv.model.heads import Objective
from kgcv.model.vision import VisionModel, build_model, check_image_size, normalization
from kgcv.model.weights import load_starting_weights
from kgcv.recipes.dataset import Dataset


def build_vision_model(config: Config, objective: Objective) -> VisionModel:
    """The model of `config` with random weights, the same in every process."""
    return build_model(config.model, objective.num_outputs, number_from(config.train.seed, Purpose.INIT))


def starting_model(config: Config, objective: Objective, reporter: Reporter) -> VisionModel:
    """The model of `config` with the weights that training begins from.

    Raises:
        ConfigError: model and sizes do not fit.
        CheckpointError: starting weights cannot be loaded.
    """
    model = build_vision_model(config, objective)
    for image_size in sorted({stage.image_size for stage in config.stages}):
        check_image_size(config.model.name, model.body, config.model.channels, image_size)
    dropped = load_starting_weights(model, config.model)
    if dropped:
        text = f"starting weights: all but the classifier, which is new for these classes ({listed(dropped)})"
        reporter.report(Message(text))
    return model


def image_inputs(model: VisionModel, source: ImageSource, geometry: Geometry, runtime: Runtime) -> ImageInputs:
    """Inputs from `source`, whose copies have the shortest edge `geometry.edge`."""
    normal = normalization(model.body, geometry.channels)
    return ImageInputs(source, geometry.edge, geometry.image_size, normal, runtime)


@dataclass(frozen=True, slots=True)
class ImageFeed:
    """The training images at every stage's size."""

    config: Config
    model: VisionModel
    runtime: Runtime
    stores: dict[int, Store]
    """By image size."""
    reporter: Reporter
    should_stop: StopCheck

    @property
    def left_out(self) -> frozenset[str]:
        """Ids of unreadable images that the user chose to go without."""
        return frozenset().union(*(store.left_out for store in self.stores.values()))

    def keep(self, folder: FoldFolder) -> None:
        """Nothing: the card of the weights says it all."""

    def inputs(self, geometry: Geometry | None) -> ImageInputs:
        """The images at a size."""
        assert geometry is not None, "images have a geometry"
        return image_inputs(self.model, self.stores[geometry.image_size].images, geometry, self.runtime)

    def stage_inputs(self, plan: StagePlan, rows: np.ndarray) -> Inputs:
        """What a stage trains and validates on: images, or the precomputed features of those in `rows` `(n,)`."""
        images = self.inputs(plan.geometry)
        if not plan.precompute:
            return images
        folder = store_spec(self.config, "train", images.image_size).folder
        cache = FeatureCache(folder, self.stores[images.image_size].signature)
        return precompute_features(self.model, images, np.sort(rows), cache, self.reporter, self.should_stop)


def open_image_feed(
    config: Config,
    dataset: Dataset,
    model: VisionModel,
    runtime: Runtime,
    reporter: Reporter,
    should_stop: StopCheck,
) -> ImageFeed:
    """The feed, with whatever stores were missing.

    Raises:
        DataError: images cannot be read.
        StopRequested: a signal arrived; finished parts of stores are kept.
    """
    assert dataset.originals is not None, "the data are images"
    watch = Watch(reporter, should_stop, config.train.workers, runtime.processes.spread)
    stores: dict[int, Store] = {}
    for image_size in dict.fromkeys(stage.image_size for stage in config.stages):
        spec = store_spec(config, "train", image_size)
        stores[image_size] = ensure_store(dataset.originals, spec, watch)
    return ImageFeed(config, model, runtime, stores, reporter, should_stop)
