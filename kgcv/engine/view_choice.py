"""Which views of test-time augmentation help: scores of sets of views, the greedy best set, and what to expect of it.

Each view's predictions are read anew whenever they are needed, so that memory does not grow with the views.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kgcv.engine.tta import PLAIN, view_weights
from kgcv.scoring.metrics import Scorer

ViewReader = Callable[[str], np.ndarray]
"""Gives the predictions of the view of that name for all N images, `(N, C)` float32."""


@dataclass(frozen=True, slots=True)
class GreedyStep:
    """A view that was added, and the score of the set with it."""

    added: str
    score: float


@dataclass(frozen=True, slots=True)
class ViewJudge:
    """Scores sets of views on images whose targets are known. N images, C classes."""

    read: ViewReader
    targets: np.ndarray
    """`(N,)` int64 or `(N, C)` float32."""
    ids: Sequence[str]
    """N ids, for metrics that look at them."""
    scorer: Scorer
    plain_weight: float | None = None
    """As in `view_weights`."""

    def score(self, views: Sequence[str]) -> float:
        """The score of the mean over `views`, the plain one first, on all images."""
        everything = np.arange(len(self.ids))
        return self.score_values(self._mean(views, everything), everything)

    def choose(self, candidates: Sequence[str], rows: np.ndarray | None = None) -> tuple[GreedyStep, ...]:
        """Start with the plain view and add the view that raises the score most, until none raises it.

        Of views that raise it alike the first of `candidates` is taken.

        Args:
            candidates: names of views; the plain one may be among them.
            rows: `(M,)` int64, the images to look at; all if not given.

        Returns:
            The views that were added, in order; none where no view helps.
        """
        rows = np.arange(len(self.ids)) if rows is None else rows
        plain = self.read(PLAIN.name)[rows]
        others = np.zeros_like(plain)
        left = [name for name in candidates if name != PLAIN.name]
        best, steps = self.score_values(plain, rows), list[GreedyStep]()
        while left:
            step = self._best_addition(plain, others, left, rows, len(steps) + 2)
            if not self.scorer.is_better(step.score, best):
                break
            best = step.score
            steps.append(step)
            left.remove(step.added)
            others += self.read(step.added)[rows]
        return tuple(steps)

    def cross_fitted(self, candidates: Sequence[str], parts: np.ndarray) -> float:
        """The score of choosing: each part is predicted with the views chosen on the other parts.

        Args:
            candidates: names of views.
            parts: `(N,)` int64, the part each image belongs to.

        Returns:
            The score of all these predictions together, on the whole set.
        """
        values = np.empty_like(self.read(PLAIN.name))
        for part in np.unique(parts):
            steps = self.choose(candidates, np.flatnonzero(parts != part))
            rows = np.flatnonzero(parts == part)
            values[rows] = self._mean((PLAIN.name, *(step.added for step in steps)), rows)
        return self.score_values(values, np.arange(len(self.ids)))

    def score_values(self, values: np.ndarray, rows: np.ndarray) -> float:
        """The score of predictions `(M, C)` for the images `rows`."""
        return self.scorer.score(self.targets[rows], values, [self.ids[row] for row in rows])

    def gain(self, score: float, plain: float) -> float:
        """How much better `score` is than `plain`: positive is better, whatever the metric's direction."""
        return score - plain if self.scorer.greater_is_better else plain - score

    def _best_addition(
        self, plain: np.ndarray, others: np.ndarray, names: Sequence[str], rows: np.ndarray, num_views: int
    ) -> GreedyStep:
        """The best of `names` beside the plain view and the sum of the `others`."""
        best: GreedyStep | None = None
        for name in names:
            values = weighted_mean(plain, others + self.read(name)[rows], num_views, self.plain_weight)
            score = self.score_values(values, rows)
            if best is None or self.scorer.is_better(score, best.score):
                best = GreedyStep(name, score)
        assert best is not None, "there are names"
        return best

    def _mean(self, views: Sequence[str], rows: np.ndarray) -> np.ndarray:
        plain = self.read(views[0])[rows]
        others = np.zeros_like(plain)
        for name in views[1:]:
            others += self.read(name)[rows]
        return weighted_mean(plain, others, len(views), self.plain_weight)


def weighted_mean(plain: np.ndarray, others: np.ndarray, num_views: int, plain_weight: float | None) -> np.ndarray:
    """The mean of the plain view and the sum of the others, `(N, C)` each, by their `view_weights`."""
    if num_views == 1:
        return plain
    weights = view_weights(num_views, plain_weight)
    mean: np.ndarray = plain * np.float32(weights[0]) + others * np.float32(weights[1])
    return mean
