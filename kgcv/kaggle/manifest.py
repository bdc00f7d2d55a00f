"""What was downloaded into a folder, and what became of it: so that a file that is there is not fetched again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from kgcv.archives.store import crc_of
from kgcv.archives.unpack import UnpackedFile
from kgcv.errors import DataError
from kgcv.files import read_json, try_lock, write_text

HOME = ".kgcv"
"""The folder below the data with the manifest and what is on its way in."""


@dataclass(frozen=True, slots=True)
class Output:
    """A file that came of a download."""

    path: str
    """Its place below the folder."""
    size: int
    """Bytes."""
    mtime_ns: int
    """When it was last found to be as it came."""
    crc32: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was downloaded: a file of a competition, the archive of all its files, or what a link gave."""

    stamp: str
    """The version at the server."""
    outputs: tuple[Output, ...]
    """What is there of it: the file, or what was unpacked from it."""


class Manifest:
    """The file `manifest.json`; every change is on disk when `save` returns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / HOME / "manifest.json"
        self._entries = self._read()

    def stamp(self, key: str) -> str:
        """The version that is there; empty where there is none, or files of it are missing or changed."""
        entry = self._entries.get(key)
        return entry.stamp if entry is not None and not self.faults(key) else ""

    def is_current(self, key: str, stamp: str, thorough: bool = False) -> bool:
        """Whether this version is there, with all its files as they came."""
        entry = self._entries.get(key)
        return entry is not None and entry.stamp == stamp and not self.faults(key, thorough)

    def faults(self, key: str, thorough: bool = False) -> list[str]:
        """The files of an entry that are missing or not as they came.

        A file whose size and time are the noted ones is taken for sound; one with another time is read and compared.

        Args:
            key: The entry.
            thorough: Read and compare all.
        """
        return [output.path for output in self._entries[key].outputs if not self._is_sound(output, thorough)]

    def knows(self, key: str) -> bool:
        """Whether there is such an entry."""
        return key in self._entries

    def paths(self, key: str) -> tuple[str, ...]:
        """What came of an entry."""
        return tuple(output.path for output in self._entries[key].outputs)

    def owns(self, key: str, path: str) -> bool:
        """Whether `path` came of this entry."""
        entry = self._entries.get(key)
        return entry is not None and any(output.path == path for output in entry.outputs)

    def note(self, stamps: Mapping[str, str], files: Iterable[UnpackedFile], origins: Mapping[str, str]) -> None:
        """Take up entries, each with the files that came of it, and save.

        Args:
            stamps: The version by entry.
            files: Files that lie in the folder.
            origins: The entry by `origin` of the files; files of other origins are not noted.
        """
        outputs: dict[str, list[Output]] = {key: [] for key in stamps}
        for file in files:
            key = origins.get(file.origin)
            if key is not None:
                time = (self._folder / file.name).stat().st_mtime_ns
                outputs[key].append(Output(file.name, file.size, time, file.crc32))
        for key, stamp in stamps.items():
            self._entries[key] = Entry(stamp, tuple(outputs[key]))
        self.save()

    def save(self) -> None:
        """Write the file."""
        value = {
            key: {"stamp": entry.stamp, "outputs": [astuple(output) for output in entry.outputs]}
            for key, entry in self._entries.items()
        }
        write_text(self._path, json.dumps({"version": 1, "entries": value}, ensure_ascii=False) + "\n")

    def _is_sound(self, output: Output, thorough: bool) -> bool:
        path = self._folder / output.path
        try:
            status = path.stat()
        except OSError:
            return False
        if status.st_size != output.size or not path.is_file():
            return False
        return (status.st_mtime_ns == output.mtime_ns and not thorough) or crc_of(path) == output.crc32

    def _read(self) -> dict[str, Entry]:
        if not self._path.exists():
            return {}
        try:
            value: Any = read_json(self._path)["entries"]
            return {
                key: Entry(each["stamp"], tuple(Output(*output) for output in each["outputs"]))
                for key, each in value.items()
            }
        except (KeyError, TypeError, AttributeError):
            raise DataError(f"{self._path}: is of another version; remove it to download anew") from None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other downloads out of `folder`; a process that dies lets go.

    Raises:
        DataError: another one is at work there, or the folder cannot be made.
    """
    home = folder / HOME
    try:
        home.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise DataError(f"{folder}: is a file, or lies below one; name a folder") from None
    with (home / "lock").open("w") as stream:
        if not try_lock(stream):
            raise DataError(f"{folder}: another download into this folder is at work")
        for path in home.glob(".*.tmp"):  # of a process that was killed while it wrote
            path.unlink()
        yield
