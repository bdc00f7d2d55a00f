"""Weights and training state on disk: tensors and plain values only, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from kgcv.config.schema import Task
from kgcv.errors import CheckpointError, listed
from kgcv.files import atomic_path
from kgcv.model.network import Network
from kgcv.model.sealed import check_seal, write_sealed

FORMAT = 3
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


def save_weights(path: Path, weights: Mapping[str, Tensor], card: WeightsCard) -> None:
    """Write the weights of a network, its `state_dict`, and their card to a `.safetensors` file."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    # One entry alone, for safetensors writes several in any order, and equal weights are to be equal files.
    notes = json.dumps({"format": FORMAT, "sha256": _hash_tensors(tensors), **asdict(card)})
    save_tensors(path, tensors, {"kgcv": notes})


def save_tensors(path: Path, tensors: dict[str, Tensor], notes: dict[str, str] | None = None) -> None:
    """Write contiguous tensors on the CPU to a `.safetensors` file, whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    with atomic_path(path) as temporary:
        try:
            save_file(tensors, temporary, metadata=notes)
        except SafetensorError as error:  # has its own words for a full disk, and the system's number in them
            number = re.search(r"os error (\d+)", str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1]))) from error


def _hash_tensors(tensors: dict[str, Tensor]) -> str:
    """SHA-256 over names and bytes, in hexadecimal."""
    digest = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy())  # type: ignore[arg-type]  # arrays are buffers
    return digest.hexdigest()


def read_card(path: Path) -> WeightsCard:
    """The card of a weights file written by `save_weights`.

    Raises:
        CheckpointError: missing, damaged, or not written by kgcv.
    """
    values = _read_notes(path)
    try:
        del values["sha256"]
        geometry = values["geometry"]
        typed = {
            "class_names": tuple(values["class_names"]),
            "geometry": None if geometry is None else Geometry(**geometry),
        }
        return _checked(WeightsCard(**{**values, **typed}))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: its card is not as kgcv writes it") from error


def _checked(card: WeightsCard) -> WeightsCard:
    numbers = [card.stage, card.epoch, *(() if card.geometry is None else astuple(card.geometry))]
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError("sizes and places are whole numbers")
    if card.task not in get_args(Task) or not card.class_names or not all(type(n) is str for n in card.class_names):
        raise ValueError("there is a task, and classes have names")
    return card


def _read_notes(path: Path) -> dict[str, Any]:
    """The card's values, and the hash of the tensors."""
    try:
        with safe_open(path, framework="pt") as content:
            text = (content.metadata() or {}).get("kgcv")
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read as weights: {error}") from error
    if text is None:
        raise CheckpointError(f"{path}: was not written by kgcv")
    try:
        values: dict[str, Any] = json.loads(text)
        found = values.pop("format")
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: its card is not as kgcv writes it") from error
    if found != FORMAT:
        raise CheckpointError(f"{path}: was written by another version of kgcv")
    return values


def load_weights(path: Path, model: Network) -> None:
    """Load the weights of `path` into `model`; every tensor must fit.

    Raises:
        CheckpointError: damaged, or written for another model.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read as weights: {error}") from error
    if _read_notes(path).get("sha256") != _hash_tensors(tensors):
        raise CheckpointError(f"{path}: is damaged: its tensors are not what was written")
    found = {name: value.shape for name, value in tensors.items()}
    wanted = {name: value.shape for name, value in model.state_dict().items()}
    wrong = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
    if wrong:
        raise CheckpointError(f"{path}: does not fit the model of this run: {listed(wrong)}")
    model.load_state_dict(tensors)


def save_state(path: Path, state: dict[str, Any], previous: Path | None = None) -> None:
    """Write training state, nested dicts and lists of tensors and plain values, to `path`.

    The state that was there takes the name `previous`, but not before the new one has been read back.
    """
    with atomic_path(path) as temporary:
        # All that torch.save asks of a file is there.
        write_sealed(temporary, lambda stream: torch.save({"format": FORMAT, **state}, stream))  # type: ignore[arg-type]
        if previous is not None and path.exists():
            _keep_as(path, previous)


def _keep_as(path: Path, other: Path) -> None:
    """Let the file have the name `other` too; or only, where the file system knows one name a file."""
    other.unlink(missing_ok=True)
    try:
        other.hardlink_to(path)
    except OSError:
        path.replace(other)


def read_state(path: Path) -> dict[str, Any]:
    """Training state written by `save_state`, on the CPU; torch.load reads the file as well.

    Raises:
        CheckpointError: missing, damaged, or of another version.
    """
    check_seal(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can fail in any of torch's readers
        raise CheckpointError(f"{path}: cannot be read: {type(error).__name__}") from error
    if not isinstance(state, dict) or state.pop("format", None) != FORMAT:
        raise CheckpointError(f"{path}: was not written by this version of kgcv")
    return state
