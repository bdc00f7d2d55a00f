"""The part of the network that depends on the task: head, loss and activation.

Shapes: B batch, F features, C classes (or numbers), O output units; O = C but for one sigmoid output, where O = 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from kgcv.config.schema import ModelConfig, Task
from kgcv.errors import ConfigError
from kgcv.model.losses import Criterion, require_fitting

LOG_FLOOR = float(np.finfo(np.float64).eps)
"""Probabilities nearer to 0 or 1 than this count as this far away, as in scikit-learn's `log_loss`."""


def build_head(num_features: int, num_outputs: int, config: ModelConfig) -> nn.Sequential:
    """The layers from pooled features `(B, F)` to logits `(B, O)`.

    With `pool: concat` it is the course's head: batch norm and dropout before each linear layer, ReLU after each
    hidden one, Kaiming-normal weights and zero biases (fastai 0.7, `ConvnetBuilder.get_fc_layers`). With the model's
    own pooling the batch norms are left out.
    """
    sizes = [num_features, *config.hidden, num_outputs]
    num_layers = len(sizes) - 1
    dropouts = config.dropout * num_layers if len(config.dropout) == 1 else config.dropout
    layers: list[nn.Module] = []
    for index, (size, next_size, dropout) in enumerate(zip(sizes, sizes[1:], dropouts, strict=False)):
        if config.pool == "concat":
            layers.append(nn.BatchNorm1d(size))
        if dropout > 0:
            layers.append(nn.Dropout(dropout))
        layers.append(_linear(size, next_size))
        if index < num_layers - 1:
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def _linear(num_inputs: int, num_outputs: int) -> nn.Linear:
    layer = nn.Linear(num_inputs, num_outputs)
    nn.init.kaiming_normal_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


@dataclass(frozen=True, slots=True)
class Objective:
    """Loss and activation of a task."""

    task: Task
    num_classes: int
    """C: classes, or numbers to predict."""
    sigmoid_output: bool = False
    """Two classes from one output unit that gives the probability of the second class."""
    criterion: Criterion = field(default_factory=Criterion)
    """The training loss."""
    log_target: bool = False
    """Numbers are learned as their natural logarithms; targets and values are the numbers themselves."""

    def __post_init__(self) -> None:
        if self.sigmoid_output and (self.task != "single" or self.num_classes != 2):
            raise ConfigError(
                [f"model.binary_output: sigmoid needs two classes, but there are {self.num_classes} ({self.task})"]
            )
        if self.sigmoid_output and (self.criterion.name != "auto" or self.criterion.class_weights):
            raise ConfigError(["model.binary_output: sigmoid has its own loss; leave out train.loss and class_weights"])
        require_fitting(self.criterion.name, self.task)

    @property
    def num_outputs(self) -> int:
        """O, the units of the last layer."""
        return 1 if self.sigmoid_output else self.num_classes

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean training loss over the batch, a scalar.

        Args:
            logits: `(B, O)` float.
            targets: `(B,)` int64 (single), or `(B, C)` float: class shares (single, after mixup), 0/1 or numbers
                (above 0 with `log_target`).
        """
        if self.log_target:
            targets = targets.log()
        if self.sigmoid_output:
            return self.criterion.loss("multi", logits.float(), _share_of_second(targets)[:, None])
        return self.criterion.loss(self.task, logits.float(), targets)

    def values(self, logits: Tensor) -> Tensor:
        """`(B, C)` float32: probabilities in [0, 1] (softmax or sigmoid), or the numbers that are asked for."""
        logits = logits.float()
        if self.sigmoid_output:
            second = torch.sigmoid(logits)
            return torch.cat([1 - second, second], dim=1)
        if self.task == "single":
            return torch.softmax(logits, dim=1)
        if self.task == "multi":
            return torch.sigmoid(logits)
        return logits.exp() if self.log_target else logits

    def raw_value(self, logits: Tensor, index: int) -> Tensor:
        """`(B,)`: what grows with value `index` of `values`, from before its activation, where nothing saturates."""
        if self.sigmoid_output:
            return logits[:, 0] if index == 1 else -logits[:, 0]
        return logits[:, index]

    def mean_loss(self, values: np.ndarray, targets: np.ndarray) -> float:
        """The loss of final predictions, a mean over all `N` samples; no label smoothing.

        Log loss (single, multi) or mean absolute error (of logarithms with `log_target`), whatever loss trains:
        comparable between runs.

        Args:
            values: `(N, C)` float32 probabilities or numbers.
            targets: `(N,)` int64 (single) or `(N, C)` float32.
        """
        if self.task == "regression":
            predicted, true = values.astype(np.float64), targets.astype(np.float64)
            if self.log_target:
                predicted, true = np.log(predicted), np.log(true)
            return float(np.abs(predicted - true).mean())
        probabilities = np.clip(values.astype(np.float64), LOG_FLOOR, 1 - LOG_FLOOR)
        if self.task == "single":
            return float(-np.log(probabilities[np.arange(len(targets)), targets]).mean())
        return float(-(targets * np.log(probabilities) + (1 - targets) * np.log(1 - probabilities)).mean())


def _share_of_second(targets: Tensor) -> Tensor:
    """`(B,)` float: the share of class 1 in hard `(B,)` or soft `(B, 2)` targets."""
    return targets.float() if targets.ndim == 1 else targets[:, 1]
