"""Which squares of an image an answer needs: each is covered, and the score compared.

Zeiler and Fergus 2014, arXiv:1311.2901, section 4.2. For networks of which Grad-CAM finds no places: transformers that
read their class token alone. It costs as many passes as there are squares, and asks nothing of the layers between.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

SIDE = 14
"""Squares a side: patches of 16 in the 224 pixels that most transformers were trained on."""

_BATCH = 28
"""Covered images a pass: two rows of squares."""


def cover_squares(image: Tensor, score_of: Callable[[Tensor], Tensor]) -> np.ndarray:
    """How much each square adds to a score.

    Args:
        image: `(1, C, S, S)` float32, normalised; what is covered becomes 0, the mean of the body's training images.
        score_of: `(B,)` scores of images `(B, C, S, S)`.

    Returns:
        `(k, k)` float32, 0 and above: the image's score less that of the image without the square; k is SIDE, or S
        where that is less.
    """
    size = image.shape[-1]
    side = min(SIDE, size)
    edges = np.linspace(0, size, side + 1).round().astype(int)
    losses = []
    with torch.inference_mode():
        whole = score_of(image)
        squares = list(np.ndindex(side, side))
        for first in range(0, len(squares), _BATCH):
            some = squares[first : first + _BATCH]
            covered = image.repeat(len(some), 1, 1, 1)
            for one, (row, column) in zip(covered, some, strict=True):
                one[:, edges[row] : edges[row + 1], edges[column] : edges[column + 1]] = 0
            losses.append(whole - score_of(covered))
    found: np.ndarray = torch.cat(losses).relu().reshape(side, side).float().cpu().numpy()
    return found
