"""Weights of blends that learn from the truth: by greedy steps on a metric, by a convex loss, by ridge regression.

Letters: M members, N samples, C classes or numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kgcv.config.schema import Task
from kgcv.errors import DataError
from kgcv.scoring.metrics import Scorer

MAX_PICKS = 100
"""Most picks of a hill climb: weights come in steps of a hundredth."""
PATIENCE = 10
"""Picks without a gain after which a climb ends. Half the weight may be too much for a weak member where a tenth
helps: picking the strong member again costs nothing, and makes the share of the next pick smaller."""

ALPHAS = np.logspace(-3, 3, 13)
"""Penalties to choose from: half decades around RidgeCV's own 0.1, 1 and 10."""

_LEAST_PROBABILITY = 1e-7
"""Of the truth, in the log loss; about the rounding of float32."""
_MAX_STEPS = 500
_PRECISION = 1e-12
"""Change of the loss, relative to that of equal weights, at which the solver stops."""


def hill_climb(members: np.ndarray, score: Callable[[np.ndarray], float], scorer: Scorer) -> np.ndarray:
    """Weights by ensemble selection with replacement (Caruana, Niculescu-Mizil, Crew and Ksikes 2004).

    Starts from the best member; each step adds the member whose addition to the mean scores best, and may add one
    again; of equals, the first. The best mean on the way is kept. The same members in the same order give the same.

    Args:
        members: `(M, N, C)` float32.
        score: of `(N, C)` float32 values.
        scorer: says which of two scores is better.

    Returns:
        `(M,)` float64, the share of the picks.

    Raises:
        DataError: no member has a score.
    """
    picks: list[int] = []
    total = np.zeros(members.shape[1:])
    best, best_size = None, 0
    while len(picks) < MAX_PICKS and len(picks) - best_size < PATIENCE:
        size = len(picks) + 1
        pick, reached = _best_pick([score(((total + member) / size).astype(np.float32)) for member in members], scorer)
        picks.append(pick)
        total += members[pick]
        if scorer.is_better(reached, best):
            best, best_size = reached, size
    return np.bincount(picks[:best_size], minlength=len(members)) / best_size


def _best_pick(scores: list[float], scorer: Scorer) -> tuple[int, float]:
    best = None
    for member, score in enumerate(scores):
        if scorer.is_better(score, None if best is None else scores[best]):
            best = member
    if best is None:
        raise DataError(f"hill_climb: no blend has a value of {scorer.name} on these samples; use another metric")
    return best, scores[best]


def fit_weights(members: np.ndarray, truth: np.ndarray, task: Task) -> np.ndarray:
    """Weights, not negative and with the sum 1, of the weighted mean with the least loss.

    The loss is the log loss of probabilities and the squared error of numbers. Both are convex in the weights, so
    that the minimum found (sequential least squares programming, SciPy's SLSQP, from equal weights) is the only one.

    Args:
        members: `(M, N, C)`.
        truth: `(N, C)` float64: numbers, or 0 and 1.
        task: tells the loss.

    Returns:
        `(M,)` float64.
    """
    from scipy.optimize import minimize

    num_members = len(members)
    loss = _squared_error(members, truth) if task == "regression" else _log_loss(members, truth, task)
    equal = np.full(num_members, 1 / num_members)
    # Losses of numbers come in any size, and the solver's precision is absolute.
    scale = loss(equal)[0] or 1.0

    def scaled(weights: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = loss(weights)
        return value / scale, slope / scale

    found = minimize(
        scaled,
        equal,
        method="SLSQP",
        jac=True,
        bounds=[(0, 1)] * num_members,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1, "jac": np.ones_like},
        options={"ftol": _PRECISION, "maxiter": _MAX_STEPS},
    )
    weights: np.ndarray = found.x.clip(0)
    weights /= weights.sum()
    return weights


_Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""From weights, (M,), to the loss and its slope, (M,)."""


def _squared_error(members: np.ndarray, truth: np.ndarray) -> _Loss:
    """Mean squared error; as the weights sum to 1, the error of the mean is the mean of the errors."""
    errors = (members - truth).reshape(len(members), -1)
    products = errors @ errors.T / errors.shape[1]

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        slope = products @ weights
        return float(weights @ slope), 2 * slope

    return loss


def _log_loss(members: np.ndarray, truth: np.ndarray, task: Task) -> _Loss:
    """Mean of -log of the probability given to what is true."""
    if task == "single":
        said = members[:, truth > 0]
    else:
        said = np.where(truth > 0, members, 1 - members).reshape(len(members), -1)
    said = said.astype(np.float64).clip(_LEAST_PROBABILITY)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        # The solver may try weights a rounding error below zero.
        mixed = np.maximum(weights @ said, _LEAST_PROBABILITY)
        return float(-np.log(mixed).mean()), -(said @ (1 / mixed)) / len(mixed)

    return loss


def fit_ridge(members: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each class a ridge regression, with intercept, of the truth on what the members say of that class.

    The penalty is that of `ALPHAS` with the least squared error when each sample is left out in turn.

    Args:
        members: `(M, N, C)`.
        truth: `(N, C)` float64.

    Returns:
        Coefficients `(C, M)`, intercepts `(C,)` and penalties `(C,)`, float64.
    """
    from sklearn.linear_model import RidgeCV

    fits = [
        RidgeCV(ALPHAS).fit(members[:, :, column].T.astype(np.float64), truth[:, column])
        for column in range(truth.shape[1])
    ]
    return (
        np.stack([fit.coef_ for fit in fits]),
        np.array([fit.intercept_ for fit in fits]),
        np.array([fit.alpha_ for fit in fits]),
    )
