"""Batches of images on the device: one composed warp with one interpolation, light, and normalisation.

A warp is a 2 x 3 matrix that maps a place in the output square to a place in the input square, both in [-1, 1] with
y downwards, as torch's `affine_grid` has it. Shapes: B batch, C channels, E side of the input, S side of the output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  torch's own name for it
from torch import Tensor

from kgcv.config.schema import AugmentConfig

NUM_DRAWS = 12
"""Random numbers an image may use, in the order in which `draw_changes` takes them."""

IDENTITY = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])

DIHEDRAL = np.array(
    [
        [[cos, -sin * flip, 0.0], [sin, cos * flip, 0.0]]
        for flip in (1.0, -1.0)
        for cos, sin in ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))
    ]
)
"""`(8, 2, 3)`: the symmetries of the square; four rotations, then those of the mirrored image; the first is plain."""

MIRROR = np.array([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Left and right exchanged."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What happens to each image of a batch."""

    offsets: np.ndarray
    """`(B,)` float in [0, 1]: where along the longer side the square is cut; 0.5 is the middle."""
    warps: np.ndarray
    """`(B, 2, 3)` float64."""
    brightness: np.ndarray
    """`(B,)`: added to pixels in [0, 1]."""
    contrast: np.ndarray
    """`(B,)`: factor of the distance from the image's mean."""

    def rows(self, chosen: np.ndarray | slice) -> Changes:
        """The changes of some images only."""
        return Changes(self.offsets[chosen], self.warps[chosen], self.brightness[chosen], self.contrast[chosen])


NO_CHANGES = Changes(np.empty(0), np.empty((0, 2, 3)), np.empty(0), np.empty(0))
"""For samples that are no images; there is nothing to change."""


def draw_changes(draws: np.ndarray, config: AugmentConfig) -> Changes:
    """Turn uniform numbers into changes; the magnitudes and chances are fastai 0.7's (`transforms_*`).

    `basic` rotates, zooms and shears, each with its own chance of `affine_probability`, cuts the square anywhere and
    changes the light; `side_on` also mirrors every second image; `top_down` also turns it by one of the eight
    symmetries. `none` cuts the square anywhere along the longer side, as the course's plain training did, and no more.

    Args:
        draws: `(B, NUM_DRAWS)` float64 in [0, 1).
        config: the preset and its magnitudes.
    """
    size = len(draws)
    column = iter(draws.T)
    offsets = next(column)
    if config.preset == "none":
        return Changes(offsets, np.tile(IDENTITY, (size, 1, 1)), np.zeros(size), np.ones(size))

    def symmetric(limit: float) -> np.ndarray:
        """Uniform in +-limit with the chance of `affine_probability`, else 0."""
        value, chance = next(column), next(column)
        return np.where(chance < config.affine_probability, (2 * value - 1) * limit, 0.0)

    angles = np.deg2rad(symmetric(config.max_rotate))
    shears = np.tan(np.deg2rad(symmetric(config.max_shear)))
    zooms = 1 + np.abs(symmetric(config.max_zoom - 1))
    shifts = (1 - 1 / zooms)[:, None] * (2 * np.stack([next(column), next(column)], axis=1) - 1)
    turns = _turns(next(column), config)
    brightness = (2 * next(column) - 1) * config.max_lighting
    change = (2 * next(column) - 1) * config.max_lighting
    contrast = np.where(change >= 0, 1 + change, 1 / (1 - change))
    return Changes(offsets, _compose(angles, shears, zooms, shifts, turns), brightness, contrast)


def _turns(draws: np.ndarray, config: AugmentConfig) -> np.ndarray:
    """`(B, 2, 2)`: the symmetry of each image, of those the preset allows, all alike likely."""
    allowed = {
        "basic": IDENTITY[None],
        "side_on": np.stack([IDENTITY, MIRROR]),
        "top_down": DIHEDRAL,
    }[config.preset]
    turns: np.ndarray = allowed[(draws * len(allowed)).astype(int), :, :2]
    return turns


def _compose(
    angles: np.ndarray, shears: np.ndarray, zooms: np.ndarray, shifts: np.ndarray, turns: np.ndarray
) -> np.ndarray:
    """`(B, 2, 3)`: symmetry first, then shear, rotation, magnification, and the shift of the window."""
    cos, sin, one, zero = np.cos(angles), np.sin(angles), np.ones_like(angles), np.zeros_like(angles)
    rotate = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    shear = np.stack([np.stack([one, shears], -1), np.stack([zero, one], -1)], -2)
    linear = rotate @ shear @ turns / zooms[:, None, None]
    return np.concatenate([linear, shifts[:, :, None]], axis=2)


def prepare(images: Tensor, changes: Changes, image_size: int, mean: Tensor, std: Tensor) -> Tensor:
    """Warp, light and normalise a batch, on the device it is on.

    Pixels outside the input are its reflection. With E = S and a symmetry of the square for a warp no pixel changes
    its value.

    Args:
        images: `(B, C, E, E)` uint8.
        changes: for these B images (offsets are the loader's affair and are not read here).
        image_size: S.
        mean: `(C,)` float32, of pixels in [0, 1], on the same device.
        std: `(C,)` float32, likewise.

    Returns:
        `(B, C, S, S)` float32.
    """
    pixels = warp(images, changes.warps, image_size)
    if changes.brightness.any() or (changes.contrast != 1).any():
        pixels = _light(pixels, _column(changes.brightness, pixels), _column(changes.contrast, pixels))
    return (pixels - mean[:, None, None]) / std[:, None, None]


def warp(images: Tensor, warps: np.ndarray, size: int) -> Tensor:
    """Sample `images` `(B, C, E, E)` uint8 at the places `warps` `(B, 2, 3)` say, bilinear.

    The symmetries of the square need no sampling, only another order of the pixels. Which way an image goes depends on
    its own warp alone, never on its neighbours in the batch.

    Returns:
        `(B, C, size, size)` float32 in [0, 1].
    """
    symmetries = find_symmetries(warps)
    is_turned = symmetries >= 0
    if is_turned.all():
        return _scale(_unit(turn(images, symmetries)), size)
    if not is_turned.any():
        return _sample(_unit(images), warps, size)
    turned, sampled = (torch.from_numpy(np.flatnonzero(mask)).to(images.device) for mask in (is_turned, ~is_turned))
    pixels = torch.empty((*images.shape[:2], size, size), device=images.device)
    pixels[turned] = _scale(_unit(turn(images.index_select(0, turned), symmetries[is_turned])), size)
    pixels[sampled] = _sample(_unit(images.index_select(0, sampled)), warps[~is_turned], size)
    return pixels


def find_symmetries(warps: np.ndarray) -> np.ndarray:
    """For each of the warps `(B, 2, 3)` the index of the symmetry in DIHEDRAL that it is exactly, else -1: `(B,)`."""
    is_same = (warps[:, None] == DIHEDRAL).all(axis=(2, 3))
    found: np.ndarray = np.where(is_same.any(axis=1), is_same.argmax(axis=1), -1)
    return found


def turn(images: Tensor, symmetries: np.ndarray) -> Tensor:
    """Each of the images `(B, C, E, E)`, of any type, turned by its symmetry: `(B,)` indices into DIHEDRAL."""
    kinds = np.unique(symmetries)
    if len(kinds) == 1:
        return _turn_alike(images, int(kinds[0]))
    stacked = images.permute(0, 2, 3, 1)  # as the pixels lie in memory: each image in one piece
    pieces = list(stacked.unbind())
    for kind in kinds[kinds > 0]:
        chosen = np.flatnonzero(symmetries == kind)
        alike = stacked.index_select(0, torch.from_numpy(chosen).to(images.device)).permute(0, 3, 1, 2)
        turned = _turn_alike(alike, int(kind)).permute(0, 2, 3, 1).unbind()
        for place, piece in zip(chosen.tolist(), turned, strict=True):
            pieces[place] = piece
    return torch.stack(pieces).permute(0, 3, 1, 2)


def _turn_alike(images: Tensor, symmetry: int) -> Tensor:
    """All images turned by one symmetry: counterclockwise by quarters, then upside down where it asks for that."""
    is_flipped, quarters = divmod(symmetry, 4)
    turned = torch.rot90(images, quarters, (-2, -1)) if quarters else images
    return turned.flip(-2) if is_flipped else turned


def _unit(images: Tensor) -> Tensor:
    return images.float() / 255


def _scale(pixels: Tensor, size: int) -> Tensor:
    """What `_sample` gives for the plain warp, in a third of the time."""
    if pixels.shape[-1] == size:
        return pixels
    return F.interpolate(pixels, size=(size, size), mode="bilinear", align_corners=False)


def _sample(pixels: Tensor, warps: np.ndarray, size: int) -> Tensor:
    theta = torch.as_tensor(warps, dtype=pixels.dtype, device=pixels.device)
    grid = F.affine_grid(theta, [len(pixels), pixels.shape[1], size, size], align_corners=False)
    return F.grid_sample(pixels, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _light(pixels: Tensor, brightness: Tensor, contrast: Tensor) -> Tensor:
    """Contrast about each image's mean, then brightness, cut to [0, 1] (fastai 0.7, `lighting`)."""
    centre = pixels.mean(dim=(1, 2, 3), keepdim=True)
    return ((pixels - centre) * contrast + centre + brightness).clamp(0, 1)


def _column(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.as_tensor(values, dtype=like.dtype, device=like.device)[:, None, None, None]
