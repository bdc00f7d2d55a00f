"""The tiles of the sample `satellite`: top-down pictures of a rain forest that nobody took, with Planet's 17 tags.

A tile is a function of (seed, part, number) alone: the same whatever else is made, in whatever order. Its tags
follow from a few uniform numbers and are the same everywhere. Its pixels are the same with the same NumPy on the
same kind of processor; elsewhere sines and exponentials may differ in their last bit, and with them a few pixels
by one level.

All eight symmetries of the square are alike likely: directions are uniform on the circle, and a finished tile is
turned and mirrored by one drawn symmetry.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from kgcv.data import satellite_sites as sites
from kgcv.data import satellite_sky as sky
from kgcv.data.satellite_land import order_places, paint_fields, paint_road, paint_water, paint_wild
from kgcv.data.satellite_scene import Scene, open_scene, vary
from kgcv.data.satellite_shapes import direction
from kgcv.data.satellite_tags import OF_THE_FOREST, WEATHER, draw_tags

_GRAIN = 7.0
"""Width of the sensor's noise, which is uniform, in levels of 255."""


class Part(IntEnum):
    """Which images a tile belongs to; part of its key."""

    TRAIN = 0
    TEST = 1


class _Purpose(IntEnum):
    TAGS = 0
    PICTURE = 1


@dataclass(frozen=True, slots=True)
class TileKey:
    """What a tile is a function of."""

    seed: int
    part: Part
    number: int

    def stream(self, purpose: _Purpose) -> np.random.Generator:
        """The random numbers of this tile, one stream for its tags and one for its picture."""
        entropy = [self.seed, self.part, self.number, purpose]
        return np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy)))


def tile_tags(key: TileKey) -> tuple[str, ...]:
    """The tags of a tile, sorted; nothing is painted."""
    return draw_tags(key.stream(_Purpose.TAGS))


def paint_tile(key: TileKey) -> np.ndarray:
    """The picture of a tile: `(256, 256, 3)` uint8."""
    return paint_picture(tile_tags(key), key.stream(_Purpose.PICTURE))


def paint_picture(tags: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    """A picture of anything with these tags: `(256, 256, 3)` uint8."""
    scene = open_scene(rng, "primary" in tags)
    free = paint_ground(scene, tags, rng)
    (weather,) = set(tags) & set(WEATHER)
    sky.PAINTERS[weather](scene, free, rng)
    exposure = vary((255, 255, 255), rng, 0.1)
    grain = np.float32(_GRAIN) * (rng.random(scene.image.shape, np.float32) - 0.5)
    pixels = np.clip(scene.image * exposure[:, None, None] + grain, 0, 255)
    return _turn(np.rint(pixels).astype(np.uint8).transpose(1, 2, 0), int(rng.integers(8)))


def paint_ground(scene: Scene, tags: tuple[str, ...], rng: np.random.Generator) -> list[np.ndarray]:
    """Paint all but the weather; gives the places where nothing lies."""
    toward = direction(rng)
    paint_wild(scene, rng)
    if "agriculture" in tags:
        paint_fields(scene, toward, rng.uniform(0.3, 0.55) if "primary" in tags else rng.uniform(0.5, 0.8), rng)
    if "water" in tags:
        paint_water(scene, rng)
    if "road" in tags:
        paint_road(scene, rng)
    places = order_places(scene, toward, rng)
    for tag, paint in sites.PAINTERS.items():
        if tag in tags:
            # The first places lie in the forest and the last ones perhaps in a lake.
            first, end = (0, 3) if tag in OF_THE_FOREST else (3, len(places) - 1)
            place = places.pop(int(rng.integers(min(first, end - 1), end)))
            paint(scene, place, rng)
    return places


def _turn(image: np.ndarray, symmetry: int) -> np.ndarray:
    turned = np.rot90(image, symmetry % 4)
    return np.ascontiguousarray(turned[::-1] if symmetry >= 4 else turned)
