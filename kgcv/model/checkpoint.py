"""Weights and training state on disk: tensors and plain values only, written whole or not at all."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from kgcv.config.schema import Task
from kgcv.errors import CheckpointError, listed
from kgcv.files import atomic_path
from kgcv.model.network import Network

FORMAT = 2
"""Raised when the content of a checkpoint changes so that older code cannot read it."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """How images become what the network sees."""

    image_size: int
    """Side of the square that the network sees, in pixels."""
    edge: int
    """Shortest edge to which images are scaled before the square is cut, in pixels."""
    channels: int


@dataclass(frozen=True, slots=True)
class WeightsCard:
    """What must be known to use weights: stored with them, enforced at every load."""

    task: Task
    class_names: tuple[str, ...]
    geometry: Geometry | None
    """That of the validation of these weights; None where there are no images."""
    stage: int
    epoch: int
    metric: str
    score: float | None
    """On the validation samples; None where there were none."""


def save_weights(path: Path, model: Network, card: WeightsCard) -> None:
    """Write the weights of `model` and their card to a `.safetensors` file."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"kgcv": json.dumps({"format": FORMAT, **asdict(card)})})


def read_card(path: Path) -> WeightsCard:
    """The card of a weights file written by `save_weights`.

    Raises:
        CheckpointError: missing, damaged, or not written by kgcv.
    """
    try:
        with safe_open(path, framework="pt") as content:
            text = (content.metadata() or {}).get("kgcv")
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read as weights: {error}") from error
    if text is None:
        raise CheckpointError(f"{path}: was not written by kgcv")
    values = json.loads(text)
    if values.pop("format") != FORMAT:
        raise CheckpointError(f"{path}: was written by another version of kgcv")
    geometry = values["geometry"]
    typed = {
        "class_names": tuple(values["class_names"]),
        "geometry": None if geometry is None else Geometry(**geometry),
    }
    return WeightsCard(**{**values, **typed})


def load_weights(path: Path, model: Network) -> None:
    """Load the weights of `path` into `model`; every tensor must fit.

    Raises:
        CheckpointError: damaged, or written for another model.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read as weights: {error}") from error
    found = {name: value.shape for name, value in tensors.items()}
    wanted = {name: value.shape for name, value in model.state_dict().items()}
    wrong = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
    if wrong:
        raise CheckpointError(f"{path}: does not fit the model of this run: {listed(wrong)}")
    model.load_state_dict(tensors)


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write training state, nested dicts and lists of tensors and plain values, to `path`."""
    with atomic_path(path) as temporary:
        torch.save({"format": FORMAT, **state}, temporary)


def read_state(path: Path) -> dict[str, Any]:
    """Training state written by `save_state`, on the CPU.

    Raises:
        CheckpointError: missing, damaged, or of another version.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can fail in any of torch's readers
        raise CheckpointError(f"{path}: cannot be read: {type(error).__name__}") from error
    if not isinstance(state, dict) or state.pop("format", None) != FORMAT:
        raise CheckpointError(f"{path}: was not written by this version of kgcv")
    return state
