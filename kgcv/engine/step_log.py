"""What is told of each optimizer step, once the device has computed it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from kgcv.engine.plan import StagePlan
from kgcv.engine.processes import ALONE, Processes
from kgcv.engine.progress import Progress, debiased
from kgcv.engine.step import read_loss
from kgcv.errors import TrainingDivergedError
from kgcv.events import Reporter, StepDone


class _Unread(NamedTuple):
    """A step that the device may still be computing, and the losses that will be there when it has."""

    losses: list[Tensor]
    step: int
    """Steps of the epoch with this one."""
    stage_steps: int
    """Steps of the stage with this one."""
    num_images: int
    lr: float


@dataclass(slots=True)
class StepLog:
    """Reads the loss of a step when the next one is on its way, so that a GPU never waits for Python."""

    reporter: Reporter
    processes: Processes = ALONE
    unread: _Unread | None = None

    def add(self, losses: list[Tensor], num_images: int, lr: float, plan: StagePlan, progress: Progress) -> None:
        """Take note of the step that `progress` has just counted, and read the one before.

        Args:
            losses: what `Stepper.backward` gave.
            num_images: images of the step.
            lr: the head's learning rate in it.
            plan: the stage.
            progress: counts the step already; not yet its loss.

        Raises:
            TrainingDivergedError: the loss of the step before is NaN or infinite.
        """
        self.read(plan, progress)
        self.unread = _Unread(losses, progress.step, progress.stage_steps, num_images, lr)

    def read(self, plan: StagePlan, progress: Progress) -> None:
        """Wait for the last step, add its loss to `progress` and report it. Nothing where it has been read.

        Raises:
            TrainingDivergedError: the loss is NaN or infinite.
        """
        if self.unread is None:
            return
        done, self.unread = self.unread, None
        loss = read_loss(done.losses, self.processes)
        if not math.isfinite(loss):
            raise TrainingDivergedError(
                f"the loss became {loss} in {plan.place(progress.epoch)}, step {done.step}; "
                "the state saved before is kept; a lower lr or train.clip_norm may help"
            )
        progress.add_loss(loss, done.num_images)
        smoothed = debiased(progress.running_loss, done.stage_steps)
        self.reporter.report(StepDone(plan.index, progress.epoch, done.step, smoothed, done.lr, done.num_images))
