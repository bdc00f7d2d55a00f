"""Heat over an image, as colours for a picture and as characters for a terminal or a log."""

from __future__ import annotations

import numpy as np

_STRONGEST = 0.75
"""Opacity of the hottest places: the image shows through, so that one sees what they are of."""

_SHADES = " .:-=+*#%@"


def as_rgb(pixels: np.ndarray) -> np.ndarray:
    """`(H, W, 3)` float32 of an image `(H, W, channels)` in [0, 1].

    Grey stays grey, alpha is left out, and more than four channels are shown as their mean.
    """
    channels = pixels.shape[2]
    colours = pixels[..., :3] if channels in (3, 4) else pixels[..., :1]
    if channels > 4:
        colours = pixels.mean(axis=2, keepdims=True)
    rgb: np.ndarray = np.broadcast_to(colours, (*pixels.shape[:2], 3)).astype(np.float32)
    return rgb


def blend_heat(rgb: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """`(H, W, 3)` float32 in [0, 1]: the image in grey, and over it the heat `(H, W)` in [0, 1], dark red to orange."""
    from matplotlib import colormaps

    grey = rgb @ np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601, as Pillow's L
    colours = colormaps["hot"](0.2 + 0.42 * heat)[..., :3].astype(np.float32)
    opacity = _STRONGEST * heat[..., None]
    blended: np.ndarray = (1 - opacity) * grey[..., None] + opacity * colours
    return blended


def shrink(values: np.ndarray, num_rows: int, num_columns: int) -> np.ndarray:
    """`values` `(H, W, ...)` in `num_rows` x `num_columns` cells: the mean of the pixels in each, or the nearest."""
    for axis, size in enumerate((num_rows, num_columns)):
        length = values.shape[axis]
        starts = np.arange(size) * length // size
        counts = np.maximum(np.diff(np.append(starts, length)), 1)
        shape = [-1 if each == axis else 1 for each in range(values.ndim)]
        values = np.add.reduceat(values, starts, axis=axis) / counts.reshape(shape)
    return values


def draw_shades(heat: np.ndarray, width: int) -> list[str]:
    """Lines of `width` characters, the darker the hotter, of a heat map `(S, S)` in [0, 1]."""
    cells = shrink(heat, max(1, width // 2), width)  # a character is about twice as high as wide
    indices = np.minimum((cells * len(_SHADES)).astype(int), len(_SHADES) - 1)
    return ["".join(_SHADES[index] for index in row) for row in indices.tolist()]
