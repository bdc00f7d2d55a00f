"""One pass through a network for images that can be asked afterwards where its answer came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from kgcv.model.first_layer import first_convolution
from kgcv.model.places import Layout, ToGrid, find_places
from kgcv.model.vision import Body, VisionModel

FEATURES = "features"
"""What the output of the whole body is called, before it is pooled."""


@dataclass(frozen=True, slots=True)
class BodyMap:
    """An output of a part of the body in which places can be told apart, for one image."""

    layer: str
    """Name of the part, or `FEATURES`."""
    output: Tensor
    """As the body has it, in the graph of gradients."""
    to_grid: ToGrid
    """For the output and its gradient."""

    @property
    def is_of_tokens(self) -> bool:
        """Whether places are tokens, not a map."""
        return self.output.ndim == 3


@dataclass(frozen=True, slots=True)
class WatchedPass:
    """What a network said of one image, and what it went through."""

    logits: Tensor
    """`(1, O)`, in the graph of gradients."""
    maps: tuple[BodyMap, ...]
    """In the order of the network; empty where nothing has places."""
    responses: Tensor | None
    """`(K, h, w)`: the output of `first_convolution`; None where there is none."""
    image_size: int
    """S, in pixels."""


def watch(model: VisionModel, image: Tensor) -> WatchedPass:
    """Run `model` on one image in evaluation mode, with what gradients need; its weights stay as they are.

    Args:
        model: body and head.
        image: `(1, channels, S, S)` float32, normalised.
    """
    model.eval()
    parts, first = _parts(model.body), first_convolution(model.body)
    seen: dict[str, Any] = {}
    with ExitStack() as stack, torch.enable_grad():
        for name in {*parts, *(first or ())[:1]}:
            stack.callback(model.body.get_submodule(name).register_forward_hook(_keeper(seen, name)).remove)
        # A gradient is asked for here, so that it does not matter which parameters are frozen.
        features = model.body.forward_features(image.detach().clone().requires_grad_())
        logits = model.answer(model.pooled(features))
    outputs = [*((name, seen.get(name), width) for name, width in parts.items())]
    outputs.append((FEATURES, features, int(model.body.num_features)))
    maps = tuple(one for output in outputs for one in _maps(*output, _layout(model.body)))
    responses = None if first is None else seen[first[0]].detach()[0]
    return WatchedPass(logits, maps, responses, image.shape[-1])


def _parts(body: Body) -> dict[str, int]:
    """Names and channels of the stages or blocks from which timm itself hands out features."""
    modules, parts = dict(body.named_modules()), {}
    for note in getattr(body, "feature_info", None) or ():
        name, part = note["module"], modules.get(note["module"])  # some are named that do not exist (MViT)
        within = [f"{name}.{index}" for index in range(len(part))] if isinstance(part, nn.ModuleList) else [name]
        parts.update(dict.fromkeys(within if part is not None else [], int(note["num_chs"])))
    return parts


def _keeper(seen: dict[str, Any], name: str) -> Callable[[nn.Module, Any, Any], None]:
    def keep(_part: nn.Module, _inputs: Any, output: Any) -> None:
        seen[name] = output

    return keep


def _layout(body: Body) -> Layout:
    return Layout(getattr(body, "num_prefix_tokens", None), getattr(body, "output_fmt", "NCHW") == "NHWC")


def _maps(layer: str, output: Any, num_channels: int, layout: Layout) -> Iterator[BodyMap]:
    """The map in an output of a part; none, or several where it is a list (CrossViT)."""
    for tensor in output if isinstance(output, (list, tuple)) else (output,):
        if isinstance(tensor, Tensor) and len(tensor) == 1 and tensor.requires_grad:  # TNT has a batch of patches too
            to_grid = find_places(tuple(tensor.shape), num_channels, layout)
            if to_grid is not None:
                yield BodyMap(layer, tensor, to_grid)
