"""Several models' predictions of the same samples joined into one, by a rule or by weights fitted to the truth.

Letters: M members, N samples, C classes or numbers. Members are stacked, `(M, N, C)` float32, rows and columns in
one order for all. Whoever fits weights has predictions that the members made of samples they did not train on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

import numpy as np

from kgcv.config.schema import Task
from kgcv.scoring.blend_fits import fit_ridge, fit_weights, hill_climb
from kgcv.scoring.metrics import Scorer

BlendMethod = Literal["mean", "geometric", "rank", "power", "hill_climb", "weights", "ridge"]
FITTED: frozenset[BlendMethod] = frozenset({"hill_climb", "weights", "ridge"})
"""Methods that learn from the truth; the score on what they learned from is optimistic."""

SMALLEST = 1e-7
"""The least probability where logarithms are taken; about the rounding of float32. No member is infinitely sure."""


@dataclass(frozen=True, slots=True)
class BlendRule:
    """How to join members."""

    method: BlendMethod
    power: float = 1.0
    """Exponent of `power`, above 0."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What M members predicted of N samples that they did not train on, beside the truth."""

    members: np.ndarray
    """(M, N, C) float32."""
    targets: np.ndarray
    """(N,) int64 class numbers (`single`), or (N, C) float32."""
    ids: tuple[str, ...]
    task: Task

    def at(self, rows: np.ndarray) -> Evidence:
        """The evidence of some samples; `rows` are row numbers, or a mask."""
        ids = tuple(np.array(self.ids, dtype=object)[rows].tolist())
        return Evidence(self.members[:, rows], self.targets[rows], ids, self.task)

    def without(self, member: int) -> Evidence:
        """The evidence of the other members."""
        return Evidence(np.delete(self.members, member, axis=0), self.targets, self.ids, self.task)

    def score(self, scorer: Scorer, values: np.ndarray) -> float:
        """What `values`, (N, C) for these samples, score."""
        return scorer.score(self.targets, values, self.ids)


class Blender(Protocol):
    """A rule with its weights: joins the members' predictions of any samples."""

    @property
    def weights(self) -> np.ndarray:
        """(M,) float64: the share of each member."""
        ...

    def blend(self, members: np.ndarray) -> np.ndarray:
        """(N, C) float32 from (M, N, C)."""
        ...


@dataclass(frozen=True, slots=True)
class Average:
    """A weighted mean: of the values, their logarithms, their powers or their ranks.

    `geometric`: of one label the normalised product of probabilities; of several labels the same for each label's
    p against 1 - p, so that it stays a probability; of numbers the geometric mean. `power`: the mean of p^P, taken
    to 1/P. `rank`: the mean of the members' ranks, see `ranks`; good for ROC AUC, but no probability any more.
    """

    weights: np.ndarray
    """(M,) float64, not negative, with the sum 1."""
    task: Task
    rule: BlendRule = BlendRule("mean")

    def blend(self, members: np.ndarray) -> np.ndarray:
        """(N, C) float32 from (M, N, C); rows of `single` sum to one, unless they are ranks."""
        change, restore = self._scale()
        total = np.zeros(members.shape[1:])
        for weight, member in zip(self.weights, members, strict=True):
            total += weight * change(member.astype(np.float64))
        values = restore(total)
        if self.task == "single" and self.rule.method != "rank":
            values /= values.sum(axis=1, keepdims=True)
        return values.astype(np.float32)

    def _scale(self) -> tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]:
        """What to do before the mean, and after it."""
        power = self.rule.power
        match self.rule.method, self.task:
            case "rank", _:
                return ranks, _same
            case "power", _:
                return lambda values: values**power, lambda values: values ** (1 / power)
            case "geometric", "multi":
                return _log_odds, lambda odds: 1 / (1 + np.exp(-odds))
            case "geometric", _:
                return lambda values: np.log(np.maximum(values, SMALLEST)), np.exp
        return _same, _same


@dataclass(frozen=True, slots=True)
class Stack:
    """One linear model a class, from what the members say of that class."""

    coefficients: np.ndarray
    """(C, M) float64."""
    intercepts: np.ndarray
    """(C,) float64."""
    alphas: np.ndarray
    """(C,) float64: the penalties that were chosen."""
    task: Task

    @property
    def weights(self) -> np.ndarray:
        """(M,) float64: mean coefficient over the classes; the sum need not be 1."""
        mean: np.ndarray = self.coefficients.mean(axis=0)
        return mean

    def blend(self, members: np.ndarray) -> np.ndarray:
        """(N, C) float32 from (M, N, C); probabilities are clipped to [0, 1], rows of `single` sum to one."""
        values: np.ndarray = np.einsum("mnc,cm->nc", members.astype(np.float64), self.coefficients) + self.intercepts
        if self.task == "multi":
            values = values.clip(0, 1)
        elif self.task == "single":
            values = values.clip(SMALLEST, 1)
            values /= values.sum(axis=1, keepdims=True)
        return values.astype(np.float32)


def fit_blender(rule: BlendRule, evidence: Evidence, scorer: Scorer) -> Blender:
    """A blender with the weights that `evidence` speaks for; equal ones where the method fits nothing.

    Args:
        rule: see `Average` for the methods without fitting. `hill_climb` gives weights that `scorer` likes best,
            `weights` those of the least log loss, or squared error of numbers, `ridge` a `Stack`.
        evidence: what to learn from.
        scorer: only `hill_climb` asks it.

    Raises:
        DataError: `hill_climb`, and `scorer` has no value for any member.
    """
    members, targets, task = evidence.members, evidence.targets, evidence.task
    match rule.method:
        case "hill_climb":
            return Average(hill_climb(members, partial(evidence.score, scorer), scorer), task)
        case "weights":
            return Average(fit_weights(members, _one_hot(targets, task, members.shape[2]), task), task)
        case "ridge":
            return Stack(*fit_ridge(members, _one_hot(targets, task, members.shape[2])), task)
    return equal_shares(rule, len(members), task)


def equal_shares(rule: BlendRule, num_members: int, task: Task) -> Average:
    """The blender of a method that fits nothing."""
    return Average(np.full(num_members, 1 / num_members), task, rule)


def cross_fit(rule: BlendRule, evidence: Evidence, scorer: Scorer, parts: np.ndarray) -> np.ndarray:
    """Blended predictions in which no sample had a say in the weights it was blended with.

    Args:
        rule: a method that fits weights.
        evidence: all samples.
        scorer: see `fit_blender`.
        parts: `(N,)` integers, at least two different ones; each part is blended with the weights of the others.

    Returns:
        `(N, C)` float32, whose score is the one to believe.
    """
    values = np.empty(evidence.members.shape[1:], dtype=np.float32)
    for part in np.unique(parts):
        held_out = parts == part
        blender = fit_blender(rule, evidence.at(~held_out), scorer)
        values[held_out] = blender.blend(evidence.members[:, held_out])
    return values


def correlations(members: np.ndarray) -> np.ndarray:
    """Pearson correlation of each two members over all their values, `(M, M)` float64; NaN for a constant member."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found: np.ndarray = np.corrcoef(members.reshape(len(members), -1))
    return found


def ranks(values: np.ndarray) -> np.ndarray:
    """The place of each value in its column, 0.5/N for the least and 1 - 0.5/N for the greatest of N; ties share.

    Args:
        values: `(N, C)`.

    Returns:
        `(N, C)` float64 in (0, 1); the ends are not reached, so that no row is all zeros and no logarithm infinite.
    """
    columns = [_column_ranks(column) for column in values.T]
    return np.stack(columns, axis=1)


def _column_ranks(column: np.ndarray) -> np.ndarray:
    _, codes, counts = np.unique(column, return_inverse=True, return_counts=True)
    ranked: np.ndarray = ((np.cumsum(counts) - counts / 2) / len(column))[codes]
    return ranked


def _same(values: np.ndarray) -> np.ndarray:
    return values


def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    kept = probabilities.clip(SMALLEST, 1 - SMALLEST)
    odds: np.ndarray = np.log(kept) - np.log1p(-kept)
    return odds


def _one_hot(targets: np.ndarray, task: Task, num_classes: int) -> np.ndarray:
    """(N, C) float64 truth."""
    return np.eye(num_classes)[targets] if task == "single" else targets.astype(np.float64)
