"""Reads every byte of every image, in threads: what the files are, which are damaged, which are the same."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeVar

from kgcv.data.images import ImageFacts, inspect_image
from kgcv.data.originals import Originals
from kgcv.data.watch import Watch, num_threads
from kgcv.errors import DataError, StopRequested
from kgcv.events import TaskAdvanced, TaskDone, TaskStarted
from kgcv.files import hash_file, read_json, write_json

Result = TypeVar("Result")

_FILES_PER_ROUND = 64
"""Files between two looks at the stop check: about a second of large photos on two cores."""

_FILES_PER_TASK = 4
"""Files that a thread takes at a time: handing one over costs as much as reading its end."""

_END_BYTES = 4096
"""One page: reading less is not faster."""


def inspect_images(paths: Sequence[Path], channels: int, watch: Watch) -> list[ImageFacts | DataError]:
    """The facts of each file, or the error that decoding it for `channels` raises, in the order of `paths`.

    Raises:
        StopRequested: `watch` said so.
    """

    def inspect(path: Path) -> ImageFacts | DataError:
        try:
            return inspect_image(path, channels)
        except DataError as error:
            return error

    return _map_files("reading", inspect, paths, watch)


def find_twins(paths: Sequence[Path], watch: Watch) -> list[tuple[int, ...]]:
    """Groups of positions in `paths` whose files are the same byte for byte, ascending in each group.

    Files that share their size are told apart by their ends, and only those that share these too are hashed
    (SHA-256). A file that cannot be read has no twin; whoever needs its pixels will say what is wrong with it.

    Raises:
        StopRequested: `watch` said so.
    """
    groups = _grouped(range(len(paths)), [_if_readable(_size, path) for path in paths])
    for read in (_hash_end, hash_file):
        rows = sorted(row for group in groups for row in group)
        if rows:
            chosen = [paths[row] for row in rows]
            groups = _grouped(
                rows, _map_files("looking for identical images", partial(_if_readable, read), chosen, watch)
            )
    return groups


def remember_twins(originals: Originals, file: Path, watch: Watch) -> list[tuple[int, ...]]:
    """`find_twins` of all originals, kept in `file` for as long as they stay as they are.

    Raises:
        StopRequested: `watch` said so.
    """
    try:
        known = read_json(file)
        if known["files"] == originals.digest:
            return [tuple(group) for group in known["twins"]]
    except (DataError, KeyError, TypeError):  # missing or damaged: the same as not yet known
        pass
    twins = find_twins(originals.samples.paths, watch)
    write_json(file, {"files": originals.digest, "twins": twins})
    return twins


def _if_readable(read: Callable[[Path], Hashable], path: Path) -> Hashable:
    """What `read` tells of the file, None if it cannot be read."""
    try:
        return read(path)
    except OSError:
        return None


def _size(path: Path) -> int:
    return os.stat(path).st_size  # noqa: PTH116  Path.stat is half as fast


def _hash_end(path: Path) -> tuple[int, bytes]:
    """Size and SHA-256 of the last bytes, which differ even where headers are alike."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a stream would cost more than what is read
    try:
        size = os.fstat(descriptor).st_size
        return size, hashlib.sha256(os.pread(descriptor, _END_BYTES, max(size - _END_BYTES, 0))).digest()
    finally:
        os.close(descriptor)


def _grouped(rows: Sequence[int], keys: Sequence[Hashable]) -> list[tuple[int, ...]]:
    """The rows with equal keys other than None, where there are at least two."""
    groups: defaultdict[Hashable, list[int]] = defaultdict(list)
    for row, key in zip(rows, keys, strict=True):
        if key is not None:
            groups[key].append(row)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _map_files(name: str, read: Callable[[Path], Result], paths: Sequence[Path], watch: Watch) -> list[Result]:
    """`read` of each path, in threads."""
    results: list[Result] = []
    watch.reporter.report(TaskStarted(name, len(paths)))
    with ThreadPoolExecutor(num_threads(watch.workers)) as pool:
        for start in range(0, len(paths), _FILES_PER_ROUND):
            signal_number = watch.should_stop()
            if signal_number is not None:
                raise StopRequested(signal_number, f"stopped while {name}; nothing was written")
            batch = paths[start : start + _FILES_PER_ROUND]
            tasks = [batch[first : first + _FILES_PER_TASK] for first in range(0, len(batch), _FILES_PER_TASK)]
            results += chain.from_iterable(pool.map(lambda some: [read(path) for path in some], tasks))
            watch.reporter.report(TaskAdvanced(len(batch)))
    watch.reporter.report(TaskDone(name, f"{len(paths)} images"))
    return results
