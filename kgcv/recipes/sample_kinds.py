"""Which samples there are and how large they are; light enough for `kgcv --help`."""

from __future__ import annotations

from dataclasses import dataclass

SAMPLE_NAMES = ("fashion", "satellite")


@dataclass(frozen=True, slots=True)
class TileCounts:
    """What the sample `satellite` is made of. A tile depends on the seed and its own number alone."""

    num_train: int = 1200
    num_test: int = 400
    seed: int = 42
