"""The labelled images as far as a report needs them: where their files lie, and how the small copies look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgcv.config.schema import Config
from kgcv.data.images import Scaling, average_areas, read_image
from kgcv.data.originals import look_at_originals
from kgcv.data.resize import open_store, store_spec
from kgcv.data.samples import SampleTable, sample_file
from kgcv.data.watch import num_threads
from kgcv.errors import DataError

SIDE = 8
"""Parts a side of the copies that are compared. With 8 x 8 colours, photos and posters that were cropped by up to 4 %
on each side stay closer to their originals than any two others are (measured on 200 of each)."""

_EDGE = 64
"""Shortest edge, in pixels, at which originals are decoded where there is no store."""

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""ITU-R 601."""


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """How N labelled images look; NaN where one could not be read."""

    aspects: np.ndarray
    """`(N,)` float64: width / height."""
    brightness: np.ndarray
    """`(N,)` float64 in [0, 1]: mean luma."""
    copies: np.ndarray
    """`(N, SIDE * SIDE * 3)` float32 in [0, 1]."""
    source: str
    """What was read: the store, or the files themselves."""

    @property
    def is_known(self) -> np.ndarray:
        """`(N,)` bool."""
        known: np.ndarray = ~np.isnan(self.aspects)
        return known


def find_files(config: Config, ids: Sequence[str]) -> list[Path]:
    """Where the images of labelled samples lie; they may be missing."""
    return [sample_file(name, config.data, config.split) for name in ids]


def file_sizes(paths: Sequence[Path]) -> np.ndarray:
    """Bytes of each file, `(N,)` float64, NaN where it is missing."""

    def size(path: Path) -> float:
        try:
            return path.stat().st_size
        except OSError:
            return np.nan

    return np.array([size(path) for path in paths], dtype=np.float64)


def as_shown(image: np.ndarray) -> np.ndarray:
    """What a screen shows of `(H, W, C)`: colour of three or four channels, the first of any other number."""
    return np.ascontiguousarray(image[..., :3] if image.shape[2] in (3, 4) else image[..., :1])


def read_looks(config: Config, ids: Sequence[str], paths: Sequence[Path]) -> Looks:
    """Look at all labelled samples: in the smallest store, or where that is missing or stale, in the files.

    Args:
        config: of the run.
        ids: of all labelled samples, in their order.
        paths: their files.
    """
    samples = SampleTable(tuple(ids), tuple(paths))
    spec = store_spec(config, "train", min(stage.image_size for stage in config.stages))
    channels = config.model.channels
    if spec.kind != "none":
        try:
            store = open_store(look_at_originals(samples, Path(config.data.root)), spec)
            return _look(store.images.read, len(samples), f"the store {spec.path}")
        except DataError:  # missing files, or others than the store was made from
            pass
    return _look(lambda row: read_image(paths[row], channels, Scaling(_EDGE)), len(samples), "the image files")


def _look(read: Callable[[int], np.ndarray], count: int, source: str) -> Looks:
    def measure(row: int) -> tuple[float, np.ndarray]:
        try:
            image = as_shown(read(row))
        except DataError:
            return np.nan, np.full((SIDE, SIDE, 3), np.nan, dtype=np.float32)
        copy = average_areas(image, SIDE).astype(np.float32) / 255
        return image.shape[1] / image.shape[0], np.broadcast_to(copy, (SIDE, SIDE, 3))

    with ThreadPoolExecutor(num_threads(0)) as pool:
        found = list(pool.map(measure, range(count)))
    aspects = np.array([aspect for aspect, _ in found], dtype=np.float64)
    copies = np.array([copy for _, copy in found], dtype=np.float32).reshape(count, SIDE * SIDE, 3)
    return Looks(aspects, (copies @ _LUMA).mean(axis=1, dtype=np.float64), copies.reshape(count, -1), source)
