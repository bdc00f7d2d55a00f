"""Several processes that train one model: what they tell each other, over torch's own collectives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from kgcv.errors import ProcessLostError
from kgcv.launch import Launch, read_launch

PATIENCE = timedelta(days=1)
"""How long processes wait for the first one, which may be making stores; one that dies is noticed at once."""

# What gloo and NCCL say when the other end of a connection has gone.
_LOST = ("Connection closed", "Connection reset", "Broken pipe", "remote process exited", "Timed out")


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
        """The first process runs the block before the others do, which then find what it made."""
        if not self.is_first:
            self.wait()
        yield
        if self.is_first:
            self.wait()

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


@contextmanager
def joined() -> Iterator[Processes]:
    """The processes of this launch, connected with each other while the block runs.

    Raises:
        ProcessLostError: another one has gone.
    """
    launch = read_launch()
    if launch.world_size == 1:
        yield ALONE
        return
    dist.init_process_group(timeout=PATIENCE)  # gloo for the CPU, and NCCL for GPUs where torch sees some
    try:
        yield Processes(launch)
    except RuntimeError as error:
        if not any(words in str(error) for words in _LOST):
            raise
        raise ProcessLostError("another process of this training has gone; the same command again goes on") from error
    dist.destroy_process_group()
