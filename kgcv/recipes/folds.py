"""The split that training will make: how even it is, and as a file for other runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgcv.config.schema import Config, Task
from kgcv.data.splits import Split, read_split, write_split
from kgcv.data.watch import Watch
from kgcv.errors import DataError, listed
from kgcv.recipes.balance import Balance, lacking_classes, measure_balance
from kgcv.recipes.dataset import split_dataset


@dataclass(frozen=True, slots=True)
class FoldsReport:
    """What `kgcv folds` found."""

    task: Task
    balance: Balance
    twins: tuple[tuple[str, ...], ...] | None
    """Ids of images that are the same byte for byte; the split keeps each set on one side. None if it need not."""
    warnings: tuple[str, ...]
    """What a person should know of the labels, and of classes that cannot be learned or scored."""
    file: str
    """Where the split was saved."""


def make_folds(config: Config, output: Path, watch: Watch) -> FoldsReport:
    """Split the labelled samples as training will, tell how even that is, and save it to `output`.

    Raises:
        DataError: images, labels, groups and the split do not fit together, or `output` holds something else.
        StopRequested: `watch` said so; nothing was written.
    """
    dataset = split_dataset(config, watch)
    ids, labels, twins = dataset.samples.ids, dataset.labels, dataset.twins
    balance = measure_balance(dataset.samples, labels, dataset.split)
    lacking = [f"{what} ({len(names)}): {listed(names)}" for what, names in lacking_classes(balance) if names]
    if output.exists() and not _holds(output, ids, dataset.split):
        raise DataError(f"{output}: holds something else, perhaps another split; name another file with -o FILE")
    write_split(output, ids, dataset.split)
    return FoldsReport(
        task=labels.task,
        balance=balance,
        twins=None if twins is None else tuple(tuple(ids[row] for row in group) for group in twins),
        warnings=(*labels.notes, *lacking),
        file=str(output),
    )


def _holds(path: Path, ids: Sequence[str], split: Split) -> bool:
    try:
        return np.array_equal(read_split(path, ids).folds, split.folds)
    except DataError:
        return False
