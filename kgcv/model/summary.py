"""Every layer of a network with the shapes that go in and come out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from kgcv.model.network import Network

NUM_SAMPLES = 2
"""Samples in a trial run; a batch norm needs no more, for it runs in evaluation mode."""


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """One layer without layers inside it."""

    name: str
    kind: str
    input_shape: tuple[int, ...]
    """Without the batch."""
    output_shape: tuple[int, ...]
    trainable: bool | None
    """None for a layer without parameters."""
    num_parameters: int


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """All layers in the order in which they run."""

    layers: tuple[LayerSummary, ...]
    num_parameters: int
    num_trainable: int


def summarize(model: Network, *inputs: Tensor) -> ModelSummary:
    """Run `model` once on `inputs`, a batch of `NUM_SAMPLES`, and note its layers.

    The model is put in evaluation mode; nothing else of it changes. Parameters outside of any leaf layer (class
    tokens, position embeddings) count in the totals only.
    """
    layers: list[LayerSummary] = []
    handles = [
        module.register_forward_hook(partial(_note, layers, name))
        for name, module in model.named_modules()
        if not list(module.children())
    ]
    try:
        model.eval()
        with torch.inference_mode():
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    parameters = list(model.parameters())
    return ModelSummary(
        tuple(layers),
        sum(p.numel() for p in parameters),
        sum(p.numel() for p in parameters if p.requires_grad),
    )


def _note(layers: list[LayerSummary], name: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
    own = list(module.parameters(recurse=False))
    layers.append(
        LayerSummary(
            name=name,
            kind=type(module).__name__,
            input_shape=_shape(inputs[0] if inputs else None),
            output_shape=_shape(output),
            trainable=any(p.requires_grad for p in own) if own else None,
            num_parameters=sum(p.numel() for p in own),
        )
    )


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape[1:]) if isinstance(value, Tensor) else ()
