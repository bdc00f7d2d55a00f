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
    is_restart: bool = False
    """The launcher gives the command again, after a process died."""

    @property
    def is_first(self) -> bool:
        """The one that writes and speaks."""
        return self.rank == 0


def read_launch() -> Launch:
    """The launch that this process is part of; one of its own where no launcher says otherwise."""
    if "RANK" not in os.environ:
        return Launch()
    return Launch(
        rank=_number("RANK", 0),
        world_size=_number("WORLD_SIZE", 1),
        local_rank=_number("LOCAL_RANK", 0),
        local_world_size=_number("LOCAL_WORLD_SIZE", 1),
        is_restart=_number("TORCHELASTIC_RESTART_COUNT", 0) > 0,
    )


def _number(name: str, default: int) -> int:
    return int(os.environ.get(name, str(default)))
