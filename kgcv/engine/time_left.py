"""How long the rest of a training takes, from the speed of the stage that runs."""

from __future__ import annotations

from collections.abc import Callable

from kgcv.events import RunStarted, StageOutline

Clock = Callable[[], float]
"""Seconds, from any start."""


class TimeLeft:
    """Estimates how long the rest of a fold's training takes.

    The speed is that of the current stage, validation included. Steps of later stages are taken to cost what their
    `StageOutline.work` says beside it, which is rough: small images leave a GPU idle, and reading them costs as well.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stages: tuple[StageOutline, ...] = (StageOutline(0, 1.0),)
        self._stage = 0
        self._done = 0
        self._start = clock()
        self._steps_here = 0

    @property
    def is_last_stage(self) -> bool:
        """Whether no other stage comes, so that nothing but the speed measured goes into the estimate."""
        return self._stage + 1 >= len(self._stages)

    @property
    def done_steps(self) -> int:
        """Steps of the fold that are done, or were left out by a stage that ended early."""
        return self._done

    def start_run(self, event: RunStarted) -> None:
        """Take note of the steps there are in all."""
        self._stages = event.stages or (StageOutline(event.total_steps, 1.0),)
        self._stage, self._done = 0, event.done_steps

    def start_stage(self, stage: int) -> None:
        """Measure the speed afresh."""
        self._stage = min(stage, len(self._stages) - 1)
        self._done = max(self._done, self._steps_before(self._stage))
        self._start, self._steps_here = self._clock(), 0

    def finish_step(self, count: int = 1) -> None:
        """So many more steps are done."""
        self._done += count
        self._steps_here += count

    def seconds(self) -> float | None:
        """Seconds left over all stages; None before the first step of a stage, and while nothing tells of later ones.

        The steps of a stage on precomputed features, whose work is 0, tell nothing of those that run the network.
        """
        here, later = self._stages[self._stage], self._stages[self._stage + 1 :]
        work_later = sum(stage.num_steps * stage.work for stage in later)
        if self._steps_here == 0 or (work_later and not here.work):
            return None
        left = max(0.0, self._steps_before(self._stage) + here.num_steps - self._done)
        left += work_later / here.work if work_later else 0.0
        return left * (self._clock() - self._start) / self._steps_here

    def _steps_before(self, stage: int) -> int:
        return sum(outline.num_steps for outline in self._stages[:stage])
