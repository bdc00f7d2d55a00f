"""Where a member of an archive may land, and which members are refused."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from kgcv.errors import DataError


class LockedArchiveError(DataError):
    """An archive that may be sound, but cannot be read here: encrypted, or compressed in a way that is not known."""


class DamagedArchiveError(DataError):
    """An archive that is not as its checksums or its own format say; another copy of it may be sound."""


class RefusedArchiveError(DataError):
    """An archive that would do harm, or is nothing that a data set needs; another copy of it would do the same."""


_DRIVE = re.compile(r"[A-Za-z]:[\\/]")

# What one finds beside the files in archives made on a Mac.
_JUNK = re.compile(r"(^|/)(__MACOSX|\.DS_Store|\._[^/]*)(/|$)")


def place_of(archive: Path, name: str) -> str | None:
    """The place of member `name` below the folder, with `/` between its parts; None for what is left out.

    Archives made on Windows have names with backslashes. What macOS adds (`__MACOSX`, `._*`, `.DS_Store`) is left
    out: image readers would stumble over `._1.jpg`.

    Raises:
        DataError: the member would be written outside the folder.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or _DRIVE.match(name) or ".." in path.parts or "\0" in name:
        raise RefusedArchiveError(
            f"{archive}: member {name!r} would be written outside the folder; nothing was unpacked"
        )
    text = str(path)
    return None if text == "." or _JUNK.search(text) else text


def refused_kind(archive: Path, name: str) -> DataError:
    """The error for a member that is neither a file nor a folder."""
    return RefusedArchiveError(
        f"{archive}: member {name!r} is a link or a device, which no data set needs; nothing was unpacked"
    )


def refused_password(archive: Path) -> LockedArchiveError:
    """The error for an archive whose content or names are encrypted."""
    return LockedArchiveError(f"{archive}: is encrypted; unpack it by hand, with its password")


def damaged(archive: Path, reason: object) -> DamagedArchiveError:
    """The error for a checksum that does not fit, or a structure that makes no sense."""
    return DamagedArchiveError(f"{archive}: cannot be unpacked, it is damaged or cut: {reason}")
