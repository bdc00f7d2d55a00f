"""The offline job that makes stores of smaller copies, and the door to what it made.

A store is valid only for the file list, the files' sizes and modification stamps, and the settings that made
it; a stale one is rebuilt, never trusted. The job goes on after a kill where its journal ends, and two
processes that want the same store wait for each other.
"""

from __future__ import annotations

import csv
import io
import os
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
from kgcv.data.originals import OriginalImages, OriginalsState, look_at_originals
from kgcv.data.packed import PackedImages, PackedWriter
from kgcv.data.samples import SampleTable
from kgcv.data.store_job import StoreJob
from kgcv.data.store_notes import Failure, Journal, StoreNotes
from kgcv.errors import DataError, listed
from kgcv.events import Reporter, StopCheck
from kgcv.files import hash_json, write_text

STORE_VERSION = 1
"""To be raised whenever the same settings give other pixels or another layout."""

_MAX_THREADS = 8


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


def num_threads(workers: int) -> int:
    """Threads that read images: `workers`, or for 0 one for each core, at most 8."""
    return workers or min(os.cpu_count() or 1, _MAX_THREADS)


def stored_edge(image_size: int, ratio: float) -> int:
    """floor(image_size * ratio) in decimal arithmetic, so that 100 * 1.15 is 115."""
    return int(image_size * Decimal(str(ratio)))


def scaling_of(config: ResizeConfig, edge: int) -> Scaling:
    """How originals become copies with the shortest edge `edge`, in pixels."""
    return Scaling(edge, config.enlarge)


def store_spec(config: Config, part: str, image_size: int) -> StoreSpec:
    """The store that a stage of `image_size` reads, for `part` `train` or `test`."""
    root = Path(config.data.root)
    mark = hash_json(str(root.resolve()))[:8]
    return StoreSpec(
        kind=config.resize.store,
        folder=Path(config.resize.folder) / f"{root.resolve().name}-{mark}",
        part=part,
        scaling=scaling_of(config.resize, stored_edge(image_size, config.resize.ratio)),
        channels=config.model.channels,
        root=root,
    )


def is_current(samples: SampleTable, spec: StoreSpec) -> bool:
    """Whether the store is complete and made from exactly these files and settings.

    Raises:
        DataError: an original is missing.
    """
    return spec.kind == "none" or _find_current(spec, look_at_originals(samples, spec.root, spec.settings)) is not None


def open_store(samples: SampleTable, spec: StoreSpec) -> ImageSource:
    """The images of `samples`, row by row; images left out keep their row, but reading it is an error.

    Raises:
        DataError: the store is missing or stale.
    """
    if spec.kind == "none":
        return OriginalImages(samples.paths, spec.channels, spec.scaling)
    return _open_current(samples, spec)


def store_signature(samples: SampleTable, spec: StoreSpec) -> str:
    """A hash over the files (list, sizes, modification stamps) and the settings that decide what is read.

    Raises:
        DataError: an original is missing.
    """
    return look_at_originals(samples, spec.root, spec.settings).signature


def left_out(samples: SampleTable, spec: StoreSpec) -> frozenset[str]:
    """Ids that this very store was made without, by `--skip-bad`.

    Raises:
        DataError: the store is missing or stale.
    """
    if spec.kind == "none":
        return frozenset()
    return frozenset(failure.id for failure in _open_current(samples, spec).notes.left_out)


def ensure_store(
    samples: SampleTable, spec: StoreSpec, reporter: Reporter, should_stop: StopCheck, workers: int
) -> ImageSource:
    """Build the store if it is not current, and open it.

    Raises:
        DataError: images cannot be read; the text lists them.
        StopRequested: a signal asked for an end.
    """
    report = build_store(samples, spec, reporter, should_stop, workers)
    if not report.is_final:
        raise unreadable(report.failures, f"{spec.part} images")
    return open_store(samples, spec)


def unreadable(failures: Sequence[Failure], what: str) -> DataError:
    """The error that lists images which could not be read and were not left out by choice."""
    found = listed(f"{failure.path} ({failure.reason})" for failure in failures)
    return DataError(
        f"cannot read {len(failures)} of the {what}: {found}; "
        "mend or remove them, or leave them out with `kgcv resize CONFIG --skip-bad`"
    )


def build_store(
    samples: SampleTable,
    spec: StoreSpec,
    reporter: Reporter,
    should_stop: StopCheck,
    workers: int = 0,
    skip_bad: bool = False,
) -> StoreReport:
    """Make the store unless it is current; goes on where an interrupted run ended.

    With unreadable images the store stays unfinished, and the next run tries only those again; with
    `skip_bad` it is finished without them, and they are listed in `<store>.left_out.csv` (id, path, reason).

    Raises:
        DataError: an original is missing, or the store cannot hold such images.
        StopRequested: a signal asked for an end; what was done is kept.
    """
    if spec.kind == "none":
        return StoreReport(len(samples), num_built=0, num_small=0, num_bytes=0)
    job = StoreJob(reporter, should_stop, num_threads(workers))
    with job.hold_lock(spec.beside("lock")):
        originals = look_at_originals(samples, spec.root, spec.settings)
        store = _find_current(spec, originals)
        if store is None:
            report = _build(samples, spec, originals, job, skip_bad)
        else:
            report = _describe(spec, store.entries, 0, store.notes.left_out, is_final=True)
        if report.is_final:
            spec.beside("journal").unlink(missing_ok=True)
        return report


def _find_current(spec: StoreSpec, originals: OriginalsState) -> PackedImages | JpegTree | None:
    try:
        store = PackedImages(spec.path) if spec.kind == "packed" else JpegTree(spec.path, spec.part, spec.channels)
    except DataError:  # missing or damaged: the same as stale, it will be made anew
        return None
    return store if store.notes.signature == originals.signature else None


def _open_current(samples: SampleTable, spec: StoreSpec) -> PackedImages | JpegTree:
    store = _find_current(spec, look_at_originals(samples, spec.root, spec.settings))
    if store is None:
        raise DataError(
            f"{spec.path}: the {spec.part} store is missing, or images or settings have changed since;"
            " run `kgcv resize CONFIG`"
        )
    return store


def _build(
    samples: SampleTable, spec: StoreSpec, originals: OriginalsState, job: StoreJob, skip_bad: bool
) -> StoreReport:
    with (
        closing(_open_writer(spec, originals)) as writer,
        closing(Journal(spec.beside("journal"), originals.key, originals.stamps, writer.resume)) as journal,
    ):
        num_missing = len(journal.missing_rows)
        failures = job.fill(f"resize {spec.part} to {spec.scaling.edge}", samples, writer, journal)
        is_final = skip_bad or not failures
        if is_final:
            _write_list(spec.beside("left_out.csv"), failures)
            writer.finish(journal.entries, StoreNotes(originals.signature, failures))
    return _describe(spec, journal.entries, num_missing - len(failures), failures, is_final)


def _open_writer(spec: StoreSpec, originals: OriginalsState) -> PackedWriter | JpegWriter:
    read = partial(read_image, channels=spec.channels, scaling=spec.scaling)
    if spec.kind == "packed":
        return PackedWriter(spec.path, spec.channels, read)
    return JpegWriter(spec.path, spec.part, originals.names, spec.channels, read)


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
