"""How often a training's state is saved: often enough to lose little, seldom enough to cost next to nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

MOST_SAVING = 0.01
"""Share of the time that may go into saving at the ends of epochs; where those are short, some go by without."""


@dataclass(slots=True)
class SavePace:
    """When the state was saved last, and what that took, by a clock that nobody sets."""

    saved_at: float = field(init=False)
    """Or when this process began."""
    seconds: float = 0.0
    """Of the last save; 0 before the first."""

    def __post_init__(self) -> None:
        self.saved_at = time.monotonic()

    @contextmanager
    def measured(self) -> Iterator[None]:
        """The state is saved in the block."""
        began = time.monotonic()
        yield
        self.saved_at = time.monotonic()
        self.seconds = self.saved_at - began

    def is_due(self, minutes: float) -> bool:
        """Whether the last save is so many minutes ago."""
        return time.monotonic() - self.saved_at >= 60 * minutes

    def is_cheap(self) -> bool:
        """Whether a save now, at the end of an epoch, keeps to its share of the time."""
        return time.monotonic() - self.saved_at >= self.seconds / MOST_SAVING
