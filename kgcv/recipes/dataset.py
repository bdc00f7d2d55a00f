"""The labelled samples of a config, what they are, and which of them validate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kgcv.config.schema import Config
from kgcv.data.inspection import Watch, find_twins
from kgcv.data.labels import LabelSet, encode_labels
from kgcv.data.samples import SampleTable, read_train_samples
from kgcv.data.splits import Split, make_split, read_split


@dataclass(frozen=True, slots=True)
class Dataset:
    """Samples, targets and split."""

    samples: SampleTable
    labels: LabelSet
    split: Split
    twins: tuple[tuple[int, ...], ...] | None = None
    """Rows of images that are the same byte for byte, which the split keeps on one side; None: nobody looked."""


def load_labelled(config: Config) -> tuple[SampleTable, LabelSet]:
    """The labelled samples and their targets.

    Raises:
        DataError: images, labels and ids do not fit together.
    """
    samples = read_train_samples(config.data, config.split)
    return samples, encode_labels(samples, config.data.task)


def split_dataset(config: Config, watch: Watch) -> Dataset:
    """Read samples and labels and split them as `config` says.

    Raises:
        DataError: images, labels, groups and the split do not fit together.
        StopRequested: `watch` said so.
    """
    samples, labels = load_labelled(config)
    is_bound = not (config.split.allow_twins or config.split.train_on_all)
    twins = tuple(find_twins(samples.paths, watch)) if is_bound else None
    return Dataset(samples, labels, make_split(samples, labels, config.split, twins or ()), twins)


def reopen_dataset(config: Config, split_file: Path) -> Dataset:
    """Read samples and labels, and the split that a run has.

    Raises:
        DataError: the data have changed since.
    """
    samples, labels = load_labelled(config)
    return Dataset(samples, labels, read_split(split_file, samples.ids))
