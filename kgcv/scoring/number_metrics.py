"""Metrics of numbers.

`targets` and `values` are (N, C) for N samples and C columns of numbers. Unless a docstring says otherwise, the
columns are pooled: all N * C numbers count alike. Ties and classes have no meaning here.
"""

from __future__ import annotations

import math

import numpy as np


def rmse(targets: np.ndarray, values: np.ndarray) -> float:
    """Root of the mean squared error over all numbers."""
    from sklearn.metrics import root_mean_squared_error

    return float(root_mean_squared_error(_wide(targets).ravel(), _wide(values).ravel()))


def mcrmse(targets: np.ndarray, values: np.ndarray) -> float:
    """Mean over the columns of each column's RMSE."""
    from sklearn.metrics import root_mean_squared_error

    return float(root_mean_squared_error(_wide(targets), _wide(values)))


def mae(targets: np.ndarray, values: np.ndarray) -> float:
    """Mean absolute error."""
    from sklearn.metrics import mean_absolute_error

    return float(mean_absolute_error(_wide(targets), _wide(values)))


def rmsle(targets: np.ndarray, values: np.ndarray) -> float:
    """RMSE of log(1 + number); NaN if any number is -1 or less, where that is not defined."""
    # Not scikit-learn's, which ends the program at such a number: a model may pass there on its way.
    if min(targets.min(), values.min()) <= -1:
        return math.nan
    return rmse(np.log1p(_wide(targets)), np.log1p(_wide(values)))


def rmspe(targets: np.ndarray, values: np.ndarray) -> float:
    """Root of the mean squared error as a part of the target, as in Rossmann Store Sales; 0.1 is 10 %.

    Targets of 0 are left out, as there; NaN if none is left.
    """
    truth, given = _wide(targets), _wide(values)
    counts = truth != 0
    if not counts.any():
        return math.nan
    return float(np.sqrt(np.square((truth[counts] - given[counts]) / truth[counts]).mean()))


def mape(targets: np.ndarray, values: np.ndarray) -> float:
    """Mean absolute error as a part of the target; 0.1 is 10 %.

    A target of 0 makes it enormous, unless it is met exactly: the error is then divided by 2.2e-16.
    """
    from sklearn.metrics import mean_absolute_percentage_error

    return float(mean_absolute_percentage_error(_wide(targets), _wide(values)))


def r2(targets: np.ndarray, values: np.ndarray) -> float:
    """Share of the variance that is explained, at most 1; several columns: the mean over the columns.

    NaN with fewer than two samples; a column of equal targets counts 1 if it is met exactly and 0 if not.
    """
    from sklearn.metrics import r2_score

    return float(r2_score(_wide(targets), _wide(values))) if len(targets) > 1 else math.nan


def _wide(numbers: np.ndarray) -> np.ndarray:
    """As float64: sums of squares of float32 lose digits."""
    return numbers.astype(np.float64)
