"""The weather over a tile of the sample `satellite`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kgcv.data.satellite_scene import Scene, mottled, vary
from kgcv.data.satellite_shapes import SIZE, WHOLE, around, direction

_VEIL = (0.78, 0.81, 0.83)
_CLOUD = (0.95, 0.96, 0.97)


def paint_clear(scene: Scene, _free: Sequence[np.ndarray], rng: np.random.Generator) -> None:
    """Hardly any veil."""
    scene.paint(vary(_VEIL, rng, 0.03), np.full((SIZE, SIZE), rng.uniform(0, 0.10), np.float32))


def paint_haze(scene: Scene, _free: Sequence[np.ndarray], rng: np.random.Generator) -> None:
    """A milky veil through which the ground is seen, paler and with less contrast."""
    veil = rng.uniform(0.46, 0.60) + 0.06 * scene.noise.broad + 0.02 * scene.noise.wide
    scene.paint(vary(_VEIL, rng, 0.04), np.clip(veil, 0.36, 0.72))


def paint_partly_cloudy(scene: Scene, free: Sequence[np.ndarray], rng: np.random.Generator) -> None:
    """White puffs over places where nothing lies that they would hide, each with its shadow."""
    paint_clear(scene, free, rng)
    drift = direction(rng) * rng.uniform(8, 18)
    centres = [place + rng.uniform(-20, 20, 2) for place in free for _ in range(rng.integers(0, 3))]
    centres = centres or [free[0]]
    puffs = [(centre, rng.choice([rng.uniform(5, 11), rng.uniform(16, 38)])) for centre in centres]
    puffs.append((free[0], rng.uniform(18, 34)))
    for centre, radius in puffs:
        _cast(scene, centre + drift, radius)
    for centre, radius in puffs:
        window = around(centre, 2.2 * radius)
        noise = scene.noise
        thickness = np.clip(
            0.55 - scene.blob(centre, radius, window, 1.5) / (0.5 * radius) + 0.15 * noise.crown[window], 0, 1
        )
        white = mottled(_CLOUD, (0.02, noise.clump[window]), (0.015, noise.wide[window]))
        scene.paint(white, 0.97 * thickness, window)


def _cast(scene: Scene, centre: np.ndarray, radius: float) -> None:
    """The shadow of a puff."""
    window = around(centre, 2.2 * radius)
    shade = np.clip(0.5 - scene.blob(centre, radius, window, 1.5) / (0.6 * radius), 0, 1)
    scene.tint((0.58, 0.60, 0.66), shade, window)


def paint_cloudy(scene: Scene, _free: Sequence[np.ndarray], rng: np.random.Generator) -> None:
    """Nothing but cloud, white to grey."""
    noise = scene.noise
    grey = vary((0.86, 0.87, 0.89), rng, 0.09)
    cloud = mottled(grey, (0.05, noise.broad), (0.035, noise.wide), (0.02, noise.clump), (0.008, noise.crown))
    scene.paint(cloud, np.ones((SIZE, SIZE), np.float32), WHOLE)


PAINTERS = {
    "clear": paint_clear,
    "partly_cloudy": paint_partly_cloudy,
    "haze": paint_haze,
    "cloudy": paint_cloudy,
}
"""The painter of each weather; the second argument are the places where nothing lies."""
