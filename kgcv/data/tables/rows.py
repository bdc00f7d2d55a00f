"""The rows of a table as samples: ids, dates, labels, which of them take part, and answers that rules know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from kgcv.config.conditions import parse_condition
from kgcv.config.schema import Config, KnownAnswerConfig, SplitConfig
from kgcv.data.columns import doubled, match_rows, raise_problems
from kgcv.data.csv_table import read_csv_table
from kgcv.data.labels import LabelSet, encode_labels
from kgcv.data.samples import SampleTable
from kgcv.data.tables.columns import column_of, dates_of, kind_of, numbers_of
from kgcv.data.tables.conditions import rows_where
from kgcv.data.tables.features import FeatureTable
from kgcv.data.tables.targets import require_logarithms
from kgcv.errors import DataError


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows to learn from or to predict, in the order of their file."""

    samples: SampleTable
    """Their ids and days, and what the split needs; without paths and labels."""
    frame: pd.DataFrame
    """Their columns, one row each."""

    def __len__(self) -> int:
        return len(self.samples)


def needed_columns(config: Config) -> set[str]:
    """The columns that training and predicting read, of all that `features` makes."""
    split, data = config.split, config.data
    conditions = [*config.rows.keep_where, *(text for rule in config.rows.predict for text in rule.where)]
    named = {data.target, data.id_column, data.date_column, split.group_column, *_split_column(split)}
    named |= {*config.columns.categories, *config.columns.numbers}
    return {name for name in named if name is not None} | {parse_condition(text).column for text in conditions}


def train_rows(table: FeatureTable, config: Config) -> TableRows:
    """The rows to learn from that meet `rows.keep_where`.

    A row without an id has its number in the file, from 1; rows that are left out are counted.

    Raises:
        DataError: none is left, a column is missing, ids are doubled, or dates or groups are missing.
    """
    frame = table.frame.iloc[: table.num_train]
    ids = _ids(frame, config.data.id_column) or [str(number) for number in range(1, len(frame) + 1)]
    is_kept = _rows_that_take_part(frame, config.rows.keep_where)
    frame = frame[is_kept].reset_index(drop=True)
    samples = _samples([name for name, kept in zip(ids, is_kept, strict=True) if kept], frame, config)
    return TableRows(_with_split_columns(samples, frame, config.split), frame)


def test_rows(table: FeatureTable, config: Config) -> TableRows:
    """The rows to predict.

    Raises:
        DataError: there are none, ids are missing or doubled, or dates are missing.
    """
    frame = table.frame.iloc[table.num_train :].reset_index(drop=True)
    ids = _ids(frame, config.data.id_column)
    if ids is None:
        raise DataError("data.tables: names no table test, so there are no rows to predict")
    return TableRows(_samples(ids, frame, config), frame)


test_rows.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever pytest makes of the name


def table_labels(rows: TableRows, config: Config, class_names: tuple[str, ...] | None = None) -> LabelSet:
    """The targets of rows to learn from; numbers as they stand in the file, without any logarithm.

    Args:
        rows: of `train_rows`.
        config: names the target and the task.
        class_names: the vocabulary of an earlier run, to be kept.

    Raises:
        DataError: targets are missing or do not fit the task, or `auto` cannot tell it.
    """
    target = config.data.target
    assert target is not None, "the config's rules see to it"
    column = column_of(rows.frame, target)
    strays = [rows.samples.ids[row] for row in np.flatnonzero(column.isna())]
    raise_problems(f"data.target: {target}", {"rows to learn from without a value": strays})
    notes = tuple(_notes_on_time(config))
    if _task(column, config) == "regression":
        numbers = numbers_of(rows.frame, target).astype(np.float32)[:, None]
        if config.target.log:
            require_logarithms(numbers, rows.samples.ids)
        return LabelSet("regression", (target,), numbers, notes)
    samples = replace(rows.samples, labels=tuple((text,) for text in _texts(column)), label_columns=(target,))
    return replace(encode_labels(samples, "single", class_names), notes=notes)


def known_answers(frame: pd.DataFrame, rules: Sequence[KnownAnswerConfig]) -> np.ndarray:
    """The answer that the first fitting rule gives each row, `(N,)` float32, NaN where none fits.

    Raises:
        DataError: a rule's column is missing, or is compared with something of another kind.
    """
    found = first_rules(frame, rules)
    return np.array([np.nan if rule is None else rule.value for rule in found], dtype=np.float32)


def first_rules(frame: pd.DataFrame, rules: Sequence[KnownAnswerConfig]) -> list[KnownAnswerConfig | None]:
    """The first rule that fits each row, None where none does.

    Raises:
        DataError: a rule's column is missing, or is compared with something of another kind.
    """
    places = np.full(len(frame), -1)
    for place, rule in enumerate(rules):
        places[rows_where(frame, rule.where) & (places < 0)] = place
    return [rules[place] if place >= 0 else None for place in places]


def _rows_that_take_part(frame: pd.DataFrame, conditions: Sequence[str]) -> np.ndarray:
    try:
        is_kept = rows_where(frame, conditions)
    except DataError as error:
        raise DataError(f"rows.keep_where: {error}") from error
    if not is_kept.any():
        raise DataError(f"rows.keep_where: none of {len(frame)} rows meets {' and '.join(conditions)}")
    return is_kept


def _ids(frame: pd.DataFrame, id_column: str | None) -> list[str] | None:
    """The ids of all rows; None where no row has one."""
    if id_column is None or column_of(frame, id_column).isna().all():
        return None
    ids = list(_texts(frame[id_column]))
    problems = {
        "rows without an id": [f"row {number}" for number, name in enumerate(ids, start=1) if not name],
        "ids that occur more than once": doubled(name for name in ids if name),
    }
    raise_problems(f"data.id_column: {id_column}", problems)
    return ids


def _samples(ids: Sequence[str], frame: pd.DataFrame, config: Config) -> SampleTable:
    date = config.data.date_column
    if date is None:
        return SampleTable(tuple(ids), ())
    days = dates_of(frame, date).astype("datetime64[D]")
    strays = [name for name, is_wrong in zip(ids, np.isnat(days), strict=True) if is_wrong]
    raise_problems(f"data.date_column: {date}", {"rows without a date": strays})
    return SampleTable(tuple(ids), (), dates=days)


def _split_column(split: SplitConfig) -> tuple[str, ...]:
    """The column of the table that tells the split."""
    return (split.column,) if split.kind == "column" and split.file is None and not split.train_on_all else ()


def _with_split_columns(samples: SampleTable, frame: pd.DataFrame, split: SplitConfig) -> SampleTable:
    for name in _split_column(split):
        samples = replace(samples, split_marks=tuple(_texts(column_of(frame, name))))
    if split.kind == "column" and split.file is not None and not split.train_on_all:
        marks = match_rows(read_csv_table(Path(split.file)), "id", split.column, samples.ids)
        samples = replace(samples, split_marks=marks)
    if split.group_column is not None:
        groups = tuple(_texts(column_of(frame, split.group_column)))
        strays = [name for name, group in zip(samples.ids, groups, strict=True) if not group]
        raise_problems(f"split.group_column: {split.group_column}", {"rows without a group": strays})
        samples = replace(samples, groups=groups)
    return samples


def _texts(column: pd.Series) -> Iterator[str]:
    """Each value as text; whole numbers without a point, dates as days, what is missing empty."""
    codes, values = pd.factorize(column)
    if kind_of(column) == "dates":
        texts = [f"{value:%Y-%m-%d}" for value in values]
    elif kind_of(column) == "numbers":
        texts = [str(int(value)) if value == int(value) else repr(float(value)) for value in values]
    else:
        texts = list(values)
    texts.append("")
    return (texts[code] for code in codes)


def _task(column: pd.Series, config: Config) -> str:
    if config.data.task != "auto":
        return config.data.task
    if kind_of(column) == "texts":
        return "single"
    raise DataError(
        f"data.task: auto cannot tell whether the numbers of {column.name} are amounts or classes; "
        "set data.task to regression or single"
    )


def _notes_on_time(config: Config) -> Iterator[str]:
    if config.data.date_column is None or config.split.train_on_all or config.split.kind not in ("holdout", "folds"):
        return
    yield (
        f"split.kind: {config.split.kind} draws rows at random, though they have dates ({config.data.date_column}): "
        "a row that validates has rows of the same days to learn from, which the rows to predict do not have, so "
        "the score will be too good; last_days and forward split by time"
    )
