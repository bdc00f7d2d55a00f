"""Guesses for a competition of tables. Loads pandas."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from kgcv.config.feature_steps import AnyStep
from kgcv.config.number_steps import FillStep
from kgcv.config.schema import DataConfig, Task
from kgcv.config.table_steps import ROWS
from kgcv.data.csv_table import CsvTable
from kgcv.data.survey import Survey
from kgcv.data.tables.build import run_steps
from kgcv.data.tables.reading import Tables, read_tables
from kgcv.events import Silent, never_stop
from kgcv.recipes.guessing.answer_form import Answer, guess_answer, guess_metric
from kgcv.recipes.guessing.guess import Guess, Instead, Sheet, counted, quoted_some
from kgcv.recipes.guessing.label_columns import TaskGuess, guess_task
from kgcv.recipes.guessing.table_columns import ColumnGuesses, sort_columns
from kgcv.recipes.guessing.table_dates import DateColumn, find_dates, guess_time_split, parts_of
from kgcv.recipes.guessing.table_files import TableFiles, find_id, find_missing_words, find_target, open_tables
from kgcv.recipes.guessing.table_joins import Joins, find_joins
from kgcv.recipes.guessing.table_target import TargetForm, guess_target_form


@dataclass(frozen=True, slots=True)
class Features:
    """The table that the guessed steps make."""

    frame: pd.DataFrame
    num_train: int
    joins: Joins
    date: DateColumn | None
    columns: ColumnGuesses
    steps: tuple[AnyStep, ...]


def table_sheet(survey: Survey) -> Sheet:
    """Guesses at every key that the tables speak of, in the order of a config.

    Raises:
        DataError: there are no rows to learn from or to predict, or nothing tells the target.
    """
    files = open_tables(survey)
    target, why_target = find_target(files)
    id_column, why_id = find_id(files)
    words = find_missing_words(files.texts)
    data = DataConfig(
        root=str(survey.root), kind="table", tables=dict(files.names), id_column=id_column, missing_words=words
    )
    tables = read_tables(data)
    task = _guess_task(files, target)
    answer = _guess_answer(files, task, target)
    form = _target_form(tables, files, target) if task.task == "regression" else TargetForm()
    features = _make_features(tables, files, used={target, id_column, *form.ruled})
    return Sheet(
        (
            Guess("data.kind", "table", "rows of CSV files; no image has a label"),
            Guess("data.root", str(survey.root)),
            *_file_guesses(files),
            Guess("data.id_column", id_column, why_id),
            *([] if features.date is None else [_date_guess(features.date, features)]),
            Guess("data.target", target, why_target + _leaks(files, target)),
            Guess("data.task", task.task, task.because, task.instead),
            *([] if not words else [Guess("data.missing_words", list(words), "stand in columns of numbers")]),
            *_sample_guess(files),
            *_feature_guesses(features),
            *_column_guesses(features),
            *form.guesses,
            *_split_guesses(features),
            *_training_guesses(features, answer, task, is_log=form.is_log),
            *answer.guesses,
        )
    )


def _make_features(tables: Tables, files: TableFiles, used: set[str]) -> Features:
    """Join what can be joined, take dates apart, and look at the columns that are then there."""
    rows = tables.frames[ROWS]
    joins = find_joins(rows, {name: frame for name, frame in tables.frames.items() if name != ROWS})
    date = find_dates(rows, [name for name in _shared(files) if name not in used])
    steps: list[AnyStep] = list(joins.steps)
    if date is not None:
        steps += [] if date.step is None else [date.step]
        steps.append(parts_of(date.name, rows))
    frame, _ = run_steps(tables, tuple(steps), None, Silent(), never_stop)
    passed_over = {*used, *files.only_in_train, *([] if date is None else [date.name])}
    columns = sort_columns(frame, tables.num_train, passed_over, joins.keys)
    if columns.gappy:
        steps.append(FillStep(step="fill", columns=columns.gappy, by="median", flag=True))
    return Features(frame, tables.num_train, joins, date, columns, tuple(steps))


def _guess_task(files: TableFiles, target: str) -> TaskGuess:
    """One target a row, so that a text is one class, whatever separators it holds."""
    texts = files.texts["train"][target].cat.categories
    table = CsvTable(Path(files.names["train"]), {target: tuple(texts)})
    asked = files.sample if files.sample is not None and len(files.sample.names) == 2 else None
    guess = guess_task(table, (target,), asked)
    return TaskGuess("single", f"{len(texts)} different texts") if guess.task == "multi" else guess


def _guess_answer(files: TableFiles, task: TaskGuess, target: str) -> Answer:
    if files.sample is None:
        return Answer(None, ())
    kind: Task = "regression" if task.task == "regression" else "single"
    texts = tuple(sorted(files.texts["train"][target].cat.categories))
    return guess_answer(files.sample, kind, (target,) if kind == "regression" else texts, None)


def _target_form(tables: Tables, files: TableFiles, target: str) -> TargetForm:
    return guess_target_form(tables.frames[ROWS].iloc[: tables.num_train], target, _shared(files))


def _shared(files: TableFiles) -> tuple[str, ...]:
    """Columns of rows to learn from and of rows to predict."""
    return tuple(name for name in files.texts["train"].columns if name in files.texts["test"].columns)


def _leaks(files: TableFiles, target: str) -> str:
    leaks = [name for name in files.only_in_train if name != target]
    if not leaks:
        return ""
    return f"; not used, for it lacks them as well: {quoted_some(leaks, 8)}"


def _file_guesses(files: TableFiles) -> Iterator[Guess]:
    for name, file in files.names.items():
        yield Guess(f"data.tables.{name}", file, counted(len(files.texts[name]), "row"))
    for trouble in files.unread:
        yield Guess("data.tables", because=f"left out: {trouble}")


def _date_guess(date: DateColumn, features: Features) -> Guess:
    dates = features.frame[date.name]
    because = f"from {dates.min():%Y-%m-%d} to {dates.max():%Y-%m-%d}, in every row"
    return Guess("data.date_column", date.name, because)


def _sample_guess(files: TableFiles) -> Iterator[Guess]:
    if files.sample is None or files.sample_file is None:
        yield Guess("data.sample_submission", todo="no file called submission; it shows ids, columns and order")
        return
    num_rows = len(files.sample.columns[files.sample.names[0]])
    because = f"{quoted_some(files.sample.names, 5)}; {counted(num_rows, 'row')}"
    yield Guess("data.sample_submission", files.sample_file, because)


def _feature_guesses(features: Features) -> Iterator[Guess]:
    left = features.joins.left_out
    alone = f"not joined, for no shared columns tell its rows apart: {quoted_some(left, 8)}" if left else ""
    steps = [_as_written(step) for step in features.steps]
    if steps:
        yield Guess("features", steps, "; ".join(text for text in ("run in this order", alone) if text))
    elif alone:
        yield Guess("features", because=alone)


def _as_written(step: AnyStep) -> dict[str, Any]:
    """The keys of a step that differ from their defaults."""
    values = {
        field.name: getattr(step, field.name)
        for field in dataclasses.fields(step)
        if getattr(step, field.name) != field.default
    }
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def _column_guesses(features: Features) -> Iterator[Guess]:
    columns = features.columns
    flags = tuple(f"{name}_na" for name in columns.gappy)
    if columns.categories or flags:
        because = "texts, keys of joins, and whole numbers with few values"
        yield Guess("columns.categories", [*columns.categories, *flags], because)
    if columns.numbers:
        yield Guess("columns.numbers", list(columns.numbers), "other numbers; gaps are filled by the step fill")
    for name, why in columns.left_out.items():
        yield Guess("columns", because=f"left out: {name}: {why}")


def _split_guesses(features: Features) -> Iterator[Guess]:
    if features.date is not None:
        yield from guess_time_split(features.frame[features.date.name], features.num_train)
        return
    other = Instead("folds", "five networks, each validated on another fifth")
    yield Guess("split.kind", "holdout", "no column of dates; a fifth validates", (other,))


def _training_guesses(features: Features, answer: Answer, task: TaskGuess, *, is_log: bool) -> Iterator[Guess]:
    """What serves most tables; the numbers are those of the README's example."""
    yield Guess("model.name", "embeddings", "an embedding for each category, then linear layers")
    yield Guess("model.hidden", [200, 100])
    yield Guess("model.dropout", [0.02, 0.05, 0.05])
    yield Guess("train.batch_size", 256 if features.num_train >= 5000 else 32, counted(features.num_train, "row"))
    yield Guess("train.optimizer", "adamw")
    yield Guess("train.weight_decay", 0.2)
    kind: Task = "regression" if task.task == "regression" else "single"
    if kind == "regression":
        yield Guess("train.loss", "mse")
    metric = guess_metric(answer.form, kind, ())
    if is_log:
        others = (Instead("rmspe", "relative to each number"), Instead("rmse", "of the numbers as they are"))
        metric = Guess("train.metric", "rmsle", f"errors in percent; {metric.because}", others)
    yield metric
    yield Guess("stages", [{"lr": 0.01, "cycle_len": 15}], "`kgcv lr-find` shows better rates")
