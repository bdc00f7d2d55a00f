"""The rows of a competition with all their features: from the cache if they are there, else built and kept."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from kgcv.config.schema import Config
from kgcv.config.table_steps import ROWS
from kgcv.data.csv_table import quoted
from kgcv.data.tables.build import StepReport, run_steps
from kgcv.data.tables.cache import cache_path, read_cached, read_notes, signature, write_cached
from kgcv.data.tables.reading import Tables, read_tables, texts_of_values
from kgcv.errors import DataError
from kgcv.events import Reporter, Silent, StopCheck, never_stop


@dataclass(frozen=True, slots=True)
class FeatureReport:
    """How a table of features came about."""

    path: str
    """The Feather file."""
    is_cached: bool
    """Whether it was there; the seconds of steps are then those of the time when it was made."""
    num_train: int
    num_test: int
    columns: tuple[str, ...]
    seconds: float
    """From the files to the table, this time."""
    reading_seconds: float
    """Reading the CSV files, when it was made."""
    steps: tuple[StepReport, ...]


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """The rows to learn from and, below them, those to predict."""

    frame: pd.DataFrame
    num_train: int
    """Rows to learn from."""


def load_features(
    config: Config, reporter: Reporter, should_stop: StopCheck, columns: Collection[str] | None = None
) -> tuple[FeatureTable, FeatureReport]:
    """The table `rows` of `config` after the steps of `features`, read from the cache or built and written there.

    Args:
        config: a config with `data.kind: table`.
        reporter: hears about progress.
        should_stop: asked between two steps.
        columns: those that are wanted; all if not given. One that is not there is left out.

    Raises:
        DataError: a file or a step is not as it must be.
        StopRequested: a signal asked for an end; nothing was written.
    """
    start = time.perf_counter()
    signed = signature(config)
    path = cache_path(config.data, signed)
    notes = read_notes(path)
    if notes is not None and notes["signature"] == signed:
        report = _report_of(notes["report"], path)
        frame = read_cached(path, columns)
    else:
        frame, report = _build(config, path, reporter, should_stop)
        write_cached(path, frame, {"signature": signed, "report": asdict(report)})
        frame = frame if columns is None else frame[[name for name in frame.columns if name in columns]]
    report = replace(report, seconds=time.perf_counter() - start)
    return FeatureTable(frame, report.num_train), report


def features_of_row(config: Config, values: Mapping[str, Any]) -> pd.DataFrame:
    """The features of one more row to predict, `(1, columns)`, made as those of `test` are, in its place.

    Events and windows that look ahead see the rows of `train` and this one, but no others.

    Args:
        config: a config with `data.kind: table`.
        values: cells by column, as JSON has them; null is a missing one.

    Raises:
        DataError: a column is not known, a value does not fit it, or a step cannot be done.
    """
    row = texts_of_values(values, {"", *config.data.missing_words})
    tables = read_tables(config.data, row)
    _refuse_strange(tables, [name for name in row.columns if name != config.data.id_column])
    frame, _ = run_steps(tables, config.features, config.data.date_column, Silent(), never_stop)
    return frame.iloc[tables.num_train :].reset_index(drop=True)


def _refuse_strange(tables: Tables, names: Collection[str]) -> None:
    """Columns that only the row has, from which nothing could have been learned."""
    train = tables.frames[ROWS].iloc[: tables.num_train]
    strays = tuple(name for name in sorted(names) if train[name].isna().all())
    if strays:
        raise DataError(f"the row has {quoted(strays)}, which the rows to learn from have not")


def _build(
    config: Config, path: Path, reporter: Reporter, should_stop: StopCheck
) -> tuple[pd.DataFrame, FeatureReport]:
    start = time.perf_counter()
    tables = read_tables(config.data)
    reading_seconds = time.perf_counter() - start
    frame, steps = run_steps(tables, config.features, config.data.date_column, reporter, should_stop)
    return frame, FeatureReport(
        path=str(path),
        is_cached=False,
        num_train=tables.num_train,
        num_test=len(frame) - tables.num_train,
        columns=tuple(frame.columns),
        seconds=time.perf_counter() - start,
        reading_seconds=reading_seconds,
        steps=steps,
    )


def _report_of(notes: dict[str, Any], path: Path) -> FeatureReport:
    steps = tuple(StepReport(**{**step, "made": tuple(step["made"])}) for step in notes["steps"])
    stored = {**notes, "path": str(path), "is_cached": True, "columns": tuple(notes["columns"]), "steps": steps}
    return FeatureReport(**stored)
