"""Training: from a config to a run folder with the best weights and the predictions of the validation images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgcv.config.schema import Config
from kgcv.data.predictions import Predictions, write_predictions
from kgcv.data.splits import write_split
from kgcv.engine.fold_folder import FoldFolder
from kgcv.engine.inference import Predictor
from kgcv.engine.trainer import Samples, Trainer
from kgcv.errors import ConfigError, DataError
from kgcv.events import Message, Reporter, RunStarted, StopCheck
from kgcv.files import point_latest
from kgcv.model.checkpoint import WeightsCard, load_weights, read_card
from kgcv.recipes.decision import note_threshold
from kgcv.recipes.run_folder import RunFolder, new_run
from kgcv.recipes.workbench import Workbench, choose_metrics, load_dataset, set_up


@dataclass(frozen=True, slots=True)
class FoldResult:
    """The best weights of a fold."""

    fold: int
    weights: Path
    card: WeightsCard
    scores: dict[str, float]
    """On the whole validation set, with the best weights."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run."""

    folder: Path
    folds: tuple[FoldResult, ...]


def start_run(config: Config, stem: str, folder: Path | None) -> RunFolder:
    """A new run folder, or `folder` where it holds an unfinished run of the very same config.

    Raises:
        DataError: `folder` holds something else, or a finished run.
    """
    run = RunFolder(folder) if folder is not None else None
    if run is None or not run.config_file.is_file():
        return new_run(config, stem, folder)
    if run.read_config() != config:
        raise DataError(f"{run.path}: holds a run of another config; choose another --run-dir")
    if run.scores_file.is_file():
        raise DataError(f"{run.path}: holds a finished run, and a run is never overwritten; choose another --run-dir")
    return run


def train(run: RunFolder, fold: int | None, reporter: Reporter, should_stop: StopCheck) -> RunResult:
    """Train what is still to be trained in `run`, from where it stands.

    Args:
        run: from `start_run`, or the folder of an interrupted run.
        fold: the only fold to train; None trains all.
        reporter: hears what happens.
        should_stop: asked between steps.

    Raises:
        StopRequested: a signal arrived; the state has been saved.
        KgcvError: see `set_up` and `Trainer.fit`.
    """
    config = run.read_config()
    dataset = load_dataset(config, run.split_file if run.split_file.is_file() else None)
    if not run.split_file.is_file():
        write_split(run.split_file, dataset.samples.ids, dataset.split)
    if fold is not None and fold >= dataset.split.num_folds:
        raise ConfigError([f"--fold {fold}: the split has folds 0 to {dataset.split.num_folds - 1}"])
    folds = range(dataset.split.num_folds) if fold is None else [fold]
    results = []
    for number in folds:
        # Each fold starts from the same weights, so it has a model of its own.
        bench = set_up(config, dataset, reporter, should_stop)
        results.append(train_fold(bench, run, number))
    run.add_scores("valid", {f"fold{result.fold}": result.scores for result in results})
    return RunResult(run.path, tuple(results))


def train_fold(bench: Workbench, run: RunFolder, fold: int) -> FoldResult:
    """Train one fold to its end and predict its validation images with the best weights."""
    folder = run.fold(fold)
    trainer = build_trainer(bench, folder, fold)
    if (state := folder.read_state()) is not None:
        trainer.restore(state)
    else:
        point_latest(run.path)  # only now, when all that can be wrong before the first step has been seen
    plans = [bench.plan(stage, len(trainer.samples.train_rows)) for stage in range(len(bench.config.stages))]
    total = sum(plan.schedule.num_steps for plan in plans)
    bench.reporter.report(RunStarted(run.path, len(plans), total, trainer.progress.total_steps))
    if trainer.progress.total_steps > 0:
        _tell_resume(bench.reporter, trainer)
    first_stage = trainer.progress.stage
    for plan in plans[first_stage:]:
        inputs = bench.stage_inputs(plan, fold)
        trainer.fit(plan, inputs, inputs)
    if first_stage == len(plans) and folder.predictions("valid").is_file():  # finished before; tta may have been here
        return FoldResult(fold, folder.best_weights, read_card(folder.best_weights), folder.read_best_scores())
    return _finish_fold(bench, folder, fold)


def build_trainer(bench: Workbench, folder: FoldFolder, fold: int) -> Trainer:
    """A trainer at the start of a fold."""
    labels = bench.dataset.labels
    return Trainer(
        model=bench.model,
        objective=bench.objective,
        config=bench.config.train,
        samples=Samples(labels.targets, bench.train_rows(fold), bench.valid_rows(fold), labels.class_names),
        metrics=choose_metrics(bench.config, labels),
        runtime=bench.runtime,
        folder=folder,
        reporter=bench.reporter,
        should_stop=bench.should_stop,
        channels=bench.config.model.channels,
    )


def _tell_resume(reporter: Reporter, trainer: Trainer) -> None:
    progress = trainer.progress
    where = f"stage {progress.stage + 1}, epoch {progress.epoch + 1}, after step {progress.step}"
    reporter.report(Message(f"going on in {trainer.folder.path} at {where}"))


def _finish_fold(bench: Workbench, folder: FoldFolder, fold: int) -> FoldResult:
    """Predict the validation images with the best weights, at the image size they were validated at."""
    card = read_card(folder.best_weights)
    load_weights(folder.best_weights, bench.model)
    inputs = bench.image_inputs(card.image_size, card.edge)
    batch_size = bench.plan(card.stage, num_train=2).batch_size
    rows = bench.valid_rows(fold)
    predictor = Predictor(
        bench.model, bench.objective, inputs, batch_size, bench.runtime, should_stop=bench.should_stop
    )
    values = predictor.predict(rows)
    ids = tuple(np.array(bench.dataset.samples.ids)[rows].tolist())
    labels = bench.dataset.labels
    write_predictions(folder.predictions("valid"), Predictions(ids, labels.class_names, values, labels.task))
    note_threshold(folder.path.parent, bench.config, labels.targets[rows], values)
    metrics = choose_metrics(bench.config, labels)
    scores = {metric.name: metric.score(labels.targets[rows], values) for metric in metrics}
    return FoldResult(fold, folder.best_weights, card, scores)
