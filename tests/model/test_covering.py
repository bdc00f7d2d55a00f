"""Scores that read known squares: what covering them takes away is known by hand."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kgcv.model.covering import SIDE, cover_squares
from kgcv.model.grad_cam import spread


def test_what_a_score_reads_and_nothing_else_is_hot() -> None:
    """Squares of 2 pixels: the score is 3 times the sum of one of them, less another, of ones in two channels."""

    def score_of(images: Tensor) -> Tensor:
        return 3 * images[:, :, 4:6, 10:12].sum(dim=(1, 2, 3)) - images[:, :, :2, :2].sum(dim=(1, 2, 3))

    expected = np.zeros((SIDE, SIDE))
    expected[2, 5] = 3 * 2 * 4
    image = torch.ones(1, 2, 2 * SIDE, 2 * SIDE)
    np.testing.assert_allclose(cover_squares(image, score_of), expected, atol=1e-5)
    assert image.min() == 1, "the image itself stays whole"


def test_squares_of_an_image_that_they_do_not_divide_cover_all_of_it() -> None:
    found = cover_squares(torch.ones(1, 1, 17, 17), lambda images: images.sum(dim=(1, 2, 3)))
    assert found.shape == (SIDE, SIDE) and found.sum() == 17 * 17
    assert cover_squares(torch.ones(1, 1, 3, 3), lambda images: images.sum(dim=(1, 2, 3))).tolist() == 3 * [3 * [1.0]]


def test_the_hottest_square_lies_where_it_was() -> None:
    places = np.zeros((4, 4), np.float32)
    places[1, 2] = 5
    heat = spread(places, 16, 16)
    assert heat.shape == (16, 16) and heat.max() == 1
    assert heat[4:8, 8:12].min() > heat[:, :6].max()
    assert not spread(np.zeros((4, 4), np.float32), 16, 16).any()
