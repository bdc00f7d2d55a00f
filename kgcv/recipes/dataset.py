"""The labelled samples of a config, what they are, and which of them validate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kgcv.config.schema import Config
from kgcv.data.inspection import remember_twins
from kgcv.data.labels import LabelSet, encode_labels
from kgcv.data.originals import Originals, look_at_originals
from kgcv.data.resize import stores_folder
from kgcv.data.samples import SampleTable, read_train_samples
from kgcv.data.splits import Split, make_split, read_split
from kgcv.data.watch import Watch

if TYPE_CHECKING:
    from kgcv.data.tables.rows import TableRows


@dataclass(frozen=True, slots=True)
class Labelled:
    """Samples and what they are."""

    samples: SampleTable
    labels: LabelSet
    rows: TableRows | None = None
    """The samples with their columns, where they are rows of a table."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Samples, targets and split."""

    samples: SampleTable
    labels: LabelSet
    split: Split
    rows: TableRows | None = None
    """The samples with their columns, where they are rows of a table."""
    twins: tuple[tuple[int, ...], ...] | None = None
    """Rows of images that are the same byte for byte, which the split keeps on one side; None: nobody looked."""
    originals: Originals | None = None
    """The images' files; None for rows of a table."""


def has_test(config: Config) -> bool:
    """Whether the config names samples to predict."""
    return config.data.test is not None if config.data.kind == "images" else "test" in config.data.tables


def load_labelled(config: Config, watch: Watch) -> Labelled:
    """The labelled samples and their targets.

    Raises:
        DataError: images or rows, labels and ids do not fit together.
        StopRequested: `watch` said so.
    """
    if config.data.kind == "images":
        samples = read_train_samples(config.data, config.split)
        return Labelled(samples, encode_labels(samples, config.data.task))
    # pandas is loaded for tables alone.
    from kgcv.data.tables.features import load_features
    from kgcv.data.tables.rows import needed_columns, table_labels, train_rows

    table, _ = load_features(config, watch.reporter, watch.should_stop, needed_columns(config))
    rows = train_rows(table, config)
    return Labelled(rows.samples, table_labels(rows, config), rows)


def split_dataset(config: Config, watch: Watch) -> Dataset:
    """Read samples and labels and split them as `config` says.

    Raises:
        DataError: images or rows, labels, groups and the split do not fit together.
        StopRequested: `watch` said so.
    """
    found = load_labelled(config, watch)
    twins, originals = None, _look(config, found)
    if originals is not None and not (config.split.allow_twins or config.split.train_on_all):
        file = stores_folder(config) / "twins.json"
        twins = tuple(remember_twins(originals, file, watch))
    split = make_split(found.samples, found.labels, config.split, twins or ())
    return Dataset(found.samples, found.labels, split, found.rows, twins, originals)


def reopen_dataset(config: Config, split_file: Path, watch: Watch) -> Dataset:
    """Read samples and labels, and the split that a run has.

    Raises:
        DataError: the data have changed since.
        StopRequested: `watch` said so.
    """
    found = load_labelled(config, watch)
    split = read_split(split_file, found.samples.ids)
    return Dataset(found.samples, found.labels, split, found.rows, originals=_look(config, found))


def _look(config: Config, found: Labelled) -> Originals | None:
    """The images' files as they are now; None for rows of a table."""
    return look_at_originals(found.samples, Path(config.data.root)) if found.rows is None else None
