"""Unpacks an archive, and the archives within it, so that a folder has all of it or none."""

from __future__ import annotations

import errno
import filecmp
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kgcv.archives.formats import declared_size, extract, find_format, find_suffix
from kgcv.archives.members import LockedArchiveError, place_of
from kgcv.archives.store import Allowance, Store, Written, crc_of, share
from kgcv.errors import DataError, StopRequested
from kgcv.events import Message, Reporter, Silent, StopCheck, TaskAdvanced, TaskDone, TaskStarted, never_stop

STAGING = ".unpacking"
"""The folder below the target in which an archive is unpacked; one that a killed process left is removed."""

MAX_RATIO = 200
"""Times its own size that an archive may unpack to, all archives within it included. Tables of a constant reach 100;
the bombs that are known, more than 1,000."""

USUAL_BYTES = 256 << 20
"""So much may always come out of an archive; a small one of zeros harms nobody."""

MAX_DEPTH = 4
"""Archives within archives. Competitions need three: the archive of all, a `.7z` in it, and the `.tar` in that."""

_LOUD_BYTES = 10_000_000
"""Archives from this size on have a progress of their own."""

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class UnpackedFile:
    """One file that came out of an archive."""

    name: str
    """Its place below the folder."""
    size: int
    """Bytes."""
    crc32: int
    origin: str
    """The member of the outermost archive that it came from; its own name where that was no archive. Two members may
    give the same file: `a.csv` and `a.csv.zip`."""


@dataclass(slots=True)
class _Job:
    """What all archives of one call share."""

    staging: Path
    allowance: Allowance
    reporter: Reporter
    should_stop: StopCheck
    num_scratch: int = 0
    kept: dict[str, str] = field(default_factory=dict)
    """Archives within that stay packed, with the reason."""

    def scratch(self) -> Path:
        """A new empty folder."""
        self.num_scratch += 1
        path = self.staging / str(self.num_scratch)
        path.mkdir()
        return path


def unpack(
    archive: Path,
    folder: Path,
    reporter: Reporter | None = None,
    should_stop: StopCheck = never_stop,
    within: bool = True,
) -> tuple[UnpackedFile, ...]:
    """Unpack a zip, tar or 7z archive into `folder`, and the archives within it beside themselves.

    An archive within is replaced by its content: one folder or file of its own lands where the archive lay, several
    land in a folder named after it. If a file of that place differs, the archive stays as it is, with a warning.
    Files of `folder` with the names of members are replaced, others left alone. Everything is unpacked and checked
    in a hidden folder first, then renamed; after a kill at any moment the same call puts everything right.

    Args:
        archive: The file; kept.
        folder: Where its members go; no other process may unpack there.
        reporter: Is told of the progress, in bytes.
        should_stop: Asked at each chunk of a megabyte.
        within: Whether the archives within it are unpacked too.

    Raises:
        DataError: not an archive, damaged (a checksum does not fit), cut or encrypted; a member that would land
            outside, a link, a device; a bomb; a full disk. `folder` is then as it was.
        StopRequested: a signal asked for an end; `folder` is as it was.
    """
    with _staged(archive, folder, reporter or Silent(), should_stop) as job:
        target = job.scratch()
        outer = _extract(archive, target, job)
        return _settle(target, folder, outer, job, within)


def unpack_one(
    file: Path,
    folder: Path,
    name: str,
    reporter: Reporter | None = None,
    should_stop: StopCheck = never_stop,
    within: bool = True,
) -> tuple[UnpackedFile, ...]:
    """Put `file` into `folder` under `name`, or its content if it is an archive: as `unpack` does with a member.

    Args:
        file: The file, on the same disk as `folder`; kept.
        folder: As in `unpack`.
        name: Its place below `folder`.
        reporter: Is told of the progress, in bytes.
        should_stop: Asked at each chunk of a megabyte.
        within: Whether it is unpacked, if it is an archive.

    Raises:
        DataError: as `unpack`.
        StopRequested: a signal asked for an end.
    """
    with _staged(file, folder, reporter or Silent(), should_stop) as job:
        target = job.scratch()
        place = place_of(file, name)
        if place is None:
            raise DataError(f"{name!r} is not the name of a file")
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        share(file, target / place)
        return _settle(target, folder, {place: Written(file.stat().st_size, crc_of(file))}, job, within)


def _settle(target: Path, folder: Path, outer: dict[str, Written], job: _Job, within: bool) -> tuple[UnpackedFile, ...]:
    """Unpack the archives among the files in `target`, then move everything to `folder`."""
    files = []
    for name, written in outer.items():
        inner = _unpack_within(target, name, job, depth=1) if within else None
        found = {name: written} if inner is None else inner
        files += [UnpackedFile(place, each.size, each.crc32, name) for place, each in found.items()]
    # One flush for all: a data set may have 100,000 files.
    os.sync()
    merge(target, folder)
    for name, reason in job.kept.items():
        job.reporter.report(Message(f"{name}: stays packed: {reason}", "warning"))
    return tuple(sorted(files, key=lambda file: (file.name, file.origin)))


def check_archive(archive: Path, reporter: Reporter | None = None, should_stop: StopCheck = never_stop) -> None:
    """Read all of `archive` and compare its checksums; nothing is written. One that cannot be read here passes.

    Raises:
        DataError: as `unpack`, save for encrypted ones: of them `reporter` is told.
        StopRequested: a signal asked for an end.
    """
    reporter = reporter or Silent()
    job = _Job(archive.parent, _allowance(archive), reporter, should_stop)
    try:
        _read(archive, None, job, f"check {archive.name}")
    except LockedArchiveError as error:
        reason = str(error).removeprefix(f"{archive}: ")
        reporter.report(Message(f"{archive.name}: its checksums are not compared, it {reason}", "warning"))


@contextmanager
def _staged(archive: Path, folder: Path, reporter: Reporter, should_stop: StopCheck) -> Iterator[_Job]:
    """A job with a fresh staging folder, gone afterwards; trouble with the disk becomes a DataError."""
    staging = folder / STAGING
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        yield _Job(staging, _allowance(archive), reporter, should_stop)
    except DataError as error:
        # Of an archive within, its own name says more than where it lay meanwhile.
        raise type(error)(re.sub(rf"{re.escape(str(staging))}/\d+/", "", str(error))) from error
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise _disk_full(archive, folder, "while it was unpacked") from error
        raise DataError(f"{archive}: cannot be unpacked into {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _allowance(archive: Path) -> Allowance:
    return Allowance(archive, max(USUAL_BYTES, MAX_RATIO * archive.stat().st_size))


def _disk_full(archive: Path, folder: Path, why: str) -> DataError:
    free = shutil.disk_usage(_existing(folder)).free / 1e6
    return DataError(
        f"{archive}: the disk of {folder} is full {why} ({free:.0f} MB free); nothing was unpacked, "
        "make room and run the same command again"
    )


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def _extract(archive: Path, target: Path, job: _Job) -> dict[str, Written]:
    """Unpack one archive into `target`, after asking whether there is room; what was written, by place."""
    declared = declared_size(archive)
    if declared is not None:
        Allowance(job.allowance.archive, job.allowance.left).take(declared)
        if declared > shutil.disk_usage(target).free:
            raise _disk_full(archive, job.staging.parent, f"for the {declared / 1e6:.0f} MB in it")
    return _read(archive, target, job, f"unpack {archive.name}")


def _read(archive: Path, target: Path | None, job: _Job, name: str) -> dict[str, Written]:
    is_loud = archive.stat().st_size >= _LOUD_BYTES
    reporter = job.reporter if is_loud else Silent()
    reporter.report(TaskStarted(name, declared_size(archive) or 0, unit="bytes"))

    def advance(amount: int) -> None:
        reporter.report(TaskAdvanced(amount))
        if (number := job.should_stop()) is not None:
            raise StopRequested(number, f"{name} stopped; run the same command again to go on")

    store = Store(archive, target, job.allowance, advance)
    extract(archive, store)
    num_bytes = sum(written.size for written in store.files.values())
    reporter.report(TaskDone(name, f"{len(store.files)} files, {num_bytes / 1e6:.1f} MB"))
    return store.files


def _unpack_within(root: Path, name: str, job: _Job, depth: int) -> dict[str, Written] | None:
    """Replace the file `name` below `root` by its content; None if it is no archive, or has to stay one."""
    archive = root / name
    if not find_suffix(name) or find_format(archive) is None:
        return None
    if depth >= MAX_DEPTH:
        raise DataError(f"{job.allowance.archive}: has more than {MAX_DEPTH} archives within each other, at {name!r}")
    scratch = job.scratch()
    try:
        written = _extract(archive, scratch, job)
    except LockedArchiveError as error:
        job.kept[name] = str(error).removeprefix(f"{archive}: ")
        return None
    files = {}
    for inner, each in written.items():
        deeper = _unpack_within(scratch, inner, job, depth + 1)
        files.update({inner: each} if deeper is None else deeper)
    place = _find_place(scratch, root, name, files)
    if place is None:
        job.kept[name] = "files of other content lie in its place"
        return None
    archive.unlink()
    merge(scratch, root / place)
    return {(place / inner).as_posix(): each for inner, each in files.items()}


def _find_place(source: Path, root: Path, name: str, files: Iterable[str]) -> Path | None:
    """The folder below `root` for the content of archive `name`; None if there is no room for it."""
    beside = Path(name).parent
    own = beside / Path(name).name.removesuffix(find_suffix(name))
    choices = [beside, own] if len(list(source.iterdir())) == 1 else [own]
    return next((each for each in choices if all(_fits(source, root, each / file, file) for file in files)), None)


def _fits(source: Path, root: Path, place: Path, file: str) -> bool:
    """Whether nothing lies there, or a file of the same content."""
    if any((root / parent).is_file() for parent in place.parents):
        return False
    found = root / place
    return not found.exists() or (found.is_file() and filecmp.cmp(source / file, found, shallow=False))


def merge(source: Path, target: Path) -> None:
    """Move what lies in `source` to `target` by renaming; folders that are there already take in the new files."""
    target.mkdir(parents=True, exist_ok=True)
    for entry in list(source.iterdir()):
        place = target / entry.name
        if entry.is_dir() and place.is_dir():
            merge(entry, place)
        else:
            entry.rename(place)
