"""The original image files: what they looked like, which decides if a store is current, and the files as a source."""

from __future__ import annotations

import hashlib
import os
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
class Originals:
    """What the N files of some samples looked like at one moment; one look serves the stores of all sizes."""

    samples: SampleTable
    names: list[str]
    """Posix path of each, below the data's root if it lies there."""
    sizes: np.ndarray
    """`(N,)` int64, bytes."""
    modified: np.ndarray
    """`(N,)` int64, nanoseconds since 1970."""
    digest: str
    """Hash of ids, names, sizes and times."""

    def signature(self, settings: tuple[Any, ...]) -> str:
        """Hash of all files and of a store's settings, JSON values."""
        return hash_json((settings, self.digest))

    def stamps(self) -> np.ndarray:
        """`(N,)` uint64: a hash of each file's id, name, size and time."""
        files = zip(self.samples.ids, self.names, self.sizes.tolist(), self.modified.tolist(), strict=True)
        digests = (hashlib.blake2b(repr(file).encode(), digest_size=8).digest() for file in files)
        return np.frombuffer(b"".join(digests), np.uint64)


def look_at_originals(samples: SampleTable, root: Path) -> Originals:
    """The state of all files of `samples` now; `root` is the data's.

    Raises:
        DataError: a file is missing.
    """
    above = f"{root.as_posix()}/"  # as text: pathlib's own way takes most of the time for 100,000 files
    names = [path.as_posix().removeprefix(above) for path in samples.paths]
    found = np.empty((len(names), 2), np.int64)
    for row, path in enumerate(samples.paths):
        try:
            status = os.stat(path)  # noqa: PTH116  Path.stat is half as fast
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from error
        found[row] = status.st_size, status.st_mtime_ns
    texts = hash_json((samples.ids, names))
    digest = hashlib.sha256(texts.encode() + found.astype("<i8").tobytes()).hexdigest()
    return Originals(samples, names, found[:, 0], found[:, 1], digest)
