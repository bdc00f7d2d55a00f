"""The best weights so far, on the way to their file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from kgcv.engine.fold_folder import FoldFolder
from kgcv.model.checkpoint import WeightsCard
from kgcv.model.network import Network


@dataclass(slots=True)
class BestWeights:
    """Copies the best weights at once, and writes them when the state is saved, which knows of their score.

    An epoch can be shorter than the writing of a file. What a kill takes with it, the state before makes again.
    """

    folder: FoldFolder
    _unwritten: tuple[dict[str, Tensor], WeightsCard, dict[str, float]] | None = None

    def keep(self, model: Network, card: WeightsCard, scores: dict[str, float]) -> None:
        """The weights of `model` are the best so far."""
        if self.folder.is_written:
            self._unwritten = {name: _copied(value) for name, value in model.state_dict().items()}, card, scores

    def write(self) -> None:
        """Return when the best weights are in their file."""
        if self._unwritten is not None:
            self.folder.write_best(*self._unwritten)
            self._unwritten = None

    @contextmanager
    def at_last(self) -> Iterator[None]:
        """Write, whatever ends the block."""
        try:
            yield
        finally:
            self.write()


def _copied(tensor: Tensor) -> Tensor:
    """A copy on the CPU that shares no memory with `tensor`."""
    return torch.empty_like(tensor, device="cpu").copy_(tensor.detach())
