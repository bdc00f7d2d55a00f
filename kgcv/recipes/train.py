"""Training: from a config to a run folder with the best weights and the predictions of the validation samples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from kgcv.config.schema import Config
from kgcv.data.predictions import Predictions, as_predictions, write_predictions
from kgcv.data.splits import count_folds, write_split
from kgcv.data.watch import Watch
from kgcv.engine.fold_folder import FoldFolder
from kgcv.engine.inference import Predictor
from kgcv.engine.plan import StagePlan
from kgcv.engine.processes import ALONE, Processes
from kgcv.engine.trainer import Trainer
from kgcv.errors import ConfigError, DataError
from kgcv.events import Message, Reporter, RunOpened, RunStarted, StopCheck
from kgcv.files import point_latest, write_json
from kgcv.model.checkpoint import WeightsCard, load_weights, read_card
from kgcv.recipes.dataset import Dataset, reopen_dataset, split_dataset
from kgcv.recipes.decide import decide_again
from kgcv.recipes.decision_terms import plan_decision
from kgcv.recipes.oof import gather_oof, targets_of
from kgcv.recipes.run_folder import RunFolder, new_run, noted_session, only_here
from kgcv.recipes.workbench import Workbench, choose_metrics, set_up


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
    oof_scores: dict[str, float] | None = None
    """Over all folds, on the whole set; None while folds are missing, or where nothing validates."""


def start_run(config: Config, stem: str, folder: Path | None, is_restart: bool = False) -> RunFolder:
    """A new run folder, or `folder` where it holds an unfinished run of the very same config.

    A finished one will do where a launcher gives the command again: a process may have died after the work was done.

    Raises:
        DataError: `folder` holds something else, or a finished run.
    """
    run = RunFolder(folder) if folder is not None else None
    if run is None or not run.config_file.is_file():
        return new_run(config, stem, folder)
    if run.read_config() != config:
        raise DataError(f"{run.path}: holds a run of another config; choose another --run-dir")
    if _is_finished(run) and not is_restart:
        raise DataError(f"{run.path}: holds a finished run, and a run is never overwritten; choose another --run-dir")
    return run


def _is_finished(run: RunFolder) -> bool:
    """Whether every fold has been trained to its end."""
    scores = run.read_scores()
    return bool(scores) and len(scores["valid"]) == count_folds(run.split_file)


def train(
    run: RunFolder, fold: int | None, reporter: Reporter, should_stop: StopCheck, processes: Processes = ALONE
) -> RunResult:
    """Train what is still to be trained in `run`, from where it stands.

    Args:
        run: from `start_run`, or the folder of an interrupted run.
        fold: the only fold to train; None trains all.
        reporter: hears what happens.
        should_stop: asked between steps.
        processes: that train together, on one run folder; the first of them writes.

    Raises:
        StopRequested: a signal arrived; the state has been saved.
        CheckpointError: another process trains in this folder.
        KgcvError: see `set_up` and `Trainer.fit`.
    """
    config = run.read_config()
    was_complete = run.predictions("oof").is_file()
    with _held(run, processes):
        reporter.report(RunOpened(run.path))
        with processes.first_alone():
            dataset = _open_dataset(run, config, Watch(reporter, should_stop, config.train.workers))
        num_folds = dataset.split.num_folds
        if fold is not None and fold >= num_folds:
            raise ConfigError([f"--fold {fold}: the split has folds 0 to {num_folds - 1}"])
        results = []
        for number in range(num_folds) if fold is None else [fold]:
            if num_folds > 1:
                reporter.report(Message(f"fold {number + 1} of {num_folds}"))
            with processes.first_alone():
                # Each fold starts from the same weights, so it has a model of its own.
                bench = set_up(config, dataset, number, reporter, should_stop, processes)
            results.append(train_fold(bench, run))
        if processes.is_first:
            run.add_scores("valid", {f"fold{result.fold}": result.scores for result in results})
            if not was_complete:  # else tta may have been here
                judge_run(run, config)
    return RunResult(run.path, tuple(results), run.read_scores().get("oof"))


@contextmanager
def _held(run: RunFolder, processes: Processes) -> Iterator[None]:
    """The run is trained by these processes alone, and the session noted."""
    if not processes.is_first:
        yield
        return
    with only_here(run), noted_session(run):
        yield


def _open_dataset(run: RunFolder, config: Config, watch: Watch) -> Dataset:
    """The run's data with its split, both noted in the run folder."""
    if run.split_file.is_file():
        return reopen_dataset(config, run.split_file, watch)
    dataset = split_dataset(config, watch)
    if dataset.labels.task == "multi":
        plan_decision(config, dataset.labels.class_names)  # a rule that cannot be fitted shows now, not after hours
    for note in dataset.labels.notes:
        watch.reporter.report(Message(note, "warning"))
    write_predictions(run.labels_file, as_predictions(dataset.samples.ids, dataset.labels))
    write_split(run.split_file, dataset.samples.ids, dataset.split)
    return dataset


def judge_run(run: RunFolder, config: Config) -> None:
    """Join the folds' validation predictions, score them on the whole set, and fit the decision rule to them.

    While folds are missing there is nothing to judge.
    """
    oof = gather_oof(run)
    if oof is not None:
        targets = targets_of(run, oof)
        metrics = choose_metrics(config, oof.task, oof.class_names)
        run.add_scores("oof", {metric.name: metric.score(targets, oof.values, oof.ids) for metric in metrics})
    if oof is not None or config.split.train_on_all:
        decide_again(run.path)


def train_fold(bench: Workbench, run: RunFolder) -> FoldResult:
    """Train the bench's fold to its end and predict its validation samples with the best weights."""
    fold, processes = bench.fold, bench.runtime.processes
    folder = replace(run.fold(fold), is_written=processes.is_first)
    with processes.first_alone():
        bench.feed.keep(folder)
    trainer = build_trainer(bench, folder)
    if (state := folder.read_state(bench.reporter)) is not None:
        trainer.restore(state)
    elif processes.is_first:
        point_latest(run.path)  # only now, when all that can be wrong before the first step has been seen
    processes.wait()  # until all have read the state, which the first one is about to write
    plans = _plan_stages(bench, run)
    outlines = tuple(plan.outline for plan in plans)
    total = sum(outline.num_steps for outline in outlines)
    bench.reporter.report(RunStarted(run.path, len(plans), total, trainer.progress.total_steps, fold, outlines))
    if trainer.progress.total_steps > 0:
        _tell_resume(bench.reporter, trainer)
    first_stage = trainer.progress.stage
    for plan in plans[first_stage:]:
        with processes.first_alone():
            inputs = bench.stage_inputs(plan)
        trainer.fit(plan, inputs, inputs)
    processes.wait()  # until the first has written the best weights
    if bench.config.split.train_on_all:
        return FoldResult(fold, folder.best_weights, read_card(folder.best_weights), {})
    if first_stage == len(plans) and folder.predictions("valid").is_file():  # finished before; tta may have been here
        return FoldResult(fold, folder.best_weights, read_card(folder.best_weights), folder.read_best_scores())
    return _finish_fold(bench, trainer, run)


def _plan_stages(bench: Workbench, run: RunFolder) -> list[StagePlan]:
    """The plans of all stages; batch sizes that are to be found are found once for the run."""
    known, processes = run.read_batch_sizes(), bench.runtime.processes
    processes.wait()  # until all have read what the first is about to write
    numbers = range(len(bench.config.stages))
    found = {stage: known.get(str(stage)) or bench.fitting_batch_size(stage) for stage in numbers}
    if processes.is_first and any(found.values()):
        write_json(run.batch_sizes_file, {str(stage): size for stage, size in found.items() if size})
    return [bench.plan(stage, found[stage]) for stage in numbers]


def build_trainer(bench: Workbench, folder: FoldFolder) -> Trainer:
    """A trainer at the start of a fold."""
    labels = bench.dataset.labels
    return Trainer(
        model=bench.model,
        objective=bench.objective(),
        config=bench.config.train,
        samples=bench.samples(),
        metrics=choose_metrics(bench.config, labels.task, labels.class_names),
        runtime=bench.runtime,
        folder=folder,
        reporter=bench.reporter,
        should_stop=bench.should_stop,
    )


def _tell_resume(reporter: Reporter, trainer: Trainer) -> None:
    progress = trainer.progress
    where = f"stage {progress.stage + 1}, epoch {progress.epoch + 1}, after step {progress.step}"
    reporter.report(Message(f"going on in {trainer.folder.path} at {where}"))


def _finish_fold(bench: Workbench, trainer: Trainer, run: RunFolder) -> FoldResult:
    """Predict the validation samples with the best weights, images at the size they were validated at."""
    folder, samples = trainer.folder, trainer.samples
    card = read_card(folder.best_weights)
    load_weights(folder.best_weights, bench.model)
    inputs = bench.feed.inputs(card.geometry)
    batch_size = run.batch_size(card.stage, bench.config)
    predictor = Predictor(
        bench.model, trainer.objective, inputs, batch_size, bench.runtime, should_stop=bench.should_stop
    )
    values, ids = predictor.predict(samples.valid_rows), samples.valid_ids
    predictions = Predictions(tuple(ids), samples.class_names, values, bench.dataset.labels.task)
    if folder.is_written:
        write_predictions(folder.predictions("valid"), predictions)
    scores = {metric.name: metric.score(samples.valid_targets, values, ids) for metric in trainer.metrics}
    return FoldResult(bench.fold, folder.best_weights, card, scores)
