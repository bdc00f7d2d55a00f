"""Forward and backward of one optimizer step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kgcv.engine.inputs import Inputs
from kgcv.engine.mixing import build_mixup, mix
from kgcv.engine.plan import StagePlan, StepPlan
from kgcv.engine.runtime import Runtime
from kgcv.model.heads import Objective
from kgcv.model.network import Network


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
        # The compiled module shares the weights and answers to the same names.
        self.runner: nn.Module = torch.compile(model) if compiled else model  # type: ignore[assignment]
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
        for batch, hard, changes in zip(batches, targets, step.changes, strict=True):
            ready, truth = self.inputs.ready(batch, changes), hard
            if self.mixup is not None:
                ready, truth = mix(self.mixup, ready, hard, self.objective.num_classes)
            with self.runtime.autocast():
                logits = self.inputs.logits(self.runner, ready)  # type: ignore[arg-type]
                loss = self.objective.loss(logits, truth) * (len(batch) / step.num_images)
            loss.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
        return losses


def read_loss(losses: Sequence[Tensor]) -> float:
    """What `Stepper.backward` gave as a number; a GPU is waited for."""
    return sum(loss.item() for loss in losses)
