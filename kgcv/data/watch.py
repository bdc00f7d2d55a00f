"""What surrounds a long job on many files: who listens, who may stop it, and who shares the work."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from kgcv.events import Reporter, StopCheck

_MAX_THREADS = 8

_WINDOW_PER_THREAD = 4  # results a thread may be ahead of their use, so that memory stays bounded

Result = TypeVar("Result")


class Spread(Protocol):
    """A way to compute a function of many rows."""

    def __call__(
        self, function: Callable[[int], Result], rows: Sequence[int], workers: int
    ) -> Generator[tuple[int, Result], None, None]:
        """`(row, function(row))` in the order of `rows`, computed a little ahead.

        Args:
            function: is called by several threads at once; by several processes too, so it can be pickled.
            rows: all of them.
            workers: threads of a process; 0 is one for each core, at most 8.
        """
        ...


def in_threads(
    function: Callable[[int], Result], rows: Sequence[int], workers: int
) -> Generator[tuple[int, Result], None, None]:
    """The `Spread` over threads of this process."""
    threads, waiting = num_threads(workers), deque[tuple[int, Future[Result]]]()
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


def num_threads(workers: int, num_processes: int = 1) -> int:
    """Threads that read images: `workers`, or for 0 one for each core, at most 8.

    Cores are those that this process may use, which schedulers limit, shared with as many processes on this machine
    as `num_processes` tells.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return workers or max(1, min(cores // num_processes, _MAX_THREADS))


@dataclass(frozen=True, slots=True)
class Watch:
    """Who listens to a long job, who may stop it, and how its work is shared."""

    reporter: Reporter
    should_stop: StopCheck
    workers: int = 0
    """Threads; 0 is one for each core, at most 8."""
    spread: Spread = in_threads
