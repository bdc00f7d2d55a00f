"""Reads 7z archives; the sole place that loads py7zr, and only when there is one to read."""

from __future__ import annotations

import lzma
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kgcv.archives.members import damaged, place_of, refused_kind, refused_password
from kgcv.archives.store import Store, StoredFile

if TYPE_CHECKING:
    from py7zr import SevenZipFile
    from py7zr.io import WriterFactory


def extract_7z(archive: Path, store: Store) -> None:
    """Put every member into `store`; see `kgcv.archives.formats.extract`."""
    with _open(archive) as content:
        for member in content.list():
            place = place_of(archive, member.filename)
            if not (member.is_file or member.is_directory):
                raise refused_kind(archive, member.filename)
            if member.is_directory and place is not None:
                store.make_folder(place)
        opened: list[StoredFile] = []

        def open_file(name: str) -> StoredFile:
            opened[:] = [_file_for(store, place_of(archive, name))]
            return opened[0]

        try:
            content.extractall(factory=_factory(open_file))
        finally:
            for file in opened:  # py7zr leaves it open when something goes wrong
                file.close()


def declared_in_7z(archive: Path) -> int:
    """Bytes that the members say they have."""
    with _open(archive) as content:
        return sum(member.uncompressed for member in content.list())


@contextmanager
def _open(archive: Path) -> Iterator[SevenZipFile]:
    import py7zr
    from py7zr import exceptions

    try:
        # An open file: given a name, py7zr would write several members at once.
        with archive.open("rb") as stream, py7zr.SevenZipFile(stream) as content:
            if content.needs_password():
                raise refused_password(archive)
            yield content
    except exceptions.PasswordRequired:
        raise refused_password(archive) from None
    except exceptions.UnsupportedCompressionMethodError as error:
        raise NotImplementedError(error.message) from error
    except exceptions.CrcError as error:
        raise damaged(archive, f"the checksum of {error.filename or 'a member'} does not fit") from error
    # A damaged header gives whatever its nonsense leads to.
    except (exceptions.ArchiveError, lzma.LZMAError, EOFError, LookupError, TypeError, AssertionError) as error:
        raise damaged(archive, error) from error


def _file_for(store: Store, place: str | None) -> StoredFile:
    """A file of the store, or one that is forgotten."""
    if place is not None:
        return store.open(place)
    return Store(store.archive, None, store.allowance, store.on_bytes).open("")


def _factory(open_file: Callable[[str], StoredFile]) -> WriterFactory:
    """What py7zr asks for a file for each member, in the order in which it reads them."""
    from py7zr.io import Py7zIO, WriterFactory

    class Member(Py7zIO):
        def __init__(self, file: StoredFile) -> None:
            self._file = file

        def write(self, s: bytes | bytearray) -> int:
            return self._file.write(s)

        def close(self) -> None:
            self._file.__exit__(None, None, None)

        def size(self) -> int:
            return self._file.size

        # Nothing is read back, though py7zr wants it to be possible.
        def read(self, size: int | None = None) -> bytes:
            return b""

        def seek(self, offset: int, whence: int = 0) -> int:
            return 0

        def flush(self) -> None:
            pass

    class Factory(WriterFactory):
        def create(self, filename: str) -> Py7zIO:
            return Member(open_file(filename))

    return Factory()
