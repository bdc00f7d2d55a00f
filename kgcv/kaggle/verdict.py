"""What becomes of a file that came and turns out to be unsound."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kgcv.archives.members import DamagedArchiveError, RefusedArchiveError
from kgcv.errors import DataError, KaggleError


class SizesDifferError(DataError):
    """What came is not what the listing says."""


@contextmanager
def judged(path: Path, label: str) -> Iterator[None]:
    """Use the file `path`, alone in its folder; if it is found unsound, it is thrown away, and its folder with it.

    After all other trouble, such as a full disk, it stays for the next call.

    Args:
        path: The file.
        label: What it is called in errors; nobody looks for it where it lies.

    Raises:
        KaggleError: it is damaged or cut, or not as listed; fetching it again may help.
        DataError: all others that are raised within.
    """
    try:
        yield
    except DataError as error:
        text = str(error).replace(str(path), label)
        match error:
            case DamagedArchiveError() | SizesDifferError():
                shutil.rmtree(path.parent)
                again = "it was thrown away, run the same command again to fetch it anew"
                raise KaggleError(f"{text}; {again}") from error
            case RefusedArchiveError():
                shutil.rmtree(path.parent)
                raise RefusedArchiveError(f"{text}, and it was thrown away") from error
        raise type(error)(text) from error
