import numpy as np
import pytest

from kgcv.report.heat import as_rgb, blend_heat, draw_shades, shrink


def test_any_number_of_channels_becomes_colours():
    pixels = np.array([[[0.1, 0.2, 0.3, 0.4, 1.0]]], np.float32)
    assert as_rgb(pixels[..., :1])[0, 0] == pytest.approx([0.1, 0.1, 0.1])
    assert as_rgb(pixels[..., :2])[0, 0] == pytest.approx([0.1, 0.1, 0.1])  # the second is alpha
    assert as_rgb(pixels[..., :3])[0, 0] == pytest.approx([0.1, 0.2, 0.3])
    assert as_rgb(pixels[..., :4])[0, 0] == pytest.approx([0.1, 0.2, 0.3])
    assert as_rgb(pixels)[0, 0] == pytest.approx([0.4, 0.4, 0.4])


def test_heat_lies_over_a_grey_image():
    rgb = np.broadcast_to(np.array([[[1.0, 0.0, 0.0]]], np.float32), (1, 2, 3))
    cold, hot = blend_heat(rgb, np.array([[0.0, 1.0]], np.float32))[0]
    assert cold == pytest.approx([0.299] * 3)
    assert hot[0] > hot[1] > hot[2]
    assert hot.max() <= 1


def test_cells_are_means_of_their_pixels():
    values = np.array([[1.0, 3.0, 5.0, 7.0], [1.0, 3.0, 5.0, 7.0]])
    assert shrink(values, 1, 2).tolist() == [[2.0, 6.0]]
    assert shrink(values, 2, 3).tolist() == [[1.0, 3.0, 6.0]] * 2
    assert shrink(np.array([[1.0, 2.0]]), 2, 4).tolist() == [[1.0, 1.0, 2.0, 2.0]] * 2  # smaller images are enlarged
    assert shrink(np.ones((5, 7, 3)), 2, 2).tolist() == np.ones((2, 2, 3)).tolist()


def test_shades_to_the_character():
    heat = np.array([[0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.5, 0.5], [0.1, 0.2, 0.9, 1.0], [0.1, 0.2, 0.9, 1.0]])
    assert draw_shades(heat, 4) == ["  ++", ".:@@"]
    assert draw_shades(np.full((3, 3), 0.45), 1) == ["="]
