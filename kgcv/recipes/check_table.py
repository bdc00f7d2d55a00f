"""What a check of tables finds: rows, columns, values that the network has not learned, answers that rules give."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kgcv.config.schema import Config
from kgcv.data.splits import make_split
from kgcv.data.tables.columns import numbers_of
from kgcv.data.tables.encode import Encoding, Vocabulary, encode_rows, fit_encoding
from kgcv.data.tables.features import FeatureTable, load_features
from kgcv.data.tables.rows import TableRows, known_answers, needed_columns, table_labels, test_rows, train_rows
from kgcv.data.watch import Watch
from kgcv.recipes.check_findings import Findings, LabelReport, Spread, compare_sample, look_at_labels, spread_of

MANY_UNSEEN = 0.05
"""Share of the rows to predict above which values that no training row has are worth a warning."""


@dataclass(frozen=True, slots=True)
class CategoryReport:
    """A column of categories, as the first fold learns it."""

    name: str
    num_values: int
    """Different values in the rows that train."""
    embedding_size: int
    num_missing: int
    """Labelled rows without a value."""
    num_unseen: int
    """Rows to predict with a value that no row that trains has; it counts as missing."""


@dataclass(frozen=True, slots=True)
class NumberReport:
    """A column of numbers."""

    name: str
    spread: Spread
    """Over the labelled rows that have one."""
    num_missing: int
    """Labelled rows and rows to predict without a value."""


@dataclass(frozen=True, slots=True)
class TableReport:
    """What the rows are."""

    num_left_out: int
    """Labelled rows that `rows.keep_where` leaves out."""
    num_known: int
    """Rows to predict that `rows.predict` answers."""
    categories: tuple[CategoryReport, ...]
    numbers: tuple[NumberReport, ...]


def check_table(
    config: Config, watch: Watch, findings: Findings
) -> tuple[int, int, LabelReport | None, TableReport | None]:
    """Run the steps of `features`, read targets, split and sample submission, and encode every row.

    Returns:
        Labelled rows in use, rows to predict, what the targets say and what the rows are; the last two None if they
        cannot be told.

    Raises:
        StopRequested: `watch` said so.
    """
    loaded = findings.attempt(load_features, config, watch.reporter, watch.should_stop, needed_columns(config))
    if loaded is None:
        return 0, 0, None, None
    table = loaded[0]
    train = findings.attempt(train_rows, table, config)
    test = findings.attempt(test_rows, table, config) if "test" in config.data.tables else None
    if test is not None and config.data.sample_submission is not None:
        compare_sample(Path(config.data.root) / config.data.sample_submission, test.samples.ids, "row", findings)
    num_test = 0 if test is None else len(test)
    if train is None:
        return 0, num_test, None, None
    labels = findings.attempt(table_labels, train, config)
    if labels is None:
        return len(train), num_test, None, None
    report = look_at_labels(train.samples, labels, (), config, findings)
    rows = findings.attempt(_look_at_rows, table, train, test, config)
    if rows is not None:
        _judge(rows, num_test, findings)
    return len(train), num_test, report, rows


def _look_at_rows(table: FeatureTable, train: TableRows, test: TableRows | None, config: Config) -> TableReport:
    labels = table_labels(train, config)
    learned = make_split(train.samples, labels, config.split).train_rows(0)
    encoding = fit_encoding(train.frame, learned, config.columns)
    known = 0 if test is None else int((~np.isnan(known_answers(test.frame, config.rows.predict))).sum())
    for frame in (train.frame, *([] if test is None else [test.frame])):
        encode_rows(frame, encoding)  # so that whatever training would refuse is said now
    return TableReport(
        num_left_out=table.num_train - len(train),
        num_known=known,
        categories=tuple(_category(each, train, test, encoding) for each in encoding.categories),
        numbers=tuple(_number(each.name, train.frame, test) for each in encoding.numbers),
    )


def _category(vocabulary: Vocabulary, train: TableRows, test: TableRows | None, encoding: Encoding) -> CategoryReport:
    alone = Encoding((vocabulary,), (), encoding.missing_numbers)
    missing, unseen = int(train.frame[vocabulary.name].isna().sum()), 0
    if test is not None:
        is_unknown = encode_rows(test.frame, alone).codes[:, 0] == 0
        unseen = int((is_unknown & test.frame[vocabulary.name].notna()).sum())
    return CategoryReport(vocabulary.name, len(vocabulary.values), vocabulary.embedding_size, missing, unseen)


def _number(name: str, frame: pd.DataFrame, test: TableRows | None) -> NumberReport:
    numbers = numbers_of(frame, name)
    missing = int(np.isnan(numbers).sum())
    if test is not None:
        missing += int(np.isnan(numbers_of(test.frame, name)).sum())
    return NumberReport(name, spread_of(numbers[~np.isnan(numbers)]), missing)


def _judge(report: TableReport, num_test: int, findings: Findings) -> None:
    strange = [
        f"{column.name} {column.num_unseen / num_test:.0%}"
        for column in report.categories
        if column.num_unseen > MANY_UNSEEN * max(num_test, 1)
    ]
    findings.add_warning("categories with values in the rows to predict that no training row has", strange)
