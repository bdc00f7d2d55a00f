"""Where members of archives go: files below one folder, counted, with their checksums, within a limit of bytes."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from kgcv.archives.members import RefusedArchiveError

CHUNK = 1 << 20
"""Bytes that are read and written at a time."""


def crc_of(file: Path) -> int:
    """CRC-32 of the content of `file`."""
    crc = 0
    with file.open("rb") as stream:
        while block := stream.read(CHUNK):
            crc = zlib.crc32(block, crc)
    return crc


def share(file: Path, target: Path) -> None:
    """Make `file` known as `target` too, which is not there yet; copied where the disk knows no second names."""
    try:
        target.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, target)


def put(file: Path, target: Path) -> None:
    """Put `file` at `target`, whole or not at all, in the place of what lies there; `file` stays.

    What a process that is killed here leaves lies beside `file`.
    """
    temporary = file.with_name(f".{file.name}.put")
    temporary.unlink(missing_ok=True)
    share(file, temporary)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary.replace(target)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a member."""

    size: int
    """Bytes."""
    crc32: int


@dataclass(slots=True)
class Allowance:
    """Bytes that may still be written, over an archive and all archives within it."""

    archive: Path
    left: int

    def take(self, amount: int) -> None:
        """Use up `amount`.

        Raises:
            DataError: there is not so much left.
        """
        self.left -= amount
        if self.left < 0:
            raise RefusedArchiveError(
                f"{self.archive}: unpacks to so many times its size that it looks like a bomb; nothing was unpacked"
            )


@dataclass(slots=True)
class Store:
    """Files below `root`; with no root they are read, counted and forgotten."""

    archive: Path
    root: Path | None
    allowance: Allowance
    on_bytes: Callable[[int], None]
    """Is told of each chunk; may raise to stop."""
    files: dict[str, Written] = field(default_factory=dict)

    def make_folder(self, place: str) -> None:
        """An empty folder."""
        if self.root is not None:
            (self.root / place).mkdir(parents=True, exist_ok=True)

    def open(self, place: str) -> StoredFile:
        """A file to write; it counts when it is closed.

        Raises:
            DataError: when it is closed, if a file of that name with other content was there before.
        """
        if self.root is None:
            return StoredFile(self, place, None)
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        return StoredFile(self, place, path.open("wb"))

    def finish(self, place: str, written: Written) -> None:
        """Note that a file is complete."""
        if self.files.setdefault(place, written) != written:
            raise RefusedArchiveError(
                f"{self.archive}: holds two different files called {place!r}; nothing was unpacked"
            )


class StoredFile(AbstractContextManager["StoredFile"]):
    """One file that is being written."""

    def __init__(self, store: Store, place: str, stream: BinaryIO | None) -> None:
        self._store = store
        self._place = place
        self._stream = stream
        self._size = 0
        self._crc32 = 0

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; only a whole one counts."""
        self.close()
        if kind is None:
            self._store.finish(self._place, Written(self._size, self._crc32))

    def close(self) -> None:
        """Close the file, whole or not."""
        if self._stream is not None:
            self._stream.close()

    def write(self, content: bytes | bytearray | memoryview) -> int:
        """Append `content`."""
        self._store.allowance.take(len(content))
        self._size += len(content)
        self._crc32 = zlib.crc32(content, self._crc32)
        if self._stream is not None:
            self._stream.write(content)
        self._store.on_bytes(len(content))
        return len(content)

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._size
