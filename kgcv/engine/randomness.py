"""Random numbers as functions of (seed, purpose, stage, epoch, step, sample), not of how often anybody drew before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import torch


class Purpose(IntEnum):
    """What a stream is for; part of its key, so that streams never meet. Values are part of saved runs."""

    INIT = 0
    ORDER = 1
    AUGMENT = 2
    STEP = 3
    VIEW = 4


def stream(seed: int, purpose: Purpose, *key: int) -> np.random.Generator:
    """A generator that gives the same numbers for the same key, whatever happened before."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, purpose, *key])))


def epoch_order(seed: int, stage: int, epoch: int, num_samples: int) -> np.ndarray:
    """The order in which an epoch visits its samples: a permutation of `range(num_samples)`, int64."""
    return stream(seed, Purpose.ORDER, stage, epoch).permutation(num_samples)


def weighted_order(seed: int, stage: int, epoch: int, chances: np.ndarray) -> np.ndarray:
    """As many draws as there are samples, each sample with its own chance, with replacement: `(N,)` int64.

    Args:
        seed: the run's.
        stage: from 0.
        epoch: from 0.
        chances: `(N,)` float64, adding up to 1.
    """
    return stream(seed, Purpose.ORDER, stage, epoch).choice(len(chances), size=len(chances), p=chances)


def epoch_draws(seed: int, stage: int, epoch: int, num_samples: int, num_draws: int) -> np.ndarray:
    """`(num_samples, num_draws)` float64 in [0, 1): row i belongs to sample i, in whatever batch it lands."""
    return stream(seed, Purpose.AUGMENT, stage, epoch).random((num_samples, num_draws))


def view_draws(seed: int, view: int, num_samples: int, num_draws: int) -> np.ndarray:
    """`(num_samples, num_draws)` float64 in [0, 1): the draws of a random test-time view."""
    return stream(seed, Purpose.VIEW, view).random((num_samples, num_draws))


def number_from(seed: int, purpose: Purpose, *key: int) -> int:
    """One integer in [0, 2**32) for a library that wants to be seeded."""
    return int(np.random.SeedSequence([seed, purpose, *key]).generate_state(1)[0])


def seed_step(seed: int, stage: int, epoch: int, step: int, rank: int = 0) -> None:
    """Set the global generators for one step: dropout draws from torch's, timm's mixup from NumPy's.

    Of several processes each has dropout of its own, and all mix in the same shares.

    Where no GPU is in use, `torch.manual_seed` would note a traceback for each kind of device, half a millisecond a
    step.
    """
    shared = number_from(seed, Purpose.STEP, stage, epoch, step)
    number = shared if rank == 0 else number_from(seed, Purpose.STEP, stage, epoch, step, rank)
    torch.default_generator.manual_seed(number)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(number)
    np.random.seed(shared)


@contextmanager
def preserved_generators() -> Iterator[None]:
    """Put the global generators of torch and NumPy back as they were when the block ends, however it ends."""
    numpy_state = np.random.get_state()
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            np.random.set_state(numpy_state)
