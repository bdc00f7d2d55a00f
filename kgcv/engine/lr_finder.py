"""The learning-rate finder: a sweep on a copy of the model, and what to read from its curve."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from kgcv.config.schema import TrainConfig
from kgcv.engine.inputs import Inputs
from kgcv.engine.optim import build_optimizer, clip_gradients, set_rates
from kgcv.engine.plan import StagePlan, StepPlan, batch_requests
from kgcv.engine.progress import debiased, decayed
from kgcv.engine.randomness import preserved_generators, seed_step
from kgcv.engine.runtime import Runtime
from kgcv.engine.samples import Samples
from kgcv.engine.step import Stepper, read_loss
from kgcv.errors import ConfigError, StopRequested
from kgcv.events import Reporter, StopCheck, TaskAdvanced, TaskDone, TaskStarted
from kgcv.model.heads import Objective
from kgcv.model.network import Network

DIVERGED = 4.0
"""The sweep ends when the smoothed loss is this many times its smallest value (fastai, all versions)."""
PATIENCE_STEPS = 10
"""The smallest loss counts from the step after this one (fastai 0.7)."""
MIN_POINTS = 10
SKIP_START, SKIP_END = 0.1, 5
"""Suggestions leave out the first tenth of the sweep and its last five points (fastai 2.7, `lr_find`)."""


@dataclass(frozen=True, slots=True)
class LrCurve:
    """What the sweep saw; arrays of one length."""

    lrs: np.ndarray
    """float64, learning rates of the last layer group."""
    losses: np.ndarray
    """float64, training loss of each step."""
    smoothed: np.ndarray
    """float64, debiased running mean with decay 0.98."""


@dataclass(frozen=True, slots=True)
class LrSuggestions:
    """Three readings of a curve, as learning rates of the last layer group."""

    valley: float
    steepest: float
    minimum_tenth: float


@dataclass(frozen=True, slots=True)
class Sweep:
    """From which to which learning rate, in how many steps."""

    start: float = 1e-7
    end: float = 10.0
    num_steps: int = 100

    def lr(self, step: int) -> float:
        """Exponential from `start` (step 0) to `end` (the last step)."""
        return float(self.start * (self.end / self.start) ** (step / max(self.num_steps - 1, 1)))


@dataclass(frozen=True, slots=True)
class LrFinder:
    """Sweeps the learning rate of one stage.

    All training happens on a copy: the model given, its batch-norm buffers and the global random state are the same
    afterwards, however the sweep ends.
    """

    model: Network
    objective: Objective
    config: TrainConfig
    plan: StagePlan
    runtime: Runtime
    reporter: Reporter
    should_stop: StopCheck

    def run(self, inputs: Inputs, samples: Samples, sweep: Sweep) -> LrCurve:
        """Train with ever larger rates until the loss diverges; a small data set is visited again and again.

        The rates of the layer groups keep the ratios they have in the stage.

        Args:
            inputs: of the stage.
            samples: which of the inputs' rows train, and what they are taught.
            sweep: the rates.

        Raises:
            StopRequested: a signal arrived between two steps.
            ConfigError: too few points to read anything from.
        """
        model = copy.deepcopy(self.model)
        model.freeze(self.plan.frozen_groups)
        model.set_training(self.plan.frozen_groups, self.plan.bn_frozen)
        stepper = Stepper(model, self.objective, self.plan, inputs, self.runtime)
        steps = list(islice(self._endless_steps(), sweep.num_steps))
        self.reporter.report(TaskStarted("lr-find", len(steps), unit="steps"))
        with preserved_generators():
            batches = inputs.read(batch_requests(steps, samples.train_rows))
            losses = self._sweep(stepper, steps, batches, samples, sweep)
        outcome = "and the loss did not diverge" if len(losses) == len(steps) else "then the loss diverged"
        self.reporter.report(TaskDone("lr-find", f"{len(losses)} of {len(steps)} steps, {outcome}"))
        return _curve(np.array(losses), sweep)

    def _endless_steps(self) -> Iterator[StepPlan]:
        """The steps of epoch 0, 1, 2, ... of the stage."""
        epoch = 0
        while True:
            yield from self.plan.steps(epoch)
            epoch += 1

    def _sweep(
        self,
        stepper: Stepper,
        steps: list[StepPlan],
        batches: Iterator[Tensor],
        samples: Samples,
        sweep: Sweep,
    ) -> list[float]:
        """The loss of each step, the diverging one left out."""
        optimizer = build_optimizer(stepper.model, self.config)
        ratios = [lr / self.plan.lrs[-1] for lr in self.plan.lrs]
        losses: list[float] = []
        running, best = 0.0, math.inf
        for index, step in enumerate(steps):
            if (signal := self.should_stop()) is not None:
                raise StopRequested(signal, "lr-find stopped; nothing was changed")
            set_rates(optimizer, ratios, sweep.lr(index), None)
            seed_step(self.plan.seed, self.plan.index, 0, index)
            truths = [torch.from_numpy(samples.taught(p)).to(self.runtime.device) for p in step.positions]
            loss = read_loss(stepper.backward(step, [next(batches) for _ in step.positions], truths))
            running = decayed(running, loss)
            smoothed = debiased(running, index + 1)
            if not math.isfinite(smoothed) or smoothed > DIVERGED * best:
                break
            if index > PATIENCE_STEPS:
                best = min(best, smoothed)
            losses.append(loss)
            clip_gradients(stepper.model, self.config.clip_norm)
            optimizer.step()
            self.reporter.report(TaskAdvanced(1))
        return losses


def _curve(losses: np.ndarray, sweep: Sweep) -> LrCurve:
    if len(losses) < MIN_POINTS:
        raise ConfigError(
            [
                f"lr-find: the loss diverged after {len(losses)} usable points, and {MIN_POINTS} are needed; "
                "begin lower (--start-lr) or take more steps (--steps)"
            ]
        )
    lrs = np.array([sweep.lr(index) for index in range(len(losses))])
    return LrCurve(lrs, losses, smooth(losses))


def smooth(losses: np.ndarray) -> np.ndarray:
    """Debiased running mean with decay 0.98: a_k = 0.98 a_(k-1) + 0.02 l_k, reported as a_k / (1 - 0.98^(k+1))."""
    running, smoothed = 0.0, []
    for index, loss in enumerate(losses):
        running = decayed(running, float(loss))
        smoothed.append(debiased(running, index + 1))
    return np.array(smoothed)


def suggest(curve: LrCurve) -> LrSuggestions:
    """Three learning rates to choose from; rules of fastai 2.7.

    The first tenth of the points and the last five are not read, as long as ten points stay.
    """
    first = int(len(curve.lrs) * SKIP_START)
    last = len(curve.lrs) - SKIP_END
    chosen = slice(first, last) if last - first >= MIN_POINTS else slice(None)
    lrs, losses = curve.lrs[chosen], curve.smoothed[chosen]
    return LrSuggestions(
        valley=float(lrs[valley_index(losses)]),
        steepest=float(lrs[steepest_index(lrs, losses)]),
        minimum_tenth=float(lrs[int(np.argmin(losses))] / 10),
    )


def steepest_index(lrs: np.ndarray, losses: np.ndarray) -> int:
    """Left end of the segment where the loss falls fastest over the logarithm of the rate."""
    return int(np.argmin(np.diff(losses) / np.diff(np.log(lrs))))


def valley_index(losses: np.ndarray) -> int:
    """About the middle of the longest valley: the longest strictly decreasing subsequence, half way down.

    With the subsequence ending at index e and L points long, s = e - L and t = (e - s) / 3, it is
    s + int(t) + int(t / 2).
    """
    lengths = np.ones(len(losses), dtype=int)
    for index in range(1, len(losses)):
        lower = lengths[:index][losses[:index] > losses[index]]
        lengths[index] = 1 + (lower.max() if len(lower) else 0)
    end = int(np.argmax(lengths))
    start = end - int(lengths[end])
    third = (end - start) / 3
    return max(start + int(third) + int(third / 2), 0)
