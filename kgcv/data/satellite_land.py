"""What covers or crosses a whole tile of the sample `satellite`: fields, rivers and lakes, roads."""

from __future__ import annotations

import numpy as np

from kgcv.data.satellite_scene import Scene, mottled, vary
from kgcv.data.satellite_shapes import SIZE, WHOLE, across, around, cover, direction, disc, offset, polyline, turned

_CENTRE = np.full(2, (SIZE - 1) / 2, np.float32)

PLACES = tuple(np.array([x, y], np.float32) for y in (50, 128, 206) for x in (50, 128, 206))
"""Nine places for what lies at one place."""

_CROPS = ((0.55, 0.66, 0.32), (0.66, 0.70, 0.38), (0.73, 0.68, 0.42), (0.46, 0.58, 0.28), (0.60, 0.56, 0.37))
_RIVERS = ((0.24, 0.36, 0.38), (0.47, 0.40, 0.27), (0.13, 0.22, 0.35), (0.20, 0.33, 0.45))
_LAKES = ((0.10, 0.20, 0.34), (0.16, 0.31, 0.45), (0.12, 0.29, 0.36))
_ROADS = ((0.75, 0.69, 0.58), (0.77, 0.62, 0.50), (0.74, 0.73, 0.70))


def paint_fields(scene: Scene, toward: np.ndarray, share: float, rng: np.random.Generator) -> None:
    """Large rectangles of crops and pasture over about `share` of the tile, on the side that `toward` points to."""
    noise = scene.noise
    u, v = turned(_CENTRE, direction(rng))
    u_edges, v_edges = _field_edges(rng), _field_edges(rng)
    number = np.searchsorted(u_edges, u) * (len(v_edges) + 1) + np.searchsorted(v_edges, v)
    num_fields = (len(u_edges) + 1) * (len(v_edges) + 1)
    mask = _choose_fields(number, num_fields, toward, share, rng)[number].astype(np.float32)
    colours = np.stack([vary(_CROPS[kind], rng, 0.12) for kind in rng.integers(len(_CROPS), size=num_fields)], 1)
    strengths = rng.choice([0, 0.05, 0.07], num_fields).astype(np.float32)
    furrows = np.abs((u / rng.uniform(4.5, 7)) % 1 - 0.5) * 4 - 1
    field = mottled(colours[:, number], (1, furrows * strengths[number]), (0.05, noise.wide), (0.03, noise.grain))
    scene.paint(field, mask)
    hedge = np.minimum(_distance_to(u, u_edges), _distance_to(v, v_edges)) - 1
    scene.tint((0.62, 0.72, 0.60), cover(hedge) * mask)


def _field_edges(rng: np.random.Generator) -> np.ndarray:
    """Where fields end along one axis, ascending, from one corner of the tile to the other."""
    return (rng.uniform(-220, -160) + np.cumsum(rng.uniform(42, 95, 10))).astype(np.float32)


def _distance_to(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    nearest: np.ndarray = np.minimum.reduce([np.abs(values - edge) for edge in edges])
    return nearest


def _choose_fields(
    number: np.ndarray, num_fields: int, toward: np.ndarray, share: float, rng: np.random.Generator
) -> np.ndarray:
    """`(num_fields,)` bool: those on the side of `toward`, raggedly, until `share` of the tile is covered."""
    dx, dy = offset(_CENTRE)
    sizes = np.bincount(number.ravel(), minlength=num_fields)
    side = np.bincount(number.ravel(), (dx * toward[0] + dy * toward[1]).ravel(), num_fields) / np.maximum(sizes, 1)
    order = np.argsort(-(side + rng.uniform(-40, 40, num_fields)))
    covered = np.cumsum(sizes[order]) - sizes[order] / 2
    chosen = np.zeros(num_fields, bool)
    chosen[order[covered < share * SIZE * SIZE]] = True
    return chosen


def paint_water(scene: Scene, rng: np.random.Generator) -> None:
    """A winding river, broad or narrow, a lake, or both."""
    kind = rng.choice(["river", "river", "river", "lake", "both"])
    if kind != "lake":
        _fill(scene, _river(rng), vary(_RIVERS[rng.integers(len(_RIVERS))], rng, 0.12))
    if kind != "river":
        place = rng.uniform(40, SIZE - 40, 2).astype(np.float32)
        shore = scene.blob(place, rng.uniform(20, 42), WHOLE)
        _fill(scene, shore, vary(_LAKES[rng.integers(len(_LAKES))], rng, 0.12))


def _fill(scene: Scene, shore: np.ndarray, colour: np.ndarray) -> None:
    """Smooth water within `shore`, a signed distance, with a narrow rim of sand here and there."""
    noise = scene.noise
    shore = shore + 1.2 * noise.clump
    scene.paint((0.66, 0.60, 0.45), 0.8 * cover(shore - 2.5, 1.5) * np.clip(noise.wide, 0, 1))
    water = cover(shore, 1.5)
    scene.paint(mottled(colour, (0.05, noise.broad), (0.012, noise.grain)), water)
    scene.water = np.maximum(scene.water, water)


def _river(rng: np.random.Generator) -> np.ndarray:
    """Distance to a ribbon that winds across the tile with one or two bends a side."""
    along, width = direction(rng), rng.choice([rng.uniform(3.5, 7), rng.uniform(8, 24)])
    t = np.linspace(-200, 200, 48)
    bends = np.zeros_like(t)
    for wave, height in ((rng.uniform(120, 220), rng.uniform(12, 34)), (rng.uniform(55, 90), rng.uniform(4, 11))):
        bends += height * np.sin(2 * np.pi * (t / wave + rng.random()))
    middle = _CENTRE + across(along) * rng.uniform(-75, 75)
    points = middle + t[:, None] * along + bends[:, None] * across(along)
    return polyline(points, width / 2 + 12) - np.float32(width / 2)


def paint_road(scene: Scene, rng: np.random.Generator) -> None:
    """A thin straight pale line across the tile, sometimes with a bend, sometimes with side roads."""
    along = direction(rng)
    middle = _CENTRE + across(along) * rng.uniform(-85, 85) + along * rng.uniform(-40, 40)
    onward = along + across(along) * rng.choice([0, 0, rng.uniform(-0.8, 0.8)])
    lines = [np.stack([middle - 400 * along, middle, middle + 400 * onward])]
    for _ in range(rng.choice([0, 0, 1, 2])):
        start = middle + along * rng.uniform(-90, 90)
        start = start if (start - middle) @ along < 0 else middle + onward * ((start - middle) @ along)
        lines.append(np.stack([start, start + across(along) * rng.choice([-1, 1]) * rng.uniform(70, 300)]))
    width = rng.uniform(1.4, 2.6)
    colour = mottled(vary(_ROADS[rng.integers(len(_ROADS))], rng), (0.04, scene.noise.crown))
    for line, part in zip(lines, (1, 0.8, 0.8), strict=False):
        distance = polyline(line, 8) - np.float32(width * part / 2)
        scene.tint((0.8, 0.82, 0.8), cover(distance - 2, 3))
        scene.paint(colour, cover(distance) * 0.95)


def paint_wild(scene: Scene, rng: np.random.Generator) -> None:
    """What a forest has of its own and no tag names: dead trees, a glade, a swamp."""
    for _ in range(rng.choice([0, 0, 3, 6])):
        crown = rng.uniform(0, SIZE, 2)
        window = around(crown, 5)
        colour = vary((0.60, 0.58, 0.48), rng, 0.15)
        scene.paint(colour, 0.8 * cover(disc(crown, rng.uniform(0.9, 1.9), window)) * scene.canopy[window], window)
    for shade in ((1.9, 1.6, 1.35), (0.6, 0.6, 0.66)):
        if rng.random() < 0.2:
            place, radius = rng.uniform(0, SIZE, 2), rng.uniform(12, 30)
            window = around(place, 2 * radius)
            scene.tint(shade, cover(scene.blob(place, radius, window), 9) * scene.canopy[window], window)


def order_places(scene: Scene, toward: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """The nine places, moved a little: those far from `toward` and from water first."""

    def cost(place: np.ndarray) -> float:
        wet = float(scene.water[around(place, 30)].mean())
        return float((place - _CENTRE) @ toward) / SIZE + 3 * wet + rng.uniform(0, 0.3)

    places = sorted(PLACES, key=cost)
    return [place + rng.uniform(-12, 12, 2).astype(np.float32) for place in places]
