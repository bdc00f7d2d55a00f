"""Vectors in two dimensions, for the eye."""

from __future__ import annotations

import numpy as np


def principal_plane(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The vectors along the two directions in which they differ most (principal components).

    Args:
        vectors: `(V, D)`, V at least 1; with a single column the second coordinate is 0.

    Returns:
        `(V, 2)` float64 coordinates, and `(2,)` float64 shares of all variance that each direction has, 0 where all
        vectors are equal. The sign of a direction is the one in which its largest coordinate is positive.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    points, shares = np.zeros((len(vectors), 2)), np.zeros(2)
    count = min(2, len(sizes))
    points[:, :count] = left[:, :count] * sizes[:count]
    largest = np.abs(points).argmax(axis=0)
    points *= np.where(points[largest, [0, 1]] < 0, -1.0, 1.0)
    total = float((sizes**2).sum())
    if total > 0:
        shares[:count] = sizes[:count] ** 2 / total
    return points, shares
