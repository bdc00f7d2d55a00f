"""A file on its way in: the bytes that are there, and a note of what they are the beginning of.

The note is written before the first byte, and the bytes are only ever appended. So after a kill at any moment the
bytes are the beginning of what the note tells, whatever their number.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO

from kgcv.files import write_json


@dataclass(frozen=True, slots=True)
class Note:
    """What a partial file is the beginning of."""

    stamp: str
    """The version that was asked for, as its source tells it."""
    name: str
    """The name that the file is to have."""
    validator: str = ""
    """The server's mark of this very content: a strong ETag or a Last-Modified. Without one it cannot be resumed."""
    size: int | None = None
    """Bytes of the whole file; None where the server did not say."""
    md5: str = ""
    """Of the whole file, in hexadecimal, where the server tells it."""
    sha256: str = ""
    """Of the whole file, once it is complete and checked."""


class Partial:
    """The file `.part` in a folder of its own, with its note `.note.json`; hidden, so that no file is called that."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / ".part"
        self._note_path = folder / ".note.json"
        self.note = self._read_note()

    @property
    def size(self) -> int:
        """Bytes that are there and of use."""
        return self.path.stat().st_size if self.note is not None and self.path.is_file() else 0

    @property
    def is_complete(self) -> bool:
        """Whether all bytes are there, as far as the server told their number."""
        return self.note is not None and self.path.is_file() and self.size == self.note.size

    def hashes(self, on_bytes: Callable[[int], None]) -> tuple[str, str]:
        """SHA-256 and MD5 of the bytes that are there, in hexadecimal; `on_bytes` is told of each block."""
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        with self.path.open("rb") as stream:
            while block := stream.read(1 << 20):
                sha256.update(block)
                md5.update(block)
                on_bytes(len(block))
        return sha256.hexdigest(), md5.hexdigest()

    def target(self) -> Path | None:
        """Where the file lies if it was completed before; None if not."""
        if self.note is None or not self.note.sha256:
            return None
        target = self.path.with_name(self.note.name)
        if self.path.is_file():  # killed just before it got its name
            self.path.replace(target)
        is_whole = target.is_file() and target.stat().st_size == self.note.size
        return target if is_whole else None

    def start(self, note: Note) -> None:
        """Forget all bytes; those that follow belong to `note`."""
        self.path.unlink(missing_ok=True)
        self._write_note(note)

    def amend(self, note: Note) -> None:
        """Know more of the same bytes."""
        self._write_note(note)

    def discard(self) -> None:
        """Forget everything."""
        self.path.unlink(missing_ok=True)
        self._note_path.unlink(missing_ok=True)
        self.note = None

    @contextmanager
    def append(self) -> Iterator[BinaryIO]:
        """The file, to write what follows."""
        with self.path.open("ab") as stream:
            yield stream

    def finish(self, sha256: str) -> Path:
        """Give the complete file its name; the note stays, until `discard`, for a caller that is killed."""
        assert self.note is not None, "a complete file has a note"
        with self.path.open("rb") as stream:
            os.fsync(stream.fileno())
            size = os.fstat(stream.fileno()).st_size
        self._write_note(replace(self.note, size=size, sha256=sha256))
        target = self.path.with_name(self.note.name)
        self.path.replace(target)
        return target

    def _read_note(self) -> Note | None:
        try:
            return Note(**json.loads(self._note_path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):  # none, or one of another version
            return None

    def _write_note(self, note: Note) -> None:
        write_json(self._note_path, asdict(note))
        self.note = note
