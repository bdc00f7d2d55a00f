"""What every kind of store writes down: its entries, its notes, and the journal of one that is being made."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from kgcv.files import write_bytes

ENTRY = np.dtype([("place", "<i8"), ("height", "<i4"), ("width", "<i4")])
"""One image of a store. `place`, in bytes: where its pixels begin (packed), or the length of its file (JPEG
tree). `height` 0 means that the image is not there."""

_RECORD = np.dtype([("row", "<i8"), ("stamp", "<u8"), ("entry", ENTRY)])

FLUSH_SECONDS = 1.0
"""Time between two notes of progress: what a kill can cost."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An image that could not be read."""

    id: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class StoreNotes:
    """What a finished store says about itself."""

    signature: str
    """Hash of the files and settings it was made from."""
    left_out: tuple[Failure, ...] = ()
    """Images that could not be read and were left out by the user's choice."""

    def to_json(self) -> dict[str, Any]:
        """The notes as plain JSON values."""
        left_out = [[failure.id, failure.path, failure.reason] for failure in self.left_out]
        return {"signature": self.signature, "left_out": left_out}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> StoreNotes:
        """The notes that `to_json` gave."""
        return cls(value["signature"], tuple(Failure(*fields) for fields in value["left_out"]))


ReadCopy = Callable[[int], np.ndarray]
"""Gives the smaller copy of the image of a row as `(H, W, C)` uint8, or raises DataError."""


class StoreWriter(Protocol):
    """One way to keep images: many threads prepare them, in other processes too, and one places them."""

    @property
    def prepare(self) -> Callable[[int], Any]:
        """Reads the image of a row and does what can be done beside others, or raises DataError; can be pickled."""
        ...

    def resume(self, entries: np.ndarray) -> np.ndarray:
        """Open the unfinished store; tell which of the `(N,)` ENTRY an earlier run really left there."""
        ...

    def place(self, row: int, prepared: Any) -> tuple[int, int, int]:
        """Add the image that `prepare` gave; give its entry: place, height and width."""
        ...

    def flush(self) -> None:
        """Return when everything placed so far is on the disk."""
        ...

    def finish(self, entries: np.ndarray, notes: StoreNotes) -> None:
        """Give the complete store its final name."""
        ...

    def close(self) -> None:
        """Let go of open files."""
        ...


class Journal:
    """The images that an unfinished store already holds, in a file that survives a kill.

    A record is keyed to the state of its image file (the stamp); when the file of a recorded image has
    changed since, nothing of the journal is used. Images that failed have no record and are tried again.
    """

    def __init__(self, path: Path, key: str, stamps: np.ndarray, resume: Callable[[np.ndarray], np.ndarray]) -> None:
        """Read what an earlier run noted, and write it anew without what the store has lost.

        Args:
            path: File of the journal.
            key: Hexadecimal hash of the store's settings; a journal with another key is not used.
            stamps: `(N,)` uint64, one for the state of each image file.
            resume: The store's `StoreWriter.resume`.
        """
        records = _read_records(path, key.encode(), stamps)
        self.entries = np.zeros(len(stamps), ENTRY)
        self.entries[records["row"]] = records["entry"]
        self.entries[~resume(self.entries)] = 0
        self._stamps = stamps
        self._pending = np.flatnonzero(self.entries["height"]).tolist()
        write_bytes(path, key.encode())
        self._stream = path.open("ab")
        self.flush()

    @property
    def missing_rows(self) -> np.ndarray:
        """Sorted rows that the store does not hold."""
        return np.flatnonzero(self.entries["height"] == 0)

    def add(self, row: int, entry: tuple[int, int, int]) -> None:
        """Remember that image `row` is placed at `entry`; it is on the disk after the next `flush`."""
        self.entries[row] = entry
        self._pending.append(row)

    def is_due(self) -> bool:
        """Whether it is time to flush."""
        return time.monotonic() - self._flushed_at >= FLUSH_SECONDS

    def flush(self) -> None:
        """Write what was added to the disk; the store itself must have been flushed before."""
        records = np.zeros(len(self._pending), _RECORD)
        records["row"] = self._pending
        records["stamp"] = self._stamps[self._pending]
        records["entry"] = self.entries[self._pending]
        self._stream.write(records.tobytes())
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._pending.clear()
        self._flushed_at = time.monotonic()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def _read_records(path: Path, key: bytes, stamps: np.ndarray) -> np.ndarray:
    content = path.read_bytes() if path.exists() else b""
    # A kill may have cut the last record short; it does not count.
    count = max(0, len(content) - len(key)) // _RECORD.itemsize
    records = np.frombuffer(content, _RECORD, count, len(key)) if count else np.zeros(0, _RECORD)
    if not content.startswith(key) or (records["row"] >= len(stamps)).any():
        return np.zeros(0, _RECORD)
    is_unchanged = bool((stamps[records["row"]] == records["stamp"]).all())
    return records if is_unchanged else np.zeros(0, _RECORD)
