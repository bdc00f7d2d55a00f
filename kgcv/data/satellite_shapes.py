"""Places, distances and noise on a tile: what the painters of the sample `satellite` draw with.

A tile has SIZE x SIZE pixels; places are `(x, y)` in pixels, x to the right and y downwards. A shape is a signed
distance to its border in pixels, negative inside, and `cover` turns it into an antialiased mask. Whatever has a
direction gets it from `direction`, uniform on the circle. All arrays are float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

SIZE = 256
"""Width and height of a tile, in pixels; the competition's."""

Window = tuple[slice, slice]
"""Rows and columns of a part of the tile."""

WHOLE: Window = (slice(0, SIZE), slice(0, SIZE))
"""The whole tile."""


@cache
def grid() -> tuple[np.ndarray, np.ndarray]:
    """`(SIZE, SIZE)` x and y of the pixels' centres, read-only."""
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    x.flags.writeable = y.flags.writeable = False
    return x, y


def around(place: np.ndarray, reach: float) -> Window:
    """The part of the tile within `reach` of `place` along both axes; empty if that lies outside."""
    low = np.clip(np.floor(place - reach), 0, SIZE).astype(int)
    high = np.clip(np.ceil(place + reach) + 1, 0, SIZE).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def direction(rng: np.random.Generator) -> np.ndarray:
    """`(2,)`: a unit vector, uniform on the circle."""
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


def across(along: np.ndarray) -> np.ndarray:
    """`(2,)`: the direction a quarter turn from `along`."""
    return np.array([-along[1], along[0]], np.float32)


def cover(distance: np.ndarray, softness: float = 1.0) -> np.ndarray:
    """1 inside a shape, 0 outside, falling over `softness` pixels about its border."""
    mask: np.ndarray = np.clip(0.5 - distance / np.float32(softness), 0, 1)
    return mask


def offset(place: np.ndarray, window: Window = WHOLE) -> tuple[np.ndarray, np.ndarray]:
    """How far the pixels of `window` are from `place` along x and along y, signed."""
    x, y = grid()
    return x[window] - np.float32(place[0]), y[window] - np.float32(place[1])


def turned(place: np.ndarray, along: np.ndarray, window: Window = WHOLE) -> tuple[np.ndarray, np.ndarray]:
    """How far the pixels of `window` are from `place` along the direction `along` and across it, signed."""
    dx, dy = offset(place, window)
    return dx * along[0] + dy * along[1], dy * along[0] - dx * along[1]


def disc(place: np.ndarray, radius: float, window: Window = WHOLE) -> np.ndarray:
    """Distance to a circle."""
    dx, dy = offset(place, window)
    distance: np.ndarray = np.sqrt(dx * dx + dy * dy) - np.float32(radius)
    return distance


def rectangle(
    place: np.ndarray, half: Sequence[float] | np.ndarray, along: np.ndarray, window: Window = WHOLE
) -> np.ndarray:
    """Distance to a rectangle of the half sides `half`, the first along `along`; along its sides alone exact."""
    u, v = turned(place, along, window)
    distance: np.ndarray = np.maximum(np.abs(u) - np.float32(half[0]), np.abs(v) - np.float32(half[1]))
    return distance


def polyline(points: np.ndarray, reach: float) -> np.ndarray:
    """`(SIZE, SIZE)`: how far a pixel is from the line through `points` `(n, 2)`, at most `reach`."""
    nearest = np.full((SIZE, SIZE), reach, np.float32)
    for start, end in pairwise(points):
        window = around((start + end) / 2, reach + np.abs(end - start).max() / 2)
        dx, dy = offset(start, window)
        step_x, step_y = (end - start).astype(np.float32)
        share = np.clip((dx * step_x + dy * step_y) / (step_x * step_x + step_y * step_y), 0, 1)
        square = (dx - share * step_x) ** 2 + (dy - share * step_y) ** 2
        nearest[window] = np.minimum(nearest[window], np.sqrt(square))
    return nearest


def mosaic(seeds: np.ndarray, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """The seed `(n, 2)` next to each pixel of `window`, as its number, and how far the border of its plot is."""
    squares = np.stack([dx * dx + dy * dy for dx, dy in (offset(seed, window) for seed in seeds)])
    first, second = np.sqrt(np.partition(squares, 1, axis=0)[:2])
    return squares.argmin(axis=0), (second - first) / 2


@dataclass(frozen=True, slots=True)
class Noise:
    """`(SIZE, SIZE)` random fields of mean 0 and variance 1, without a preferred direction, named by their grain."""

    broad: np.ndarray
    """Wavelengths about 160 pixels: the lie of the land."""
    wide: np.ndarray
    """About 60 pixels."""
    clump: np.ndarray
    """About 20 pixels: groups of trees."""
    crown: np.ndarray
    """About 7 pixels: single trees."""
    grain: np.ndarray
    """About 3 pixels."""


_WAVELENGTHS = (160, 60, 20, 7, 3)
_BAND_WIDTH = 0.45  # of a band, as the standard deviation of the logarithm of the wavelength


@cache
def _band_filters() -> np.ndarray:
    """`(5, SIZE, SIZE // 2 + 1)`: what each band lets through of a real field's spectrum."""
    squares = np.fft.fftfreq(SIZE)[:, None] ** 2 + np.fft.rfftfreq(SIZE)[None] ** 2
    frequency = np.sqrt(squares)
    frequency[0, 0] = 1e-9  # the mean: far outside every band
    filters = [np.exp(-((np.log(frequency * wave) / _BAND_WIDTH) ** 2) / 2) for wave in _WAVELENGTHS]
    return np.stack(filters).astype(np.float32)


def draw_noise(rng: np.random.Generator) -> Noise:
    """Fields that differ from tile to tile; they wrap around the tile's borders."""
    spectrum = np.fft.rfft2(rng.random((SIZE, SIZE), np.float32))
    bands = np.fft.irfft2(spectrum * _band_filters(), axes=(1, 2))
    return Noise(*(bands / bands.std(axis=(1, 2), keepdims=True)).astype(np.float32))
