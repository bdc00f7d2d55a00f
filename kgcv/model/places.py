"""Where the places of an image are in what a network's body hands out, whatever its layout.

timm's bodies have three: feature maps `(B, C, h, w)`; the same with channels last, `(B, h, w, C)` (swin and its
relatives); tokens `(B, N, C)`, those of places row by row after any prefix tokens (ViT, DeiT, EVA). All are brought to
`(C, h, w)` for one image: channels, and places in rows and columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt

from torch import Tensor

ToGrid = Callable[[Tensor], Tensor]
"""Takes one image's `(1, ...)` in a body's layout to `(C, h, w)`."""

_MAX_UNDECLARED = 2
"""Prefix tokens that a body may have without declaring them: one for the class, and one for distillation."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a body declares of its outputs."""

    num_prefix: int | None
    """Tokens before those of places; None where nothing is said."""
    is_channels_last: bool
    """Of maps whose shape leaves it open."""


def find_places(shape: tuple[int, ...], num_channels: int, layout: Layout) -> ToGrid | None:
    """How an output of `shape` becomes `(C, h, w)`; None where it has fewer than two places, or no known layout.

    Images are square, and so are the places of tokens.
    """
    if len(shape) == 3:
        return _of_tokens(shape[1], layout.num_prefix)
    if len(shape) != 4:
        return None
    is_first, is_last = shape[1] == num_channels, shape[3] == num_channels
    if is_last and (layout.is_channels_last or not is_first):
        return (lambda output: output[0].permute(2, 0, 1)) if shape[1] * shape[2] > 1 else None
    return (lambda output: output[0]) if is_first and shape[2] * shape[3] > 1 else None


def _of_tokens(num_tokens: int, num_prefix: int | None) -> ToGrid | None:
    undeclared = num_tokens - isqrt(num_tokens) ** 2
    # Class tokens may be added after the blocks (CaiT, XCiT), so that a declared one can be missing.
    for prefix in (num_prefix or 0, 0, undeclared if num_prefix is None else 0):
        side = isqrt(max(0, num_tokens - prefix))
        if side > 1 and prefix + side**2 == num_tokens and prefix <= max(num_prefix or 0, _MAX_UNDECLARED):
            return _unrolled(prefix, side)
    return None


def _unrolled(prefix: int, side: int) -> ToGrid:
    return lambda output: output[0, prefix:].T.reshape(-1, side, side)
