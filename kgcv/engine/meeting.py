"""How the processes of a launch find each other, and what becomes of them when one has gone."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch.distributed as dist
from torch.distributed import Store, TCPStore  # type: ignore[attr-defined]  # are not in its list of exports
from torch.distributed.rendezvous import rendezvous

from kgcv.engine.processes import ALONE, Processes
from kgcv.errors import ProcessLostError
from kgcv.launch import Launch, read_launch

PATIENCE = timedelta(days=1)
"""How long processes wait for the first one, which may be making stores; one that dies is noticed at once."""

# What gloo and NCCL say when the other end of a connection has gone.
_LOST = ("Connection closed", "Connection reset", "Broken pipe", "remote process exited", "Timed out")

_PORT_KEY = "kgcv/port"
_RETRY_SECONDS = 1.0


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
    _meet(launch)
    try:
        yield Processes(launch)
    except RuntimeError as error:
        if not any(words in str(error) for words in _LOST):
            raise
        raise ProcessLostError("another of these processes has gone; the same command again goes on") from error
    dist.destroy_process_group()


def _meet(launch: Launch) -> None:
    """Connect the processes: gloo for the CPU, and NCCL for GPUs where torch sees some."""
    try:
        store = _meeting_place(launch)
        dist.init_process_group(store=store, rank=launch.rank, world_size=launch.world_size, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:  # ValueError: the launcher does not say where to meet
        reason = str(error).splitlines()[0]
        raise ProcessLostError(f"cannot meet the other processes: {reason}") from error


def _meeting_place(launch: Launch) -> Store:
    """A store of our own, served by the first process.

    That of torchrun outlives `--max-restarts` (torch 2.14), and in it gloo finds the addresses of processes that died.
    """
    known, _, _ = next(rendezvous("env://", launch.rank, launch.world_size, timeout=PATIENCE))
    host = os.environ["MASTER_ADDR"]
    if launch.is_first:
        store = TCPStore(host, 0, is_master=True, timeout=PATIENCE)
        known.set(_PORT_KEY, str(store.port))
        return store
    while not _answers(host, port := int(known.get(_PORT_KEY))):  # that of a first process that died
        time.sleep(_RETRY_SECONDS)
    return TCPStore(host, port, is_master=False, timeout=PATIENCE)


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=_RETRY_SECONDS).close()
    except OSError:
        return False
    return True
