"""Lays out an embedded data set as a competition hands it out, with a config beside it."""

from __future__ import annotations

import json
import re
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from kgcv.errors import DataError, listed
from kgcv.files import unpack, write_text

SAMPLE_NAMES = ("fashion",)

_ROOT_LINE = re.compile(r"^(  root: ).*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SampleResult:
    """Where a sample lies and what it holds."""

    folder: Path
    config: Path
    num_train: int
    num_test: int
    is_new: bool
    """False if the folder already held the sample."""


def unpack_sample(name: str, folder: Path) -> SampleResult:
    """Unpack the sample `name` into `folder`, with `<name>.yaml` whose `data.root` is `folder`.

    Every file appears whole, the tables after the images; a killed call finishes when it is made again. A
    config that is there already, perhaps edited, is left alone.

    Raises:
        DataError: `folder` holds something else, or is not a folder.
    """
    config = folder / f"{name}.yaml"
    with resources.as_file(resources.files("kgcv") / "samples" / f"{name}.zip") as archive:
        with zipfile.ZipFile(archive) as content:
            checksums = {member.filename: member.CRC for member in content.infolist()}
        missing = _find_missing(checksums, folder, config)
        if missing:
            _unpack_missing(archive, folder, missing)
    if not config.is_file():
        write_text(config, _config_text(name, folder))
    num_train, num_test = (sum(file.startswith(part) for file in checksums) for part in ("train/", "test/"))
    return SampleResult(folder, config, num_train, num_test, is_new=bool(missing))


def _find_missing(checksums: Mapping[str, int], folder: Path, config: Path) -> list[str]:
    """The sample's files that are not in `folder`; a folder with files of something else is refused."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is a file; name a new or empty folder")
    missing = [file for file in checksums if not (folder / file).is_file()]
    foreign = [file for file in checksums.keys() - missing if _checksum(folder / file) != checksums[file]]
    if missing:
        known = {folder / file for file in checksums} | {config}
        others = (path for path in folder.rglob("[!.]*") if path.is_file() and path not in known)
        foreign += [str(path.relative_to(folder)) for path in others]
    if foreign:
        raise DataError(
            f"{folder}: holds files that are not the sample's: {listed(sorted(foreign))}; name a new or empty folder"
        )
    return missing


def _checksum(path: Path) -> int:
    return zlib.crc32(path.read_bytes())


def _unpack_missing(archive: Path, folder: Path, missing: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpacking.", dir=folder) as temporary:
        unpack(archive, Path(temporary))
        # Images first: whoever waits for train.csv then finds them all.
        for file in sorted(missing, key=lambda file: ("/" not in file, file)):
            target = folder / file
            target.parent.mkdir(exist_ok=True)
            (Path(temporary) / file).replace(target)


def _config_text(name: str, folder: Path) -> str:
    template = (resources.files("kgcv") / "samples" / f"{name}.yaml").read_text(encoding="utf-8")
    # A JSON string is a YAML string too, whatever characters the folder's name has.
    root = str(folder) if re.fullmatch(r"[\w./-]+", str(folder)) else json.dumps(str(folder))
    text, count = _ROOT_LINE.subn(lambda match: match[1] + root, template)
    assert count == 1, f"{name}.yaml must have one line 'root:'"
    return text
