"""The running of a store's making: one process at a time, several threads, stops that lose nothing."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from kgcv.data.samples import SampleTable
from kgcv.data.store_notes import Failure, Journal, StoreWriter
from kgcv.errors import DataError, StopRequested, printable
from kgcv.events import Message, Reporter, StopCheck, TaskAdvanced, TaskDone, TaskStarted
from kgcv.files import try_lock

LOCK_POLL_SECONDS = 0.1
"""Time between two looks at a lock that another process holds."""

_WINDOW_PER_THREAD = 4  # images a thread may be ahead of the writing, so that memory stays bounded

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class StoreJob:
    """One making of a store, as its caller wants it done."""

    reporter: Reporter
    should_stop: StopCheck
    num_threads: int

    @contextmanager
    def hold_lock(self, path: Path) -> Iterator[None]:
        """Hold the lock file `path`; the system lets go of it when the process ends, however it ends.

        Raises:
            StopRequested: a signal asked for an end while another process held it.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as stream:
            if not try_lock(stream):
                self.reporter.report(Message(f"waiting for another process that makes this store ({path})"))
                while not try_lock(stream):
                    self._check_stop()
                    time.sleep(LOCK_POLL_SECONDS)
            yield

    def fill(self, name: str, samples: SampleTable, writer: StoreWriter, journal: Journal) -> tuple[Failure, ...]:
        """Add the images that the journal misses, in the order of their rows; give those that failed.

        Whatever ends it, what was placed before is in the journal.

        Raises:
            StopRequested: a signal asked for an end.
        """
        rows = journal.missing_rows.tolist()
        self.reporter.report(TaskStarted(name, len(samples), done=len(samples) - len(rows)))
        failures = []
        try:
            for row, image in self._prepare_all(samples, writer, rows):
                if isinstance(image, Failure):
                    failures.append(image)
                else:
                    journal.add(row, writer.place(row, image))
                self.reporter.report(TaskAdvanced(1))
                if journal.is_due():
                    _note_progress(writer, journal)
                self._check_stop()
        finally:
            _note_progress(writer, journal)
        self.reporter.report(TaskDone(name))
        return tuple(failures)

    def _prepare_all(
        self, samples: SampleTable, writer: StoreWriter, rows: Sequence[int]
    ) -> Iterator[tuple[int, np.ndarray | Failure]]:
        def prepare(row: int) -> np.ndarray | Failure:
            path = samples.paths[row]
            try:
                return writer.prepare(row, path)
            except DataError as error:
                return Failure(samples.ids[row], str(path), str(error).removeprefix(f"{printable(str(path))}: "))

        with closing(_in_order(prepare, rows, self.num_threads)) as results:
            yield from results

    def _check_stop(self) -> None:
        signal_number = self.should_stop()
        if signal_number is not None:
            raise StopRequested(signal_number, "resize stopped; run the same command again to go on")


def _note_progress(writer: StoreWriter, journal: Journal) -> None:
    writer.flush()
    journal.flush()


def _in_order(
    function: Callable[[int], Result], rows: Sequence[int], threads: int
) -> Generator[tuple[int, Result], None, None]:
    """`(row, function(row))` in the order of `rows`, computed a little ahead by `threads` threads."""
    waiting: deque[tuple[int, Future[Result]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for row in rows:
                waiting.append((row, pool.submit(function, row)))
                if len(waiting) == threads * _WINDOW_PER_THREAD:
                    first, future = waiting.popleft()
                    yield first, future.result()
            for later, future in waiting:
                yield later, future.result()
        finally:
            pool.shutdown(cancel_futures=True)
