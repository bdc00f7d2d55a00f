"""Learning rates as pure functions of the step.

A factor multiplies the learning rate of every layer group alike, so their ratios never change. Steps are optimizer
steps within a stage, from 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from kgcv.config.schema import Schedule, StageConfig

WARMUP_FRACTION = 1 / 20
"""The course holds the rate low for the first 20th of a stage's first cycle (fastai 0.7, `CosAnneal`)."""
WARMUP_FACTOR = 1 / 100
ONE_CYCLE_RISE = 0.25
"""One-cycle: share of the steps in which the rate rises (fastai 2.7, `fit_one_cycle`)."""
ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = 1e-5
FLAT_FRACTION = 0.75
"""Flat-then-cosine: share of the steps at the full rate (fastai 2.7, `fit_flat_cos`)."""
FLAT_COSINE_END = 1e-5
MOMENTUM_HIGH, MOMENTUM_LOW = 0.95, 0.85
"""One-cycle moves the momentum against the rate (fastai 2.7)."""


def cycle_epochs(stage: StageConfig) -> tuple[int, ...]:
    """Epochs of each cycle of a stage: (3, 1, 2) gives 1, 2, 4, seven in all."""
    return tuple(stage.cycle_len * stage.cycle_mult**index for index in range(stage.num_cycles))


@dataclass(frozen=True, slots=True)
class StageSchedule:
    """The schedule of one stage."""

    kind: Schedule
    cycle_steps: tuple[int, ...]
    """Steps of each cycle."""

    @property
    def num_steps(self) -> int:
        """Steps of the stage."""
        return sum(self.cycle_steps)

    def lr_factor(self, step: int) -> float:
        """What the learning rates are multiplied with at `step`, in (0, 1]."""
        if self.kind == "cosine":
            return cosine_restarts(step, self.cycle_steps)
        if self.kind == "one_cycle":
            return one_cycle(step, self.num_steps)
        if self.kind == "flat_cosine":
            return flat_cosine(step, self.num_steps)
        return 1.0

    def momentum(self, step: int) -> float | None:
        """The momentum at `step`, or None where the schedule leaves it alone."""
        return one_cycle_momentum(step, self.num_steps) if self.kind == "one_cycle" else None


def cosine_restarts(step: int, cycle_steps: tuple[int, ...]) -> float:
    """Cosine from 1 towards 0 in each cycle, after the course's warm-up in the first one.

    The last step of a cycle of n steps has (1 + cos(pi (n-1)/n)) / 2, which is small and not zero. The warm-up covers
    the steps below n/20 of the first cycle and replaces the cosine there, which goes on underneath; a first cycle of
    fewer than 20 steps has none, for it would lose too much of it.
    """
    if step < cycle_steps[0] * WARMUP_FRACTION and cycle_steps[0] * WARMUP_FRACTION >= 1:
        return WARMUP_FACTOR
    start = 0
    for length in cycle_steps:
        if step < start + length:
            return (1 + math.cos(math.pi * (step - start) / length)) / 2
        start += length
    raise ValueError(f"step {step} is past the last of {start} steps")


def one_cycle(step: int, num_steps: int) -> float:
    """Cosine up from 1/25 to 1 over the first quarter, then cosine down to 1e-5."""
    peak = num_steps * ONE_CYCLE_RISE
    if step < peak:
        return _cosine(ONE_CYCLE_START, 1.0, step / peak)
    return _cosine(1.0, ONE_CYCLE_END, (step - peak) / (num_steps - peak))


def one_cycle_momentum(step: int, num_steps: int) -> float:
    """Momentum against the rate of `one_cycle`: 0.95, 0.85 at the peak, 0.95."""
    peak = num_steps * ONE_CYCLE_RISE
    if step < peak:
        return _cosine(MOMENTUM_HIGH, MOMENTUM_LOW, step / peak)
    return _cosine(MOMENTUM_LOW, MOMENTUM_HIGH, (step - peak) / (num_steps - peak))


def flat_cosine(step: int, num_steps: int) -> float:
    """1 for three quarters of the steps, then cosine down to 1e-5."""
    flat = num_steps * FLAT_FRACTION
    return 1.0 if step < flat else _cosine(1.0, FLAT_COSINE_END, (step - flat) / (num_steps - flat))


def _cosine(start: float, end: float, position: float) -> float:
    """From `start` to `end` along half a cosine; `position` in [0, 1]."""
    return end + (start - end) * (1 + math.cos(math.pi * position)) / 2
