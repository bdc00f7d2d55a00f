"""Files that end in a seal, the hash of what is before it, so that a damaged one is known as such."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from kgcv.errors import CheckpointError

_MARK = b"kgcv sha256:"
SEAL_LENGTH = len(_MARK) + hashlib.sha256().digest_size
"""Bytes; zip readers, torch's among them, pass over what follows the archive."""


class SealedStream:
    """A file being written, whose hash grows with it; all that `torch.save` asks of a file.

    `trouble` is what went wrong with the file, such as a full disk.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self.trouble: OSError | None = None

    def write(self, content: bytes) -> int:
        """Write and hash."""
        self._hash.update(content)
        try:
            return self._stream.write(content)
        except OSError as error:
            self.trouble = error
            raise

    def flush(self) -> None:
        """Pass on what is buffered."""
        self._stream.flush()

    def seal(self) -> None:
        """Write the hash of all that was written."""
        self._stream.write(_MARK + self._hash.digest())


def write_sealed(path: Path, write: Callable[[SealedStream], None]) -> None:
    """Let `write` fill the file `path`, seal it, and read it once more to prove that it is whole.

    Raises:
        CheckpointError: what was read is not what was written.
        OSError: the file cannot be written.
    """
    with path.open("wb") as stream:
        sealed = SealedStream(stream)
        try:
            write(sealed)
        except RuntimeError as error:  # torch has words of its own for it
            raise sealed.trouble or error from None
        sealed.seal()
    check_seal(path)


def check_seal(path: Path) -> None:
    """Raise where the file is not as it was written.

    Raises:
        CheckpointError: it cannot be read, has no seal, or another hash.
    """
    digest, left = hashlib.sha256(), 0
    try:
        with path.open("rb") as stream:
            left = path.stat().st_size - SEAL_LENGTH
            while left > 0 and (piece := stream.read(min(left, 1 << 20))):
                digest.update(piece)
                left -= len(piece)
            seal = stream.read()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    if seal != _MARK + digest.digest():
        raise CheckpointError(f"{path}: is damaged: its content is not what was written")
