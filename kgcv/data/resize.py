"""The offline job that makes stores of smaller copies, and the door to what it made.

A store is valid only for the file list, the files' sizes and modification stamps, and the settings that made
it; a stale one is rebuilt, never trusted. The job goes on after a kill where its journal ends, and two
processes that want the same store wait for each other.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from contextlib import closing
from dataclasses import astuple, dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from kgcv.config.schema import Config, ResizeConfig
from kgcv.data.images import ImageSource, Scaling, read_image
from kgcv.data.jpeg_tree import JpegTree, JpegWriter
from kgcv.data.originals import OriginalImages, Originals
from kgcv.data.packed import PackedImages, PackedWriter
from kgcv.data.store_job import fill_store, hold_lock
from kgcv.data.store_notes import Failure, Journal, StoreNotes
from kgcv.data.watch import Watch
from kgcv.errors import DataError, listed
from kgcv.files import hash_json, write_text

STORE_VERSION = 1
"""To be raised whenever the same settings give other pixels or another layout."""


@dataclass(frozen=True, slots=True)
class StoreSpec:
    """Which store: everything but the samples."""

    kind: Literal["packed", "jpeg", "none"]
    folder: Path
    """Folder of all stores of one data root."""
    part: str
    """`train` (all labelled samples) or `test`."""
    scaling: Scaling
    """From the originals to the copies."""
    channels: int
    root: Path
    """The data's root; file names count from here."""

    @property
    def settings(self) -> tuple[object, ...]:
        """What decides the pixels, besides the originals."""
        return STORE_VERSION, self.kind, self.channels, astuple(self.scaling)

    @property
    def path(self) -> Path:
        """The packed file, or the folder of the JPEG tree."""
        name = str(self.scaling.edge)
        name += "" if self.channels == 3 else f"-{self.channels}channels"
        name += "-enlarged" if self.scaling.enlarge else ""
        return self.folder / (name if self.kind == "jpeg" else f"{self.part}-{name}.packed")

    def beside(self, ending: str) -> Path:
        """A file that goes with the store, such as its `left_out.csv`."""
        stem = f"{self.part}-{self.path.name}.jpeg" if self.kind == "jpeg" else self.path.name
        return self.folder / f"{stem}.{ending}"


@dataclass(frozen=True, slots=True)
class Store:
    """A store that is current."""

    images: ImageSource
    """Row by row; images left out keep their row, but reading it is an error."""
    signature: str
    """A hash over the files (list, sizes, modification stamps) and the settings that decide what is read."""
    left_out: frozenset[str] = frozenset()
    """Ids that this very store was made without, by `--skip-bad`."""


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What `build_store` did."""

    num_images: int
    num_built: int
    """Images made now; the rest was there already."""
    num_small: int
    """Images kept smaller than the edge, because the originals are."""
    num_bytes: int
    """Size of the finished store; 0 of an unfinished one."""
    failures: tuple[Failure, ...] = ()
    """Images that could not be read."""
    is_final: bool = True
    """The store is complete, but for failures that were left out by choice."""


def stored_edge(image_size: int, ratio: float) -> int:
    """floor(image_size * ratio) in decimal arithmetic, so that 100 * 1.15 is 115."""
    return int(image_size * Decimal(str(ratio)))


def scaling_of(config: ResizeConfig, edge: int) -> Scaling:
    """How originals become copies with the shortest edge `edge`, in pixels."""
    return Scaling(edge, config.enlarge)


def store_spec(config: Config, part: str, image_size: int) -> StoreSpec:
    """The store that a stage of `image_size` reads, for `part` `train` or `test`."""
    return StoreSpec(
        kind=config.resize.store,
        folder=stores_folder(config),
        part=part,
        scaling=scaling_of(config.resize, stored_edge(image_size, config.resize.ratio)),
        channels=config.model.channels,
        root=Path(config.data.root),
    )


def stores_folder(config: Config) -> Path:
    """The folder of all stores of the config's data root, and of whatever else is known about its images."""
    root = Path(config.data.root).resolve()
    return Path(config.resize.folder) / f"{root.name}-{hash_json(str(root))[:8]}"


def open_store(originals: Originals, spec: StoreSpec) -> Store:
    """The store that was made from `originals`.

    Raises:
        DataError: the store is missing or stale.
    """
    signature = originals.signature(spec.settings)
    if spec.kind == "none":
        return Store(OriginalImages(originals.samples.paths, spec.channels, spec.scaling), signature)
    store = _find_current(spec, signature)
    if store is None:
        raise DataError(
            f"{spec.path}: the {spec.part} store is missing, or images or settings have changed since;"
            " run `kgcv resize CONFIG`"
        )
    return Store(store, signature, frozenset(failure.id for failure in store.notes.left_out))


def ensure_store(originals: Originals, spec: StoreSpec, watch: Watch) -> Store:
    """Build the store if it is not current, and open it.

    Raises:
        DataError: images cannot be read; the text lists them.
        StopRequested: a signal asked for an end.
    """
    report = build_store(originals, spec, watch)
    if not report.is_final:
        raise unreadable(report.failures, f"{spec.part} images")
    return open_store(originals, spec)


def unreadable(failures: Sequence[Failure], what: str) -> DataError:
    """The error that lists images which could not be read and were not left out by choice."""
    found = listed(f"{failure.path} ({failure.reason})" for failure in failures)
    return DataError(
        f"cannot read {len(failures)} of the {what}: {found}; "
        "mend or remove them, or leave them out with `kgcv resize CONFIG --skip-bad`"
    )


def build_store(originals: Originals, spec: StoreSpec, watch: Watch, skip_bad: bool = False) -> StoreReport:
    """Make the store unless it is current; goes on where an interrupted run ended.

    With unreadable images the store stays unfinished, and the next run tries only those again; with
    `skip_bad` it is finished without them, and they are listed in `<store>.left_out.csv` (id, path, reason).

    Raises:
        DataError: the store cannot hold such images.
        StopRequested: a signal asked for an end; what was done is kept.
    """
    if spec.kind == "none":
        return StoreReport(len(originals.samples), num_built=0, num_small=0, num_bytes=0)
    with hold_lock(spec.beside("lock"), watch):
        store = _find_current(spec, originals.signature(spec.settings))
        if store is None:
            report = _build(originals, spec, watch, skip_bad)
        else:
            report = _describe(spec, store.entries, 0, store.notes.left_out, is_final=True)
        if report.is_final:
            spec.beside("journal").unlink(missing_ok=True)
        return report


def _find_current(spec: StoreSpec, signature: str) -> PackedImages | JpegTree | None:
    try:
        store = PackedImages(spec.path) if spec.kind == "packed" else JpegTree(spec.path, spec.part, spec.channels)
    except DataError:  # missing or damaged: the same as stale, it will be made anew
        return None
    return store if store.notes.signature == signature else None


def _build(originals: Originals, spec: StoreSpec, watch: Watch, skip_bad: bool) -> StoreReport:
    key = hash_json(spec.settings)
    with (
        closing(_open_writer(spec, originals)) as writer,
        closing(Journal(spec.beside("journal"), key, originals.stamps(), writer.resume)) as journal,
    ):
        num_missing = len(journal.missing_rows)
        name = f"resize {spec.part} to {spec.scaling.edge}"
        failures = fill_store(name, originals.samples, writer, journal, watch)
        is_final = skip_bad or not failures
        if is_final:
            _write_list(spec.beside("left_out.csv"), failures)
            writer.finish(journal.entries, StoreNotes(originals.signature(spec.settings), failures))
    return _describe(spec, journal.entries, num_missing - len(failures), failures, is_final)


def _open_writer(spec: StoreSpec, originals: Originals) -> PackedWriter | JpegWriter:
    read = partial(_read_copy, originals.samples.paths, spec.channels, spec.scaling)
    if spec.kind == "packed":
        return PackedWriter(spec.path, spec.channels, read)
    return JpegWriter(spec.path, spec.part, originals.names, spec.channels, read)


def _read_copy(paths: Sequence[Path], channels: int, scaling: Scaling, row: int) -> np.ndarray:
    """The copy of the image of a row, see `read_image`."""
    return read_image(paths[row], channels, scaling)


def _describe(
    spec: StoreSpec, entries: np.ndarray, num_built: int, failures: tuple[Failure, ...], is_final: bool
) -> StoreReport:
    shortest = np.minimum(entries["height"], entries["width"])
    return StoreReport(
        num_images=len(entries),
        num_built=num_built,
        num_small=int(((shortest > 0) & (shortest < spec.scaling.edge)).sum()),
        num_bytes=_num_bytes(spec, entries) if is_final else 0,
        failures=failures,
        is_final=is_final,
    )


def _num_bytes(spec: StoreSpec, entries: np.ndarray) -> int:
    return int(entries["place"].sum()) if spec.kind == "jpeg" else spec.path.stat().st_size


def _write_list(path: Path, failures: tuple[Failure, ...]) -> None:
    path.unlink(missing_ok=True)
    if failures:
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(("id", "path", "reason"))
        rows.writerows((failure.id, failure.path, failure.reason) for failure in failures)
        write_text(path, text.getvalue())
