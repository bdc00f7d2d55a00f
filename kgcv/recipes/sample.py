"""Lays out a sample as a competition hands it out, with a config beside it: unpacked, or painted on the spot."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from kgcv.archives.unpack import unpack
from kgcv.errors import DataError, StopRequested, listed
from kgcv.events import Reporter, StopCheck, TaskAdvanced, TaskDone, TaskStarted
from kgcv.files import read_json, write_json, write_text
from kgcv.recipes.sample_kinds import TileCounts

if TYPE_CHECKING:
    from kgcv.data.satellite import TileKey

TILE_QUALITY = 85
"""JPEG quality of the sample `satellite`; a tile has about 17 kB."""

USUAL_TAGS = "primary clear agriculture road water"
"""What the sample submission of Planet's competition says of every tile."""

_ROOT_LINE = re.compile(r"^(  root: ).*$", re.MULTILINE)

_MAX_THREADS = 8


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
        missing = _find_missing(checksums, folder, [config])
        if missing:
            _unpack_missing(archive, folder, missing)
    if not config.is_file():
        write_text(config, _config_text(name, folder))
    num_train, num_test = (sum(file.startswith(part) for file in checksums) for part in ("train/", "test/"))
    return SampleResult(folder, config, num_train, num_test, is_new=bool(missing))


def paint_satellite(folder: Path, counts: TileCounts, reporter: Reporter, should_stop: StopCheck) -> SampleResult:
    """Paint the sample `satellite` into `folder`, with `satellite.yaml` whose `data.root` is `folder`.

    It is laid out as Planet's competition: `train-jpg/train_0.jpg`, ..., `train.csv`, `test-jpg/test_0.jpg`, ...,
    `sample_submission.csv`. The true tags of the test tiles are kept apart in `solution.csv`, which nothing reads;
    `satellite.json` notes the counts. Images are written before tables, each file whole; a killed call finishes
    when it is made again, and paints only what is missing.

    Raises:
        DataError: `folder` holds something else or the sample with other counts, or is not a folder.
        StopRequested: a signal asked for an end; the next call goes on from there.
    """
    note, config = folder / "satellite.json", folder / "satellite.yaml"
    _check_note(note, counts)
    tiles, tables = _tile_keys(counts), _tile_tables(counts)
    checksums = {name: zlib.crc32(text.encode()) for name, text in tables.items()}
    missing = _find_missing({**dict.fromkeys(tiles), **checksums}, folder, [note, config])
    if missing:
        write_json(note, asdict(counts))
        _paint_missing(folder, tiles, set(missing), reporter, should_stop)
        for name in (name for name in tables if name in missing):
            write_text(folder / name, tables[name])
    if not config.is_file():
        write_text(config, _config_text("satellite", folder))
    return SampleResult(folder, config, counts.num_train, counts.num_test, is_new=bool(missing))


def _check_note(note: Path, counts: TileCounts) -> None:
    """Refuse a folder that has been begun with other counts."""
    if note.is_file() and (found := read_json(note)) != asdict(counts):
        raise DataError(
            f"{note.parent}: holds the sample with {_phrase(found)}, not with {_phrase(asdict(counts))}; "
            "name a new or empty folder"
        )


def _phrase(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{key} {value}" for key, value in counts.items())


def _tile_keys(counts: TileCounts) -> dict[str, TileKey]:
    """The tile of each image file."""
    from kgcv.data.satellite import Part, TileKey

    train = {f"train-jpg/train_{i}.jpg": TileKey(counts.seed, Part.TRAIN, i) for i in range(counts.num_train)}
    test = {f"test-jpg/test_{i}.jpg": TileKey(counts.seed, Part.TEST, i) for i in range(counts.num_test)}
    return train | test


def _tile_tables(counts: TileCounts) -> dict[str, str]:
    """The text of each table."""
    from kgcv.data.satellite import Part, tile_tags

    tags = {Path(name).stem: " ".join(tile_tags(key)) for name, key in _tile_keys(counts).items()}
    ids = {part: [id_ for id_ in tags if id_.startswith(part.name.lower())] for part in Part}
    return {
        "train.csv": _table_text((id_, tags[id_]) for id_ in ids[Part.TRAIN]),
        "sample_submission.csv": _table_text((id_, USUAL_TAGS) for id_ in ids[Part.TEST]),
        "solution.csv": _table_text((id_, tags[id_]) for id_ in ids[Part.TEST]),
    }


def _table_text(rows: Iterable[Sequence[str]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([("image_name", "tags"), *rows])
    return stream.getvalue()


def _paint_missing(
    folder: Path, tiles: Mapping[str, TileKey], missing: Collection[str], reporter: Reporter, should_stop: StopCheck
) -> None:
    from kgcv.data.images import write_jpeg
    from kgcv.data.satellite import paint_tile

    def paint(name: str) -> None:
        write_jpeg(folder / name, paint_tile(tiles[name]), TILE_QUALITY)

    names = [name for name in tiles if name in missing]
    reporter.report(TaskStarted("satellite", len(tiles), unit="tiles", done=len(tiles) - len(names)))
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _MAX_THREADS)) as pool:
        try:
            for _ in pool.map(paint, names):
                reporter.report(TaskAdvanced(1))
                if (signal_number := should_stop()) is not None:
                    raise StopRequested(signal_number, "sample stopped; run the same command again to go on")
        finally:
            pool.shutdown(cancel_futures=True)
    reporter.report(TaskDone("satellite"))


def _find_missing(checksums: Mapping[str, int | None], folder: Path, more: Collection[Path]) -> list[str]:
    """The sample's files that are not in `folder`; a folder with files of something else is refused.

    Args:
        checksums: CRC-32 of each file; None where any content will do, if there is some.
        folder: where they belong.
        more: other files that may lie there.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is a file; name a new or empty folder")
    missing = [file for file in checksums if not (folder / file).is_file()]
    foreign = [file for file in checksums.keys() - missing if not _is_sound(folder / file, checksums[file])]
    if missing:
        known = {folder / file for file in checksums} | set(more)
        others = (path for path in folder.rglob("[!.]*") if path.is_file() and path not in known)
        foreign += [str(path.relative_to(folder)) for path in others]
    if foreign:
        raise DataError(
            f"{folder}: holds files that are not the sample's: {listed(sorted(foreign))}; name a new or empty folder"
        )
    return missing


def _is_sound(path: Path, checksum: int | None) -> bool:
    return path.stat().st_size > 0 if checksum is None else zlib.crc32(path.read_bytes()) == checksum


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
