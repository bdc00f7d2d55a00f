"""Reads zip, tar and 7z: every member goes into a store, and every checksum that the archive carries is compared."""

from __future__ import annotations

import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from kgcv.archives.members import (
    DamagedArchiveError,
    LockedArchiveError,
    damaged,
    place_of,
    refused_kind,
    refused_password,
)
from kgcv.archives.seven_zip import declared_in_7z, extract_7z
from kgcv.archives.store import CHUNK, Store

Format = Literal["zip", "tar", "7z"]

SUFFIXES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tar.7z", ".tgz", ".tbz2", ".txz", ".tar", ".zip", ".7z")
"""Ends of the names of archives; a `.csv.gz` is none, it is read as it is."""

_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
# LookupError: a zip's member without a name.
_DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, ValueError, LookupError),
)
_SEVEN_ZIP_START = b"7z\xbc\xaf\x27\x1c"


def find_suffix(name: str) -> str:
    """The end of `name` that makes it an archive's, in any case; empty if none does."""
    return next((name[-len(suffix) :] for suffix in SUFFIXES if name.lower().endswith(suffix)), "")


def find_format(path: Path) -> Format | None:
    """What `path` is by its content; None for everything that is no archive."""
    with path.open("rb") as stream:
        start = stream.read(6)
    if start.startswith(_ZIP_STARTS):
        return "zip"
    if start == _SEVEN_ZIP_START:
        return "7z"
    try:
        # An empty file passes for an empty tar.
        return "tar" if start and tarfile.is_tarfile(path) else None
    except (EOFError, zlib.error, lzma.LZMAError):
        return None


def extract(archive: Path, store: Store) -> None:
    """Put every member of `archive` into `store`.

    Raises:
        DataError: not an archive, damaged, cut or encrypted, or a member is a link or a device, would leave the
            folder, or is compressed in a way that cannot be read here.
    """
    kind = find_format(archive)
    if kind is None:
        raise DamagedArchiveError(f"{archive}: is not a zip, tar or 7z archive, or its beginning is damaged")
    readers: dict[Format, Callable[[Path, Store], None]] = {
        "zip": _extract_zip,
        "tar": _extract_tar,
        "7z": extract_7z,
    }
    with _told_of(archive):
        readers[kind](archive, store)


@contextmanager
def _told_of(archive: Path) -> Iterator[None]:
    """Within it, what Python's readers raise is told of the archive.

    Raises:
        DataError: damaged, or of a kind that cannot be read here.
    """
    try:
        yield
    except NotImplementedError as error:
        raise LockedArchiveError(
            f"{archive}: cannot be read here ({error}); unpack it by hand with 7z or unzip"
        ) from error
    except _DAMAGE as error:
        raise damaged(archive, error) from error
    except OSError as error:
        if error.errno is None:  # gzip and bzip2 tell of damage in this way
            raise damaged(archive, error) from error
        raise


def zip_sizes(archive: Path) -> dict[str, int]:
    """Bytes of each file of a zip, by its name as it stands there.

    Raises:
        DataError: damaged or cut, or of a kind that cannot be read here.
    """
    with _told_of(archive), zipfile.ZipFile(archive) as content:
        return {member.filename: member.file_size for member in content.infolist() if not member.is_dir()}


def declared_size(archive: Path) -> int | None:
    """Bytes that the members say they have; None where only unpacking would tell.

    Raises:
        DataError: damaged, cut or encrypted.
    """
    match find_format(archive):
        case "zip":
            return sum(zip_sizes(archive).values())
        case "7z":
            return declared_in_7z(archive)
    return archive.stat().st_size if archive.suffix.lower() == ".tar" else None


def _extract_zip(archive: Path, store: Store) -> None:
    with zipfile.ZipFile(archive) as content:
        for member in content.infolist():
            place = place_of(archive, member.filename)
            if place is None:
                continue
            kind = stat.S_IFMT(member.external_attr >> 16)
            if member.is_dir() or kind == stat.S_IFDIR:
                store.make_folder(place)
                continue
            if kind not in (0, stat.S_IFREG):
                raise refused_kind(archive, member.filename)
            if member.flag_bits & 1:
                raise refused_password(archive)
            with content.open(member) as source, store.open(place) as target:
                shutil.copyfileobj(source, target, CHUNK)


def _extract_tar(archive: Path, store: Store) -> None:
    with tarfile.open(archive) as content:
        while (member := content.next()) is not None:
            # tarfile would remember every member to the end.
            content.members.clear()  # type: ignore[attr-defined]
            place = place_of(archive, member.name)
            if place is not None:
                _extract_tar_member(content, member, place, store)
        stream = content.fileobj
        assert stream is not None, "an open archive has its file"
        stream.seek(content.offset)
        if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise EOFError("where the next member or the end mark should be, there is neither")
        # The checksum of a compressed one stands at the very end.
        while stream.read(CHUNK):
            pass


def _extract_tar_member(content: tarfile.TarFile, member: tarfile.TarInfo, place: str, store: Store) -> None:
    if member.isdir():
        store.make_folder(place)
        return
    source = content.extractfile(member) if member.isfile() else None
    if source is None:
        raise refused_kind(store.archive, member.name)
    with source, store.open(place) as target:
        shutil.copyfileobj(source, target, CHUNK)
