"""How evenly a split divides samples, classes, numbers and groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kgcv.data.labels import LabelSet
from kgcv.data.samples import SampleTable
from kgcv.data.splits import Split


@dataclass(frozen=True, slots=True)
class ClassBalance:
    """Samples of one class (or with one tag)."""

    total: int
    counts: tuple[int, ...]
    """In each part."""
    deviation: float
    """In [0, 1]: the largest difference between the class's share of a part that validates and of all samples."""


@dataclass(frozen=True, slots=True)
class NumberBalance:
    """A column of numbers to predict."""

    mean: float
    means: tuple[float | None, ...]
    """In each part; None where it has no samples."""
    deviation: float
    """The largest difference between the mean of a part that validates and of all, in standard deviations of all."""


@dataclass(frozen=True, slots=True)
class Balance:
    """A split, part by part: what trains and what validates, or the folds, in which each validates in turn."""

    num_samples: int
    num_folds: int
    num_groups: int | None
    """None without `split.group_column`."""
    parts: tuple[str, ...]
    """`train` and `valid`; with several folds `fold 0`, `fold 1`, ..., after `train` if some samples always train."""
    sizes: tuple[int, ...]
    """Samples of each part."""
    groups: tuple[int, ...] | None
    """Groups of each part."""
    classes: dict[str, ClassBalance]
    """By class name; empty for regression."""
    numbers: dict[str, NumberBalance]
    """By column; empty but for regression."""


def measure_balance(samples: SampleTable, labels: LabelSet, split: Split) -> Balance:
    """How `split` divides the samples."""
    parts = _parts(split)
    rows = list(parts.values())
    groups = None if samples.groups is None else np.array(samples.groups)
    is_regression = labels.task == "regression"
    return Balance(
        num_samples=len(samples),
        num_folds=split.num_folds,
        num_groups=None if groups is None else len(np.unique(groups)),
        parts=tuple(parts),
        sizes=tuple(map(len, rows)),
        groups=None if groups is None else tuple(len(np.unique(groups[part])) for part in rows),
        classes={} if is_regression else _balance_classes(labels, rows, split.num_folds),
        numbers=_balance_numbers(labels, rows, split.num_folds) if is_regression else {},
    )


def lacking_classes(balance: Balance) -> Iterator[tuple[str, list[str]]]:
    """What some classes lack, and the names of these classes; nothing is told of validation if nothing validates."""
    valid = {name: row.counts[-balance.num_folds :] for name, row in balance.classes.items()}
    untrained = [name for name, row in balance.classes.items() if row.total in valid[name]]
    never = [name for name, counts in valid.items() if not any(counts)]
    sometimes = [name for name, counts in valid.items() if any(counts) and 0 in counts]
    yield "classes without a training image in some fold", untrained
    if any(balance.sizes[-balance.num_folds :]):
        yield "classes without a validation image", never
        yield "classes without a validation image in some fold", sometimes


def _parts(split: Split) -> dict[str, np.ndarray]:
    """Name and rows of each part; those that validate come last."""
    if split.num_folds == 1:
        return {"train": split.train_rows(0), "valid": split.valid_rows(0)}
    always = np.flatnonzero(split.folds == -1)
    folds = {f"fold {fold}": split.valid_rows(fold) for fold in range(split.num_folds)}
    return {"train": always, **folds} if len(always) else folds


def _balance_classes(labels: LabelSet, parts: Sequence[np.ndarray], num_folds: int) -> dict[str, ClassBalance]:
    counts = np.stack([_count_classes(labels, rows) for rows in parts])  # (parts, C)
    totals, sizes = counts.sum(axis=0), np.array([[len(rows)] for rows in parts])
    differences = np.abs(counts / np.maximum(sizes, 1) - totals / sizes.sum())
    deviations = _largest(differences, sizes, num_folds)
    return {
        name: ClassBalance(int(totals[row]), tuple(counts[:, row].tolist()), float(deviations[row]))
        for row, name in enumerate(labels.class_names)
    }


def _balance_numbers(labels: LabelSet, parts: Sequence[np.ndarray], num_folds: int) -> dict[str, NumberBalance]:
    numbers = labels.targets.astype(np.float64)
    mean, spread = numbers.mean(axis=0), numbers.std(axis=0)
    means = [numbers[rows].mean(axis=0) if len(rows) else None for rows in parts]
    filled = np.stack([mean if part is None else part for part in means])
    sizes = np.array([[len(rows)] for rows in parts])
    deviations = _largest(np.abs(filled - mean) / np.where(spread > 0, spread, 1), sizes, num_folds)
    return {
        name: NumberBalance(
            mean=float(mean[row]),
            means=tuple(None if part is None else float(part[row]) for part in means),
            deviation=float(deviations[row]),
        )
        for row, name in enumerate(labels.class_names)
    }


def _largest(differences: np.ndarray, sizes: np.ndarray, num_folds: int) -> np.ndarray:
    """The largest of each column of `(parts, C)` over the parts that validate and have samples, `(C,)`."""
    return np.asarray(np.where(sizes > 0, differences, 0)[-num_folds:].max(axis=0))


def _count_classes(labels: LabelSet, rows: np.ndarray) -> np.ndarray:
    """Samples of each class among `rows`, `(C,)`."""
    if labels.task == "single":
        return np.bincount(labels.targets[rows], minlength=len(labels.class_names))
    return np.asarray(np.count_nonzero(labels.targets[rows], axis=0))
