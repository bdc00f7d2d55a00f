"""CSV files as tables whose columns keep their meaning: codes with leading zeros, ids and words stay texts."""

from __future__ import annotations

import codecs
import gzip
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from kgcv.config.schema import DataConfig
from kgcv.config.table_steps import ROWS
from kgcv.data.columns import doubled
from kgcv.data.csv_table import not_utf8, quoted, separator_hint
from kgcv.data.tables.columns import text_column, typed
from kgcv.errors import DataError, printable
from kgcv.files import open_file


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of a competition; `rows` holds the rows of `train` and, below them, those of `test`."""

    frames: dict[str, pd.DataFrame]
    num_train: int
    """Rows of `train` in `rows`."""

    @property
    def is_train(self) -> np.ndarray:
        """Which rows of `rows` are to learn from, `(N,)` bool."""
        return np.arange(len(self.frames[ROWS])) < self.num_train


def read_tables(data: DataConfig, test: pd.DataFrame | None = None) -> Tables:
    """Read all tables of `data`; what a column of `rows` holds is decided over both of its parts.

    Args:
        data: the config's section.
        test: texts, as `read_texts` gives them, to stand for the file of the rows to predict.

    Raises:
        DataError: a file is missing, damaged or no CSV; the message names it and the line.
    """
    root, missing = Path(data.root), {"", *data.missing_words}
    texts = {name: read_texts(root / file, missing) for name, file in data.tables.items()}
    parts = [texts.pop("train")]
    tested = texts.pop("test", None) if test is None else test
    if tested is not None:
        parts.append(tested)
    texts[ROWS] = _stacked(parts)
    as_text = () if data.id_column is None else (data.id_column,)
    frames = {name: _typed(frame, as_text if name == ROWS else (), name) for name, frame in texts.items()}
    return Tables(frames, len(parts[0]))


def read_texts(path: Path, missing: Collection[str]) -> pd.DataFrame:
    """The columns of a UTF-8 CSV file (`.gz` too) with a header line, each a column of texts.

    Args:
        path: the file.
        missing: texts that stand for a missing value, after stripping.

    Raises:
        DataError: the file is missing, damaged, without rows, has a doubled column, or a line that is longer or
            shorter than the header.
    """
    table = _read_arrow(path)
    names = [name.strip() for name in table.column_names]
    if repeated := doubled(names):
        raise DataError(f"{path}: columns that occur more than once: {quoted(tuple(repeated))}")
    if not table.num_rows:
        raise DataError(f"{path}: has a header but no rows")
    _require_closed_quotes(path, table)
    columns = [_from_arrow(column, missing) for column in table.columns]
    return pd.DataFrame(dict(zip(names, columns, strict=True)), copy=False)


def texts_of_values(values: Mapping[str, Any], missing: Collection[str]) -> pd.DataFrame:
    """One row as texts, from values as JSON has them; null is a missing one.

    Raises:
        DataError: a value is a list or a mapping.
    """
    strays = [name for name, value in values.items() if isinstance(value, list | dict)]
    if strays:
        raise DataError(f"values must be numbers, texts, true, false or null; {quoted(tuple(strays))} hold others")
    cells = {name: None if value is None else str(value).strip() for name, value in values.items()}
    row = np.zeros(1, dtype=np.int64)
    return pd.DataFrame({name: text_column(row, [cell], missing) for name, cell in cells.items()})


def _read_arrow(path: Path) -> Any:
    # One thread: only then does an error tell the row, and the result never depends on the machine.
    how = pa.csv.ReadOptions(use_threads=False)
    parse = pa.csv.ParseOptions(newlines_in_values=True)
    try:
        _require_commas(path)
        with pa.csv.open_csv(path, read_options=how, parse_options=parse) as stream:
            names = stream.schema.names
        types = dict.fromkeys(names, pa.dictionary(pa.int32(), pa.string()))
        convert = pa.csv.ConvertOptions(column_types=types)
        return pa.csv.read_csv(path, read_options=how, parse_options=parse, convert_options=convert)
    except UnicodeDecodeError as error:
        raise DataError(not_utf8(path)) from error
    except (OSError, EOFError, pa.ArrowException) as error:
        if "invalid UTF8" in str(error):
            raise DataError(not_utf8(path)) from error
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DataError(f"{path}: cannot be read as CSV: {printable(reason)}") from error


def _opened(path: Path, content: BinaryIO) -> BinaryIO:
    return gzip.GzipFile(fileobj=content) if path.suffix == ".gz" else content  # type: ignore[return-value]  # a stream


def _require_commas(path: Path) -> None:
    """Refuse what Arrow would take for one column, and then complain about its first row.

    Raises:
        DataError: the header tells of another encoding, or of other marks between the cells.
    """
    with open_file(path) as content, _opened(path, content) as stream:
        header = stream.readline(1 << 20)
    if header.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(not_utf8(path))
    text = header.decode("utf-8", errors="replace").strip()
    if "," not in text and (hint := separator_hint([text])):
        raise DataError(f"{path}: {hint}")


def _require_closed_quotes(path: Path, table: Any) -> None:
    """Refuse a file that ends within quotes, where Arrow takes all that follows for one cell.

    Raises:
        DataError: a quote is never closed.
    """
    if not any("\n" in (cell or "") for cell in table.slice(table.num_rows - 1).to_pylist()[0].values()):
        return  # nothing was swallowed
    with open_file(path) as content, _opened(path, content) as stream:
        num_quotes = sum(block.count(b'"') for block in iter(lambda: stream.read(1 << 20), b""))
    if num_quotes % 2:
        raise DataError(f"{path}: a quote that is opened in it is never closed")


def _from_arrow(column: Any, missing: Collection[str]) -> pd.Categorical:
    whole = column.unify_dictionaries().combine_chunks()
    codes = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return text_column(codes, [text.strip() for text in whole.dictionary.to_pylist()], missing)


def _stacked(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Columns of texts below each other; a column that a part lacks is missing there."""
    names = dict.fromkeys(name for part in parts for name in part.columns)
    return pd.DataFrame({name: _joined(parts, name) for name in names}, copy=False)


def _joined(parts: Sequence[pd.DataFrame], name: str) -> pd.Categorical:
    nothing = pd.Index([], dtype="str")
    pieces = [
        part[name].array if name in part else pd.Categorical.from_codes(np.full(len(part), -1), categories=nothing)
        for part in parts
    ]
    return pd.api.types.union_categoricals(pieces, sort_categories=True)


def _typed(frame: pd.DataFrame, as_text: Iterable[str], name: str) -> pd.DataFrame:
    kept = set(as_text)
    columns = {}
    for column in frame.columns:
        try:
            columns[column] = frame[column].array if column in kept else typed(frame[column].array)
        except DataError as error:
            raise DataError(f"table {name}, column {column!r}: {error}") from error
    return pd.DataFrame(columns, copy=False)
