"""The original image files: their state, which decides if a store is current, and the files as a source."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kgcv.data.images import Scaling, read_image
from kgcv.data.samples import SampleTable
from kgcv.errors import DataError
from kgcv.files import hash_json


@dataclass(frozen=True, slots=True)
class OriginalImages:
    """An `ImageSource` that decodes the originals at each read: `resize.store: none`."""

    paths: tuple[Path, ...]
    channels: int
    scaling: Scaling

    def __len__(self) -> int:
        """Number of images."""
        return len(self.paths)

    def read(self, row: int) -> np.ndarray:
        """Image `row`, see `read_image`."""
        return read_image(self.paths[row], self.channels, self.scaling)


@dataclass(frozen=True, slots=True)
class OriginalsState:
    """What the files that a store is made from looked like."""

    names: list[str]
    """Posix path of each, below the data's root if it lies there."""
    stamps: np.ndarray
    """`(N,)` uint64, a hash of each file's id, name, size and modification stamp."""
    key: str
    """Hash of the settings."""
    signature: str
    """Hash of the settings and all files."""


def look_at_originals(samples: SampleTable, root: Path, settings: tuple[Any, ...]) -> OriginalsState:
    """The state of all files of `samples` now, for a store made with `settings` (JSON values).

    Raises:
        DataError: a file is missing.
    """
    above = f"{root.as_posix()}/"  # as text: pathlib's own way takes most of the time for 100,000 files
    names = [path.as_posix().removeprefix(above) for path in samples.paths]
    files = []
    for identifier, name, path in zip(samples.ids, names, samples.paths, strict=True):
        try:
            status = path.stat()
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from error
        files.append((identifier, name, status.st_size, status.st_mtime_ns))
    digests = (hashlib.blake2b(repr(file).encode(), digest_size=8).digest() for file in files)
    return OriginalsState(
        names=names,
        stamps=np.frombuffer(b"".join(digests), np.uint64),
        key=hash_json(settings),
        signature=hash_json((settings, files)),
    )
