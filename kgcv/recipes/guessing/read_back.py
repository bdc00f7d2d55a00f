"""Reads the samples of a config as training does, and counts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgcv.config.schema import Config
from kgcv.data.labels import encode_labels
from kgcv.data.samples import read_test_samples, read_train_samples
from kgcv.data.splits import make_split
from kgcv.errors import DataError
from kgcv.events import Silent, never_stop

if TYPE_CHECKING:
    from kgcv.data.tables.features import FeatureTable


def read_back(config: Config) -> tuple[int, int, tuple[str, ...]]:
    """Labelled samples, samples to predict, and what keeps kgcv from reading and splitting them; 0 where it does."""
    counts, problems = [], []
    for count in (_count_train, _count_test):
        try:
            counts.append(count(config))
        except DataError as error:
            counts.append(0)
            problems.append(str(error))
    return counts[0], counts[1], tuple(problems)


def _count_train(config: Config) -> int:
    if config.data.kind == "table":
        from kgcv.data.tables.rows import table_labels, train_rows

        rows = train_rows(_features(config), config)
        make_split(rows.samples, table_labels(rows, config), config.split)
        return len(rows)
    samples = read_train_samples(config.data, config.split)
    make_split(samples, encode_labels(samples, config.data.task), config.split)
    return len(samples)


def _count_test(config: Config) -> int:
    if config.data.kind == "table":
        from kgcv.data.tables.rows import test_rows

        return len(test_rows(_features(config), config))
    return 0 if config.data.test is None else len(read_test_samples(config.data))


def _features(config: Config) -> FeatureTable:
    """The table of features, which is not kept: nothing is written but the config."""
    from kgcv.data.tables.build import run_steps
    from kgcv.data.tables.features import FeatureTable
    from kgcv.data.tables.reading import read_tables

    tables = read_tables(config.data)
    frame, _ = run_steps(tables, config.features, config.data.date_column, Silent(), never_stop)
    return FeatureTable(frame, tables.num_train)
