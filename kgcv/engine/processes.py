"""Several processes that do one thing: what they tell each other, over torch's own collectives."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from kgcv.data.watch import Result, in_threads, num_threads
from kgcv.errors import KgcvError
from kgcv.launch import Launch

_ROWS_PER_ROUND = 16
"""Rows that each process computes between two meetings: so many images of each are in the first one's memory."""


@dataclass(frozen=True, slots=True)
class _Share:
    """A function that all processes compute, each for its share of the rows."""

    function: Callable[[int], Any]
    rows: np.ndarray
    """`(N,)` int64; process r of W has those at r, r + W, r + 2 W, ..."""
    workers: int


@dataclass(frozen=True, slots=True)
class _Failure:
    """The first process ends with an error that it tells of itself."""

    exit_code: int


def _refuse(job: object) -> None:
    raise TypeError(f"nobody knows how to help with {job}")


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of a launch, seen from one of them. Alone, all of it costs nothing."""

    launch: Launch = field(default_factory=Launch)

    @property
    def is_alone(self) -> bool:
        """Whether there is one process only."""
        return self.launch.world_size == 1

    @property
    def is_first(self) -> bool:
        """Whether this one writes."""
        return self.launch.is_first

    def wait(self) -> None:
        """Return when all processes have come here."""
        if not self.is_alone:
            self.total(torch.zeros(1))  # what a barrier is, without the device that NCCL's wants to know

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """The first process runs the block before the others do, who help and then find what it made."""
        if self.is_first:
            with self.helped():
                yield
        else:
            self.help()
            yield

    @contextmanager
    def helped(self) -> Iterator[None]:
        """The first process runs the block while the others `help`; an error that ends the block ends them, too."""
        try:
            yield
        except KgcvError as error:
            self.tell(_Failure(error.exit_code))
            raise
        self.tell(None)

    def help(self, do: Callable[[Any], None] = _refuse) -> None:
        """Compute shares of what the first process spreads, and `do` the other jobs it tells of, until it tells None.

        Raises:
            SystemExit: the first process failed, and has said why.
        """
        while (job := self.hear()) is not None:
            match job:
                case _Share():
                    self._compute(job)
                case _Failure():
                    raise SystemExit(job.exit_code)
                case _:
                    do(job)

    def spread(
        self, function: Callable[[int], Result], rows: Sequence[int], workers: int
    ) -> Generator[tuple[int, Result], None, None]:
        """The `Spread` over all processes that `help`; over this one's threads where it is alone or not the first."""
        if self.is_alone or not self.is_first:
            yield from in_threads(function, rows, workers)
            return
        share, size = _Share(function, np.array(rows, np.int64), workers), self.launch.world_size
        self.tell(share)
        with closing(self._own_results(share)) as own:
            try:
                for start in range(0, len(rows), size * _ROWS_PER_ROUND):
                    results = self._round(own)
                    assert results is not None, "none has asked for an end"
                    for place, row in enumerate(rows[start : start + size * _ROWS_PER_ROUND]):
                        yield row, results[place % size][place // size]
            except GeneratorExit:  # whoever wanted the rest does not want it any more
                self.largest([1])
                raise

    def _compute(self, share: _Share) -> None:
        with closing(self._own_results(share)) as own:
            for _ in range(0, len(share.rows), self.launch.world_size * _ROWS_PER_ROUND):
                if self._round(own) is None:
                    return

    def _own_results(self, share: _Share) -> Generator[tuple[int, Any], None, None]:
        rows = share.rows[self.launch.rank :: self.launch.world_size].tolist()
        return in_threads(share.function, rows, num_threads(share.workers, self.launch.local_world_size))

    def _round(self, own: Iterator[tuple[int, Any]]) -> list[list[Any]] | None:
        """Give the first process the next results of all, in the order of ranks; None if it wants no more."""
        ready = [result for _, result in islice(own, _ROWS_PER_ROUND)]
        (is_over,) = self.largest([0])
        if is_over:
            return None
        found: list[Any] = [None] * self.launch.world_size
        dist.gather_object(ready, found if self.is_first else None, dst=0)
        return found

    def total(self, values: Tensor) -> Tensor:
        """`values`, on the CPU and of one shape everywhere, summed over all processes, in place."""
        if not self.is_alone:
            dist.all_reduce(values)
        return values

    def largest(self, values: Sequence[int]) -> list[int]:
        """The largest of each over all processes: what they agree on when each knows something else."""
        if self.is_alone:
            return list(values)
        found = torch.tensor(values)
        dist.all_reduce(found, dist.ReduceOp.MAX)
        return [int(value) for value in found]

    def tell(self, message: object) -> None:
        """The first process tells the others, who `hear`; from the others it is nothing."""
        if self.is_first and not self.is_alone:
            dist.broadcast_object_list([message], src=0)

    def hear(self) -> Any:
        """What the first process tells next."""
        heard = [None]
        dist.broadcast_object_list(heard, src=0)
        return heard[0]

    def share_buffers(self, module: nn.Module) -> None:
        """Give all processes the first one's buffers of `module`, such as the statistics of its batch norms."""
        if not self.is_alone:
            for buffer in module.buffers():
                dist.broadcast(buffer, src=0)

    def distribute(self, module: nn.Module) -> nn.Module:
        """`module` such that backward leaves the mean gradient over all processes in each."""
        if self.is_alone or not any(parameter.requires_grad for parameter in module.parameters()):
            return module
        return DistributedDataParallel(module)


ALONE = Processes()
