"""Test-time augmentation: which views there are, and how they are weighed.

How others weigh the plain view: fastai 0.7 gave it 1/5 (one copy beside four random views), fastai 1 gave it 0.4
beside eight corner crops, fastai 2 gives it 0.25 beside four random views. Here all views count alike unless
`tta.plain_weight` says otherwise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from kgcv.config.schema import AugmentConfig
from kgcv.data.augment import DIHEDRAL, IDENTITY, MIRROR, NUM_DRAWS, Changes, draw_changes
from kgcv.engine.randomness import view_draws
from kgcv.errors import ConfigError, listed

CROP_ZOOM = 1.35
"""Magnification of the corner views (fastai 1, `TTA`)."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One deterministic variant of an image."""

    name: str
    offset: float = 0.5
    """Where along the longer side the square is cut, in [0, 1]."""
    warp: np.ndarray | None = None
    """`(2, 3)`; None is the plain square."""

    def changes(self, rows: np.ndarray) -> Changes:
        """The changes of this view for images `rows`; the same for each."""
        warp = IDENTITY if self.warp is None else self.warp
        size = len(rows)
        return Changes(np.full(size, self.offset), np.tile(warp, (size, 1, 1)), np.zeros(size), np.ones(size))

    def shares_squares(self, other: AnyView) -> bool:
        """Whether both are made from the same squares, so that these need be read only once."""
        return isinstance(other, View) and other.offset == self.offset

    def describe(self) -> list[object]:
        """All that decides what this view shows, as plain values."""
        return [self.name, self.offset, None if self.warp is None else self.warp.tolist()]


@dataclass(frozen=True, slots=True, eq=False)
class RandomView:
    """A drawn variant, as in training; the same draws for the same seed, view and image."""

    name: str
    draws: np.ndarray
    """`(N, NUM_DRAWS)` for all images of the source."""
    augment: AugmentConfig

    def changes(self, rows: np.ndarray) -> Changes:
        """The changes of this view for images `rows`; each has its own."""
        return draw_changes(self.draws[rows], self.augment)

    def shares_squares(self, other: AnyView) -> bool:
        """Never: each random view cuts its own squares."""
        return False

    def describe(self) -> list[object]:
        """All that decides what this view shows, as plain values; of the draws their hash."""
        return [self.name, hashlib.sha256(self.draws.tobytes()).hexdigest(), asdict(self.augment)]


AnyView = View | RandomView

PLAIN = View("plain")
MIRRORED = View("mirrored", warp=MIRROR)


def _symmetry(index: int) -> View:
    """One of the eight; plain and mirrored are among them and have one name everywhere."""
    if index == 0:
        return PLAIN
    return MIRRORED if np.array_equal(DIHEDRAL[index], MIRROR) else View(f"symmetry {index}", warp=DIHEDRAL[index])


def _cut_corners() -> tuple[View, ...]:
    """The plain view, then each magnified corner; all of them, then all of them mirrored."""
    scale, shift = 1 / CROP_ZOOM, 1 - 1 / CROP_ZOOM
    views: list[View] = []
    for side, whole, suffix in ((1.0, PLAIN, ""), (-1.0, MIRRORED, " mirrored")):
        views.append(whole)
        for x, y in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
            warp = np.array([[scale * side, 0.0, x * shift], [0.0, scale, y * shift]])
            views.append(View(f"{'top' if y < 0 else 'bottom'} {'left' if x < 0 else 'right'}{suffix}", warp=warp))
    return tuple(views)


VIEW_SETS: Mapping[str, tuple[View, ...]] = {
    "identity": (PLAIN,),
    "flip": (PLAIN, MIRRORED),
    "dihedral": tuple(_symmetry(index) for index in range(8)),
    "crops": _cut_corners(),
}
"""Sets of fixed views by name, the plain view first: 1, 2, 8 and 10 of them."""

NAMED_VIEWS: Mapping[str, View] = {view.name: view for views in VIEW_SETS.values() for view in views}
"""Every fixed view, once."""


def build_views(name: str, augment: AugmentConfig, seed: int, num_samples: int) -> tuple[AnyView, ...]:
    """The views that `name` stands for, the plain one first.

    Args:
        name: `identity`; `flip` (2 views); `dihedral` (8); `crops` (the square and its four corners
            magnified 1.35 times, each also mirrored: 10); `random:N` (the plain one and N drawn as in training);
            or names of fixed views, comma-separated, such as `plain,mirrored,top left`.
        augment: what `random:N` draws.
        seed: of those draws.
        num_samples: images of the source.

    Raises:
        ConfigError: no such set of views, no such view, or `random:N` for a run that was trained without
            augmentation.
    """
    if name in VIEW_SETS:
        return VIEW_SETS[name]
    if "," in name:
        return _listed_views(name)
    kind, _, count = name.partition(":")
    if kind != "random" or not (count.isascii() and count.isdecimal()) or int(count) < 1:
        known = f"auto, {', '.join(VIEW_SETS)}, random:N (N from 1)"
        raise ConfigError([f"views: {name!r} is not one of {known}, nor a list such as plain,mirrored"])
    if augment.preset == "none":
        raise ConfigError(["views: random:N draws the run's own augmentation, and this run has none"])
    return (PLAIN, *(_random_view(index, augment, seed, num_samples) for index in range(1, int(count) + 1)))


def _listed_views(text: str) -> tuple[AnyView, ...]:
    names = [part.strip() for part in text.split(",")]
    if unknown := [name for name in names if name not in NAMED_VIEWS]:
        raise ConfigError([f"views: no such view: {listed(unknown)}; there are {', '.join(NAMED_VIEWS)}"])
    if names[0] != PLAIN.name or len(set(names)) < len(names):
        raise ConfigError([f"views: {text!r} must begin with plain and name each view once"])
    return tuple(NAMED_VIEWS[name] for name in names)


def candidate_sets(top_down: bool) -> dict[str, tuple[str, ...]]:
    """Sets of views worth comparing, by name: names of views, the plain one first.

    Args:
        top_down: whether turned and upside-down images are as good as upright ones, as in the pictures of a
            satellite; only then the symmetries of the square are among them.
    """
    names = ("identity", "flip", "crops", "dihedral") if top_down else ("identity", "flip", "crops")
    sets = {name: tuple(view.name for view in VIEW_SETS[name]) for name in names}
    if top_down:
        sets["dihedral+crops"] = tuple(dict.fromkeys((*sets["dihedral"], *sets["crops"])))
    return sets


def _random_view(index: int, augment: AugmentConfig, seed: int, num_samples: int) -> RandomView:
    return RandomView(f"random {index}", view_draws(seed, index, num_samples, NUM_DRAWS), augment)


def view_weights(num_views: int, plain_weight: float | None) -> tuple[float, ...]:
    """The weight of each view, plain first; they add up to 1."""
    if num_views == 1:
        return (1.0,)
    plain = 1 / num_views if plain_weight is None else plain_weight
    return (plain, *((1 - plain) / (num_views - 1) for _ in range(num_views - 1)))


def group_by_squares(views: Sequence[AnyView]) -> list[list[int]]:
    """Indices of `views` in groups that are made from the same squares, in order of first appearance."""
    groups: list[list[int]] = []
    for index, view in enumerate(views):
        for group in groups:
            if view.shares_squares(views[group[0]]):
                group.append(index)
                break
        else:
            groups.append([index])
    return groups
