"""Which samples are worth a look: the most wrong, the most doubtful, the most right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kgcv.recipes.report_answers import Answers
from kgcv.scoring.sample_losses import margins, tag_entropies

_MOST = 24
_FEW = 12
"""Samples that are right teach less."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Some samples, chosen by one rule."""

    anchor: str
    title: str
    rule: str
    """How they were chosen, a sentence."""
    score_name: str
    rows: np.ndarray
    """`(k,)` int64: rows of the validation samples, the first by the rule first."""
    scores: np.ndarray
    """`(k,)` float64: what the rule went by."""


def choose_samples(answers: Answers) -> list[Choice]:
    """The samples to show; ties go by the order of the samples."""
    return list(_choices(answers))


def _choices(answers: Answers) -> Iterator[Choice]:
    name, losses = answers.loss_name, answers.losses
    if answers.task == "regression":
        yield _first("wrong", "Largest errors", f"the largest {name} first", name, losses, _MOST)
    else:
        yield _first("wrong", "Most wrong", f"the largest {name} of the sample itself first", name, losses, _MOST)
        yield _doubtful(answers)
    few, kind = ("smallest errors", "right") if answers.task == "regression" else ("most right", "right")
    right = _first(kind, few.capitalize(), f"the smallest {name} first", name, -losses, _FEW)
    yield Choice(right.anchor, right.title, right.rule, name, right.rows, -right.scores)


def _doubtful(answers: Answers) -> Choice:
    values = answers.validated.predictions.values
    if answers.task == "single":
        ahead = margins(values)
        rule = "where the most probable class is least ahead of the second"
        found = _first("doubtful", "Most uncertain", rule, "ahead by", -ahead, _MOST)
        return Choice(found.anchor, found.title, rule, "ahead by", found.rows, -found.scores)
    bits = tag_entropies(values)
    return _first("doubtful", "Most uncertain", "the largest mean entropy of the tags first", "bits", bits, _MOST)


def _first(anchor: str, title: str, rule: str, score_name: str, scores: np.ndarray, count: int) -> Choice:
    rows = np.argsort(-scores, kind="stable")[:count]
    return Choice(anchor, title, rule, score_name, rows, scores[rows])
