"""Files that are whole or absent: atomic writes, hashes."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from kgcv.errors import DataError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its name when the block ends well, and vanishes when it does not.

    The content is flushed to disk before the rename, the folder after it, so that a crash at any moment leaves
    either the old file or the new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left of `atomic_path` in `folder` and below; nobody may be writing there."""
    for path in folder.rglob(".*.tmp"):
        path.unlink()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` as UTF-8 with the line ends it has, whole or not at all."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """The value stored in `path`.

    Raises:
        DataError: the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path}: is not valid JSON: {error}") from error


def append_json_lines(path: Path, values: Iterable[Any]) -> None:
    """Append each of `values` to `path` as one line of JSON.

    After a line that a crash cut off a new one is begun, so that only that one is lost.
    """
    lines = "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)
    with path.open("ab+") as stream:
        if stream.tell() > 0:
            stream.seek(-1, os.SEEK_END)
            lines = lines if stream.read(1) == b"\n" else "\n" + lines
        stream.write(lines.encode("utf-8"))


def read_json_lines(path: Path) -> list[Any]:
    """The values in the lines of `path`; none where there is no file. A line that a crash cut off is passed over."""
    values = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
            with suppress(ValueError):
                values.append(json.loads(line))
    return values


def hash_json(value: Any) -> str:
    """SHA-256 of `value` as canonical JSON, in hexadecimal; equal values give equal hashes."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 of the content of `path`, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def point_latest(folder: Path) -> None:
    """Make the link `latest` beside `folder` point to it, replacing an older one in one step."""
    temporary = folder.with_name(f".latest.{secrets.token_hex(4)}")
    temporary.symlink_to(folder.name)
    temporary.replace(folder.with_name("latest"))


def try_lock(stream: TextIO) -> bool:
    """Whether this process now holds the lock of an open file, which no other process did.

    The system lets go of it when the file is closed or the process ends, however it ends.
    """
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock of the file `path`; not where there is no such file.

    The look takes a shared lock for an instant, so that those who look do not see each other.
    """
    try:
        with path.open(encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
