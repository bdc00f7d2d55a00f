"""What a check of images and one of tables have in common: problems and warnings, labels, the sample submission."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np

from kgcv.config.schema import Config, Task
from kgcv.data.columns import doubled
from kgcv.data.csv_table import read_csv_table
from kgcv.data.labels import LabelSet
from kgcv.data.samples import SampleTable
from kgcv.data.splits import Split, make_split
from kgcv.errors import DataError, listed
from kgcv.recipes.balance import Balance, lacking_classes, measure_balance

Arguments = ParamSpec("Arguments")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Spread:
    """Smallest, middle and largest of some numbers."""

    min: float
    median: float
    max: float


@dataclass(frozen=True, slots=True)
class LabelReport:
    """What the labels say, and how the split divides them."""

    task: Task
    balance: Balance
    """Without a split, all samples train."""
    numbers: dict[str, Spread]
    """By column; empty but for regression."""


@dataclass(slots=True)
class Findings:
    """Problems and warnings as they come up."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def attempt(
        self, read: Callable[Arguments, Found], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Found | None:
        """What `read` gives; None, and a problem, if the data does not allow it."""
        try:
            return read(*args, **kwargs)
        except DataError as error:
            self.problems.append(str(error))
            return None

    def add_problem(self, what: str, cases: Sequence[str]) -> None:
        """Note a problem if there are cases of it."""
        self.problems += [f"{what} ({len(cases)}): {listed(cases)}"] if cases else []

    def add_warning(self, what: str, cases: Sequence[str]) -> None:
        """Note a warning if there are cases of it."""
        self.warnings += [f"{what} ({len(cases)}): {listed(cases)}"] if cases else []


def look_at_labels(
    train: SampleTable,
    labels: LabelSet,
    twins: Sequence[tuple[int, ...]],
    config: Config,
    findings: Findings,
) -> LabelReport:
    """What the labels say, and how the config's split divides them; `twins` are those of `make_split`."""
    findings.warnings += labels.notes
    split = findings.attempt(make_split, train, labels, config.split, twins)
    balance = measure_balance(train, labels, split or Split(np.full(len(train), -1), 1))
    if split is not None:
        for what, names in lacking_classes(balance):
            findings.add_warning(what, names)
    findings.add_warning("class names that differ only in case", _alike(labels))
    return LabelReport(labels.task, balance, _number_spreads(labels))


def _alike(labels: LabelSet) -> list[str]:
    lower = set(doubled(name.casefold() for name in labels.class_names))
    return [repr(name) for name in labels.class_names if name.casefold() in lower]


def _number_spreads(labels: LabelSet) -> dict[str, Spread]:
    if labels.task != "regression":
        return {}
    return {name: spread_of(labels.targets[:, row]) for row, name in enumerate(labels.class_names)}


def spread_of(numbers: Iterable[float]) -> Spread:
    """Of at least one number."""
    values = np.fromiter(numbers, dtype=np.float64)
    return Spread(float(values.min()), float(np.median(values)), float(values.max()))


def compare_sample(path: Path, test_ids: Sequence[str], what: str, findings: Findings) -> None:
    """The sample submission must ask for exactly the test samples; `what` one of them is, for people."""
    table = findings.attempt(read_csv_table, path)
    if table is None:
        return
    ids = table.column(table.names[0])
    asked, known = set(ids), set(test_ids)
    if not asked & known:
        findings.problems.append(
            f"{path}: no row is a test {what}; rows are like {ids[0]!r}, test ids like {test_ids[0]!r} "
            f"(see data.{'test.suffix' if what == 'image' else 'id_column'})"
        )
        return
    findings.add_problem(f"{path}: ids that occur more than once", doubled(ids))
    findings.add_problem(f"{path}: ids without a test {what}", sorted(asked - known))
    findings.add_problem(f"{path}: test {what}s without a row", sorted(known - asked))
