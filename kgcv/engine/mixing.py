"""Mixup and cutmix, through timm."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  torch's own name for it
from timm.data import Mixup
from torch import Tensor

from kgcv.config.schema import AugmentConfig


def build_mixup(config: AugmentConfig, num_classes: int) -> Mixup | None:
    """timm's mixing of a batch with its own reverse, or None if none was asked for.

    It draws from NumPy's global generator, which the trainer seeds before each step. Label smoothing is left to the
    loss.
    """
    if config.mixup == 0 and config.cutmix == 0:
        return None
    return Mixup(  # type: ignore[no-untyped-call]  # timm leaves it untyped
        mixup_alpha=config.mixup, cutmix_alpha=config.cutmix, label_smoothing=0.0, num_classes=num_classes
    )


def mix(mixup: Mixup, images: Tensor, targets: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Mix a batch; the last image of an odd batch stays as it is, for it has no partner.

    Args:
        mixup: from `build_mixup`.
        images: `(B, C, S, S)` float32; changed in place.
        targets: `(B,)` int64.
        num_classes: C of the targets returned.

    Returns:
        The images and `(B, C)` float32 class shares.
    """
    even = len(images) // 2 * 2
    if even == 0:
        return images, F.one_hot(targets, num_classes).float()
    mixed, shares = mixup(images[:even], targets[:even])
    if even == len(images):
        return mixed, shares
    images[:even] = mixed
    return images, torch.cat([shares, F.one_hot(targets[even:], num_classes).to(shares.dtype)])
