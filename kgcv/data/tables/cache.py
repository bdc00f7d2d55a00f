"""The table that `features` makes, as a Feather file that is made anew when its inputs or its steps change."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.ipc

from kgcv.config.schema import Config, DataConfig
from kgcv.errors import DataError
from kgcv.files import atomic_path, hash_file, hash_json

_FORMAT = 1
"""Number of the way in which steps work and tables are kept; another one makes every file anew."""

_NOTES = b"kgcv"
"""Key of our notes in the file's metadata."""

_ROWS_A_BATCH = 1_000_000
"""Rows written at once: what a batch takes in memory beside the table."""


def signature(config: Config) -> str:
    """SHA-256, in hexadecimal, of all that the table depends on: the files' content, the steps and how to read.

    Raises:
        DataError: a file is missing or cannot be read.
    """
    data = config.data
    return hash_json(
        {
            "format": _FORMAT,
            "files": {name: _hash(Path(data.root) / file) for name, file in data.tables.items()},
            "reading": [data.id_column, data.date_column, sorted(data.missing_words)],
            "steps": [dataclasses.asdict(step) for step in config.features],
        }
    )


def cache_path(data: DataConfig, signed: str) -> Path:
    """The file of the table with this signature; named after it, so that variants stand side by side."""
    return Path(data.cache) / f"features-{signed[:16]}.feather"


def write_cached(path: Path, frame: pd.DataFrame, notes: dict[str, Any]) -> None:
    """Write `frame` and `notes` (JSON values) to `path`, whole or not at all."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({**table.schema.metadata, _NOTES: json.dumps(notes).encode()})
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with atomic_path(path) as temporary, pa.ipc.new_file(str(temporary), table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=_ROWS_A_BATCH)


def read_notes(path: Path) -> dict[str, Any] | None:
    """The notes in `path`; None if it is not there, or is no file of `write_cached`."""
    try:
        with pa.memory_map(str(path)) as stream:
            metadata = pa.ipc.open_file(stream).schema.metadata
        notes: dict[str, Any] = json.loads(metadata[_NOTES])
    except (OSError, pa.ArrowInvalid, KeyError, TypeError, ValueError):
        return None
    return notes


def read_cached(path: Path, columns: Collection[str] | None = None) -> pd.DataFrame:
    """The table in `path`, or those of `columns` that it has.

    Raises:
        DataError: the file is damaged.
    """
    try:
        with pa.memory_map(str(path)) as stream:
            names = pa.ipc.open_file(stream).schema.names
            wanted = [place for place, name in enumerate(names) if columns is None or name in columns]
            options = pa.ipc.IpcReadOptions(included_fields=wanted)
            frame: pd.DataFrame = pa.ipc.open_file(stream, options=options).read_all().to_pandas()
            return frame
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path}: is damaged ({error}); delete it, and it is made anew") from error


def _hash(path: Path) -> str:
    try:
        return hash_file(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
