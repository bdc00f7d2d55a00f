"""Reads every byte of every image, in threads: what the files are, which are damaged, which are the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from kgcv.data.images import ImageFacts, inspect_image
from kgcv.data.resize import num_threads
from kgcv.errors import DataError, StopRequested
from kgcv.events import Reporter, StopCheck, TaskAdvanced, TaskDone, TaskStarted
from kgcv.files import hash_file

Result = TypeVar("Result")

_FILES_PER_ROUND = 64
"""Files between two looks at the stop check: about a second of large photos on two cores."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who listens to a long job, who may stop it, and on how many threads it runs."""

    reporter: Reporter
    should_stop: StopCheck
    workers: int = 0
    """Threads; 0 is one for each core, at most 8."""


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

    Only files that share their size with another are hashed (SHA-256).

    Raises:
        StopRequested: `watch` said so.
    """
    groups = _grouped(range(len(paths)), [path.stat().st_size for path in paths])
    rows = sorted(row for group in groups for row in group)
    hashes = _map_files("comparing", hash_file, [paths[row] for row in rows], watch)
    return _grouped(rows, hashes)


def _grouped(rows: Sequence[int], keys: Sequence[object]) -> list[tuple[int, ...]]:
    """The rows with equal keys, where there are at least two."""
    groups: defaultdict[object, list[int]] = defaultdict(list)
    for row, key in zip(rows, keys, strict=True):
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
                raise StopRequested(signal_number, f"stopped while {name} images; nothing was written")
            batch = paths[start : start + _FILES_PER_ROUND]
            results += pool.map(read, batch)
            watch.reporter.report(TaskAdvanced(len(batch)))
    watch.reporter.report(TaskDone(name, f"{len(paths)} images"))
    return results
