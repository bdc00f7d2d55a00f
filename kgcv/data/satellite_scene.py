"""The picture in the making: what is painted so far, and where forest and water are still seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kgcv.data.satellite_shapes import SIZE, WHOLE, Noise, Window, disc, draw_noise

Colour = Sequence[float] | np.ndarray
"""Red, green and blue in [0, 1]: three numbers, or `(3, h, w)` for a window."""

_FOREST = (0.17, 0.27, 0.17)
_GRASS = (0.42, 0.45, 0.26)


@dataclass(slots=True)
class Scene:
    """A tile without weather; painters change it in place."""

    image: np.ndarray
    """`(3, SIZE, SIZE)` float32 in about [0, 1]; channels first, which NumPy paints three times as fast."""
    noise: Noise
    canopy: np.ndarray
    """`(SIZE, SIZE)` float32: how much of the rain forest is seen, 0 to 1."""
    water: np.ndarray
    """`(SIZE, SIZE)` float32: likewise for rivers and lakes."""

    def paint(self, colour: Colour, mask: np.ndarray, window: Window = WHOLE) -> None:
        """Lay `colour` over the window, as opaque as `mask` `(h, w)` says; it hides forest and water."""
        pixels = self.image[:, *window]
        pixels += (_spread(colour) - pixels) * mask
        self.canopy[window] *= 1 - mask
        self.water[window] *= 1 - mask

    def tint(self, factor: Colour, mask: np.ndarray, window: Window = WHOLE) -> None:
        """Multiply the colours below `mask` by `factor`; forest stays forest."""
        self.image[:, *window] *= 1 + (_spread(factor) - 1) * mask

    def blob(self, place: np.ndarray, radius: float, window: Window, roughness: float = 1.0) -> np.ndarray:
        """Distance to an uneven round shape of about this radius, and nowhere more than 1.6 times as far out."""
        bumps = 0.22 * self.noise.wide[window] + 0.10 * self.noise.clump[window]
        even = disc(place, radius, window)
        return np.maximum(even + np.float32(radius * roughness) * bumps, even - np.float32(0.6 * radius))


def _spread(colour: Colour) -> np.ndarray:
    """`(3, 1, 1)` or `(3, h, w)` float32."""
    channels = np.asarray(colour, np.float32)
    return channels if channels.ndim == 3 else channels[:, None, None]


def mottled(colour: Colour, *textures: tuple[float, np.ndarray]) -> np.ndarray:
    """`(3, h, w)`: the colour, lighter and darker by the sum of strength times field."""
    light = 1 + sum(np.float32(strength) * field for strength, field in textures)
    mixed: np.ndarray = _spread(colour) * light
    return mixed


def vary(colour: Sequence[float], rng: np.random.Generator, spread: float = 0.08) -> np.ndarray:
    """`(3,)`: a colour near `colour`, all of it lighter or darker, and each channel a little."""
    channels = np.asarray(colour) * rng.uniform(1 - spread, 1 + spread) * rng.uniform(1 - spread / 3, 1 + spread / 3, 3)
    return channels.astype(np.float32)


def open_scene(rng: np.random.Generator, has_forest: bool) -> Scene:
    """Rain forest all over, or grassland with some trees, which is the ground where `primary` is not."""
    noise = draw_noise(rng)
    forest = vary(_FOREST, rng, 0.2)
    crowns = rng.uniform(0.10, 0.18)
    trees = mottled(forest, (crowns, noise.crown), (0.09, noise.clump), (0.07, noise.broad), (0.06, noise.grain))
    if has_forest:
        full = np.ones((SIZE, SIZE), np.float32)
        return Scene(trees, noise, full, np.zeros_like(full))
    grass = vary(_GRASS, rng, 0.15)
    image = mottled(grass, (0.08, noise.broad), (0.07, noise.wide), (0.03, noise.crown), (0.03, noise.grain))
    none = np.zeros((SIZE, SIZE), np.float32)
    scene = Scene(image, noise, none, none.copy())
    scene.paint(trees, np.clip(2 * noise.clump + noise.broad - 3.2, 0, 1))
    return scene
