"""The split that training will make: how even it is, and as a file for other runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kgcv.config.schema import Config, Task
from kgcv.data.inspection import Watch
from kgcv.data.splits import write_split
from kgcv.errors import listed
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
    file: str | None
    """Where the split was saved."""


def make_folds(config: Config, output: Path | None, watch: Watch) -> FoldsReport:
    """Split the labelled samples as training will, tell how even that is, and save it to `output` if given.

    Raises:
        DataError: images, labels, groups and the split do not fit together.
        StopRequested: `watch` said so; nothing was written.
    """
    dataset = split_dataset(config, watch)
    ids, labels, twins = dataset.samples.ids, dataset.labels, dataset.twins
    balance = measure_balance(dataset.samples, labels, dataset.split)
    lacking = [f"{what} ({len(names)}): {listed(names)}" for what, names in lacking_classes(balance) if names]
    if output is not None:
        write_split(output, ids, dataset.split)
    return FoldsReport(
        task=labels.task,
        balance=balance,
        twins=None if twins is None else tuple(tuple(ids[row] for row in group) for group in twins),
        warnings=(*labels.notes, *lacking),
        file=None if output is None else str(output),
    )
