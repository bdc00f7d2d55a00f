"""The split that training will make: how even it is, and as a file for other runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kgcv.config.schema import Config, Task
from kgcv.data.inspection import Watch, find_twins
from kgcv.data.labels import encode_labels
from kgcv.data.samples import read_train_samples
from kgcv.data.splits import make_split, write_split
from kgcv.errors import listed
from kgcv.recipes.balance import Balance, lacking_classes, measure_balance


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
    samples = read_train_samples(config.data, config.split)
    labels = encode_labels(samples, config.data.task)
    is_bound = not (config.split.allow_twins or config.split.train_on_all)
    twins = find_twins(samples.paths, watch) if is_bound else []
    split = make_split(samples, labels, config.split, twins)
    balance = measure_balance(samples, labels, split)
    lacking = [f"{what} ({len(names)}): {listed(names)}" for what, names in lacking_classes(balance) if names]
    if output is not None:
        write_split(output, samples.ids, split)
    return FoldsReport(
        task=labels.task,
        balance=balance,
        twins=tuple(tuple(samples.ids[row] for row in group) for group in twins) if is_bound else None,
        warnings=(*labels.notes, *lacking),
        file=None if output is None else str(output),
    )
