"""The painted tiles: what they depend on, how often each tag comes, and that each tag can be seen."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
import pytest

from kgcv.data import satellite
from kgcv.data.satellite import Part, TileKey, paint_ground, paint_picture, paint_tile, tile_tags
from kgcv.data.satellite_scene import open_scene
from kgcv.data.satellite_shapes import SIZE, around, cover, disc, draw_noise, mosaic, polyline, rectangle, turned
from kgcv.data.satellite_tags import GROUND, LOCAL, OF_THE_FOREST, TAGS, WEATHER, draw_tags

PLANET = {
    *("agriculture", "artisinal_mine", "bare_ground", "blooming", "blow_down", "clear", "cloudy"),
    *("conventional_mine", "cultivation", "habitation", "haze", "partly_cloudy", "primary", "road"),
    *("selective_logging", "slash_burn", "water"),
}


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def picture(*tags: str, seed: int = 0) -> np.ndarray:
    return paint_picture(tags, generator(seed)).astype(float)


@pytest.fixture(scope="module")
def drawn() -> list[tuple[str, ...]]:
    return [tile_tags(TileKey(42, Part.TRAIN, i)) for i in range(1200)]


@pytest.fixture(scope="module")
def many() -> list[tuple[str, ...]]:
    rng = generator(0)
    return [draw_tags(rng) for _ in range(10_000)]


@pytest.fixture(scope="module")
def bare_forest() -> list[np.ndarray]:
    return [picture("clear", "primary", seed=seed) for seed in range(6)]


def test_the_tags_are_the_competitions() -> None:
    assert set(TAGS) == PLANET
    assert len(TAGS) == 17


def test_a_tile_has_one_weather_and_cloudy_stands_alone(drawn: list[tuple[str, ...]]) -> None:
    for tags in drawn:
        assert len(set(tags) & set(WEATHER)) == 1
        assert tags == tuple(sorted(set(tags)))
        assert ("cloudy" in tags) == (len(tags) == 1)
        assert set(tags) & set(GROUND) or tags == ("cloudy",)
        assert len(set(tags) & set(LOCAL)) <= 5


def test_what_is_seen_in_the_canopy_needs_a_canopy(drawn: list[tuple[str, ...]]) -> None:
    assert all("primary" in tags for tags in drawn if set(tags) & set(OF_THE_FOREST))


def test_tags_come_about_as_often_as_in_the_competition(many: list[tuple[str, ...]]) -> None:
    counts = Counter(tag for tags in many for tag in tags)
    shares = {tag: counts[tag] / len(many) for tag in TAGS}
    # Of 40,479 tiles of the competition: counts in train_v2.csv.
    common = {"clear": 28_431, "partly_cloudy": 7_261, "haze": 2_697, "cloudy": 2_089, "agriculture": 12_315}
    common |= {"road": 8_071, "water": 7_411, "cultivation": 4_477, "habitation": 3_660}
    for tag, count in common.items():
        assert shares[tag] == pytest.approx(count / 40_479, rel=0.15), tag
    assert shares["primary"] / (1 - shares["cloudy"]) == pytest.approx(0.93, abs=0.01)
    for tag in ("bare_ground", "artisinal_mine", "conventional_mine", "slash_burn", *OF_THE_FOREST):
        assert 0.02 < shares[tag] < 0.04, tag


def test_the_usual_sample_has_at_least_twenty_of_each_tag(drawn: list[tuple[str, ...]]) -> None:
    counts = Counter(tag for tags in drawn for tag in tags)
    assert min(counts[tag] for tag in TAGS) >= 20


@pytest.mark.parametrize(
    ("tag", "other"),
    [
        ("road", "habitation"),
        ("road", "agriculture"),
        ("cultivation", "habitation"),
        ("slash_burn", "cultivation"),
        ("artisinal_mine", "water"),
        ("bare_ground", "conventional_mine"),
    ],
)
def test_tags_that_belong_together_come_together(many: list[tuple[str, ...]], tag: str, other: str) -> None:
    with_other = np.mean([tag in tags for tags in many if other in tags])
    without = np.mean([tag in tags for tags in many if other not in tags])
    assert with_other > 2 * without


def test_a_tile_is_a_function_of_its_key_alone() -> None:
    key = TileKey(42, Part.TRAIN, 28)
    first = paint_tile(key)
    paint_tile(TileKey(42, Part.TRAIN, 29))
    assert (paint_tile(key) == first).all()
    assert first.shape == (256, 256, 3)
    assert first.dtype == np.uint8
    assert first.flags.c_contiguous
    for other in (TileKey(43, Part.TRAIN, 28), TileKey(42, Part.TEST, 28), TileKey(42, Part.TRAIN, 27)):
        assert (paint_tile(other) != first).any()


def test_the_tags_of_a_seed_never_change(drawn: list[tuple[str, ...]]) -> None:
    """Whoever compares two results on the sample relies on it: a new stream of numbers needs a new default seed."""
    text = "\n".join(" ".join(tags) for tags in drawn)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "8afbba2c52bbb980"


def test_a_finished_tile_is_turned_by_each_symmetry(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    turn = satellite._turn

    def note(image: np.ndarray, symmetry: int) -> np.ndarray:
        seen.append(symmetry)
        return turn(image, symmetry)

    monkeypatch.setattr(satellite, "_turn", note)
    for seed in range(40):
        picture("cloudy", seed=seed)
    assert set(seen) == set(range(8))
    corner = np.arange(4).reshape(2, 2, 1).astype(np.uint8)
    assert len({turn(corner, symmetry).tobytes() for symmetry in range(8)}) == 8


def test_nothing_of_the_ground_is_seen_below_clouds() -> None:
    for seed in range(5):
        image = picture("cloudy", seed=seed)
        assert image.min() > 120  # every pixel is light,
        assert np.ptp(image, axis=2).max() < 40  # and none has a colour


def test_haze_is_paler_than_clear_air_and_shows_the_ground() -> None:
    for seed in range(5):
        clear, haze = picture("clear", "primary", seed=seed), picture("haze", "primary", seed=seed)
        assert haze.mean() > clear.mean() + 40
        local_contrast = [np.abs(np.diff(image, axis=0)).mean() for image in (clear, haze)]
        assert local_contrast[1] < 0.8 * local_contrast[0]


def test_puffs_are_white_and_leave_the_ground_to_be_seen() -> None:
    for seed in range(5):
        white = (picture("partly_cloudy", "primary", seed=seed).min(axis=2) > 180).mean()
        assert 0.003 < white < 0.7
        assert (picture("clear", "primary", seed=seed).min(axis=2) > 180).mean() == 0


def share(image: np.ndarray, condition: str) -> float:
    """Part of the pixels that fulfil a condition on r, g and b in [0, 255]."""
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    masks = {
        "light green or yellow": (green > 110) & (green > blue + 35),
        "blue or brown": ((blue > red + 15) & (blue > green)) | ((red > green + 10) & (red < 160)),
        "pale line": (red > 140) & (green > 120),
        "white": (red > 180) & (green > 180) & (blue > 170),
        "tan": (red > 150) & (red > green + 12) & (green > blue + 12),
        "scorched red": (red > green + 25) & (red < 160),
        "turquoise": (blue > red + 25) & (green > red + 25) & (green > 120),
        "grey-brown": (red > 90) & (np.abs(red - green) < 40) & (red > blue),
        "brown": (red > green) & (red > 85),
        "yellow or pink": (red > 170) & (red > green + 10),
        "pale": (red > 110) & (green > 95),
    }
    return float(masks[condition].mean())


@pytest.mark.parametrize(
    ("tag", "signature", "least"),
    [
        ("agriculture", "light green or yellow", 0.15),
        ("water", "blue or brown", 0.003),
        ("road", "pale line", 0.001),
        ("habitation", "white", 0.0005),
        ("bare_ground", "tan", 0.01),
        ("slash_burn", "scorched red", 0.003),
        ("artisinal_mine", "turquoise", 0.001),
        ("conventional_mine", "grey-brown", 0.01),
        ("cultivation", "brown", 0.003),
        ("selective_logging", "brown", 0.0005),
        ("blooming", "yellow or pink", 0.0005),
        ("blow_down", "pale", 0.001),
    ],
)
def test_every_tag_has_a_signature_that_bare_forest_lacks(
    bare_forest: list[np.ndarray], tag: str, signature: str, least: float
) -> None:
    with_tag = [share(picture("clear", "primary", tag, seed=seed), signature) for seed in range(6)]
    without = [share(image, signature) for image in bare_forest]
    assert np.median(with_tag) > least + 3 * np.median(without)


def test_forest_is_seen_wherever_it_is_named(drawn: list[tuple[str, ...]]) -> None:
    for number, tags in enumerate(drawn[:50]):
        if "primary" in tags:
            rng = generator(number)
            scene = open_scene(rng, has_forest=True)
            paint_ground(scene, tags, rng)
            assert scene.canopy.mean() > 0.3, (number, tags)


def test_grassland_is_where_forest_is_not() -> None:
    grass, forest = picture("agriculture", "clear"), picture("clear", "primary")
    assert grass.mean() > 1.5 * forest.mean()


def test_distances_are_those_of_geometry() -> None:
    place, along = np.array([100.0, 50.0], np.float32), np.array([0.6, 0.8], np.float32)
    assert disc(place, 5)[50, 103] == pytest.approx(3 - 5)
    assert disc(place, 5)[54, 103] == pytest.approx(0)
    u, v = turned(place, along)
    assert (u[54, 103], v[54, 103]) == (pytest.approx(5), pytest.approx(0, abs=1e-5))
    assert rectangle(place, (3, 1), along)[54, 103] == pytest.approx(2, abs=1e-5)
    line = polyline(np.array([[10.0, 10.0], [10.0, 20.0], [30.0, 20.0]]), 8)
    assert (line[15, 13], line[20, 20], line[25, 30]) == (3, 0, 5)
    assert line[200, 200] == 8
    number, border = mosaic(np.array([[10.0, 10.0], [20.0, 10.0]]), around(np.array([15.0, 10.0]), 5))
    assert (number[5, 0], number[5, 10]) == (0, 1)
    assert (border[5, 0], border[5, 5]) == (5, 0)
    assert cover(np.array([-2.0, 0.0, 0.25, 2.0])).tolist() == [1, 0.5, 0.25, 0]


def test_a_window_ends_where_the_tile_does() -> None:
    assert around(np.array([3.0, 250.0]), 10) == (slice(240, SIZE), slice(0, 14))
    rows, columns = around(np.array([400.0, -50.0]), 10)
    assert np.zeros((SIZE, SIZE))[rows, columns].size == 0


def test_noise_has_unit_variance_no_direction_and_grows_finer() -> None:
    noise = draw_noise(generator(0))
    bands = [noise.broad, noise.wide, noise.clump, noise.crown, noise.grain]
    steps = []
    for band in bands:
        assert (band.mean(), band.std()) == (pytest.approx(0, abs=1e-3), pytest.approx(1, abs=1e-3))
        steps.append([np.abs(np.diff(band, axis=axis)).mean() for axis in (0, 1)])
    assert (np.diff(np.mean(steps, axis=1)) > 0).all()
    for down, right in steps[2:]:
        assert down == pytest.approx(right, rel=0.1)


def test_no_shape_is_cut_off_by_the_window_it_is_painted_in() -> None:
    """A straight edge along an axis would be a mark that no real thing has."""
    place = np.array([128.0, 128.0], np.float32)
    for seed in range(5):
        scene = open_scene(generator(seed), has_forest=True)
        window = around(place, 1.7 * 40)
        distance = scene.blob(place, 40, window, roughness=3)
        assert min(distance[0].min(), distance[-1].min(), distance[:, 0].min(), distance[:, -1].min()) > 1
