"""Files that are whole or absent: atomic writes, hashes."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import json
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any, TextIO

from kgcv.errors import DataError, printable


def open_file(path: Path) -> io.BufferedReader:
    """The content of a regular file.

    A pipe or a device in its place, which may have no end or never begin, is an error and nobody waits for it.

    Raises:
        OSError: as `open`, or `path` is neither a file nor a link to one.
    """
    stream = open(path, "rb", opener=_open_at_once)  # noqa: SIM115  Path.open takes no opener
    if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        return stream
    stream.close()
    raise OSError(errno.EINVAL, "is no regular file", str(path))


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # without it a pipe would be waited for


def read_text(path: Path) -> str:
    """The content of a regular UTF-8 file.

    Raises:
        OSError: as `open_file`.
        UnicodeDecodeError: it is no UTF-8.
    """
    with open_file(path) as stream:
        return stream.read().decode("utf-8")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its name when the block ends well, and vanishes when it does not.

    The content is flushed to disk before the rename, the folder after it, so that a crash at any moment leaves
    either the old file or the new one. What killed processes left beside `path` is removed.

    Raises:
        OSError: from the block or from here; it names `path` where it named nothing or the temporary one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_left(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(temporary)):
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _remove_left(path: Path) -> None:
    """Remove what processes of this machine that have ended left of `atomic_path(path)`."""
    for left in path.parent.glob(f".{escape(path.name)}.*-*.tmp"):
        owner = left.name.rsplit(".", 2)[1].split("-", 1)[0]
        if owner.isdecimal() and not _is_alive(int(owner)):
            left.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's; no number of a process
        return True
    return True


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
        return json.loads(read_text(path))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not valid JSON: {error}") from error


@contextmanager
def as_written(path: Path) -> Iterator[None]:
    """Within it, whatever fails for the content of `path`, which kgcv wrote, is an error that names the file.

    Raises:
        DataError: a value is missing, or of another kind than kgcv writes.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        found = f"{type(error).__name__}: {error}"
        raise DataError(f"{path}: is not as kgcv writes it ({printable(found)})") from error


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
    if path.exists():
        with open_file(path) as stream:
            content = stream.read().decode("utf-8", errors="replace")
        for line in content.split("\n"):
            with suppress(ValueError):
                values.append(json.loads(line))
    return values


def hash_json(value: Any) -> str:
    """SHA-256 of `value` as canonical JSON, in hexadecimal; equal values give equal hashes."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 of the content of `path`, in hexadecimal."""
    with open_file(path) as stream:
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
