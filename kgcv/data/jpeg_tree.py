"""The JPEG tree: smaller copies as plain files in the folders of the originals, the course's layout.

A manifest beside the folders tells which files belong to the store and how long each is; it is written last,
and deleted first when the tree is made anew.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from kgcv.data.images import read_image, write_jpeg
from kgcv.data.store_notes import ENTRY, ReadCopy, StoreNotes
from kgcv.errors import DataError, listed
from kgcv.files import as_written, read_json, write_json

CHANNELS = (1, 3)
"""Numbers of channels that a JPEG can hold."""


class JpegTree:
    """An `ImageSource` over a tree; decodes a file at each read."""

    def __init__(self, tree: Path, part: str, channels: int) -> None:
        """Read the manifest and look at each file.

        Raises:
            DataError: the manifest is missing, or a file is missing or has another length.
        """
        file = _manifest(tree, part)
        with as_written(file):
            manifest = read_json(file)
            self.notes = StoreNotes.from_json(manifest["notes"])
            self.entries = np.array([tuple(entry) for _name, *entry in manifest["files"]], ENTRY)
            self._paths = [tree / name for name, *_entry in manifest["files"]]
        self._channels = channels
        is_wrong = ~_is_there(self._paths, self.entries) & (self.entries["height"] > 0)
        if is_wrong.any():
            names = listed(str(self._paths[row]) for row in np.flatnonzero(is_wrong))
            raise DataError(f"{tree}: files are missing or changed; run `kgcv resize` again: {names}")

    def __len__(self) -> int:
        """Number of rows, those left out included."""
        return len(self.entries)

    def read(self, row: int) -> np.ndarray:
        """Image `row` as `(H, W, C)` uint8.

        Raises:
            DataError: the row was left out, or its file cannot be read.
        """
        if self.entries["height"][row] == 0:
            raise DataError(f"{self._paths[row]}: was left out when the store was made")
        return read_image(self._paths[row], self._channels)


class JpegWriter:
    """Makes a tree; a `StoreWriter` whose threads decode, encode and write."""

    def __init__(self, tree: Path, part: str, names: list[str], channels: int, read: ReadCopy) -> None:
        """Prepare to write one file for each of `names`, the originals' posix paths below the data's root.

        Raises:
            DataError: a JPEG cannot hold that many channels, a name leaves the tree, or two share a file.
        """
        if channels not in CHANNELS:
            raise DataError(f"resize.store: a JPEG cannot hold {channels} channels; use resize.store: packed")
        outside = [name for name in names if name.startswith("/") or ".." in PurePosixPath(name).parts]
        if outside:
            raise DataError(f"resize.store: jpeg needs images below data.root; outside are {listed(outside)}")
        self._names = [jpeg_name(name) for name in names]
        if len(set(self._names)) < len(names):
            raise DataError("resize.store: jpeg would write two images to one file; use resize.store: packed")
        self._paths = [tree / name for name in self._names]
        self._manifest = _manifest(tree, part)
        self.prepare = partial(_write_copy, read, self._paths)
        self._not_on_disk: list[Path] = []

    def resume(self, entries: np.ndarray) -> np.ndarray:
        """Delete the manifest, look which files are there; see `StoreWriter.resume`."""
        self._manifest.unlink(missing_ok=True)
        return _is_there(self._paths, entries)

    def place(self, row: int, prepared: tuple[int, int, int]) -> tuple[int, int, int]:
        """The entry of the file that is already written."""
        self._not_on_disk.append(self._paths[row])
        return prepared

    def flush(self) -> None:
        """Return when the files are on the disk; many at once take a fraction of the time of one by one."""
        for path in self._not_on_disk:
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
        self._not_on_disk.clear()

    def finish(self, entries: np.ndarray, notes: StoreNotes) -> None:
        """Write the manifest."""
        files = [[name, *entry] for name, entry in zip(self._names, entries.tolist(), strict=True)]
        write_json(self._manifest, {"notes": notes.to_json(), "files": files})

    def close(self) -> None:
        """Nothing to do."""


def jpeg_name(name: str) -> str:
    """The copy's name: that of the original, with `.jpg` behind it unless it is called a JPEG already."""
    return name if PurePosixPath(name).suffix.lower() in (".jpg", ".jpeg") else f"{name}.jpg"


def _write_copy(read: ReadCopy, paths: list[Path], row: int) -> tuple[int, int, int]:
    """Write the file of a row; its entry."""
    image = read(row)
    write_jpeg(paths[row], image, sync=False)
    return paths[row].stat().st_size, image.shape[0], image.shape[1]


def _manifest(tree: Path, part: str) -> Path:
    return tree / f"{part}.manifest.json"


def _is_there(paths: list[Path], entries: np.ndarray) -> np.ndarray:
    is_there = entries["height"] > 0
    for row in np.flatnonzero(is_there):
        is_there[row] = paths[row].is_file() and paths[row].stat().st_size == entries["place"][row]
    return np.asarray(is_there)
