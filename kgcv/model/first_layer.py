"""What the first layer of a network responds to: its kernels, and where in an image they find what they look for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of the first convolution, or patch embedding, on one image."""

    index: int
    strength: float
    """Standard deviation of its response over all places; a constant is what the next normalisation takes away."""
    response: np.ndarray
    """`(h, w)` float32."""
    kernel: np.ndarray | None
    """`(k, k, 3)` float32 in [0, 1], where 0.5 is a weight of 0; None where it cannot be seen as a picture."""


def first_convolution(body: nn.Module) -> tuple[str, nn.Conv2d] | None:
    """Name and layer of the first convolution; a transformer's patch embedding is one. None where there is none."""
    layers = ((name, module) for name, module in body.named_modules() if isinstance(module, nn.Conv2d))
    return next(layers, None)


def strongest_channels(convolution: nn.Conv2d, responses: Tensor, count: int) -> tuple[Channel, ...]:
    """The `count` channels whose response varies most over the image, the strongest first.

    Args:
        convolution: the layer, with K output channels.
        responses: `(K, h, w)` float32, its output for one image.
        count: how many to give; fewer where K is less.
    """
    strengths = responses.flatten(1).std(dim=1, correction=0)
    order = strengths.argsort(descending=True, stable=True)[:count].tolist()
    return tuple(
        Channel(index, float(strengths[index]), responses[index].cpu().numpy(), _picture(convolution.weight[index]))
        for index in order
    )


def _picture(kernel: Tensor) -> np.ndarray | None:
    """A kernel `(channels, k, k)` as colours, if it has those of a picture, or one, and more than one place."""
    weights = kernel.detach().float().cpu().numpy()
    if weights.shape[0] not in (1, 3) or weights[0].size < 2:
        return None
    largest = float(np.abs(weights).max()) or 1.0
    colours: np.ndarray = np.broadcast_to(0.5 + 0.5 * weights.transpose(1, 2, 0) / largest, (*weights.shape[1:], 3))
    return colours
