"""Where training stands: what a checkpoint holds besides tensors, and nothing that depends on the clock."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from kgcv.events import EpochDone

LOSS_DECAY = 0.98
"""Decay of the running training loss (fastai, all versions)."""


def decayed(running: float, loss: float) -> float:
    """The running loss with one more step; it starts at 0."""
    return LOSS_DECAY * running + (1 - LOSS_DECAY) * loss


def debiased(running: float, num_steps: int) -> float:
    """The running loss after `num_steps` steps with what its weights add up to so far divided out."""
    return running / (1 - LOSS_DECAY**num_steps)


@dataclass(slots=True)
class Progress:
    """Counters and records of a run in one fold; plain values, so that it can be saved and read back."""

    stage: int = 0
    epoch: int = 0
    """Epoch within the stage."""
    step: int = 0
    """Optimizer steps done within the epoch."""
    total_steps: int = 0
    """Optimizer steps done since the start of the run."""
    loss_sum: float = 0.0
    """Sum over this epoch's images of their training loss."""
    num_images: int = 0
    """Images seen in this epoch."""
    running_loss: float = 0.0
    """Running mean of the step losses of this stage, before debiasing."""
    stage_steps: int = 0
    """Optimizer steps done within the stage."""
    best_score: float | None = None
    epochs_without_gain: int = 0
    """Epochs of this stage since its best score, for early stopping."""
    stage_best: float | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    """One entry an epoch: the lines of `metrics.jsonl`."""

    def add_step(self, num_images: int) -> None:
        """Count one optimizer step on so many images."""
        self.step += 1
        self.stage_steps += 1
        self.total_steps += 1
        self.num_images += num_images

    def add_loss(self, loss: float, num_images: int) -> None:
        """Note the mean loss of a step's images, which may be known later than the step is done."""
        self.loss_sum += loss * num_images
        self.running_loss = decayed(self.running_loss, loss)

    def record(self, event: EpochDone, image_size: int | None) -> None:
        """Add an epoch to the history; nothing in it depends on the clock."""
        self.history.append(
            {
                "stage": event.stage,
                "epoch": event.epoch,
                "step": self.total_steps,
                "image_size": image_size,
                "lr": event.lr,
                "train_loss": event.train_loss,
                "valid_loss": event.valid_loss,
                "scores": event.scores,
                "is_best": event.is_best,
            }
        )

    def end_epoch(self) -> None:
        """Move to the start of the next epoch."""
        self.epoch += 1
        self.step, self.loss_sum, self.num_images = 0, 0.0, 0

    def end_stage(self) -> None:
        """Move to the start of the next stage."""
        self.stage += 1
        self.epoch, self.step, self.loss_sum, self.num_images = 0, 0, 0.0, 0
        self.running_loss, self.stage_steps = 0.0, 0
        self.epochs_without_gain, self.stage_best = 0, None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        return asdict(self)
