"""What the model is fed with: images from a store, features computed beforehand, or the rows of a table.

All answer the same questions, so that training, validation and prediction do not know which they have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from kgcv.data.augment import Changes, prepare
from kgcv.data.images import ImageSource
from kgcv.data.loader import BatchRequest, read_batches
from kgcv.engine.runtime import Runtime
from kgcv.model.network import Network
from kgcv.model.vision import Normalization


class Inputs(Protocol):
    """A source of batches for the model."""

    def read(self, requests: Iterable[BatchRequest]) -> Iterator[Tensor]:
        """The raw batches of `requests`, in order, read ahead."""
        ...

    def ready(self, batch: Tensor, changes: Changes) -> Tensor:
        """A raw batch with its changes made, on the device."""
        ...

    def logits(self, model: Network, ready: Tensor) -> Tensor:
        """The model's `(B, O)` outputs for a ready batch."""
        ...


@cache
def _on_device(normalization: Normalization, device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation, `(C,)` each; put there once, for a copy makes a GPU wait."""
    return torch.tensor(normalization.mean, device=device), torch.tensor(normalization.std, device=device)


@dataclass(frozen=True, slots=True)
class ImageInputs:
    """Squares of images, `(B, C, edge, edge)` uint8, made `(B, C, image_size, image_size)` float32 on the device."""

    source: ImageSource
    edge: int
    image_size: int
    normalization: Normalization
    runtime: Runtime

    def read(self, requests: Iterable[BatchRequest]) -> Iterator[Tensor]:
        """uint8 squares on the CPU."""
        is_pinned = self.runtime.device.type == "cuda"  # what lies still can be copied while the device computes
        return read_batches(self.source, self.edge, requests, self.runtime.workers, is_pinned)

    def ready(self, batch: Tensor, changes: Changes) -> Tensor:
        """Warped, lit and normalised on the device."""
        device = self.runtime.device
        mean, std = _on_device(self.normalization, device)
        images = batch.to(device, non_blocking=True)
        return self.runtime.place(prepare(images, changes, self.image_size, mean, std))

    def logits(self, model: Network, ready: Tensor) -> Tensor:
        """Body and head."""
        return model(ready)  # type: ignore[no-any-return]  # nn.Module returns Any


@dataclass(frozen=True, slots=True)
class FeatureInputs:
    """Outputs of a frozen body, `(N, F)` float32, one row a sample; the head is all that runs."""

    features: Tensor
    runtime: Runtime

    def read(self, requests: Iterable[BatchRequest]) -> Iterator[Tensor]:
        """Rows of the features."""
        for request in requests:
            yield self.features[torch.from_numpy(request.rows)]

    def ready(self, batch: Tensor, changes: Changes) -> Tensor:
        """The batch on the device; there is nothing left to change."""
        return batch.to(self.runtime.device)

    def logits(self, model: Network, ready: Tensor) -> Tensor:
        """The head alone."""
        return model.answer(ready)


@dataclass(frozen=True, slots=True)
class TableInputs:
    """The rows of a table, all of them in memory; a batch is the numbers of its rows.

    They lie on the device if they were put there, so that no loader stands in the way of a step.
    """

    codes: Tensor
    """`(N, K)` int32."""
    numbers: Tensor
    """`(N, M)` float32."""
    runtime: Runtime

    def read(self, requests: Iterable[BatchRequest]) -> Iterator[Tensor]:
        """Row numbers, `(B,)` int64."""
        for request in requests:
            yield torch.from_numpy(request.rows)

    def ready(self, batch: Tensor, changes: Changes) -> Tensor:
        """The row numbers where the table is; there is nothing to change."""
        return batch.to(self.codes.device)

    def logits(self, model: Network, ready: Tensor) -> Tensor:
        """Embeddings, hidden layers and head, for the rows of these numbers."""
        device = self.runtime.device
        return model(self.codes[ready].to(device), self.numbers[ready].to(device))  # type: ignore[no-any-return]


def split_rows(rows: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """`rows` in consecutive pieces of `batch_size`; the last may be shorter."""
    return [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
