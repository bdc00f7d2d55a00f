"""What is said when a device has not enough memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from kgcv.errors import OutOfMemoryError

# Without an exception of their own: the CPU's allocator, and Apple's.
_WORDS = ("DefaultCPUAllocator: can't allocate memory", "not enough memory", "MPS backend out of memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that there is no memory left on the device or the machine."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)


@contextmanager
def explained_memory(doing: str, device: torch.device, batch_size: int) -> Iterator[None]:
    """Turn an error for want of memory into one line that says where it was and what helps.

    Args:
        doing: what the block does, with stage and image size where there are any.
        device: that it is done on.
        batch_size: of its batches.

    Raises:
        OutOfMemoryError: instead of torch's.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            f"out of memory on {device} {doing}, batches of {batch_size}{_advice(batch_size)}"
        ) from error


def _advice(batch_size: int) -> str:
    if batch_size == 1:
        return "; smaller images or a smaller model may fit"
    by_hand = f"batch_size: {batch_size // 2} with accumulate: 2"
    return f"; try train: {by_hand}, or batch_size: auto with total_batch_size: {batch_size}"
