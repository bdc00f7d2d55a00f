"""Test-time augmentation with a run: predictions for its validation or test images, in the run folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from kgcv.config.schema import Config
from kgcv.data.labels import LabelSet, encode_labels
from kgcv.data.predictions import Predictions, write_predictions
from kgcv.data.resize import ensure_store, left_out, store_spec
from kgcv.data.samples import SampleTable, read_test_samples, read_train_samples
from kgcv.data.splits import read_split
from kgcv.engine.inference import Predictor
from kgcv.engine.tta import build_views, view_weights
from kgcv.errors import ConfigError, listed
from kgcv.events import Message, Reporter, StopCheck, TaskDone, TaskStarted
from kgcv.recipes.decision import note_threshold
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.trained_model import TrainedModel, load_trained
from kgcv.recipes.workbench import choose_metrics

Part = Literal["valid", "test"]


@dataclass(frozen=True, slots=True)
class TtaResult:
    """What a pass over one part gave."""

    part: Part
    file: Path
    """The predictions."""
    num_images: int
    views: tuple[str, ...]
    """Names of the views, plain first."""
    plain_scores: dict[str, float] | None = None
    """`valid`: scores of the plain view, on the whole set."""
    scores: dict[str, float] | None = None
    """`valid`: scores of all views together."""


@dataclass(frozen=True, slots=True)
class TtaRequest:
    """Which views of which fold."""

    fold: int = 0
    views: str | None = None
    """Instead of the config's `tta.views`."""


def run_tta(run: RunFolder, part: Part, request: TtaRequest, reporter: Reporter, should_stop: StopCheck) -> TtaResult:
    """Predict `part` with the best weights, averaged over views, and write the predictions.

    Raises:
        ConfigError: no such views, or the config names no test images.
        DataError: images cannot be read.
        CheckpointError: the run has no usable weights.
        StopRequested: a signal arrived; nothing was written.
    """
    trained = load_trained(run, request.fold)
    samples = read_train_samples(trained.config.data, trained.config.split) if part == "valid" else _test(trained)
    spec = store_spec(trained.config, "train" if part == "valid" else "test", trained.card.image_size)
    source = ensure_store(samples, spec, reporter, should_stop, trained.runtime.workers)
    rows = np.arange(len(samples))
    if part == "valid":
        rows = read_split(run.split_file, samples.ids).valid_rows(request.fold)
    rows = _readable(samples, rows, left_out(samples, spec), part, reporter)
    predictor = trained.predictor(source, reporter, should_stop)
    plain, values, views = _predict(predictor, trained, request, rows, len(samples))
    file = run.fold(request.fold).predictions(part)
    ids = tuple(samples.ids[row] for row in rows)
    write_predictions(file, Predictions(ids, trained.card.class_names, values, trained.card.task))
    if part == "test":
        return TtaResult(part, file, len(rows), views)
    labels = encode_labels(samples, trained.card.task, trained.card.class_names)
    plain_scores, scores = (_scores(trained.config, labels, rows, each) for each in (plain, values))
    note_threshold(run.path, trained.config, labels.targets[rows], values)
    run.add_scores("tta", {"views": list(views), "plain": plain_scores, "all": scores})
    return TtaResult(part, file, len(rows), views, plain_scores, scores)


def _test(trained: TrainedModel) -> SampleTable:
    if trained.config.data.test is None:
        raise ConfigError(["data.test: the config names no test images"])
    return read_test_samples(trained.config.data)


def _readable(
    samples: SampleTable, rows: np.ndarray, bad: frozenset[str], part: Part, reporter: Reporter
) -> np.ndarray:
    """`rows` without images that the user chose to leave out; they are named."""
    readable = np.array([row for row in rows if samples.ids[row] not in bad], dtype=np.int64)
    if len(readable) < len(rows):
        names = listed(samples.ids[row] for row in rows if samples.ids[row] in bad)
        reporter.report(Message(f"{part}: no predictions for the unreadable {names}", "warning"))
    return readable


def _predict(
    predictor: Predictor, trained: TrainedModel, request: TtaRequest, rows: np.ndarray, num_samples: int
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Predictions of the plain view and of all views, `(N, C)` float32 each, and the views' names."""
    config = trained.config
    augment = config.stages[trained.card.stage].augment or config.augment
    views = build_views(request.views or config.tta.views, augment, config.train.seed, num_samples)
    weights = view_weights(len(views), config.tta.plain_weight)
    name = f"predict with {len(views)} views" if len(views) > 1 else "predict"
    predictor.reporter.report(TaskStarted(name, len(rows) * len(views)))
    plain = predictor.predict(rows, views[:1])
    others = predictor.predict(rows, views[1:], weights[1:])
    predictor.reporter.report(TaskDone(name))
    return plain, weights[0] * plain + others, tuple(view.name for view in views)


def _scores(config: Config, labels: LabelSet, rows: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """Every metric of the run on all of `rows`."""
    metrics = choose_metrics(config, labels)
    return {metric.name: metric.score(labels.targets[rows], values) for metric in metrics}


def parts_of(run: RunFolder) -> tuple[Part, ...]:
    """What there is to predict: the validation images, and the test images where the config names some."""
    return ("valid",) if run.read_config().data.test is None else ("valid", "test")
