"""Mixup and cutmix, through timm."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  torch's own name for it
from timm.data import Mixup
from torch import Tensor

from kgcv.config.schema import AugmentConfig


def build_mixup(config: AugmentConfig) -> Mixup | None:
    """timm's mixing of a batch with its own reverse, or None if none was asked for.

    It draws from NumPy's global generator, which the trainer seeds before each step. Label smoothing is left to the
    loss.
    """
    if config.mixup == 0 and config.cutmix == 0:
        return None
    return Mixup(  # type: ignore[no-untyped-call]  # timm leaves it untyped
        mixup_alpha=config.mixup, cutmix_alpha=config.cutmix, label_smoothing=0.0
    )


def mix(
    mixup: Mixup, images: Tensor, targets: Tensor, num_classes: int, counted: int | None = None
) -> tuple[Tensor, Tensor]:
    """Mix a batch, the first image with the last; the last of an odd batch stays as it is, for it has no partner.

    Args:
        mixup: from `build_mixup`.
        images: `(B, C, S, S)` float32; changed in place.
        targets: `(B,)` int64, or `(B, num_classes)` float32: tags, or shares of classes.
        num_classes: columns of the targets returned.
        counted: only this many images are mixed; all of them where it is not given.

    Returns:
        The images and `(B, num_classes)` float32: each row is a mean of two, in the shares of their pixels.
    """
    shares = F.one_hot(targets, num_classes).float() if targets.ndim == 1 else targets
    even = (len(images) if counted is None else counted) // 2 * 2
    if even == 0:
        return images, shares
    # timm knows only one class an image. Taking each image for a class of its own, it tells which image has which
    # share in which, and that mixes targets of any kind.
    mixup.num_classes = even
    mixed, parts = mixup(images[:even], torch.arange(even, device=images.device))
    mixed_shares = parts.to(shares.dtype) @ shares[:even]
    if even == len(images):
        return mixed, mixed_shares
    images[:even] = mixed
    return images, torch.cat([mixed_shares, shares[even:]])
