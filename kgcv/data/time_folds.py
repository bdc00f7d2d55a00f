"""Folds that go forward in time: each validates on days that come after all that it learned from."""

from __future__ import annotations

import numpy as np

from kgcv.config.schema import SplitConfig


def deal_days(dates: np.ndarray, config: SplitConfig) -> tuple[np.ndarray, int, np.ndarray]:
    """The fold that each row validates in, the number of folds, and the fold from which on each row trains.

    The last fold validates on the last `config.days` days of the calendar, the one before on as many days before
    those, and so on; `last_days` has one fold. A fold trains on what comes before its own days, less
    `config.gap_days`.

    Args:
        dates: `(N,)` datetime64, none missing.
        config: `days`, `gap_days`, and for `forward` the number of folds.

    Returns:
        `(N,)` int64, -1 where a row validates nowhere; the number of folds; `(N,)` int64, the number of folds for a
        row that trains in none. A fold may have no rows, where the days do not suffice.
    """
    assert config.days is not None, "the config's rules see to it"
    num_folds = config.num_folds if config.kind == "forward" else 1
    days = dates.astype("datetime64[D]").astype(np.int64)
    first_valid = int(days.max()) + 1 - config.days * np.arange(num_folds, 0, -1)
    # Rows before the first fold's days get -1, those from its first day on 0, and so forth.
    folds = np.searchsorted(first_valid, days, side="right") - 1
    # A fold whose first day is `first` trains on days before `first - gap_days`.
    trains_from = np.searchsorted(first_valid - config.gap_days, days, side="right")
    return folds, num_folds, trains_from
