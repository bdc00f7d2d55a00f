"""How far predicted numbers lie from the true ones, on the validation samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kgcv.recipes.report_data import Validated
from kgcv.scoring.number_metrics import mae, rmse

_NUM_PARTS = 10


@dataclass(frozen=True, slots=True)
class TargetRange:
    """The samples whose target lies in one tenth of all targets, by order."""

    lowest: float
    highest: float
    """The largest target in it."""
    count: int
    mean_error: float
    """Predicted - true: above 0 where too much is predicted."""
    mae: float
    rmse: float


@dataclass(frozen=True, slots=True, eq=False)
class NumberReport:
    """Of one column of numbers and N samples."""

    name: str
    targets: np.ndarray
    """`(N,)` float64."""
    values: np.ndarray
    """`(N,)` float64."""
    deciles: tuple[TargetRange, ...]
    """At most ten, ascending; fewer where many targets are equal, for equal ones stay together."""

    @property
    def errors(self) -> np.ndarray:
        """Predicted - true, `(N,)` float64."""
        errors: np.ndarray = self.values - self.targets
        return errors


def report_numbers(validated: Validated) -> list[NumberReport]:
    """What there is to tell of `validated`, whose task is `regression`: one report a column."""
    targets, values = (array.astype(np.float64) for array in (validated.targets, validated.predictions.values))
    return [
        NumberReport(name, targets[:, column], values[:, column], _deciles(targets[:, column], values[:, column]))
        for column, name in enumerate(validated.predictions.class_names)
    ]


def _deciles(targets: np.ndarray, values: np.ndarray) -> tuple[TargetRange, ...]:
    borders = np.unique(np.quantile(targets, np.arange(1, _NUM_PARTS) / _NUM_PARTS))
    parts = np.searchsorted(borders, targets)  # a target on a border belongs to the part below
    found = []
    for part in np.unique(parts):
        truth, given = targets[parts == part, None], values[parts == part, None]
        error = float((given - truth).mean())
        found.append(
            TargetRange(
                float(truth.min()), float(truth.max()), len(truth), error, mae(truth, given), rmse(truth, given)
            )
        )
    return tuple(found)
