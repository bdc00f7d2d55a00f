"""What the engine needs of any network: layer groups that train at their own rates, or stand still."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class Network(nn.Module):
    """A body and a head, in layer groups.

    Attributes:
        body: from inputs to features.
        head: from features `(B, F)` to logits `(B, O)`.
        group_names: for each layer group, the first layers first and the head last, the names of its parameters.
    """

    body: nn.Module
    head: nn.Module
    group_names: tuple[tuple[str, ...], ...]

    @property
    def num_groups(self) -> int:
        """Number of layer groups, the head included."""
        return len(self.group_names)

    def answer(self, features: Tensor) -> Tensor:
        """Logits, or numbers, `(B, O)` float32, of features `(B, F)`.

        In float32 whatever autocast says: bfloat16 has three digits, too few for an amount of money or its logarithm.
        """
        with torch.autocast(features.device.type, enabled=False):
            return self.head(features.float())  # type: ignore[no-any-return]  # nn.Module returns Any

    def freeze(self, num_frozen: int) -> None:
        """Let only the layer groups from number `num_frozen` on train."""
        frozen = {name for names in self.group_names[:num_frozen] for name in names}
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(name not in frozen)

    def set_training(self, num_frozen: int, bn_frozen: bool) -> None:
        """Put the model in training mode, but frozen parts in evaluation mode.

        A batch norm in a frozen group keeps its statistics; `bn_frozen` asks this of every batch norm. A body that is
        frozen as a whole is evaluated as a whole, so that no dropout acts in it and its outputs can be cached.
        """
        self.train()
        if num_frozen >= self.num_groups - 1:
            self.body.eval()
        frozen = {name for names in self.group_names[:num_frozen] for name in names}
        for name, module in self.named_modules():
            if isinstance(module, _BatchNorm) and (bn_frozen or f"{name}.weight" in frozen):
                module.eval()

    def trainable_groups(self) -> Iterator[tuple[int, list[tuple[str, nn.Parameter]]]]:
        """Number and named parameters of each layer group that has something to train."""
        parameters = dict(self.named_parameters())
        for number, names in enumerate(self.group_names):
            trainable = [(name, parameters[name]) for name in names if parameters[name].requires_grad]
            if trainable:
                yield number, trainable
