"""Class names and probabilities (or numbers) for single images: validation's own function on one plain view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgcv.data.originals import OriginalImages
from kgcv.data.predictions import Predictions
from kgcv.data.resize import scaling_of
from kgcv.errors import DataError
from kgcv.events import Silent, never_stop
from kgcv.recipes.decision import read_rule
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.trained_model import load_trained
from kgcv.recipes.tta_images import trained_folds


@dataclass(frozen=True, slots=True)
class ImagePrediction:
    """What a run says about one image."""

    path: Path
    values: dict[str, float]
    """Probability of each class, best first; or each number in its own order."""
    tags: tuple[str, ...] | None = None
    """The tags that the decision rule gives; None for other tasks, and before there is a rule."""


def predict_images(run: RunFolder, paths: Sequence[Path], fold: int | None = None) -> tuple[ImagePrediction, ...]:
    """Predict image files with the best weights of a run.

    Args:
        run: a trained run.
        paths: of the images.
        fold: the only fold to ask; None is the mean of all, as for the submission.

    Raises:
        DataError: a file is missing or no readable image.
        ConfigError: there is no such fold.
        CheckpointError: the run has no usable weights.
    """
    for path in paths:
        if not path.is_file():
            raise DataError(f"{path}: no such file")
    answers = [_predict(run, paths, number) for number in trained_folds(run, fold)]
    mean: np.ndarray = np.stack([answer.values for answer in answers]).mean(axis=0, dtype=np.float64)
    names, task = answers[0].class_names, answers[0].task
    tags = _decide(run, names, mean) if task == "multi" and run.thresholds_file.is_file() else [None] * len(paths)
    results = []
    for path, row, given in zip(paths, mean.tolist(), tags, strict=True):
        named = dict(zip(names, row, strict=True))
        if task != "regression":
            named = dict(sorted(named.items(), key=lambda item: -item[1]))
        results.append(ImagePrediction(path, named, given))
    return tuple(results)


def _predict(run: RunFolder, paths: Sequence[Path], fold: int) -> Predictions:
    trained = load_trained(run, fold)
    card, geometry = trained.card, trained.card.geometry
    source = OriginalImages(tuple(paths), geometry.channels, scaling_of(trained.config.resize, geometry.edge))
    values = trained.predictor(source, Silent(), never_stop).predict(np.arange(len(paths)))
    return Predictions(tuple(map(str, paths)), card.class_names, values, card.task)


def _decide(run: RunFolder, names: Sequence[str], values: np.ndarray) -> list[tuple[str, ...] | None]:
    given = read_rule(run.path, names).decide(values.astype(np.float32))
    return [tuple(np.array(names)[row].tolist()) for row in given]
