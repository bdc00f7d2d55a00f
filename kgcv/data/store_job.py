"""The running of a store's making: one job at a time, many threads, stops that lose nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from kgcv.data.samples import SampleTable
from kgcv.data.store_notes import Failure, Journal, StoreWriter
from kgcv.data.watch import Watch
from kgcv.errors import DataError, StopRequested, printable
from kgcv.events import Message, TaskAdvanced, TaskDone, TaskStarted
from kgcv.files import try_lock

LOCK_POLL_SECONDS = 0.1
"""Time between two looks at a lock that another process holds."""


@contextmanager
def hold_lock(path: Path, watch: Watch) -> Iterator[None]:
    """Hold the lock file `path`; the system lets go of it when the process ends, however it ends.

    Raises:
        StopRequested: a signal asked for an end while another process held it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        if not try_lock(stream):
            watch.reporter.report(Message(f"waiting for another process that makes this store ({path})"))
            while not try_lock(stream):
                _check_stop(watch)
                time.sleep(LOCK_POLL_SECONDS)
        yield


def fill_store(
    name: str, samples: SampleTable, writer: StoreWriter, journal: Journal, watch: Watch
) -> tuple[Failure, ...]:
    """Add the images that the journal misses, in the order of their rows; give those that failed.

    Whatever ends it, what was placed before is in the journal.

    Raises:
        StopRequested: a signal asked for an end.
    """
    rows = journal.missing_rows.tolist()
    watch.reporter.report(TaskStarted(name, len(samples), done=len(samples) - len(rows)))
    failures = []
    try:
        with closing(watch.spread(partial(_prepared, writer.prepare), rows, watch.workers)) as results:
            for row, prepared in results:
                if isinstance(prepared, DataError):
                    failures.append(_failure(samples, row, prepared))
                else:
                    journal.add(row, writer.place(row, prepared))
                watch.reporter.report(TaskAdvanced(1))
                if journal.is_due():
                    _note_progress(writer, journal)
                _check_stop(watch)
    finally:
        _note_progress(writer, journal)
    watch.reporter.report(TaskDone(name))
    return tuple(failures)


def _check_stop(watch: Watch) -> None:
    signal_number = watch.should_stop()
    if signal_number is not None:
        raise StopRequested(signal_number, "resize stopped; run the same command again to go on")


def _note_progress(writer: StoreWriter, journal: Journal) -> None:
    writer.flush()
    journal.flush()


def _prepared(prepare: Callable[[int], Any], row: int) -> Any:
    """What `prepare` gives for the row, or its error."""
    try:
        return prepare(row)
    except DataError as error:
        return error


def _failure(samples: SampleTable, row: int, error: DataError) -> Failure:
    path = str(samples.paths[row])
    return Failure(samples.ids[row], path, str(error).removeprefix(f"{printable(path)}: "))
