"""From columns to what a network reads: numbers of kinds, and amounts on one scale.

Everything that is learned for it, vocabularies, means and deviations, comes from the rows that train in a fold,
and is kept as JSON beside the weights, so that new rows are encoded alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from kgcv.config.schema import ColumnsConfig
from kgcv.data.tables.columns import column_of, kind_of, numbers_of
from kgcv.errors import DataError, listed


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The kinds in a column of categories."""

    name: str
    values: tuple[str, ...] | tuple[float, ...]
    """Sorted; the first one has code 1, for 0 is what is missing or not among them."""
    embedding_size: int
    """Numbers that stand for a kind in the network."""

    @property
    def num_codes(self) -> int:
        """Kinds, and one for code 0: rows of the embedding."""
        return len(self.values) + 1


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a column of numbers has its middle, and how far it spreads."""

    name: str
    mean: float
    std: float
    """Standard deviation (of the whole, not of a sample); 1 where all values are equal."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How K columns of categories and M columns of numbers become arrays."""

    categories: tuple[Vocabulary, ...]
    numbers: tuple[Scale, ...]
    missing_numbers: Literal["error", "mean"]

    def to_json(self) -> dict[str, Any]:
        """The encoding as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Encoding:
        """The encoding that `to_json` gave."""
        categories = tuple(Vocabulary(**{**item, "values": tuple(item["values"])}) for item in value["categories"])
        return cls(categories, tuple(Scale(**item) for item in value["numbers"]), value["missing_numbers"])


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """N rows as a network reads them."""

    codes: np.ndarray
    """`(N, K)` int64, column k in [0, num_codes of category k)."""
    numbers: np.ndarray
    """`(N, M)` float32, mean 0 and deviation 1 over the rows that the encoding was learned from."""

    def __len__(self) -> int:
        return len(self.codes)


def embedding_size(num_codes: int, rule: Literal["course", "fastai"]) -> int:
    """Numbers of the embedding of a column with `num_codes` codes, 0 included.

    `course`: fastai 0.7, lesson 3; `fastai`: `emb_sz_rule` of its version 2.
    """
    if rule == "course":
        return min(50, (num_codes + 1) // 2)
    size: float = 1.6 * num_codes**0.56
    return min(600, round(size))


def fit_encoding(frame: pd.DataFrame, rows: np.ndarray, columns: ColumnsConfig) -> Encoding:
    """Learn how to encode `columns` of `frame` from `rows` alone.

    Args:
        frame: a table with all of the columns.
        rows: the rows that train, integers.
        columns: which columns, and sizes of embeddings.

    Raises:
        DataError: a column is missing or of the wrong kind, or has no value in `rows`.
    """
    categories = tuple(_vocabulary(frame, name, rows, columns) for name in columns.categories)
    numbers = tuple(_scale(_checked(frame, name, "numbers")[rows], name) for name in columns.numbers)
    return Encoding(categories, numbers, columns.missing_numbers)


def encode_rows(frame: pd.DataFrame, encoding: Encoding) -> EncodedRows:
    """The rows of `frame` as `encoding` has it.

    Raises:
        DataError: a column is missing or of another kind than it was, or numbers are missing and may not be.
    """
    codes = [_codes(frame, vocabulary) for vocabulary in encoding.categories]
    raw = {scale.name: _checked(frame, scale.name, "numbers") for scale in encoding.numbers}
    if encoding.missing_numbers == "error":
        _refuse_missing(raw)
    numbers = [_standardised(raw[scale.name], scale) for scale in encoding.numbers]
    return EncodedRows(_side_by_side(codes, len(frame), np.int64), _side_by_side(numbers, len(frame), np.float32))


def _vocabulary(frame: pd.DataFrame, name: str, rows: np.ndarray, columns: ColumnsConfig) -> Vocabulary:
    column = _column(frame, name, "categories")
    if kind_of(column) == "texts":
        known = np.unique(column.cat.codes.to_numpy()[rows])
        values: Sequence[Any] = [column.cat.categories[code] for code in known if code >= 0]
    else:
        numbers = np.unique(_checked(frame, name, "categories")[rows])
        values = [int(number) if number == int(number) else float(number) for number in numbers[~np.isnan(numbers)]]
    size = columns.embedding_sizes.get(name, embedding_size(len(values) + 1, columns.embedding_rule))
    return Vocabulary(name, tuple(values), size)


def _scale(numbers: np.ndarray, name: str) -> Scale:
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        raise DataError(f"columns.numbers: {name!r} has no value in the rows that train")
    std = float(known.std())
    return Scale(name, float(known.mean()), std if std > 0 else 1.0)


def _codes(frame: pd.DataFrame, vocabulary: Vocabulary) -> np.ndarray:
    column = _column(frame, vocabulary.name, "categories")
    is_text = kind_of(column) == "texts"
    if any(isinstance(value, str) != is_text for value in vocabulary.values[:1]):
        found = f"holds {kind_of(column)}, not what it held when the network learned"
        raise DataError(f"columns.categories: column {vocabulary.name!r} {found}")
    if is_text:
        code_of = {value: code for code, value in enumerate(vocabulary.values, start=1)}
        codes = np.array([*(code_of.get(text, 0) for text in column.cat.categories), 0])
        return np.asarray(codes[column.cat.codes.to_numpy()])
    numbers = _checked(frame, vocabulary.name, "categories")
    values = np.array([*vocabulary.values, np.nan], dtype=np.float64)
    places = np.searchsorted(values[:-1], numbers)
    return np.where(values[places] == numbers, places + 1, 0)


def _standardised(numbers: np.ndarray, scale: Scale) -> np.ndarray:
    return np.where(np.isnan(numbers), 0.0, (numbers - scale.mean) / scale.std)


def _side_by_side(columns: Sequence[np.ndarray], num_rows: int, dtype: type[np.generic]) -> np.ndarray:
    table = np.empty((num_rows, len(columns)), dtype=dtype)
    for place, column in enumerate(columns):
        table[:, place] = column
    return table


def _refuse_missing(raw: dict[str, np.ndarray]) -> None:
    counts = {name: int(np.isnan(numbers).sum()) for name, numbers in raw.items()}
    if strays := [f"{name} ({count})" for name, count in counts.items() if count]:
        raise DataError(
            f"columns.numbers: rows without a value in {listed(strays)}; "
            "fill them with a step of features (step: fill), or set columns.missing_numbers: mean"
        )


def _checked(frame: pd.DataFrame, name: str, key: str) -> np.ndarray:
    """The numbers of a column, of which a message tells where the config names it."""
    try:
        return numbers_of(frame, name)
    except DataError as error:
        raise DataError(f"columns.{key}: {error}") from error


def _column(frame: pd.DataFrame, name: str, key: str) -> pd.Series:
    try:
        return column_of(frame, name)
    except DataError as error:
        raise DataError(f"columns.{key}: {error}") from error
