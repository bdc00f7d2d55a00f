"""Events as points of curves, for programs that draw them elsewhere."""

from __future__ import annotations

import math
import time
from typing import Protocol

from kgcv.engine.time_left import Clock
from kgcv.events import EpochDone, Event, RunStarted, StepDone

STEP_SECONDS = 2.0
"""Time between two points of a curve by steps; a run of a day has 43,200, which viewers thin out anyway."""


class CurveSink(Protocol):
    """Where points go; whatever it raises costs the curves and not the run."""

    def start(self, event: RunStarted) -> str:
        """Begin the curves of a fold, or go on with those of its earlier processes; tells where they are seen."""
        ...

    def write(self, step: int, values: dict[str, float]) -> None:
        """Add one point to each curve that is named, at `step`: optimizer steps of the fold so far."""
        ...

    def close(self) -> None:
        """Finish what was begun; nothing where nothing was."""
        ...


class CurveLogger:
    """Turns events into points.

    By steps: `running_loss` and `lr`, every two seconds. By epochs: `train_loss`, `valid_loss`, `score/<metric>`,
    `lr` and `images_per_second` (or rows). What is not a number is left out.
    """

    def __init__(self, sink: CurveSink, clock: Clock = time.monotonic) -> None:
        self.place: str | None = None
        """Where the curves are seen, once a fold has begun."""
        self._sink = sink
        self._clock = clock
        self._step = 0
        self._last = -math.inf

    def report(self, event: Event) -> None:
        """Write the points that belong to `event`."""
        match event:
            case RunStarted():
                self._step = event.done_steps
                self.place = self._sink.start(event)
            case StepDone():
                self._step += 1
                if self._clock() - self._last >= STEP_SECONDS:
                    self._last = self._clock()
                    self._sink.write(self._step, {"running_loss": event.loss, "lr": event.lr})
            case EpochDone():
                self._sink.write(self._step, _epoch_values(event))

    def close(self) -> None:
        """Finish the curves."""
        self._sink.close()


def _epoch_values(event: EpochDone) -> dict[str, float]:
    values = {"train_loss": event.train_loss, "valid_loss": event.valid_loss, "lr": event.lr}
    values |= {f"score/{name}": score for name, score in event.scores.items()}
    values[f"{event.unit}_per_second"] = event.samples_per_second
    return {name: value for name, value in values.items() if value is not None and math.isfinite(value)}
