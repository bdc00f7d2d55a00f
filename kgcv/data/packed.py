"""The packed store: the pixels of all images in one file that is mapped into memory.

Layout, one after the other: the pixels, uint8, image after image, each `(H, W, C)`; the index, one ENTRY a
row; number of channels and notes as JSON; the trailer with number of rows, length of the JSON and MAGIC. The
file grows under another name and is renamed when the trailer is on the disk: what bears the final name is
complete.
"""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np

from kgcv.data.store_notes import ENTRY, ReadCopy, StoreNotes
from kgcv.errors import DataError
from kgcv.files import as_written

MAGIC = b"kgcvpak1"
_TRAILER = struct.Struct("<QQ8s")


class PackedImages:
    """An `ImageSource` over a packed file; images are read-only views into the mapped file.

    `entries` is the index, `(N,)` ENTRY; `notes` is what the store says about itself.
    """

    def __init__(self, path: Path) -> None:
        """Map the file.

        Raises:
            DataError: it is missing, or it is not a complete packed store.
        """
        self._path = path
        self._pixels, self.entries, description = _open(path)
        self._offsets, self._heights, self._widths = (
            np.ascontiguousarray(self.entries[name]) for name in ("place", "height", "width")
        )
        self._channels: int = description["channels"]
        self.notes = StoreNotes.from_json(description["notes"])

    def __len__(self) -> int:
        """Number of rows, those left out included."""
        return len(self.entries)

    def read(self, row: int) -> np.ndarray:
        """Image `row` as `(H, W, C)` uint8, a view without a copy.

        Raises:
            DataError: the row was left out.
        """
        start, height, width = self._offsets[row], self._heights[row], self._widths[row]
        if height == 0:
            raise DataError(f"{self._path}: row {row} was left out when the store was made")
        end = start + int(height) * int(width) * self._channels
        return self._pixels[start:end].reshape(height, width, self._channels)

    def cut_squares(self, rows: np.ndarray, edge: int, offsets: np.ndarray) -> np.ndarray | None:
        """The squares of many images in one go, where none of them has to be scaled; as `loader.cut_square` cuts them.

        Args:
            rows: `(B,)` int64.
            edge: side, in pixels.
            offsets: `(B,)` in [0, 1], place along the longer side.

        Returns:
            `(B, edge, edge, C)` uint8; None where the shorter side of an image is not `edge`.
        """
        heights, widths = self._heights[rows].astype(np.int64), self._widths[rows].astype(np.int64)
        if (np.minimum(heights, widths) != edge).any():
            return None
        tops, lefts = (np.rint((side - edge) * offsets).astype(np.int64) for side in (heights, widths))
        firsts = self._offsets[rows].astype(np.int64) + (tops * widths + lefts) * self._channels
        strips = firsts[:, None] + np.arange(edge) * (widths * self._channels)[:, None]
        length = edge * self._channels
        # Every place where a strip of pixels may begin, without a copy; so numpy copies whole strips by its own loop.
        windows = np.lib.stride_tricks.as_strided(
            self._pixels, (len(self._pixels) - length + 1, length), (1, 1), writeable=False
        )
        squares: np.ndarray = windows[strips].reshape(len(rows), edge, edge, self._channels)
        return squares


class PackedWriter:
    """Makes a packed file; a `StoreWriter` whose threads decode and whose caller appends."""

    def __init__(self, path: Path, channels: int, read: ReadCopy) -> None:
        """Open the unfinished file of the store `path`; `read` gives `(H, W, channels)` uint8."""
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._channels = channels
        self.prepare = read
        path.parent.mkdir(parents=True, exist_ok=True)
        self._part.touch()
        self._stream = self._part.open("r+b")

    def resume(self, entries: np.ndarray) -> np.ndarray:
        """Cut off what the journal does not know; see `StoreWriter.resume`."""
        ends = entries["place"] + _num_bytes(entries, self._channels)
        is_there = (entries["height"] > 0) & (ends <= self._part.stat().st_size)
        self._stream.truncate(int(ends[is_there].max(initial=0)))
        self._stream.seek(0, os.SEEK_END)
        return np.asarray(is_there)

    def place(self, row: int, prepared: np.ndarray) -> tuple[int, int, int]:
        """Append the pixels."""
        offset = self._stream.tell()
        self._stream.write(prepared.data)
        return offset, prepared.shape[0], prepared.shape[1]

    def flush(self) -> None:
        """Return when the pixels are on the disk."""
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def finish(self, entries: np.ndarray, notes: StoreNotes) -> None:
        """Append index, notes and trailer, and rename."""
        description = json.dumps({"channels": self._channels, "notes": notes.to_json()}).encode()
        self._stream.write(entries.tobytes() + description)
        self._stream.write(_TRAILER.pack(len(entries), len(description), MAGIC))
        self.flush()
        self._part.replace(self._path)

    def close(self) -> None:
        """Close the unfinished file."""
        self._stream.close()


def _num_bytes(entries: np.ndarray, channels: int) -> np.ndarray:
    return np.asarray(entries["height"].astype(np.int64) * entries["width"] * channels)


def _open(path: Path) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    try:
        content = np.memmap(path, np.uint8, "r").view(np.ndarray)
    except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
        raise DataError(f"{path}: no packed store: {error}") from error
    if len(content) < _TRAILER.size or not bytes(content[-len(MAGIC) :]) == MAGIC:
        raise DataError(f"{path}: is not a complete packed store; run `kgcv resize` again")
    num_rows, length, _magic = _TRAILER.unpack(bytes(content[-_TRAILER.size :]))
    start_of_json = len(content) - _TRAILER.size - length
    start_of_index = start_of_json - num_rows * ENTRY.itemsize
    if start_of_index < 0:
        raise DataError(f"{path}: is damaged; delete it and run `kgcv resize` again")
    entries = content[start_of_index:start_of_json].view(ENTRY)
    with as_written(path):
        description = json.loads(bytes(content[start_of_json : start_of_json + length]))
        StoreNotes.from_json(description["notes"])
        int(description["channels"])
    if (entries["place"] + _num_bytes(entries, description["channels"])).max(initial=0) != start_of_index:
        raise DataError(f"{path}: is damaged; delete it and run `kgcv resize` again")
    return content, entries, description
