from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from kgcv.config.schema import AugmentConfig
from kgcv.data.augment import (
    DIHEDRAL,
    IDENTITY,
    MIRROR,
    NUM_DRAWS,
    Changes,
    draw_changes,
    find_symmetries,
    prepare,
    warp,
)

NUM = 4000
DRAWS = np.random.default_rng(5).random((NUM, NUM_DRAWS))
ZERO, ONE = torch.zeros(3), torch.ones(3)
STILL = {"max_rotate": 0.0, "max_lighting": 0.0}
"""What a preset but `none` would otherwise do to every image."""


def images_of(count: int = 2, side: int = 6, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (count, channels, side, side), dtype=torch.uint8, generator=generator)


def changes_of(warps: np.ndarray, brightness: float = 0.0, contrast: float = 1.0) -> Changes:
    size = len(warps)
    return Changes(np.full(size, 0.5), warps, np.full(size, brightness), np.full(size, contrast))


def plain(count: int) -> Changes:
    return changes_of(np.tile(IDENTITY, (count, 1, 1)))


def close(actual: Tensor, expected: np.ndarray) -> bool:
    return bool(np.abs(actual.numpy() - expected).max() < 1e-5)


def share(condition: np.ndarray) -> float:
    return float(condition.mean())


def test_the_plain_warp_of_an_image_of_the_size_wanted_changes_no_bit():
    images = images_of()
    assert torch.equal(prepare(images, plain(2), 6, ZERO, ONE), images.float() / 255)


def test_an_image_that_stays_plain_beside_a_warped_one_stays_as_it_is():
    images = images_of()
    ready = prepare(images, changes_of(np.stack([IDENTITY, MIRROR])), 6, ZERO, ONE)
    assert close(ready[0], images[0].numpy() / 255)
    assert close(ready[1], images[1].numpy()[:, :, ::-1] / 255)


def test_pixels_are_normalised_by_channel():
    images = torch.tensor([0, 255, 51], dtype=torch.uint8).reshape(1, 3, 1, 1)
    ready = prepare(images, plain(1), 1, torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.25, 0.5, 2.0]))
    assert ready.dtype == torch.float32
    assert ready.flatten().tolist() == pytest.approx([-2.0, 1.0, 0.1])


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_any_number_of_channels(channels):
    images = images_of(channels=channels)
    mean, std = torch.zeros(channels), torch.ones(channels)
    ready = prepare(images, changes_of(np.tile(MIRROR, (2, 1, 1))), 6, mean, std)
    assert close(ready, images.numpy()[:, :, :, ::-1] / 255)


def test_the_eight_symmetries():
    image = images_of(1, side=5)
    turned = [warp(image, symmetry[None], 5)[0] for symmetry in DIHEDRAL]
    array = image[0].numpy() / 255
    for times in range(4):
        rotated = np.rot90(array, times, axes=(1, 2))
        assert close(turned[times], rotated)
        assert close(turned[times + 4], rotated[:, ::-1])
    assert torch.equal(turned[0], image[0].float() / 255)
    different = {np.round(result.numpy(), 3).tobytes() for result in turned}
    assert len(different) == 8


@pytest.mark.parametrize("size", [6, 4])
def test_symmetries_are_the_limit_of_sampling(size):
    """A warp that is hardly another one goes the other way, and must show the same."""
    images = images_of(8, side=6)
    exact, nearly = warp(images, DIHEDRAL, size), warp(images, DIHEDRAL + 1e-7, size)
    assert (find_symmetries(DIHEDRAL) == np.arange(8)).all()
    assert (find_symmetries(DIHEDRAL + 1e-7) == -1).all()
    assert close(exact, nearly.numpy())


def test_an_image_does_not_depend_on_its_batch():
    """Symmetries and sampled images are computed apart; each gets the bits that it gets alone."""
    images = images_of(6)
    turned = np.stack([IDENTITY, MIRROR, 0.9 * IDENTITY, DIHEDRAL[3], IDENTITY, 0.8 * MIRROR])
    together = warp(images, turned, 4)
    for row in range(6):
        assert torch.equal(together[row], warp(images[row : row + 1], turned[row : row + 1], 4)[0])


def test_the_mirror():
    image = images_of(1)
    assert close(warp(image, MIRROR[None], 6), image.numpy()[:, :, :, ::-1] / 255)


def test_half_the_side_averages_pixels():
    image = images_of(1, side=8)
    expected = (image.float() / 255).reshape(1, 3, 4, 2, 4, 2).mean(dim=(3, 5))
    assert close(warp(image, IDENTITY[None], 4), expected.numpy())


def test_what_lies_outside_is_the_reflection():
    image = images_of(1, side=4)
    seen = warp(image, 2 * IDENTITY[None], 8)
    assert close(seen[0], np.pad(image[0].numpy() / 255, ((0, 0), (2, 2), (2, 2)), mode="symmetric"))


def test_a_magnified_corner():
    image = images_of(1, side=8)
    corner = np.array([[[0.5, 0.0, 0.5], [0.0, 0.5, -0.5]]])  # x to the right, y downwards: top right
    assert close(warp(image, corner, 4), image.numpy()[:, :, :4, 4:] / 255)


def test_light_by_hand():
    """Mean 0.5: (0.2 - 0.5) * 1.5 + 0.5 + 0.1 = 0.15; 0.8 would be 1.05 and is cut."""
    images = torch.tensor([51, 204], dtype=torch.uint8).reshape(1, 1, 1, 2).expand(1, 3, 2, 2)
    ready = prepare(images, changes_of(IDENTITY[None], 0.1, 1.5), 2, ZERO, ONE)
    assert ready[0, :, 0].tolist() == [pytest.approx([0.15, 1.0])] * 3


def test_light_turns_about_the_mean_of_all_channels_of_each_image():
    images = torch.tensor([[0, 102, 204], [255, 255, 255]], dtype=torch.uint8).reshape(2, 3, 1, 1)
    ready = prepare(images, changes_of(np.tile(IDENTITY, (2, 1, 1)), 0.0, 0.5), 1, ZERO, ONE)
    assert ready[0].flatten().tolist() == pytest.approx([0.2, 0.4, 0.6])
    assert ready[1].flatten().tolist() == pytest.approx([1.0, 1.0, 1.0])


def test_light_is_cut_below_zero_and_acts_before_normalisation():
    images = torch.full((1, 3, 1, 1), 51, dtype=torch.uint8)
    ready = prepare(images, changes_of(IDENTITY[None], -0.3), 1, torch.full((3,), 0.5), torch.full((3,), 0.5))
    assert ready.flatten().tolist() == [-1.0] * 3


def test_without_augmentation_only_the_square_moves():
    changes = draw_changes(DRAWS, AugmentConfig(preset="none", max_zoom=2.0, max_shear=20.0))
    assert (changes.warps == IDENTITY).all()
    assert (changes.brightness == 0).all()
    assert (changes.contrast == 1).all()
    assert_uniform(changes.offsets, 0, 1)


def assert_uniform(values: np.ndarray, low: float, high: float) -> None:
    """The values fill the range evenly and stay in it."""
    assert low <= values.min()
    assert values.max() <= high
    quarters = (np.quantile(values, [0.0, 0.25, 0.5, 0.75, 1.0]) - low) / (high - low)
    assert quarters == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=0.04)


@pytest.mark.parametrize("preset", ["basic", "side_on", "top_down"])
def test_every_preset_cuts_the_square_anywhere(preset):
    assert_uniform(draw_changes(DRAWS, AugmentConfig(preset=preset)).offsets, 0, 1)


def test_basic_does_not_turn_over():
    changes = draw_changes(DRAWS, AugmentConfig(preset="basic", **STILL))
    assert (changes.warps == IDENTITY).all()


def test_side_on_mirrors_every_second_image():
    warps = draw_changes(DRAWS, AugmentConfig(preset="side_on", **STILL)).warps
    mirrored = (warps == MIRROR).all(axis=(1, 2))
    assert (mirrored | (warps == IDENTITY).all(axis=(1, 2))).all()
    assert share(mirrored) == pytest.approx(0.5, abs=0.03)


def test_top_down_draws_the_eight_symmetries_alike():
    warps = draw_changes(DRAWS, AugmentConfig(preset="top_down", **STILL)).warps
    found = (warps[:, None] == DIHEDRAL[None]).all(axis=(2, 3))
    assert (found.sum(axis=1) == 1).all()
    assert found.mean(axis=0).tolist() == pytest.approx([1 / 8] * 8, abs=0.02)


@pytest.mark.parametrize("draw", [0.0, 1 - 2**-53])
def test_the_ends_of_the_draws_are_allowed(draw):
    changes = draw_changes(np.full((1, NUM_DRAWS), draw), AugmentConfig(preset="top_down", affine_probability=1))
    assert np.isfinite(changes.warps).all()


def test_rotation_is_uniform_and_has_its_chance():
    config = AugmentConfig(preset="basic", max_rotate=10.0, max_lighting=0.0)
    warps = draw_changes(DRAWS, config).warps
    angles = np.rad2deg(np.arctan2(warps[:, 1, 0], warps[:, 0, 0]))
    turned = angles != 0
    assert share(turned) == pytest.approx(0.75, abs=0.03)  # transforms_basic of fastai 0.7
    assert_uniform(angles[turned], -10, 10)
    assert np.linalg.det(warps[:, :, :2]) == pytest.approx(np.ones(NUM))
    assert (warps[:, :, 2] == 0).all()


def test_zoom_is_uniform_has_its_chance_and_looks_anywhere_inside():
    config = AugmentConfig(preset="basic", max_zoom=1.1, affine_probability=0.6, **STILL)
    warps = draw_changes(DRAWS, config).warps
    zooms = 1 / warps[:, 0, 0]
    assert zooms == pytest.approx(1 / warps[:, 1, 1])
    zoomed = zooms != 1
    assert share(zoomed) == pytest.approx(0.6, abs=0.03)
    assert_uniform(zooms[zoomed], 1, 1.1)
    room = 1 - 1 / zooms[zoomed]
    for shift in warps[zoomed, :, 2].T:
        assert_uniform(shift / room, -1, 1)
    assert (warps[~zoomed] == IDENTITY).all()


def test_shear_is_uniform_and_has_its_chance():
    config = AugmentConfig(preset="basic", max_shear=20.0, affine_probability=0.4, **STILL)
    warps = draw_changes(DRAWS, config).warps
    angles = np.rad2deg(np.arctan(warps[:, 0, 1]))
    assert share(angles != 0) == pytest.approx(0.4, abs=0.03)
    assert_uniform(angles[angles != 0], -20, 20)
    assert (warps[:, 0, 0] == 1).all()
    assert (warps[:, 1, :2] == [0, 1]).all()


def test_rotation_zoom_and_shear_are_drawn_apart():
    config = AugmentConfig(preset="basic", max_zoom=2.0, max_shear=20.0, max_lighting=0.0)
    warps = draw_changes(DRAWS, config).warps
    rotated = np.abs(warps[:, 1, 0]) > 1e-12
    zoomed = np.abs(np.linalg.det(warps[:, :, :2]) - 1) > 1e-12
    assert share(rotated & zoomed) == pytest.approx(0.75**2, abs=0.03)
    assert share((warps == IDENTITY).all(axis=(1, 2))) == pytest.approx(0.25**3, abs=0.01)


@pytest.mark.parametrize(("chance", "expected"), [(0.0, 0.0), (1.0, 1.0)])
def test_chances_of_never_and_always(chance, expected):
    config = AugmentConfig(preset="basic", affine_probability=chance, max_lighting=0.0)
    warps = draw_changes(DRAWS, config).warps
    assert share((warps != IDENTITY).any(axis=(1, 2))) == expected


def test_light_is_drawn_for_every_image():
    changes = draw_changes(DRAWS, AugmentConfig(preset="basic", max_lighting=0.2, affine_probability=0.0))
    assert_uniform(changes.brightness, -0.2, 0.2)
    stronger = changes.contrast >= 1
    assert share(stronger) == pytest.approx(0.5, abs=0.03)
    assert_uniform(changes.contrast[stronger], 1, 1.2)
    assert_uniform(1 / changes.contrast[~stronger], 1, 1.2)  # fastai 0.7: 1 / (1 - u) for a negative u
    assert abs(np.corrcoef(changes.brightness, changes.contrast)[0, 1]) < 0.05


def test_a_quarter_turn_by_the_largest_rotation():
    draws = np.full((1, NUM_DRAWS), 0.5)
    draws[0, 1:3] = 0.75, 0.0  # 2 * 0.75 - 1 is half of 180 degrees
    config = AugmentConfig(preset="basic", max_rotate=180.0, max_lighting=0.0)
    image = images_of(1)
    turned = warp(image, draw_changes(draws, config).warps, 6)
    assert close(turned, np.rot90(image.numpy() / 255, 1, axes=(2, 3)))


def test_all_changes_are_composed_to_one_warp():
    """Rotation by 90 degrees after a shear of 45 after a mirror, magnified twice, at the left."""
    draws = np.full((1, NUM_DRAWS), 0.5)
    draws[0, 1:3] = 0.75, 0.0
    draws[0, 3:5] = 0.75, 0.0
    draws[0, 5:7] = 1.0, 0.0
    draws[0, 7:10] = 0.0, 0.5, 0.6
    config = AugmentConfig(preset="side_on", max_rotate=180.0, max_shear=89.9, max_zoom=2.0, max_lighting=0.0)
    tan = np.tan(np.deg2rad(89.9 / 2))
    expected = np.array([[0.0, -1.0], [1.0, 0.0]]) @ [[1.0, tan], [0.0, 1.0]] @ [[-1.0, 0.0], [0.0, 1.0]] / 2
    found = draw_changes(draws, config).warps[0]
    assert found[:, :2] == pytest.approx(expected)
    assert found[:, 2] == pytest.approx([-0.5, 0.0])


def test_every_draw_has_its_part():
    config = AugmentConfig(preset="top_down", max_zoom=1.5, max_shear=10.0)
    base = draw_changes(np.full((1, NUM_DRAWS), 0.3), config)
    for column in range(NUM_DRAWS):
        draws = np.full((1, NUM_DRAWS), 0.3)
        draws[0, column] = 0.8
        other = draw_changes(draws, config)
        parts = zip(parts_of(base), parts_of(other), strict=True)
        assert sum(not np.array_equal(a, b) for a, b in parts) == 1, column


def parts_of(changes: Changes) -> tuple[np.ndarray, ...]:
    return changes.offsets, changes.warps, changes.brightness, changes.contrast


@pytest.mark.parametrize("preset", ["none", "basic", "side_on", "top_down"])
def test_an_images_changes_do_not_depend_on_its_batch(preset):
    config = AugmentConfig(preset=preset, max_zoom=1.2, max_shear=5.0)
    together, chosen = draw_changes(DRAWS[:9], config), np.array([7, 2])
    for expected in (draw_changes(DRAWS[chosen], config), together.rows(chosen)):
        for all_nine, two in zip(parts_of(together), parts_of(expected), strict=True):
            assert np.array_equal(all_nine[chosen], two)


def test_an_images_pixels_do_not_depend_on_its_batch():
    images = images_of(6)
    changes = draw_changes(DRAWS[:6], AugmentConfig(preset="top_down", max_zoom=1.2))
    together = prepare(images, changes, 5, ZERO, ONE)
    for row in range(6):
        alone = prepare(images[row : row + 1], changes.rows(slice(row, row + 1)), 5, ZERO, ONE)
        assert close(alone[0], together[row].numpy())


def test_images_are_left_as_they_were():
    images = images_of()
    before = images.clone()
    prepare(images, draw_changes(DRAWS[:2], AugmentConfig(preset="top_down")), 6, ZERO, ONE)
    assert torch.equal(images, before)
