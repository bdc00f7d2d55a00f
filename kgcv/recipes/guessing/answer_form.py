"""What the sample submission asks for: the form of an answer, whose probability it is, and a metric that fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kgcv.config.schema import SubmissionConfig, Task
from kgcv.data.csv_table import CsvTable
from kgcv.data.predictions import Predictions
from kgcv.errors import ConfigError
from kgcv.recipes.guessing.guess import Guess, Instead
from kgcv.recipes.guessing.label_columns import number_in
from kgcv.submission.formats import find_format
from kgcv.submission.table import Submission

PAGE = "the competition's page decides"

_REASONS = {
    "probabilities": "the sample has a column a class, or a tag",
    "label": "the sample has class names in its column",
    "index": "the sample has whole numbers in its column, and the classes have names",
    "tags": "the sample has tags in its column",
    "indices": "the sample has separated numbers in its column",
    "numbers": "the sample asks for numbers",
}

_METRICS = {
    "probabilities": ("log_loss", "probabilities of classes", ("accuracy",)),
    "probability": ("log_loss", "probabilities of one class", ("roc_auc", "accuracy")),
    "label": ("accuracy", "one class each", ("f1_macro",)),
    "index": ("accuracy", "one class each", ("f1_macro",)),
    "tags": ("f2", "tags", ("f1",)),
    "indices": ("f2", "tags", ("f1", "f1_macro")),
    "decisions": ("f1_macro", "tags given", ("f2",)),
    "numbers": ("rmse", "numbers", ("mae", "r2")),
}
"""For each form the likeliest metric, what it scores, and others that competitions of that form have."""

_OF_TAGS = ("roc_auc", "a probability a tag", ("binary_log_loss",))
_MOST_GRADES = 10
"""Classes that are grades (0 to 4) are few; then the weighted kappa is as likely."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The form of an answer."""

    form: str | None
    """None where nothing tells it."""
    guesses: tuple[Guess, ...]
    """Of the section `submission`."""


def guess_answer(sample: CsvTable, task: Task, class_names: Sequence[str], separator: str | None) -> Answer:
    """The form that the sample submission has for this task, told as `kgcv submit` would tell it.

    Args:
        sample: the sample submission, ids first.
        task: of the labels.
        class_names: the classes, or the names of the numbers.
        separator: what stands between the tags of a cell.
    """
    table = Submission(sample.names, tuple(sample.columns.values()))
    values = np.zeros((0, len(class_names)), dtype=np.float32)
    nobody = Predictions((), tuple(class_names), values, task)
    try:
        form = find_format(table, nobody, SubmissionConfig(separator=separator or " "))
    except ConfigError as error:
        return _untold(sample, task, class_names, str(error))
    if form == "probability":
        return _of_one_class(sample, class_names, sure=True)
    return Answer(form, (Guess("submission.format", form, _REASONS[form]),))


def _untold(sample: CsvTable, task: Task, class_names: Sequence[str], why: str) -> Answer:
    """What is likely where `kgcv submit` would ask."""
    cells = set(sample.columns[sample.names[-1]])
    are_numbers = all(0 <= number_in(cell) <= 1 for cell in cells)
    if task == "single" and len(class_names) == 2 and are_numbers and len(sample.names) == 2:
        return _of_one_class(sample, class_names, sure=not all(cell.isdecimal() for cell in cells))
    if task == "multi" and len(sample.names) > 2 and are_numbers:
        other = Instead("decisions", "if 1 and 0 are asked for, the tags given")
        because = f"a column a tag; {sample.path.name} has nothing but {' and '.join(sorted(cells))} there"
        return Answer("probabilities", (Guess("submission.format", "probabilities", because, (other,)),))
    if task == "multi" and len(sample.names) == 2:
        return Answer("tags", (Guess("submission.format", "tags", f"one column for tags; {PAGE}"),))
    return Answer(None, (Guess("submission.format", "auto", todo=why.removeprefix("submission.format: ")),))


def _of_one_class(sample: CsvTable, class_names: Sequence[str], *, sure: bool) -> Answer:
    """One column for two classes: a probability, or, if it holds both whole numbers, perhaps the class."""
    name, cells = sample.names[1], set(sample.columns[sample.names[1]])
    shown = min(cells)
    if not sure and cells == set(class_names):
        other = Instead("probability", "if probabilities are scored (log loss, AUC)")
        positive = Instead(class_names[-1], "then this, too", "positive_class")
        because = f"column {name} has both class names, {' and '.join(sorted(cells))}"
        return Answer("label", (Guess("submission.format", "label", because, (other, positive)),))
    because = f"one column, {name}, of {shown}, for two classes"
    label = () if sure else (Instead("label", "if classes are asked for, not probabilities (without positive_class)"),)
    if name in class_names:
        positive_guess = Guess("submission.positive_class", name, "the column is called so")
    else:
        other = Instead(class_names[0], "if the column is its probability")
        reason = f"the column's name, {name}, does not tell which class; 1 mostly means the later name; {PAGE}"
        positive_guess = Guess("submission.positive_class", class_names[-1], reason, (other,))
    return Answer("probability", (Guess("submission.format", "probability", because, label), positive_guess))


def guess_metric(form: str | None, task: Task, class_names: Sequence[str]) -> Guess:
    """A metric that fits the form of the answers, or the task where there is no sample submission."""
    if form is None:
        usual = {"single": "accuracy", "multi": "f2", "regression": "rmse"}[task]
        return Guess("train.metric", usual, f"the usual one of this task; {PAGE}")
    name, scored, others = _OF_TAGS if (form, task) == ("probabilities", "multi") else _METRICS[form]
    if form in ("label", "index") and _are_grades(class_names):
        others = (*others, "quadratic_weighted_kappa")
    if form == "probabilities" and len(class_names) == 2:
        others = ("roc_auc", *others)
    because = f"the sample submission asks for {scored}; {PAGE}"
    return Guess("train.metric", name, because, tuple(Instead(other, "") for other in others))


def _are_grades(class_names: Sequence[str]) -> bool:
    return 2 < len(class_names) <= _MOST_GRADES and all(name.isdecimal() for name in class_names)
