from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from kgcv.config.schema import AugmentConfig
from kgcv.data.augment import IDENTITY, NUM_DRAWS, draw_changes, warp
from kgcv.engine.randomness import view_draws
from kgcv.engine.tta import (
    NAMED_VIEWS,
    PLAIN,
    AnyView,
    RandomView,
    View,
    build_views,
    candidate_sets,
    group_by_squares,
    view_weights,
)
from kgcv.errors import ConfigError

TOP_DOWN = AugmentConfig(preset="top_down", max_zoom=1.05)
NOTHING = AugmentConfig(preset="none")
IMAGE = torch.randint(0, 256, (1, 1, 54, 54), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def views_of(name: str, augment: AugmentConfig = NOTHING, seed: int = 1) -> tuple[AnyView, ...]:
    return build_views(name, augment, seed, num_samples=20)


def seen(view: AnyView, size: int = 54) -> np.ndarray:
    """What a view makes of `IMAGE`, `(size, size)`."""
    changes = view.changes(np.array([3]))
    assert (changes.brightness == 0).all()
    assert (changes.contrast == 1).all()
    return warp(IMAGE, changes.warps, size)[0, 0].numpy()


PIXELS = IMAGE[0, 0].float().div(255).numpy()


def close(first: np.ndarray, second: np.ndarray) -> bool:
    return bool(np.abs(first - second).max() < 1e-4)


def test_identity_is_the_plain_view_alone():
    assert views_of("identity") == (PLAIN,)
    changes = PLAIN.changes(np.array([4, 9]))
    assert (changes.warps == IDENTITY).all()
    assert changes.warps.shape == (2, 2, 3)
    assert changes.offsets.tolist() == [0.5, 0.5]
    assert np.array_equal(seen(PLAIN), PIXELS)


def test_flip_is_two_views():
    plain, mirrored = views_of("flip")
    assert plain is PLAIN
    assert close(seen(mirrored), PIXELS[:, ::-1])


def test_dihedral_is_the_eight_symmetries_of_the_square():
    views = views_of("dihedral")
    assert views[0] is PLAIN
    rotated = [np.rot90(PIXELS, times) for times in range(4)]
    expected = [*rotated, *(picture[::-1] for picture in rotated)]
    assert len(views) == 8
    assert all(close(seen(view), picture) for view, picture in zip(views, expected, strict=True))


def test_crops_are_the_square_and_its_corners_and_the_same_mirrored():
    views = views_of("crops")
    assert [view.name for view in views] == [
        "plain",
        "top left",
        "top right",
        "bottom left",
        "bottom right",
        "mirrored",
        "top left mirrored",
        "top right mirrored",
        "bottom left mirrored",
        "bottom right mirrored",
    ]
    assert views[0] is PLAIN
    assert close(seen(views[5]), PIXELS[:, ::-1])
    # 54 pixels magnified 1.35 times: a corner of 40 pixels, shown pixel by pixel in a square of 40.
    corners = (PIXELS[:40, :40], PIXELS[:40, 14:], PIXELS[14:, :40], PIXELS[14:, 14:])
    for number, corner in enumerate(corners, start=1):
        assert close(seen(views[number], 40), corner)
        assert close(seen(views[number + 5], 40), corner[:, ::-1])


def test_all_fixed_views_share_the_middle_square():
    for name in ("flip", "dihedral", "crops"):
        views = views_of(name)
        assert all(view.changes(np.arange(3)).offsets.tolist() == [0.5] * 3 for view in views)
        assert group_by_squares(views) == [list(range(len(views)))]


def test_random_views_are_the_plain_one_and_drawn_ones():
    views = views_of("random:3", TOP_DOWN, seed=7)
    assert views[0] is PLAIN
    assert [view.name for view in views[1:]] == ["random 1", "random 2", "random 3"]
    rows = np.array([11, 2])
    for number, view in enumerate(views[1:], start=1):
        expected = draw_changes(view_draws(7, number, 20, NUM_DRAWS)[rows], TOP_DOWN)
        found = view.changes(rows)
        assert np.array_equal(found.warps, expected.warps)
        assert np.array_equal(found.offsets, expected.offsets)
        assert np.array_equal(found.brightness, expected.brightness)
    assert group_by_squares(views) == [[0], [1], [2], [3]]


def warps_of(name: str, seed: int) -> list[np.ndarray]:
    return [view.changes(np.arange(20)).warps for view in views_of(name, TOP_DOWN, seed)]


def test_random_views_are_the_same_for_the_same_seed():
    first, again, other = warps_of("random:4", 1), warps_of("random:4", 1), warps_of("random:4", 2)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first[1:], other[1:], strict=True))
    assert len({warps.tobytes() for warps in first}) == 5


def test_more_random_views_begin_with_the_same_ones():
    assert all(np.array_equal(a, b) for a, b in zip(warps_of("random:2", 1), warps_of("random:5", 1), strict=False))


def test_random_views_need_augmentation():
    with pytest.raises(ConfigError, match="random:N draws the run's own augmentation, and this run has none"):
        views_of("random:4", NOTHING)


@pytest.mark.parametrize(
    "name", ["", "plain", "Flip", "random", "random:", "random:0", "random:-1", "random:x", "random:²", "crops:4"]
)
def test_other_names_are_refused_with_a_list_of_those_there_are(name):
    with pytest.raises(ConfigError) as caught:
        views_of(name, TOP_DOWN)
    known = "auto, identity, flip, dihedral, crops, random:N (N from 1)"
    assert str(caught.value) == f"views: {name!r} is not one of {known}, nor a list such as plain,mirrored"


def test_a_list_names_fixed_views():
    views = views_of("plain, symmetry 3,bottom left mirrored")
    assert [view.name for view in views] == ["plain", "symmetry 3", "bottom left mirrored"]
    assert close(seen(views[1]), np.rot90(PIXELS, 3))


def test_a_view_has_one_name_in_every_set():
    """The mirrored view of `flip` is one of the eight symmetries and one of the crops: computed once for all three."""
    assert [view.name for view in views_of("dihedral")] == [
        "plain", "symmetry 1", "symmetry 2", "symmetry 3", "symmetry 4", "symmetry 5", "mirrored", "symmetry 7",
    ]  # fmt: skip
    assert views_of("dihedral")[6] is views_of("flip")[1] is views_of("crops")[5]
    assert len(NAMED_VIEWS) == 8 + 8
    shown = [json.dumps(view.describe()[1:]) for view in NAMED_VIEWS.values()]
    assert len(set(shown)) == 16


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plain,upside down,top", "no such view: upside down, top; there are plain, mirrored, symmetry 1"),
        ("mirrored,plain", "'mirrored,plain' must begin with plain and name each view once"),
        ("plain,mirrored,mirrored", "must begin with plain and name each view once"),
        ("plain,", "no such view: ; there are"),
    ],
)
def test_wrong_lists_are_refused(text, message):
    with pytest.raises(ConfigError) as caught:
        views_of(text)
    assert message in str(caught.value)


def test_symmetries_are_candidates_only_for_pictures_from_above():
    upright, above = candidate_sets(top_down=False), candidate_sets(top_down=True)
    assert {name: len(views) for name, views in upright.items()} == {"identity": 1, "flip": 2, "crops": 10}
    assert not any(name.startswith("symmetry") for views in upright.values() for name in views)
    sizes = {"identity": 1, "flip": 2, "crops": 10, "dihedral": 8, "dihedral+crops": 16}
    assert {name: len(views) for name, views in above.items()} == sizes
    assert all(views[0] == "plain" and len(set(views)) == len(views) for views in above.values())


def test_what_a_view_shows_is_told_apart_by_its_description():
    drawn = [*views_of("random:2", TOP_DOWN, seed=1)[1:], views_of("random:1", TOP_DOWN, seed=2)[1]]
    weaker = views_of("random:1", AugmentConfig(preset="top_down", max_zoom=1.01), seed=1)[1]
    described = [json.dumps(view.describe()) for view in (*drawn, weaker, PLAIN, View("plain", offset=0.2))]
    assert len(set(described)) == 6
    assert described[0] == json.dumps(views_of("random:1", TOP_DOWN, seed=1)[1].describe())


def test_views_count_alike_if_nothing_else_is_said():
    assert view_weights(5, None) == pytest.approx([0.2] * 5)  # the course: one plain and four drawn views


def test_the_plain_views_weight_is_a_choice():
    assert view_weights(5, 0.25) == pytest.approx([0.25, *[0.75 / 4] * 4])  # fastai 2
    assert view_weights(9, 0.4) == pytest.approx([0.4, *[0.6 / 8] * 8])  # fastai 1
    assert view_weights(2, 1.0) == (1.0, 0.0)
    assert view_weights(2, 0.0) == (0.0, 1.0)


@pytest.mark.parametrize("plain_weight", [None, 0.0, 0.25, 1.0])
@pytest.mark.parametrize("num_views", [1, 2, 5, 8, 10])
def test_weights_add_up_to_one(num_views, plain_weight):
    weights = view_weights(num_views, plain_weight)
    assert len(weights) == num_views
    assert sum(weights) == pytest.approx(1)


def test_one_view_has_all_the_weight():
    assert view_weights(1, 0.25) == (1.0,)


def test_views_of_other_squares_are_grouped_by_first_appearance():
    left, drawn = View("left", offset=0.0), RandomView("drawn", np.zeros((1, NUM_DRAWS)), TOP_DOWN)
    views: list[AnyView] = [PLAIN, left, drawn, View("mirrored"), View("left again", offset=0.0), drawn]
    assert group_by_squares(views) == [[0, 3], [1, 4], [2], [5]]
