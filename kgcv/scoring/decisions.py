"""From probabilities of several labels to tags.

Letters: N samples, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Groups = tuple[tuple[int, ...], ...]
"""Column numbers of classes that exclude each other, group by group."""


@dataclass(frozen=True, slots=True, eq=False)
class DecisionRule:
    """Which tags a sample is given."""

    thresholds: np.ndarray
    """(C,) float64; a tag is given when its value is greater. NaN for classes of `exclusive`, where none acts."""
    exclusive: Groups = ()
    """Of each group exactly one tag is given: the one with the greatest value, of equal ones the first listed."""
    never_empty: bool = False
    """A sample without any tag is given the one with the greatest value, of equal ones the first column."""

    def decide(self, values: np.ndarray) -> np.ndarray:
        """The tags given, `(N, C)` bool, for `(N, C)` probabilities."""
        given: np.ndarray = values > self.thresholds
        for group in self.exclusive:
            columns = np.array(group)
            given[:, columns] = False
            given[np.arange(len(values)), columns[values[:, columns].argmax(axis=1)]] = True
        if self.never_empty:
            empty = np.flatnonzero(~given.any(axis=1))
            given[empty, values[empty].argmax(axis=1)] = True
        return given
