"""Class names and probabilities (or numbers) for single images: validation's own function on one plain view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgcv.data.originals import OriginalImages
from kgcv.data.resize import scaling_of
from kgcv.errors import DataError
from kgcv.events import Silent, never_stop
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.trained_model import load_trained


@dataclass(frozen=True, slots=True)
class ImagePrediction:
    """What the model says about one image."""

    path: Path
    values: dict[str, float]
    """Probability of each class, best first; or each number in its own order."""


def predict_images(run: RunFolder, paths: Sequence[Path], fold: int = 0) -> tuple[ImagePrediction, ...]:
    """Predict image files with the best weights of a run.

    Raises:
        DataError: a file is missing or no readable image.
        CheckpointError: the run has no usable weights.
    """
    for path in paths:
        if not path.is_file():
            raise DataError(f"{path}: no such file")
    trained = load_trained(run, fold)
    card = trained.card
    source = OriginalImages(tuple(paths), card.channels, scaling_of(trained.config.resize, card.edge))
    values = trained.predictor(source, Silent(), never_stop).predict(np.arange(len(paths)))
    results = []
    for path, row in zip(paths, values.tolist(), strict=True):
        named = dict(zip(card.class_names, row, strict=True))
        if card.task != "regression":
            named = dict(sorted(named.items(), key=lambda item: -item[1]))
        results.append(ImagePrediction(path, named))
    return tuple(results)
