"""What is to be downloaded of a competition."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kgcv.archives.members import place_of
from kgcv.errors import ConfigError, KaggleError, listed
from kgcv.files import hash_json
from kgcv.kaggle.records import RemoteFile

Packing = Literal["remove", "keep", "only"]
"""What becomes of archives: `remove` once unpacked, `keep` beside what was unpacked, `only` keep, nothing unpacked."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to download, and how."""

    slug: str
    folder: Path
    names: tuple[str, ...] = ()
    """Files or folders as listed, or patterns such as `train/*.jpg`; none for all."""
    packing: Packing = "remove"
    thorough: bool = False
    """Read what is there and compare checksums, instead of trusting size and time."""


def choose(listing: Sequence[RemoteFile], names: Sequence[str], slug: str) -> list[RemoteFile]:
    """The files of the listing that have these names, lie in these folders, or fit these patterns; all for no names.

    Raises:
        ConfigError: a name fits nothing.
        DataError: a file's name leads out of the folder.
        KaggleError: there are no files.
    """
    if not listing:
        raise KaggleError(f"{slug}: Kaggle lists no files of this competition; nothing was downloaded")
    files = [file for file in listing if place_of(Path(slug), file.name) is not None]
    if not names:
        return files
    chosen, problems = set(), []
    for name in names:
        inside = f"{name.rstrip('/')}/"
        fitting = {file.name for file in files if file.name == name or file.name.startswith(inside)}
        fitting = fitting or {file.name for file in files if fnmatch.fnmatchcase(file.name, name)}
        chosen |= fitting
        if not fitting:
            close = difflib.get_close_matches(name, [file.name for file in files], 3, 0.5)
            hint = f"did you mean {listed(close)}?" if close else f"it has: {listed(file.name for file in files)}"
            problems.append(f"{slug} has no file {name!r}; {hint}")
    if problems:
        raise ConfigError(problems)
    return [file for file in files if file.name in chosen]


def version(files: Sequence[RemoteFile]) -> str:
    """A text that changes with the sizes or dates of `files`."""
    return hash_json([[file.name, file.size, file.created.isoformat()] for file in files])
