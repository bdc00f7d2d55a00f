"""Class names and probabilities (or numbers) for single images or rows: validation's own function on one plain view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kgcv.data.originals import OriginalImages
from kgcv.data.predictions import Predictions
from kgcv.data.resize import scaling_of
from kgcv.errors import ConfigError, DataError
from kgcv.events import Silent, never_stop
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.trained_model import TrainedModel, load_trained
from kgcv.recipes.tta_samples import trained_folds


@dataclass(frozen=True, slots=True)
class OnePrediction:
    """What a run says about one sample."""

    name: str
    """The image's path, or `row N`."""
    values: dict[str, float]
    """Probability of each class, best first; or each number in its own order."""
    tags: tuple[str, ...] | None = None
    """The tags that the decision rule gives; None for other tasks, and before there is a rule."""
    rule: str | None = None
    """The conditions in `rows.predict` that gave the answer in the network's place; None: the network gave it."""


def predict_images(run: RunFolder, paths: Sequence[Path], fold: int | None = None) -> tuple[OnePrediction, ...]:
    """Predict image files with the best weights of a run.

    Args:
        run: a trained run.
        paths: of the images.
        fold: the only fold to ask; None is the mean of all, as for the submission.

    Raises:
        DataError: a file is missing or no readable image.
        ConfigError: there is no such fold, or the run is of tables.
        CheckpointError: the run has no usable weights.
    """
    if run.read_config().data.kind != "images":
        raise ConfigError([f"{run.path}: is a run on tables; give it a row with --row FILE"])
    require_files(paths)
    return averaged(run, [ask_images(load_trained(run, number), paths) for number in trained_folds(run, fold)])


def predict_rows(
    run: RunFolder, rows: Sequence[Mapping[str, Any]], fold: int | None = None
) -> tuple[OnePrediction, ...]:
    """Predict rows of a table with the best weights of a run; rules in `rows.predict` come first.

    Args:
        run: a trained run.
        rows: cells by column, as JSON has them, of the table `rows` before the steps of `features`.
        fold: the only fold to ask; None is the mean of all, as for the submission.

    Raises:
        DataError: a row has columns or values that do not fit.
        ConfigError: there is no such fold, or the run is of images.
        CheckpointError: the run has no usable weights.
    """
    from kgcv.data.tables.features import features_of_row
    from kgcv.data.tables.rows import first_rules

    config = run.read_config()
    if config.data.kind != "table":
        raise ConfigError([f"{run.path}: is a run on images; name image files"])
    folds, results = trained_folds(run, fold), []
    for number, row in enumerate(rows, start=1):
        frame = features_of_row(config, row)
        answers = []
        for each in folds:
            trained = load_trained(run, each)
            values = trained.predictor(trained.table_inputs(frame), Silent(), never_stop).predict(np.arange(1))
            answers.append(Predictions((f"row {number}",), trained.card.class_names, values, trained.card.task))
        (result,) = averaged(run, answers)
        (rule,) = first_rules(frame, config.rows.predict)
        if rule is not None:
            known = dict.fromkeys(result.values, rule.value)
            result = replace(result, values=known, rule=" and ".join(rule.where))
        results.append(result)
    return tuple(results)


def require_files(paths: Sequence[Path]) -> None:
    """Refuse a path that leads to no file.

    Raises:
        DataError: names it.
    """
    for path in paths:
        if not path.is_file():
            raise DataError(f"{path}: no such file")


def averaged(run: RunFolder, answers: Sequence[Predictions]) -> tuple[OnePrediction, ...]:
    """The mean of the folds' answers, with the tags that the run's rule gives."""
    mean: np.ndarray = np.stack([answer.values for answer in answers]).mean(axis=0, dtype=np.float64)
    names, ids, task = answers[0].class_names, answers[0].ids, answers[0].task
    tags = _decide(run, names, mean) if task == "multi" and run.thresholds_file.is_file() else [None] * len(ids)
    results = []
    for name, row, given in zip(ids, mean.tolist(), tags, strict=True):
        named = dict(zip(names, row, strict=True))
        if task != "regression":
            named = dict(sorted(named.items(), key=lambda item: -item[1]))
        results.append(OnePrediction(name, named, given))
    return tuple(results)


def ask_images(trained: TrainedModel, paths: Sequence[Path]) -> Predictions:
    """What one fold says about image files; a run of images.

    Raises:
        DataError: one of them is no readable image.
    """
    inputs = trained.image_inputs(image_files(trained, paths))
    predictor = trained.predictor(inputs, Silent(), never_stop)
    card = trained.card
    return Predictions(tuple(map(str, paths)), card.class_names, predictor.predict(np.arange(len(paths))), card.task)


def image_files(trained: TrainedModel, paths: Sequence[Path]) -> OriginalImages:
    """Image files in the size that `trained.image_inputs` takes."""
    geometry = trained.card.geometry
    assert geometry is not None, "the run is of images"
    return OriginalImages(tuple(paths), geometry.channels, scaling_of(trained.config.resize, geometry.edge))


def _decide(run: RunFolder, names: Sequence[str], values: np.ndarray) -> list[tuple[str, ...] | None]:
    from kgcv.recipes.decision import read_rule  # loads metrics, for which single labels and numbers need not wait

    given = read_rule(run.path, names).decide(values.astype(np.float32))
    return [tuple(np.array(names)[row].tolist()) for row in given]
