"""Test-time augmentation: which views there are, and how they are weighed.

How others weigh the plain view: fastai 0.7 gave it 1/5 (one copy beside four random views), fastai 1 gave it 0.4
beside eight corner crops, fastai 2 gives it 0.25 beside four random views. Here all views count alike unless
`tta.plain_weight` says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kgcv.config.schema import AugmentConfig
from kgcv.data.augment import DIHEDRAL, IDENTITY, MIRROR, NUM_DRAWS, Changes, draw_changes
from kgcv.engine.randomness import view_draws
from kgcv.errors import ConfigError

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


AnyView = View | RandomView

PLAIN = View("plain")


def build_views(name: str, augment: AugmentConfig, seed: int, num_samples: int) -> tuple[AnyView, ...]:
    """The views that `name` stands for, the plain one first.

    Args:
        name: `identity`; `flip` (2 views); `dihedral` (8); `crops` (the square and its four corners
            magnified 1.35 times, each also mirrored: 10); `random:N` (the plain one and N drawn as in training).
        augment: what `random:N` draws.
        seed: of those draws.
        num_samples: images of the source.

    Raises:
        ConfigError: no such set of views, or `random:N` for a run that was trained without augmentation.
    """
    if name == "identity":
        return (PLAIN,)
    if name == "flip":
        return (PLAIN, View("mirrored", warp=MIRROR))
    if name == "dihedral":
        return (PLAIN, *(View(f"symmetry {index}", warp=DIHEDRAL[index]) for index in range(1, 8)))
    if name == "crops":
        return _corner_views()
    kind, _, count = name.partition(":")
    if kind != "random" or not count.isdecimal() or int(count) < 1:
        raise ConfigError([f"views: {name!r} is not one of identity, flip, dihedral, crops, random:N (N from 1)"])
    if augment.preset == "none":
        raise ConfigError(["views: random:N draws the run's own augmentation, and this run has none"])
    return (PLAIN, *(_random_view(index, augment, seed, num_samples) for index in range(1, int(count) + 1)))


def _corner_views() -> tuple[AnyView, ...]:
    """The plain view, then each magnified corner; all of them, then all of them mirrored."""
    scale, shift = 1 / CROP_ZOOM, 1 - 1 / CROP_ZOOM
    views: list[AnyView] = []
    for side, suffix in ((1.0, ""), (-1.0, ", mirrored")):
        views.append(PLAIN if side == 1.0 else View("mirrored", warp=MIRROR))
        for x, y in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
            warp = np.array([[scale * side, 0.0, x * shift], [0.0, scale, y * shift]])
            name = f"{'top' if y < 0 else 'bottom'} {'left' if x < 0 else 'right'}{suffix}"
            views.append(View(name, warp=warp))
    return tuple(views)


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
