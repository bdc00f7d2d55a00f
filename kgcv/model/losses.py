"""Training losses by name, with weights for classes and for positives.

Shapes: B batch, O output units. Targets of one class come as `(B,)` int64 or, softened or mixed, as `(B, O)` shares
that add up to 1; those of several labels and numbers as `(B, O)` float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  torch's own name for it
from torch import Tensor

from kgcv.config.rules import LOSSES
from kgcv.config.schema import Task
from kgcv.errors import ConfigError

LossName = Literal["auto", "cross_entropy", "bce", "focal", "asymmetric", "l1", "mse", "smooth_l1"]

_AUTO: Mapping[Task, LossName] = {"single": "cross_entropy", "multi": "bce", "regression": "l1"}
"""l1 is the course's choice for numbers from images."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """A loss and its settings."""

    name: LossName = "auto"
    label_smoothing: float = 0.0
    focal_gamma: float = 2.0
    pos_weight: tuple[float, ...] = ()
    """Weight of a given tag against a missing one, a class each; empty: all 1."""
    class_weights: tuple[float, ...] = ()
    """Weight of each class; empty: all 1."""

    def loss(self, task: Task, logits: Tensor, targets: Tensor) -> Tensor:
        """The mean over the batch (and over classes or numbers but for one class), a scalar.

        Weighted means are divided by B, not by the weights in the batch, so that gradients of small batches add up.
        """
        name = _AUTO[task] if self.name == "auto" else self.name
        if name == "focal" and task == "single":
            return self._softmax_focal(logits, _as_shares(targets, logits.shape[1]))
        return _FUNCTIONS[name](self, logits, targets)

    def _cross_entropy(self, logits: Tensor, targets: Tensor) -> Tensor:
        weight = _row(self.class_weights, logits)
        return F.cross_entropy(logits, targets, weight, reduction="none", label_smoothing=self.label_smoothing).mean()

    def _softmax_focal(self, logits: Tensor, shares: Tensor) -> Tensor:
        """`(1 - p)^gamma` holds down the classes that are already right (Lin et al. 2017, without alpha)."""
        log_p = F.log_softmax(logits, dim=1)
        losses = -shares * (1 - log_p.exp()) ** self.focal_gamma * log_p
        return self._weighted(losses).sum(dim=1).mean()

    def _bce(self, logits: Tensor, targets: Tensor) -> Tensor:
        smooth = targets * (1 - self.label_smoothing) + 0.5 * self.label_smoothing
        pos_weight = _row(self.pos_weight, logits)
        losses = F.binary_cross_entropy_with_logits(logits, smooth, pos_weight=pos_weight, reduction="none")
        return self._weighted(losses).mean()

    def _sigmoid_focal(self, logits: Tensor, targets: Tensor) -> Tensor:
        from torchvision.ops import sigmoid_focal_loss

        losses = sigmoid_focal_loss(logits, targets, alpha=-1, gamma=self.focal_gamma, reduction="none")
        if self.pos_weight:
            losses = losses * (1 + targets * (torch.tensor(self.pos_weight, device=logits.device) - 1))
        return self._weighted(losses).mean()

    def _asymmetric(self, logits: Tensor, targets: Tensor) -> Tensor:
        """timm's, with the paper's gammas 4 and 1 and margin 0.05 (Ridnik et al. 2021)."""
        from timm.loss import AsymmetricLossMultiLabel

        # Its reduction depends on the timm version; for a batch of one row of numbers all of them are the sum.
        total = AsymmetricLossMultiLabel()(logits.reshape(1, -1), targets.reshape(1, -1))
        return total / logits.numel()  # type: ignore[no-any-return]

    def _weighted(self, losses: Tensor) -> Tensor:
        weight = _row(self.class_weights, losses)
        return losses if weight is None else losses * weight


def _row(weights: tuple[float, ...], like: Tensor) -> Tensor | None:
    return torch.tensor(weights, dtype=like.dtype, device=like.device) if weights else None


def _as_shares(targets: Tensor, num_classes: int) -> Tensor:
    return F.one_hot(targets, num_classes).float() if targets.ndim == 1 else targets


_FUNCTIONS: Mapping[str, Callable[[Criterion, Tensor, Tensor], Tensor]] = {
    "cross_entropy": Criterion._cross_entropy,
    "bce": Criterion._bce,
    "focal": Criterion._sigmoid_focal,
    "asymmetric": Criterion._asymmetric,
    "l1": lambda _, logits, targets: F.l1_loss(logits, targets),
    "mse": lambda _, logits, targets: F.mse_loss(logits, targets),
    "smooth_l1": lambda _, logits, targets: F.smooth_l1_loss(logits, targets),
}


def require_fitting(name: LossName, task: Task) -> None:
    """Refuse a loss that does not belong to `task`.

    Raises:
        ConfigError: it does not.
    """
    if name not in LOSSES[task]:
        fitting = ", ".join(LOSSES[task])
        raise ConfigError([f"train.loss: {name!r} does not fit task {task!r}, which has: {fitting}"])


def class_counts(targets: np.ndarray, num_classes: int) -> np.ndarray:
    """`(C,)` int64: training samples of each class, or with each tag; a tag counts from a share of one half."""
    if targets.ndim == 1:
        return np.bincount(targets, minlength=num_classes)
    return np.asarray((targets >= 0.5).sum(axis=0))


def balanced_class_weights(targets: np.ndarray, num_classes: int) -> tuple[float, ...]:
    """Weights in proportion to 1 / the class's count; a class that never occurs weighs nothing.

    The mean weight is 1: over samples for `(N,)` int64 targets, as scikit-learn's `balanced`; over the classes that
    occur for `(N, C)` tags.
    """
    counts = class_counts(targets, num_classes)
    occurring = np.count_nonzero(counts)
    inverse = np.divide(1.0, counts, out=np.zeros(num_classes), where=counts > 0)
    scale = counts.sum() / occurring if targets.ndim == 1 else occurring / inverse.sum()
    return tuple((inverse * scale).tolist())


def positive_weights(targets: np.ndarray) -> tuple[float, ...]:
    """Samples without each tag per sample with it; 1 for a tag that never occurs. `targets`: `(N, C)`."""
    counts = class_counts(targets, targets.shape[1])
    weights = np.divide(len(targets) - counts, counts, out=np.ones(len(counts)), where=counts > 0)
    return tuple(weights.tolist())


def balanced_sample_weights(targets: np.ndarray, num_classes: int) -> np.ndarray:
    """`(N,)` float64 chances to be drawn, adding up to 1, such that rare classes come as often as common ones.

    A sample with several tags counts by its rarest; samples without any are a class of their own.

    Args:
        targets: `(N,)` int64 or `(N, C)` of 0 and 1.
        num_classes: C.
    """
    if targets.ndim == 1:
        weights = 1 / class_counts(targets, num_classes)[targets]
    else:
        empty = 1 - targets.max(axis=1, keepdims=True)
        given = np.concatenate([targets, empty], axis=1) > 0
        weights = np.where(given, 1 / np.maximum(given.sum(axis=0), 1), 0).max(axis=1)
    normalised: np.ndarray = weights / weights.sum()
    return normalised
