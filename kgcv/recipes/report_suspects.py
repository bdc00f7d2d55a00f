"""Labels that are probably wrong, as a list for people and for programs."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgcv.files import write_text
from kgcv.recipes.report_data import Validated
from kgcv.scoring.label_errors import doubt_classes, doubt_tags

FILE_NAME = "suspects.csv"
"""Beside the report."""

_HEADER = ("rank", "id", "fold", "given", "suggested", "probability_given", "probability_suggested", "doubt")


@dataclass(frozen=True, slots=True)
class Suspect:
    """A label that models which did not see it find improbable."""

    row: int
    """Of the validation samples."""
    id: str
    fold: int
    """Whose model says so; it was not trained on this sample."""
    given: str
    suggested: str
    """Another class; of a tag `x` that was not given `x`, and of one that was `not x`."""
    probability_given: float
    probability_suggested: float

    @property
    def doubt(self) -> float:
        """What ranks the suspects: 1 - the probability of the given label."""
        return 1 - self.probability_given


def find_suspects(validated: Validated) -> list[Suspect]:
    """The suspects of a run on classes or tags, the most doubtful first; none of one on numbers.

    Each sample's evidence comes from the fold that did not see it.
    """
    values, task = validated.predictions.values, validated.predictions.task
    if task == "regression":
        return []
    doubts = (doubt_classes if task == "single" else doubt_tags)(validated.targets, values)
    return [
        _suspect(validated, row, at, score)
        for row, at, score in zip(doubts.rows.tolist(), doubts.classes.tolist(), doubts.scores.tolist(), strict=True)
    ]


def _suspect(validated: Validated, row: int, at: int, score: float) -> Suspect:
    predictions, targets = validated.predictions, validated.targets
    names, values = predictions.class_names, predictions.values
    if predictions.task == "single":
        given, suggested, of_suggested = names[int(targets[row])], names[at], float(values[row, at])
    else:
        answers = (names[at], f"not {names[at]}")
        given, suggested = answers if targets[row, at] > 0 else answers[::-1]
        of_suggested = 1 - score
    return Suspect(row, predictions.ids[row], int(validated.folds[row]), given, suggested, score, of_suggested)


def write_suspects(path: Path, suspects: list[Suspect]) -> None:
    """Write the list as CSV, the most doubtful first, whole or not at all."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_HEADER)
    for rank, each in enumerate(suspects, start=1):
        numbers = (each.probability_given, each.probability_suggested, each.doubt)
        rows.writerow((rank, each.id, each.fold, each.given, each.suggested, *(f"{number:.6f}" for number in numbers)))
    write_text(path, text.getvalue())


def doubted_share(suspects: list[Suspect], validated: Validated) -> float:
    """Which share of the samples has a doubtful label."""
    return len(np.unique([each.row for each in suspects])) / len(validated.folds)
