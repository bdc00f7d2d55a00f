"""The evidence for a prediction: the image as the network sees it, what in it speaks for the answer, and responses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from kgcv.config.schema import Task
from kgcv.data.loader import BatchRequest
from kgcv.engine.device_memory import explained_memory
from kgcv.engine.tta import PLAIN
from kgcv.errors import ConfigError, listed
from kgcv.model.covering import cover_squares
from kgcv.model.first_layer import Channel, first_convolution, strongest_channels
from kgcv.model.grad_cam import find_evidence, spread, spread_evidence
from kgcv.model.vision import VisionModel, normalization
from kgcv.model.watched import WatchedPass, watch
from kgcv.recipes.predict_one import OnePrediction, ask_images, averaged, image_files, require_files
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.trained_model import TrainedModel, load_trained
from kgcv.recipes.tta_samples import trained_folds

MAX_ANSWERS = 3
"""Tags, or numbers, whose evidence is shown: as many pictures as stand side by side in a terminal."""

MAX_SHOWN = 10
"""Classes whose probabilities are shown."""

COVERED = "covered squares"
"""In the place of a layer's name, where squares of the image were covered."""

NUM_CHANNELS = 8
"""Channels of the first layer that are shown."""


@dataclass(frozen=True, slots=True)
class HeatMap:
    """What in an image speaks for one answer."""

    answer: str
    """A class, or the name of a number."""
    layer: str
    """The part of the network that was asked, or `COVERED`."""
    places: np.ndarray
    """`(h, w)` float32, 0 and above: that part's own places, before they are spread over the image."""
    heat: np.ndarray
    """`(S, S)` float32 in [0, 1], 1 where most speaks for the answer; all 0 where nothing does."""


@dataclass(frozen=True, slots=True)
class FirstLayer:
    """What the first convolution, or patch embedding, responds to."""

    name: str
    channels: tuple[Channel, ...]
    """Those that respond most, the strongest first."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A prediction and its evidence."""

    prediction: OnePrediction
    task: Task
    pixels: np.ndarray
    """`(S, S, channels)` float32 in [0, 1]: what the network sees, before it is normalised."""
    heat_maps: tuple[HeatMap, ...]
    """One an answer; none for an answer for which no place speaks."""
    first_layer: FirstLayer | None
    """None where the network has no convolution."""

    @property
    def shown_values(self) -> dict[str, float]:
        """Of many classes the most probable, and those whose evidence is shown."""
        values = self.prediction.values
        shown = {*list(values)[:MAX_SHOWN], *(heat_map.answer for heat_map in self.heat_maps)}
        return {name: value for name, value in values.items() if name in shown}


def explain_images(
    run: RunFolder, paths: Sequence[Path], fold: int = 0, answer: str | None = None
) -> Iterator[Explanation]:
    """The evidence for what the best weights of a fold say about image files, one after the other.

    Args:
        run: a trained run of images; nothing in its folder is changed.
        paths: of the images.
        fold: the fold to ask. The predictions are those of `predict_images` for it.
        answer: the class, or name of a number, to find evidence for. None: the class predicted, the tags decided on,
            or the numbers, of these the first `MAX_ANSWERS`.

    Raises:
        DataError: a file is missing or no readable image.
        ConfigError: there is no such fold or class, or the run is of tables.
        CheckpointError: the run has no usable weights.
        OutOfMemoryError: an image does not fit into the device's memory.
    """
    if run.read_config().data.kind != "images":
        raise ConfigError([f"{run.path}: is a run on tables; only images can be explained"])
    require_files(paths)
    trained_folds(run, fold)
    trained = load_trained(run, fold)
    names = trained.card.class_names
    if answer is not None and answer not in names:
        raise ConfigError([f"--class {answer}: the run has no such class; it has {listed(names)}"])
    predictions = averaged(run, [ask_images(trained, paths)])
    with explained_memory("while explaining", trained.runtime.device, 1):
        for prediction, image in zip(predictions, _ready_images(trained, paths), strict=True):
            yield _explain(
                trained, prediction, image, [answer] if answer else chosen_answers(prediction, trained.card.task)
            )


def _ready_images(trained: TrainedModel, paths: Sequence[Path]) -> Iterator[torch.Tensor]:
    """Each image as `(1, channels, S, S)` float32, normalised, on the device."""
    inputs = trained.image_inputs(image_files(trained, paths))
    rows = [np.array([row]) for row in range(len(paths))]
    for row, batch in zip(
        rows, inputs.read(BatchRequest(row, PLAIN.changes(row).offsets) for row in rows), strict=True
    ):
        yield inputs.ready(batch, PLAIN.changes(row))


def chosen_answers(prediction: OnePrediction, task: Task) -> list[str]:
    """What evidence is shown for where nobody asks: the best class, the tags decided on, or the first numbers."""
    names = list(prediction.values)
    if task == "regression":
        return names[:MAX_ANSWERS]
    return [name for name in names if name in (prediction.tags or ())][:MAX_ANSWERS] or names[:1]


def _explain(
    trained: TrainedModel, prediction: OnePrediction, image: torch.Tensor, answers: Sequence[str]
) -> Explanation:
    model = trained.model
    assert isinstance(model, VisionModel), "the run is of images"
    passed = watch(model, image)
    heat_maps = (_heat_map(trained, model, passed, image, name) for name in answers)
    return Explanation(
        prediction,
        trained.card.task,
        _pixels(model, image),
        tuple(one for one in heat_maps if one is not None),
        _first_layer(model, passed),
    )


def _heat_map(
    trained: TrainedModel, model: VisionModel, passed: WatchedPass, image: torch.Tensor, answer: str
) -> HeatMap | None:
    """By gradients where they tell places apart, else by covering squares; None where no square matters."""
    index = trained.card.class_names.index(answer)
    evidence = find_evidence(passed, trained.objective.raw_value(passed.logits, index)[0])
    if evidence is not None:
        heat = spread_evidence(evidence.places, model.body, passed.image_size)
        return HeatMap(answer, evidence.layer, evidence.places, heat)
    places = cover_squares(image, lambda images: trained.objective.raw_value(model(images), index))
    size = passed.image_size
    return HeatMap(answer, COVERED, places, spread(places, size, size)) if places.any() else None


def _pixels(model: VisionModel, image: torch.Tensor) -> np.ndarray:
    """`(S, S, channels)` float32 in [0, 1], from the normalised image."""
    normal = normalization(model.body, image.shape[1])
    rows = image[0].permute(1, 2, 0).cpu().numpy()
    std, mean = (np.array(each, np.float32) for each in (normal.std, normal.mean))
    pixels: np.ndarray = np.clip(rows * std + mean, 0, 1)
    return pixels


def _first_layer(model: VisionModel, passed: WatchedPass) -> FirstLayer | None:
    first = first_convolution(model.body)
    if first is None or passed.responses is None:
        return None
    return FirstLayer(first[0], strongest_channels(first[1], passed.responses, NUM_CHANNELS))
