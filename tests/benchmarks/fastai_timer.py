"""Times the training part of a fastai epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def training_timer(wait: Callable[[], None] = lambda: None) -> Any:
    """A fastai callback whose `seconds` are those of the last epoch's training, without validation.

    Args:
        wait: returns when the device has done what it was given.

    Raises:
        ImportError: fastai is not installed.
    """
    from fastai.callback.core import Callback  # type: ignore[import-not-found]

    class Timer(Callback):  # type: ignore[misc]
        def before_train(self) -> None:
            wait()
            self.start = time.perf_counter()

        def after_train(self) -> None:
            wait()
            self.seconds = time.perf_counter() - self.start

    return Timer()
