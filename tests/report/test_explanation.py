from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from kgcv.model.first_layer import Channel
from kgcv.recipes.explain import Explanation, FirstLayer, HeatMap
from kgcv.recipes.predict_one import OnePrediction
from kgcv.report.explanation import draw_explanation

RESPONSE = np.linspace(-1, 1, 16, dtype=np.float32).reshape(4, 4)


def explanation(num_maps=1, num_classes=2, kernel=True):
    values = {f"class {number}": 1 / (number + 1) for number in range(num_classes)}
    heat = np.zeros((8, 8), np.float32)
    heat[:4, :4] = 1
    return Explanation(
        OnePrediction("a.png", values),
        "single",
        np.full((8, 8, 3), 0.5, np.float32),
        tuple(HeatMap(name, "layer4", heat[::4, ::4], heat) for name in list(values)[:num_maps]),
        FirstLayer("conv1", (Channel(5, 1.0, RESPONSE, np.full((3, 3, 3), 0.5) if kernel else None),)),
    )


def size_of(png):
    with Image.open(png) as image:
        assert np.asarray(image.convert("L")).min() < 128
        return image.size


def test_a_picture_is_as_wide_as_it_has_panels_and_as_high_as_it_has_rows(tmp_path):
    draw_explanation(explanation(), "a.png, fold 0", tmp_path / "out" / "one.png")
    draw_explanation(explanation(num_maps=3, num_classes=3), "a.png, fold 0", tmp_path / "three.png")
    draw_explanation(explanation(kernel=False), "a.png, fold 0", tmp_path / "no kernel.png")
    draw_explanation(replace(explanation(), first_layer=None), "a.png, fold 0", tmp_path / "no layer.png")
    (width, height), wide = size_of(tmp_path / "out" / "one.png"), size_of(tmp_path / "three.png")
    assert wide == (round(width * 5 / 3), height)
    assert height > size_of(tmp_path / "no kernel.png")[1] > size_of(tmp_path / "no layer.png")[1]


def test_the_hot_quadrant_is_red_and_no_other(tmp_path):
    draw_explanation(explanation(), "", tmp_path / "one.png")
    pixels = np.asarray(Image.open(tmp_path / "one.png").convert("RGB")).astype(int)
    middle = pixels[: len(pixels) // 2, pixels.shape[1] // 3 : 2 * pixels.shape[1] // 3]
    rows, columns = np.nonzero(middle[..., 0] - middle[..., 2] > 80)
    assert 0.2 < len(rows) / (middle.shape[1] / 2) ** 2 < 1.1
    assert np.ptp(columns) < 0.55 * middle.shape[1]
    assert columns.mean() < middle.shape[1] / 2


@pytest.mark.parametrize("task", ["single", "multi", "regression"])
def test_every_task_without_a_map_and_with_names_that_are_no_formulas(tmp_path, task):
    one = explanation(num_maps=0, num_classes=12)
    prediction = OnePrediction("$a_{$.png", {"$x^{$": 0.5, "猫": 0.25}, ("猫",) if task == "multi" else None)
    draw_explanation(replace(one, task=task, prediction=prediction), "$a_{$.png, fold 0", tmp_path / "one.png")
    size_of(tmp_path / "one.png")


def test_of_many_classes_the_best_are_shown_and_those_explained():
    one = explanation(num_maps=0, num_classes=30)
    assert list(one.shown_values) == [f"class {number}" for number in range(10)]
    asked = HeatMap("class 20", "layer4", RESPONSE, RESPONSE)
    assert list(replace(one, heat_maps=(asked,)).shown_values)[9:] == ["class 9", "class 20"]
