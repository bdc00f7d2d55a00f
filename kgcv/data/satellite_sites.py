"""What lies at one place of a tile of the sample `satellite`: villages, plots, mines, burnt or logged forest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kgcv.data.satellite_scene import Scene, mottled, vary
from kgcv.data.satellite_shapes import across, around, cover, direction, disc, mosaic, polyline, rectangle, turned

_ROOFS = ((0.95, 0.95, 0.93), (0.86, 0.86, 0.88), (0.82, 0.47, 0.36), (0.93, 0.88, 0.80))
_PLOTS = ((0.62, 0.68, 0.34), (0.50, 0.40, 0.28), (0.38, 0.50, 0.25), (0.72, 0.66, 0.42), (0.27, 0.38, 0.20))
_TANS = ((0.80, 0.68, 0.50), (0.77, 0.61, 0.45), (0.82, 0.73, 0.58))
_FLOWERS = ((0.95, 0.84, 0.22), (0.93, 0.60, 0.72), (0.98, 0.72, 0.25))


def paint_habitation(scene: Scene, place: np.ndarray, rng: np.random.Generator) -> None:
    """A cluster of small bright roofs in rows, on trodden ground."""
    along, radius = direction(rng), rng.uniform(20, 36)
    window = around(place, 1.8 * radius)
    ground = mottled((0.56, 0.52, 0.38), (0.10, scene.noise.crown[window]), (0.08, scene.noise.clump[window]))
    scene.paint(ground, 0.65 * cover(scene.blob(place, radius, window), 7), window)
    for u in np.arange(-3, 4):
        for v in np.arange(-3, 4):
            shift = np.array([u, v]) * 10 + rng.uniform(-2.6, 2.6, 2)
            half, shade = rng.uniform(1.3, 2.7, 2), rng.integers(len(_ROOFS))
            is_built = rng.random() < 0.62 and np.hypot(*shift) < radius
            roof = place + shift[0] * along + shift[1] * across(along)
            plot = around(roof, 6)
            mask = cover(rectangle(roof, half, along, plot)) * is_built
            scene.paint(vary(_ROOFS[shade], rng, 0.06), mask, plot)


def paint_cultivation(scene: Scene, place: np.ndarray, rng: np.random.Generator) -> None:
    """A patchwork of small plots without a right angle."""
    radius = rng.uniform(30, 42)
    window = around(place, 1.6 * radius)
    steps = np.arange(-radius * 1.6, radius * 1.6, rng.uniform(15, 19))
    lattice = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    along = direction(rng)
    seeds = place + lattice @ np.stack([along, across(along)]) + rng.uniform(-6.5, 6.5, lattice.shape)
    plot, border = mosaic(seeds, window)
    colours = np.stack([vary(_PLOTS[kind], rng, 0.12) for kind in rng.integers(len(_PLOTS), size=len(seeds))], 1)
    middle = np.hypot(*(seeds - place).T) < radius
    mask = middle[plot].astype(np.float32)
    surface = mottled(colours[:, plot], (0.06, scene.noise.grain[window]), (0.05, scene.noise.crown[window]))
    scene.paint(surface, 0.95 * mask, window)
    scene.tint((0.55, 0.60, 0.50), cover(border - 0.8) * mask, window)


def paint_bare_ground(scene: Scene, place: np.ndarray, rng: np.random.Generator) -> None:
    """A smooth tan patch."""
    radius = rng.uniform(26, 44)
    window = around(place, 1.9 * radius)
    noise = scene.noise
    colour = vary(_TANS[rng.integers(len(_TANS))], rng, 0.06)
    surface = mottled(colour, (0.05, noise.clump[window]), (0.05, noise.wide[window]), (0.015, noise.grain[window]))
    scene.paint(surface, cover(scene.blob(place, radius, window, 1.3), 3), window)


def paint_slash_burn(scene: Scene, place: np.ndarray, rng: np.random.Generator) -> None:
    """Charred ground, grey-black, with ash in it and a reddish rim of scorched trees."""
    along, half = direction(rng), rng.uniform(19, 33, 2)
    window = around(place, 76)
    noise = scene.noise
    edge = rectangle(place, half, along, window) + 2.5 * noise.clump[window] + 5 * noise.wide[window]
    scorched = mottled(vary((0.47, 0.25, 0.15), rng), (0.16, noise.crown[window]))
    scene.paint(scorched, 0.9 * cover(edge - 6, 5), window)
    char = mottled(vary((0.15, 0.14, 0.14), rng), (0.15, noise.clump[window]), (0.12, noise.grain[window]))
    scene.paint(char, cover(edge, 3), window)
    ash = np.clip(1.4 * noise.crown[window] + 0.8 * noise.clump[window] - 1.6, 0, 1) * cover(edge + 4, 4)
    scene.paint((0.52, 0.50, 0.50), 0.8 * ash, window)


def paint_artisinal_mine(scene: Scene, place: np.ndarray, rng: np.random.Generator) -> None:
    """Bright heaped sand with puddles of milky turquoise."""
    radius = rng.uniform(28, 42)
    window = around(place, 1.8 * radius)
    edge = scene.blob(place, radius, window, 1.5)
    sand = mottled(vary((0.88, 0.81, 0.66), rng, 0.05), (0.06, scene.noise.crown[window]))
    scene.paint(sand, cover(edge, 2), window)
    for _ in range(rng.integers(6, 12)):
        puddle = place + direction(rng) * radius * 0.8 * np.sqrt(rng.random())
        colour, size = vary((0.46, 0.73, 0.70), rng, 0.10), rng.uniform(3.5, 8.5)
        shore = disc(puddle, size, window) + 2.2 * scene.noise.clump[window] + 0.8 * scene.noise.crown[window]
        scene.paint(colour, cover(np.maximum(shore, edge + 2), 1.5), window)


def paint_conventional_mine(scene: Scene, place: np.ndarray, rng: np.random.Generator) -> None:
    """An open pit: terraces as rings, light treads and dark walls, down to a dark floor."""
    along, radius = direction(rng), rng.uniform(34, 46)
    stretch, terrace = rng.uniform(1, 1.35), rng.uniform(6, 8.5)
    window = around(place, 1.6 * radius)
    u, v = turned(place, along, window)
    depth = radius - np.sqrt(u * u + (v * stretch) ** 2) - 2.5 * scene.noise.wide[window]
    level = (depth / terrace) % 1
    wall = np.clip(6 * np.minimum(level, 1 - level) - 0.6, 0, 1)  # 0 on the thin line between two terraces
    light = (0.5 + 0.5 * wall) * (1.06 - 0.35 * depth / radius)
    surface = mottled(vary((0.66, 0.59, 0.52), rng, 0.12), (1.0, light - 1), (0.05, scene.noise.crown[window]))
    scene.paint(surface, cover(-depth, 2), window)
    floor = radius - 1.2 * terrace
    scene.paint(vary((0.28, 0.33, 0.36), rng), cover(floor - depth, 2), window)


def paint_selective_logging(scene: Scene, place: np.ndarray, rng: np.random.Generator) -> None:
    """Dotted skid trails: gaps of single trees, pale brown, along fine branching lines in the canopy."""
    along, length = direction(rng), rng.uniform(44, 60)
    trails = [np.stack([place - along * length, place + along * length])]
    for step in np.arange(-0.75, 0.8, 0.375):
        root = place + along * length * (step + rng.uniform(-0.1, 0.1))
        aside = across(along) * rng.choice([-1, 1]) + along * rng.uniform(0.2, 0.7)
        trails.append(np.stack([root, root + aside * rng.uniform(22, 44)]))
    colour = vary((0.68, 0.57, 0.42), rng)
    for trail in trails:
        scene.paint(colour, 0.5 * cover(polyline(trail, 4) - 0.4) * scene.canopy)
        for gap in _spread(trail, rng.uniform(7, 9)):
            dot = gap + rng.uniform(-1.5, 1.5, 2)
            window = around(dot, 5)
            scene.paint(colour, 0.9 * cover(disc(dot, rng.uniform(1.2, 2.2), window)) * scene.canopy[window], window)


def _spread(line: np.ndarray, gap: float) -> np.ndarray:
    """`(n, 2)`: places along a line of two points, about `gap` pixels from each other."""
    number = int(np.hypot(*(line[1] - line[0])) / gap) + 1
    places: np.ndarray = line[0] + np.linspace(0, 1, number)[:, None] * (line[1] - line[0])
    return places


def paint_blooming(scene: Scene, place: np.ndarray, rng: np.random.Generator) -> None:
    """Crowns in flower, strewn over the canopy as small round specks of one bright colour."""
    flower = _FLOWERS[rng.integers(len(_FLOWERS))]
    for _ in range(rng.integers(40, 75)):
        crown = place + rng.normal(0, 34, 2)
        window = around(crown, 6)
        mask = cover(disc(crown, rng.uniform(1.1, 2.6), window), 1.6) * scene.canopy[window]
        scene.paint(vary(flower, rng, 0.1), 0.9 * mask, window)


def paint_blow_down(scene: Scene, place: np.ndarray, rng: np.random.Generator) -> None:
    """A fan of trees felled by one gust: pale streaks that all point away from one spot."""
    along, length, spread = direction(rng), rng.uniform(80, 105), rng.uniform(0.35, 0.6)
    origin = place - along * length / 2
    u, v = turned(origin, along)
    distance = np.maximum(np.abs(v) - np.maximum(u, 0) * spread, np.maximum(-u, np.hypot(u, v) - length))
    fan = cover(distance + 5 * scene.noise.clump, 10) * scene.canopy
    scene.tint((1.30, 1.12, 1.02), fan)
    colour = vary((0.72, 0.66, 0.54), rng)
    for _ in range(rng.integers(55, 85)):
        way = along + across(along) * spread * rng.uniform(-1, 1)
        start = origin + way * length * rng.uniform(0.1, 0.85)
        trunk = np.stack([start, start + way * rng.uniform(9, 20)])
        window = around(trunk.mean(axis=0), 16)
        half = (float(np.hypot(*(trunk[1] - trunk[0]))) / 2, 0.45)
        mask = cover(rectangle(trunk.mean(axis=0), half, way / np.hypot(*way), window))
        scene.paint(colour, 0.75 * mask * scene.canopy[window], window)


PAINTERS: dict[str, Callable[[Scene, np.ndarray, np.random.Generator], None]] = {
    "bare_ground": paint_bare_ground,
    "cultivation": paint_cultivation,
    "slash_burn": paint_slash_burn,
    "conventional_mine": paint_conventional_mine,
    "artisinal_mine": paint_artisinal_mine,
    "habitation": paint_habitation,
    "selective_logging": paint_selective_logging,
    "blow_down": paint_blow_down,
    "blooming": paint_blooming,
}
"""The painter of each local tag, in the order of painting: what covers first, what is small last."""
