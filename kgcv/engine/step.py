"""Forward and backward of one optimizer step."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from kgcv.engine.inputs import Inputs
from kgcv.engine.mixing import build_mixup, mix
from kgcv.engine.plan import StagePlan, StepPlan
from kgcv.engine.processes import ALONE, Processes
from kgcv.engine.runtime import Runtime
from kgcv.model.heads import Objective
from kgcv.model.network import Network


class _Logits(nn.Module):
    """Model and inputs as one module, whichever part of the model the inputs need."""

    def __init__(self, model: Network, inputs: Inputs) -> None:
        super().__init__()
        self.model = model
        self.inputs = inputs

    def forward(self, ready: Tensor) -> Tensor:
        return self.inputs.logits(self.model, ready)


class Stepper:
    """Computes gradients for the steps of one stage."""

    def __init__(
        self,
        model: Network,
        objective: Objective,
        plan: StagePlan,
        inputs: Inputs,
        runtime: Runtime,
        compiled: bool = False,
    ) -> None:
        self.model = model
        logits = _Logits(torch.compile(model) if compiled else model, inputs)  # type: ignore[arg-type]
        self.runner = runtime.processes.distribute(logits)
        self.parameters = list(model.parameters())  # zero_grad would walk through the modules at every step
        self.objective = objective
        self.inputs = inputs
        self.runtime = runtime
        self.mixup = build_mixup(plan.augment)

    def backward(self, step: StepPlan, batches: Sequence[Tensor], targets: Sequence[Tensor]) -> list[Tensor]:
        """Set the gradients of a step, as if its batches were one.

        Args:
            step: says how each image is changed.
            batches: raw batches from the inputs.
            targets: for each batch, `(B,)` int64 or `(B, C)` float32, on the device.

        Returns:
            The share of each batch in the mean loss over the step's images, scalars on the device; gradients are not
            usable if `read_loss` of them is not finite.
        """
        for parameter in self.parameters:
            parameter.grad = None
        losses = []
        last = len(step.positions) - 1
        for number, (batch, hard, changes) in enumerate(zip(batches, targets, step.changes, strict=True)):
            ready, truth = self.inputs.ready(batch, changes), hard
            if self.mixup is not None:
                ready, truth = mix(self.mixup, ready, hard, self.objective.num_classes, step.counted[number])
            with self._gathered_later(number < last), self.runtime.autocast():
                loss = self._loss(self.runner(ready), truth, step.counted[number], step.num_images)
                # Over processes the mean of gradients is taken, and what is wanted is their sum.
                scaled = loss * self.runtime.processes.launch.world_size
                scaled.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
        return losses

    def _loss(self, logits: Tensor, truth: Tensor, counted: int, num_images: int) -> Tensor:
        """The share of a batch's images, the first `counted` of them, in the step's mean loss."""
        if counted == 0:
            return logits.sum() * 0.0
        if counted < len(logits):
            logits, truth = logits[:counted], truth[:counted]
        return self.objective.loss(logits, truth) * (counted / num_images)

    def _gathered_later(self, is_later: bool) -> AbstractContextManager[None]:
        """Whether gradients over all processes are gathered with those of a later batch."""
        if is_later and isinstance(self.runner, DistributedDataParallel):
            return self.runner.no_sync()
        return nullcontext()


def read_loss(losses: Sequence[Tensor], processes: Processes = ALONE) -> float:
    """What `Stepper.backward` gave, in all processes, as a number; a GPU is waited for."""
    own = sum(loss.item() for loss in losses)
    return own if processes.is_alone else processes.total(torch.tensor(own, dtype=torch.float64)).item()
