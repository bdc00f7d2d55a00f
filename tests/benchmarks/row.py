"""What a row of the bench is: the same work done by kgcv and by its peers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Measure = Callable[[Path], float]
"""Does the row's work on the files in a folder, and gives seconds; or raises ImportError where a peer is missing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: who does the work, and how much faster than each peer kgcv is meant to be."""

    name: str
    """As it is asked for on the command line."""
    work: str
    """What is done, for people."""
    contenders: Mapping[str, Measure]
    """kgcv first. Each runs in a process of its own, once a round."""
    targets: Mapping[str, float] = field(default_factory=dict)
    """By peer: the least that its time divided by kgcv's is meant to be."""
    prepare: Callable[[Path], None] = lambda folder: None
    """Makes the files, once; not timed."""
    amount: float = 1
    """Units of `unit` in the work."""
    unit: str = ""
    """What is counted; nothing where the seconds themselves are the figure."""
    cores: int = 2
    limit: float = 120
    """Seconds after which a measurement is given up, for a peer that hangs must not hold up the others."""
    rounds: int | None = None
    """Instead of the number asked for, where a round takes long."""
    note: Callable[[Path], str] = lambda folder: ""
    """What else is to be said of the files that the contenders left."""


def timed(work: Callable[[], object], repeats: int = 1, warm_ups: int = 1) -> float:
    """Seconds of one call of `work`, the least of `repeats` after `warm_ups` that do not count."""
    for _ in range(warm_ups):
        work()
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def timed_command(command: Sequence[str], folder: Path) -> float:
    """Seconds of a whole process.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return seconds


def kgcv_command(*arguments: str) -> list[str]:
    """The command of this environment's kgcv."""
    return [str(Path(sys.executable).with_name("kgcv")), *arguments]


def use_cores(number: int) -> None:
    """Keep this process, and what it starts, on the first `number` of its cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:number])
    os.environ["OMP_NUM_THREADS"] = str(number)
