"""What is true of each validation sample and what was predicted, in words; and what its error counts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress

import numpy as np

from kgcv.recipes.report_data import ReportData, Validated
from kgcv.recipes.report_tags import deciding_rule
from kgcv.scoring.sample_losses import class_losses, number_errors, tag_losses


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The N samples of `validated` with what was decided on."""

    validated: Validated
    given: np.ndarray
    """`(N,)` int64 classes (`single`), `(N, C)` bool tags (`multi`), or `(N, C)` numbers (`regression`)."""
    costs: np.ndarray
    """`(N,)`: bool, whether the class is wrong (`single`); the number of tags missed and invented (`multi`); or how
    far the numbers are off (`regression`)."""
    cost_name: str
    losses: np.ndarray
    """`(N,)` float64: what ranks the samples from right to wrong, finer than `costs`."""
    loss_name: str

    @property
    def task(self) -> str:
        """Of the run."""
        return self.validated.predictions.task

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the samples."""
        return self.validated.predictions.ids

    @property
    def class_names(self) -> tuple[str, ...]:
        """Classes, tags, or columns of numbers."""
        return self.validated.predictions.class_names

    def tags(self, row: int, is_in: np.ndarray) -> str:
        """The names of the tags of `row` in an `(N, C)` bool array, or a dash."""
        return ", ".join(compress(self.class_names, is_in[row])) or "-"

    def describe(self, row: int) -> tuple[str, ...]:
        """The true label, what was predicted, and with which probability, a line each."""
        values, targets = self.validated.predictions.values[row], self.validated.targets
        names = self.class_names
        if self.task == "single":
            true, given = int(targets[row]), int(self.given[row])
            of_true = "" if true == given else f" {values[true]:.3f}"
            return f"true: {names[true]}{of_true}", f"predicted: {names[given]} {values[given]:.3f}"
        if self.task == "multi":
            truth = targets > 0
            lines = [f"true: {self.tags(row, truth)}"]
            for word, part in (("missed", truth & ~self.given), ("invented", self.given & ~truth)):
                found = [f"{names[at]} {values[at]:.2f}" for at in np.flatnonzero(part[row])]
                lines += [f"{word}: {', '.join(found)}"] if found else []
            return (*lines, "all tags right") if len(lines) == 1 else tuple(lines)
        only = len(names) == 1
        return tuple(
            f"{'' if only else f'{name}: '}true {targets[row, at]:.6g}, predicted {values[at]:.6g}"
            for at, name in enumerate(names)
        )


def read_answers(data: ReportData, validated: Validated) -> Answers:
    """Decide on the predictions as the run does.

    Raises:
        ConfigError: the config's section `decision` does not fit the tags.
        DataError: the run's decision rule is for other tags.
    """
    predictions, targets = validated.predictions, validated.targets
    values = predictions.values
    if predictions.task == "single":
        given = values.argmax(axis=1)
        losses = class_losses(targets, values)
        return Answers(validated, given, given != targets, "share wrong", losses, "log loss")
    if predictions.task == "multi":
        tags = deciding_rule(data, predictions.class_names).decide(values)
        wrong = (tags != (targets > 0)).sum(axis=1).astype(np.float64)
        return Answers(validated, tags, wrong, "wrong tags a sample", tag_losses(targets, values), "log loss")
    errors, name = numbers_off(data, validated)
    off = np.abs(errors).mean(axis=1)
    return Answers(validated, values, off, name, off, name)


def numbers_off(data: ReportData, validated: Validated) -> tuple[np.ndarray, str]:
    """Predicted - true as the run counts errors, `(N, C)` float64, and the name of its absolute value.

    Of several columns each counts in units of its own standard deviation; where the network learns logarithms, the
    difference is theirs.
    """
    is_log = data.config is not None and data.config.target.log
    errors = number_errors(validated.targets, validated.predictions.values, is_log)
    if is_log:
        return errors, "absolute error of the logarithm"
    if errors.shape[1] == 1:
        return errors, "absolute error"
    spread = validated.targets.std(axis=0, dtype=np.float64)
    return errors / np.where(spread > 0, spread, 1), "mean absolute error in standard deviations"
