"""Which of the CSV files hold rows to learn from and to predict, and what is asked for of the latter."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from kgcv.config.table_steps import ROWS
from kgcv.data.csv_table import CsvTable, quoted, read_csv_table
from kgcv.data.survey import Survey, role_of
from kgcv.data.tables.reading import read_texts
from kgcv.errors import DataError
from kgcv.recipes.guessing.files import plain_tables, seen, stem
from kgcv.recipes.guessing.label_columns import number_in
from kgcv.recipes.sample_names import sample_names

_MISSING_WORDS = ("NA", "NaN", "nan", "N/A", "n/a", "null", "NULL", "None", "?", "-")
"""Words that programs write for a missing value."""


@dataclass(frozen=True, slots=True)
class TableFiles:
    """The tables of a competition, as texts."""

    names: Mapping[str, str]
    """The file of each table, `train` and `test` first."""
    texts: Mapping[str, pd.DataFrame]
    sample: CsvTable | None
    sample_file: str | None
    unread: tuple[str, ...]
    """What is wrong with each side table that cannot be read."""

    @property
    def only_in_train(self) -> tuple[str, ...]:
        """Columns that the rows to predict have not."""
        return tuple(name for name in self.texts["train"].columns if name not in self.texts["test"].columns)


def open_tables(survey: Survey) -> TableFiles:
    """Read all tables.

    Raises:
        DataError: there are no rows to learn from or none to predict, several files may be either, or one of them
            cannot be read.
    """
    names = list(plain_tables(survey))
    samples = sorted((name for name in sample_names(names)), key=len)
    rest = [name for name in names if name not in samples]
    files = {role: _one_of_role(survey, rest, role) for role in ("train", "test")}
    files |= {_table_name(name): name for name in rest if name not in files.values()}
    texts, unread = {}, []
    for table, file in files.items():
        try:
            texts[table] = read_texts(survey.root / file, {""})
        except DataError as error:
            if table in ("train", "test"):
                raise
            unread.append(str(error))
    sample = read_csv_table(survey.root / samples[0]) if samples else None
    read = {table: files[table] for table in texts}
    return TableFiles(read, texts, sample, samples[0] if samples else None, tuple(unread))


def find_target(files: TableFiles) -> tuple[str, str]:
    """The column to predict, and why it is that one.

    Raises:
        DataError: nothing tells it, or there are several.
    """
    alone = files.only_in_train
    asked = () if files.sample is None else files.sample.names[1:]
    wanted = [name for name in asked if name in alone]
    if len(wanted) > 1:
        raise DataError(
            f"{files.names['train']}: the sample submission asks for {quoted(tuple(wanted))}, and kgcv learns one "
            "column of a table; leave one of them in the sample file"
        )
    if wanted:
        return wanted[0], f"the sample submission asks for it; {files.names['test']} lacks it"
    train = files.texts["train"]
    spelled = [name for name in alone if len(asked) > 1 and set(train[name].cat.categories) <= set(asked)]
    if len(spelled) == 1:
        return spelled[0], "its values are the columns of the sample submission"
    if len(alone) == 1:
        return alone[0], f"the only column that {files.names['test']} lacks"
    what = f"several columns, {quoted(alone)}" if alone else "no column"
    raise DataError(
        f"{files.names['train']}: it has {what} that {files.names['test']} has not, and no sample submission tells "
        "which is to be predicted"
    )


def find_id(files: TableFiles) -> tuple[str, str]:
    """The column with the ids of the rows to predict, and why it is that one.

    Raises:
        DataError: no column of theirs can be it.
    """
    test = files.texts["test"]
    if files.sample is not None and files.sample.names[0] in test.columns:
        return files.sample.names[0], "the first column of the sample submission"
    for name in test.columns:
        if test[name].nunique() == len(test):
            return name, "each row to predict has a value of its own there"
    raise DataError(f"{files.names['test']}: no column has a value of its own for each row, so none can be its id")


def find_missing_words(texts: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
    """Words that stand in columns of numbers, where they can mean nothing but a missing value."""
    found = set()
    for frame in texts.values():
        for name in frame.columns:
            words = {text for text in frame[name].cat.categories if number_in(text) != number_in(text)}
            if words and words <= set(_MISSING_WORDS) and len(words) < len(frame[name].cat.categories):
                found |= words
    return tuple(sorted(found))


def _one_of_role(survey: Survey, names: Sequence[str], role: str) -> str:
    found = [name for name in names if role_of((stem(survey.root / name),)) == role]
    exact = [name for name in found if stem(survey.root / name) == role]
    chosen = exact or found
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        raise DataError(f"{survey.root}: {' and '.join(chosen)} may both be {role}; move aside all but the right one")
    purpose = "rows to learn from" if role == "train" else "rows to predict"
    raise DataError(f"{survey.root}: {seen(survey)}; missing: a CSV file called {role}, with the {purpose}")


def _table_name(file: str) -> str:
    """A name for a table; `rows` is taken."""
    name = re.sub(r"\W+", "_", stem(PurePosixPath(file))).strip("_") or "table"
    return f"{name}_table" if name == ROWS else name
