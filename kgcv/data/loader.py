"""Squares of images as uint8 batches, read ahead by threads, in an order that is fixed beforehand."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  torch's own name for it
from torch import Tensor

from kgcv.data.images import ImageSource
from kgcv.data.packed import PackedImages

READ_AHEAD = 2
"""Batches each thread may be ahead of the one in use."""


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """Which images make a batch, and where their squares are cut."""

    rows: np.ndarray
    """`(B,)` int64, rows of the source."""
    offsets: np.ndarray
    """`(B,)` float in [0, 1]: place of the square along the longer side; 0.5 is the middle."""


def cut_square(image: np.ndarray, edge: int, offset: float) -> np.ndarray:
    """The square of side `edge` from an image whose shorter side is `edge` or, where it is not, is scaled to it.

    Args:
        image: `(H, W, C)` uint8.
        edge: side, in pixels.
        offset: in [0, 1], place along the longer side.

    Returns:
        `(edge, edge, C)` uint8; a view where nothing had to be scaled.
    """
    if min(image.shape[:2]) != edge:
        image = _scale_shortest(image, edge)
    height, width = image.shape[:2]
    top, left = round((height - edge) * offset), round((width - edge) * offset)
    return image[top : top + edge, left : left + edge]


def _scale_shortest(image: np.ndarray, edge: int) -> np.ndarray:
    """Scale the shorter side to `edge`, bilinear with antialiasing; for stores of images that are too small."""
    height, width = image.shape[:2]
    short = min(height, width)
    size = (max(height * edge // short, edge), max(width * edge // short, edge))
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]  # a copy: a memory map is read-only
    scaled = F.interpolate(pixels, size=size, mode="bilinear", antialias=True)
    return scaled[0].permute(1, 2, 0).numpy()


def read_batch(source: ImageSource, edge: int, request: BatchRequest) -> Tensor:
    """The squares of a request, `(B, C, edge, edge)` uint8 (channels last in memory)."""
    squares = source.cut_squares(request.rows, edge, request.offsets) if isinstance(source, PackedImages) else None
    if squares is None:
        each = zip(request.rows.tolist(), request.offsets.tolist(), strict=True)
        squares = np.stack([cut_square(source.read(row), edge, offset) for row, offset in each])
    return torch.from_numpy(squares).permute(0, 3, 1, 2)


def read_batches(
    source: ImageSource, edge: int, requests: Iterable[BatchRequest], workers: int, is_pinned: bool = False
) -> Iterator[Tensor]:
    """The batches of `requests`, in their order, read ahead by `workers` threads.

    Threads suffice: copying from a memory map and decoding both release the interpreter's lock. `is_pinned` puts the
    batches in page-locked memory, from which a GPU copies while it computes.

    Raises:
        DataError: an image cannot be read; it names the file.
    """

    def read(request: BatchRequest) -> Tensor:
        batch = read_batch(source, edge, request)
        return batch.pin_memory() if is_pinned else batch

    with ThreadPoolExecutor(max_workers=workers) as pool:
        waiting: deque[Future[Tensor]] = deque()
        try:
            for request in requests:
                waiting.append(pool.submit(read, request))
                if len(waiting) > READ_AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
