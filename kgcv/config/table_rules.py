"""Values in the config of a table that contradict each other across sections, or that it lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kgcv.config.calendar_steps import ElapsedStep, RollingStep
from kgcv.config.schema import Config
from kgcv.config.table_steps import ROWS, JoinStep
from kgcv.config.yaml_source import KeyPath
from kgcv.errors import listed

TIME_SPLITS = ("last_days", "forward")
"""Kinds of split that go by dates."""

TABLE_MODEL = "embeddings"
"""The network for tables: an embedding for each category, then linear layers."""

_PARTS = ("train", "test")

Rule = tuple[Callable[[Config], Iterator[tuple[KeyPath, str]]], tuple[str, ...]]


def _stage_sizes(config: Config) -> Iterator[tuple[KeyPath, str]]:
    if config.data.kind == "images":
        for index, stage in enumerate(config.stages):
            if not stage.image_size:
                yield ("stages", index, "image_size"), "required, but not given"


def _files(config: Config) -> Iterator[tuple[KeyPath, str]]:
    data = config.data
    if data.kind != "table":
        return
    if "train" not in data.tables:
        yield ("data", "tables"), "needs train: the file with the rows to learn from"
    if ROWS in data.tables:
        yield ("data", "tables", ROWS), f"{ROWS} is what train and test are together; give this file another name"
    if "test" in data.tables and data.id_column is None:
        yield ("data", "id_column"), "required with a table test: the column with the ids of its rows"
    if data.target is None:
        yield ("data", "target"), "required with data.kind: table: the column of train to predict"
    if data.task == "multi":
        yield ("data", "task"), "a table has one target a row; use single, regression or auto"


def _network_columns(config: Config) -> Iterator[tuple[KeyPath, str]]:
    if config.data.kind != "table":
        return
    columns = config.columns
    if not columns.categories and not columns.numbers:
        yield ("columns",), "needs categories, numbers or both: the columns that the network sees"
    for key, names in (("categories", columns.categories), ("numbers", columns.numbers)):
        if config.data.target in names:
            yield ("columns", key), f"{config.data.target!r} is the target; a network that sees it learns nothing else"


def _network(config: Config) -> Iterator[tuple[KeyPath, str]]:
    if config.data.kind == "table" and config.model.name != TABLE_MODEL:
        yield ("model", "name"), f"must be {TABLE_MODEL}, the network for tables, got {config.model.name!r}"


def _known_tables(config: Config) -> Iterator[tuple[KeyPath, str]]:
    known = {ROWS, *config.data.tables} - set(_PARTS)
    for index, step in enumerate(config.features):
        named = {"table": step.table, **({"right": step.right} if isinstance(step, JoinStep) else {})}
        for key, name in named.items():
            if name in _PARTS:
                yield ("features", index, key), f"{name} is part of the table {ROWS}; steps work on both parts at once"
            elif name not in known:
                text = f"there is no table {name!r}; data.tables and {ROWS} make {listed(sorted(known))}"
                yield ("features", index, key), text


def _dates_of_steps(config: Config) -> Iterator[tuple[KeyPath, str]]:
    for index, step in enumerate(config.features):
        is_without = isinstance(step, ElapsedStep | RollingStep) and step.date is None
        if is_without and (config.data.date_column is None or step.table != ROWS):
            yield ("features", index, "date"), "required, but not given; data.date_column is of rows alone"


def _time_split(config: Config) -> Iterator[tuple[KeyPath, str]]:
    split = config.split
    if split.train_on_all:
        return
    if split.kind in TIME_SPLITS:
        if config.data.kind != "table":
            yield ("split", "kind"), f"{split.kind} needs rows with dates: data.kind: table and data.date_column"
        elif config.data.date_column is None:
            yield ("split", "kind"), f"{split.kind} needs data.date_column"
        if split.days is None:
            yield ("split", "days"), f"required with split.kind: {split.kind}; as many as the rows to predict span"
    elif split.kind == "folder" and config.data.kind == "table":
        yield ("split", "kind"), "folder needs data.kind: images"


def _lags(config: Config) -> Iterator[tuple[KeyPath, str]]:
    days = config.split.days
    if config.split.kind not in TIME_SPLITS or days is None:
        return
    for index, step in enumerate(config.features):
        if isinstance(step, ElapsedStep | RollingStep) and not step.calendar and step.lag_days < days:
            yield (
                ("features", index, "lag_days"),
                f"must be at least split.days ({days}), got {step.lag_days}: rows that validate would see values "
                "of their own time, which rows to predict do not have",
            )


TABLE_RULES: tuple[Rule, ...] = (
    (_stage_sizes, ("data", "stages")),
    (_files, ("data",)),
    (_network_columns, ("data", "columns")),
    (_network, ("data", "model")),
    (_known_tables, ("data", "features")),
    (_dates_of_steps, ("data", "features")),
    (_time_split, ("data", "split")),
    (_lags, ("split", "features")),
)
"""Each rule and the sections it reads."""
