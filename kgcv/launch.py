"""What a launcher such as torchrun says of this process, through the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Launch:
    """This process among those that were launched together."""

    rank: int = 0
    """Number over all machines, from 0."""
    world_size: int = 1
    local_rank: int = 0
    """Number on this machine, from 0: which GPU is its own."""
    local_world_size: int = 1

    @property
    def is_first(self) -> bool:
        """The one that writes and speaks."""
        return self.rank == 0


def read_launch() -> Launch:
    """The launch that this process is part of; one of its own where no launcher says otherwise."""
    if "RANK" not in os.environ:
        return Launch()
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    return Launch(*(int(os.environ.get(name, default)) for name, default in zip(names, "0101", strict=True)))
