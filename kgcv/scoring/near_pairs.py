"""Pairs of vectors that point nearly the same way, found without comparing all with all."""

from __future__ import annotations

import numpy as np

_NUM_PASSES = 24
"""Each pass sorts the vectors into buckets by the signs of random projections. Two at a cosine of 0.92 (23 degrees)
share one sign with probability 0.872, ten signs with 0.25, and miss each other in all 24 passes with 0.1 %."""

_BUCKET = 8
"""Vectors a bucket should hold on average."""

_REACH = 16
"""Vectors compared with each one within its bucket, so that a thousand equal ones cost no more than others."""

_NUM_DIRECTIONS = 32
"""What is left of a vector: its share along the directions in which the vectors differ most."""


def whiten(vectors: np.ndarray) -> np.ndarray:
    """The vectors' differences from their mean along their main directions, each as wide as the others, at length 1.

    What all have in common then counts nothing, and what tells few of them apart counts as much as the light.

    Args:
        vectors: `(N, D)` float32.

    Returns:
        `(N, d)` float32 of length 1 (0 for one that is the mean itself); d is at most 32, D, and N / 4.
    """
    centred = vectors - vectors.mean(axis=0)
    spread, directions = np.linalg.eigh(centred.T @ centred / len(vectors))
    largest = max(1, min(_NUM_DIRECTIONS, len(vectors) // 4))
    is_real = spread[::-1][:largest] > 1e-6 * max(float(spread[-1]), 1e-12)
    kept = directions[:, ::-1][:, :largest][:, is_real] / np.sqrt(spread[::-1][:largest][is_real])
    turned = centred @ kept
    lengths = np.linalg.norm(turned, axis=1, keepdims=True)
    return np.asarray(turned / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def find_near_pairs(vectors: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs with a cosine of at least `least`; the time grows with N log N.

    Locality-sensitive hashing by signs (M. Charikar, STOC 2002), with a fixed seed: equal vectors give equal pairs.

    Args:
        vectors: `(N, d)` float32 of length 1.
        least: smallest cosine, in (0, 1).

    Returns:
        `(P, 2)` int64, the lower number first, and `(P,)` float64 cosines; the nearest pair first.
    """
    num_vectors, size = vectors.shape
    bits = max(1, round(np.log2(max(num_vectors, 2) / _BUCKET)))
    generator = np.random.default_rng(0)
    found: dict[tuple[int, int], float] = {}
    for _ in range(_NUM_PASSES):
        signs = vectors @ generator.standard_normal((size, bits), dtype=np.float32) > 0
        codes = signs @ (1 << np.arange(bits))
        # Within a bucket, those that point alike along one more direction stand beside each other.
        order = np.lexsort((vectors @ generator.standard_normal((size,), dtype=np.float32), codes))
        for first, second, cosine in _compare(vectors, order, codes[order], least):
            found[min(first, second), max(first, second)] = cosine
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    pairs = np.array([pair for pair, _ in ranked], dtype=np.int64).reshape(-1, 2)
    return pairs, np.array([cosine for _, cosine in ranked], dtype=np.float64)


def _compare(vectors: np.ndarray, order: np.ndarray, codes: np.ndarray, least: float) -> list[tuple[int, int, float]]:
    """The near pairs among those up to `_REACH` places apart in `order` that share a code."""
    near: list[tuple[int, int, float]] = []
    for step in range(1, min(_REACH, len(order) - 1) + 1):
        places = np.flatnonzero(codes[step:] == codes[:-step])
        first, second = order[places], order[places + step]
        cosines = np.einsum("nd,nd->n", vectors[first], vectors[second])
        good = cosines >= least
        near += zip(first[good].tolist(), second[good].tolist(), cosines[good].tolist(), strict=True)
    return near
