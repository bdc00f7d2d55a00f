"""What every recipe that trains a model puts together first: samples, labels, split, model, inputs, runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kgcv.config.schema import Config, Task
from kgcv.engine.batch_size import MemoryProbe
from kgcv.engine.fold_folder import FoldFolder
from kgcv.engine.inputs import Inputs
from kgcv.engine.plan import StagePlan, plan_stage
from kgcv.engine.processes import ALONE, Processes
from kgcv.engine.runtime import Runtime, resolve_runtime, synchronise_norms
from kgcv.engine.samples import Samples
from kgcv.errors import DataError
from kgcv.events import Message, Reporter, StopCheck
from kgcv.model.checkpoint import Geometry
from kgcv.model.heads import Objective
from kgcv.model.network import Network
from kgcv.recipes.dataset import Dataset
from kgcv.recipes.image_feed import open_image_feed, starting_model
from kgcv.recipes.metric import load_metric
from kgcv.recipes.targets import build_objective, draw_chances, soften_targets
from kgcv.scoring.metrics import METRICS, Scorer


def choose_metrics(config: Config, task: Task, class_names: Sequence[str]) -> tuple[Scorer, ...]:
    """The competition's metric, then accuracy and log loss where the task has them."""
    chosen = load_metric(config, task, class_names)
    always = [METRICS[name] for name in ("accuracy", "log_loss") if task in METRICS[name].tasks]
    return (chosen, *(metric for metric in always if metric.name != chosen.name))


class Feed(Protocol):
    """What the network is fed with, stage by stage."""

    @property
    def left_out(self) -> frozenset[str]:
        """Ids of samples that the user chose to go without."""
        ...

    def inputs(self, geometry: Geometry | None) -> Inputs:
        """The samples as they are predicted."""
        ...

    def keep(self, folder: FoldFolder) -> None:
        """Write to the fold's folder what its weights cannot be used without.

        Raises:
            CheckpointError: the fold has something else, for the data have changed.
        """
        ...

    def stage_inputs(self, plan: StagePlan, rows: np.ndarray) -> Inputs:
        """The samples `rows` `(n,)` as a stage trains and validates on them."""
        ...


@dataclass(frozen=True, slots=True)
class Workbench:
    """A model and the data of a fold, ready for any stage."""

    config: Config
    dataset: Dataset
    fold: int
    model: Network
    runtime: Runtime
    feed: Feed
    reporter: Reporter
    should_stop: StopCheck

    def train_rows(self) -> np.ndarray:
        """`(n,)` int64: rows that train.

        Raises:
            DataError: fewer than two.
        """
        rows = self._in_use(self.dataset.split.train_rows(self.fold))
        if len(rows) < 2:
            raise DataError(f"fold {self.fold} has {len(rows)} training samples; at least two are needed")
        return rows

    def valid_rows(self) -> np.ndarray:
        """`(n,)` int64: rows that validate."""
        return self._in_use(self.dataset.split.valid_rows(self.fold))

    def _in_use(self, rows: np.ndarray) -> np.ndarray:
        left_out, ids = self.feed.left_out, self.dataset.samples.ids
        if not left_out:
            return rows
        return np.array([row for row in rows if ids[row] not in left_out], dtype=np.int64)

    def plan(self, stage: int, fitting: int | None = None) -> StagePlan:
        """The plan of a stage; `fitting` is the batch size that `auto` has found."""
        rows = self.train_rows()
        chances = draw_chances(self.config, self.dataset.samples, self.dataset.labels, rows)
        return plan_stage(self.config, stage, len(rows), self.model.num_groups, chances, fitting)

    def fitting_batch_size(self, stage: int) -> int | None:
        """What `batch_size: auto` comes to in a stage on this device; None where the config has a number."""
        asked = self.config.stages[stage].batch_size or self.config.train.batch_size
        if asked != "auto":
            return None
        plan = self.plan(stage)
        probe = MemoryProbe(self.model, self.objective(), self.config.train, self.runtime)
        found = probe.find(plan, self.stage_inputs(plan), self.samples())
        (smallest,) = self.runtime.processes.largest([-found])
        self.reporter.report(Message(f"stage {stage + 1}: batches of {-smallest}, for a total of {plan.batch_size}"))
        return -smallest

    def objective(self) -> Objective:
        """Loss and activation, with the weights that the training samples give."""
        return build_objective(self.config, self.dataset.labels, self.train_rows())

    def samples(self) -> Samples:
        """Which samples train and which validate, and what they are."""
        labels = self.dataset.labels
        return Samples(
            targets=labels.targets,
            train_rows=self.train_rows(),
            valid_rows=self.valid_rows(),
            class_names=labels.class_names,
            ids=self.dataset.samples.ids,
            soft_targets=soften_targets(self.config, self.dataset.samples, labels),
        )

    def stage_inputs(self, plan: StagePlan) -> Inputs:
        """What a stage trains and validates on."""
        return self.feed.stage_inputs(plan, np.concatenate([self.train_rows(), self.valid_rows()]))


def set_up(
    config: Config,
    dataset: Dataset,
    fold: int,
    reporter: Reporter,
    should_stop: StopCheck,
    processes: Processes = ALONE,
) -> Workbench:
    """Build the model with its starting weights, and whatever stores are missing.

    Raises:
        ConfigError: model, sizes or device do not fit.
        CheckpointError: starting weights cannot be loaded.
        DataError: images cannot be read, or columns cannot be encoded.
        StopRequested: a signal arrived; finished parts of stores are kept.
    """
    set_up_fold = _set_up_images if dataset.rows is None else _set_up_table
    model, runtime, feed = set_up_fold(config, dataset, fold, reporter, should_stop, processes)
    if config.train.sync_batch_norm:
        synchronise_norms(model, runtime)
    return Workbench(config, dataset, fold, model, runtime, feed, reporter, should_stop)


def _set_up_images(
    config: Config, dataset: Dataset, fold: int, reporter: Reporter, should_stop: StopCheck, processes: Processes
) -> tuple[Network, Runtime, Feed]:
    model = starting_model(config, build_objective(config, dataset.labels), reporter)
    runtime = resolve_runtime(config.train, model, processes)
    model = runtime.place_model(model)
    return model, runtime, open_image_feed(config, dataset, model, runtime, reporter, should_stop)


def _set_up_table(
    config: Config, dataset: Dataset, fold: int, reporter: Reporter, should_stop: StopCheck, processes: Processes
) -> tuple[Network, Runtime, Feed]:
    # pandas is loaded for tables alone.
    from kgcv.data.tables.encode import fit_encoding
    from kgcv.recipes.table_feed import build_table_model, open_table_feed

    assert dataset.rows is not None, "the caller looked"
    rows, objective = dataset.split.train_rows(fold), build_objective(config, dataset.labels)
    encoding = fit_encoding(dataset.rows.frame, rows, config.columns)
    learned = dataset.labels.targets[rows] if objective.task == "regression" else None
    if learned is not None and objective.log_target:
        learned = np.log(learned)
    model = build_table_model(config, encoding, objective, learned)
    runtime = resolve_runtime(config.train, model, processes)
    return runtime.place_model(model), runtime, open_table_feed(dataset.rows.frame, encoding, runtime)
