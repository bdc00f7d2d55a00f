"""What every recipe that runs a model puts together first: samples, labels, split, stores, model, runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kgcv.config.schema import Config, Task
from kgcv.data.images import ImageSource
from kgcv.data.resize import ensure_store, left_out, store_signature, store_spec
from kgcv.data.samples import SampleTable
from kgcv.engine.inputs import ImageInputs, Inputs
from kgcv.engine.plan import StagePlan, plan_stage
from kgcv.engine.precompute import FeatureCache, precompute_features
from kgcv.engine.randomness import Purpose, number_from
from kgcv.engine.runtime import Runtime, resolve_runtime
from kgcv.engine.samples import Samples
from kgcv.errors import DataError, listed
from kgcv.events import Message, Reporter, StopCheck
from kgcv.model.checkpoint import Geometry
from kgcv.model.heads import Objective
from kgcv.model.vision import VisionModel, build_model, check_image_size, normalization
from kgcv.model.weights import load_starting_weights
from kgcv.recipes.dataset import Dataset
from kgcv.recipes.metric import load_metric
from kgcv.recipes.targets import build_objective, draw_chances, soften_targets
from kgcv.scoring.metrics import METRICS, Scorer


def choose_metrics(config: Config, task: Task, class_names: Sequence[str]) -> tuple[Scorer, ...]:
    """The competition's metric, then accuracy and log loss where the task has them."""
    chosen = load_metric(config, task, class_names)
    always = [METRICS[name] for name in ("accuracy", "log_loss") if task in METRICS[name].tasks]
    return (chosen, *(metric for metric in always if metric.name != chosen.name))


def build_network(config: Config, objective: Objective) -> VisionModel:
    """The model of `config` with random weights, the same in every process."""
    return build_model(config.model, objective.num_outputs, number_from(config.train.seed, Purpose.INIT))


def image_inputs(model: VisionModel, source: ImageSource, geometry: Geometry, runtime: Runtime) -> ImageInputs:
    """Inputs from `source`, whose copies have the shortest edge `geometry.edge`."""
    normal = normalization(model.body, geometry.channels)
    return ImageInputs(source, geometry.edge, geometry.image_size, normal, runtime)


@dataclass(frozen=True, slots=True)
class Workbench:
    """A model and its data, ready for any stage."""

    config: Config
    dataset: Dataset
    objective: Objective
    soft_targets: np.ndarray | None
    """`(N, C)` float32, taught instead of the labels."""
    model: VisionModel
    runtime: Runtime
    sources: dict[int, ImageSource]
    """By image size."""
    left_out: frozenset[str]
    """Ids of unreadable images that the user chose to go without."""
    reporter: Reporter
    should_stop: StopCheck

    def train_rows(self, fold: int) -> np.ndarray:
        """`(n,)` int64: rows that train.

        Raises:
            DataError: fewer than two.
        """
        rows = self._in_use(self.dataset.split.train_rows(fold))
        if len(rows) < 2:
            raise DataError(f"fold {fold} has {len(rows)} training images; at least two are needed")
        return rows

    def valid_rows(self, fold: int) -> np.ndarray:
        """`(n,)` int64: rows that validate."""
        return self._in_use(self.dataset.split.valid_rows(fold))

    def _in_use(self, rows: np.ndarray) -> np.ndarray:
        ids = self.dataset.samples.ids
        return np.array([row for row in rows if ids[row] not in self.left_out], dtype=np.int64)

    def plan(self, stage: int, fold: int) -> StagePlan:
        """The plan of a stage in a fold."""
        rows = self.train_rows(fold)
        chances = draw_chances(self.config, self.dataset.samples, self.dataset.labels, rows)
        return plan_stage(self.config, stage, len(rows), self.model.num_groups, chances)

    def fold_objective(self, fold: int) -> Objective:
        """Loss and activation, with the weights that the fold's training samples give."""
        return build_objective(self.config, self.dataset.labels, self.train_rows(fold))

    def fold_samples(self, fold: int) -> Samples:
        """Which samples train and which validate in a fold, and what they are."""
        labels = self.dataset.labels
        return Samples(
            targets=labels.targets,
            train_rows=self.train_rows(fold),
            valid_rows=self.valid_rows(fold),
            class_names=labels.class_names,
            ids=self.dataset.samples.ids,
            soft_targets=self.soft_targets,
        )

    def image_inputs(self, geometry: Geometry) -> ImageInputs:
        """Inputs from the training images at a size."""
        return image_inputs(self.model, self.sources[geometry.image_size], geometry, self.runtime)

    def stage_inputs(self, plan: StagePlan, fold: int) -> Inputs:
        """What a stage trains and validates on: images, or precomputed features."""
        images = self.image_inputs(plan.geometry)
        if not plan.precompute:
            return images
        spec = store_spec(self.config, "train", plan.geometry.image_size)
        cache = FeatureCache(spec.folder, store_signature(self.dataset.samples, spec))
        rows = np.sort(np.concatenate([self.train_rows(fold), self.valid_rows(fold)]))
        return precompute_features(self.model, images, rows, cache, self.reporter, self.should_stop)


def set_up(config: Config, dataset: Dataset, reporter: Reporter, should_stop: StopCheck) -> Workbench:
    """Build the model with its starting weights and whatever stores are missing.

    Raises:
        ConfigError: model, sizes or device do not fit.
        CheckpointError: starting weights cannot be loaded.
        DataError: images cannot be read.
        StopRequested: a signal arrived; finished parts of stores are kept.
    """
    objective = build_objective(config, dataset.labels)
    model = build_network(config, objective)
    for image_size in sorted({stage.image_size for stage in config.stages}):
        check_image_size(config.model.name, model.body, config.model.channels, image_size)
    runtime = resolve_runtime(config.train, model)
    dropped = load_starting_weights(model, config.model)
    if dropped:
        reporter.report(Message(f"starting weights: left out the classifier's {listed(dropped)}"))
    sources, bad = open_stores(config, dataset.samples, runtime.workers, reporter, should_stop)
    return Workbench(
        config=config,
        dataset=dataset,
        objective=objective,
        soft_targets=soften_targets(config, dataset.samples, dataset.labels),
        model=runtime.place_model(model),
        runtime=runtime,
        sources=sources,
        left_out=bad,
        reporter=reporter,
        should_stop=should_stop,
    )


def open_stores(
    config: Config, samples: SampleTable, workers: int, reporter: Reporter, should_stop: StopCheck
) -> tuple[dict[int, ImageSource], frozenset[str]]:
    """The training images at every stage's size, and the ids that were left out of any of them."""
    sources: dict[int, ImageSource] = {}
    bad: frozenset[str] = frozenset()
    for image_size in dict.fromkeys(stage.image_size for stage in config.stages):
        spec = store_spec(config, "train", image_size)
        sources[image_size] = ensure_store(samples, spec, reporter, should_stop, workers)
        bad |= left_out(samples, spec)
    return sources, bad
