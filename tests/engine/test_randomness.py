from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
import torch

from kgcv.engine.randomness import (
    Purpose,
    epoch_draws,
    epoch_order,
    number_from,
    preserved_generators,
    seed_step,
    stream,
    view_draws,
)

KEYS = list(itertools.product((0, 1, 42, 2**32 - 1), (0, 1, 2), (0, 1, 7)))
"""Seed, stage, epoch."""


def disturb() -> None:
    """Draw from every global generator."""
    torch.rand(3), np.random.rand(5), random.random()


def test_the_values_of_purposes_are_part_of_saved_runs():
    assert {p.name: int(p) for p in Purpose} == {"INIT": 0, "ORDER": 1, "AUGMENT": 2, "STEP": 3, "VIEW": 4}


def test_an_order_is_a_permutation():
    order = epoch_order(1, 0, 0, 100)
    assert order.dtype == np.int64
    assert sorted(order) == list(range(100))
    assert list(order) != list(range(100))


def test_draws_are_uniform_numbers():
    draws = epoch_draws(1, 0, 0, 2000, 3)
    assert draws.shape == (2000, 3)
    assert draws.dtype == np.float64
    assert draws.min() >= 0
    assert draws.max() < 1
    assert draws.mean(axis=0) == pytest.approx([0.5] * 3, abs=0.03)


@pytest.mark.parametrize(
    "draw",
    [
        lambda key: epoch_order(key[0], key[1], key[2], 50).tolist(),
        lambda key: epoch_draws(key[0], key[1], key[2], 5, 3).tolist(),
        lambda key: view_draws(key[0], 10 * key[1] + key[2], 5, 3).tolist(),
        lambda key: number_from(key[0], Purpose.STEP, *key),
        lambda key: stream(key[0], Purpose.VIEW, *key[1:]).integers(2**62),
    ],
)
def test_draws_depend_on_the_whole_key_and_on_nothing_else(draw):
    first = {key: draw(key) for key in KEYS}
    disturb()
    again = {key: draw(key) for key in reversed(KEYS)}
    assert first == again
    assert len({str(value) for value in first.values()}) == len(KEYS)


def test_purposes_do_not_share_a_stream():
    numbers = {stream(3, purpose, 1, 2).integers(2**62) for purpose in Purpose}
    assert len(numbers) == len(Purpose)


def test_numbers_for_other_libraries_have_32_bits():
    numbers = [number_from(seed, Purpose.INIT) for seed in range(200)]
    assert len(set(numbers)) == 200
    assert all(0 <= number < 2**32 for number in numbers)
    assert max(numbers) > 2**31


def drawn() -> tuple[list[float], list[float]]:
    return torch.rand(3).tolist(), np.random.rand(3).tolist()


def test_a_step_seeds_the_global_generators():
    with preserved_generators():
        seed_step(1, 0, 2, 3)
        first = drawn()
        disturb()
        seed_step(1, 0, 2, 3)
        assert drawn() == first
        for key in ((2, 0, 2, 3), (1, 1, 2, 3), (1, 0, 3, 3), (1, 0, 2, 4)):
            seed_step(*key)
            other = drawn()
            assert other[0] != first[0]
            assert other[1] != first[1]


@pytest.mark.parametrize("fails", [False, True])
def test_generators_are_put_back_however_a_block_ends(fails):
    torch.manual_seed(4)
    np.random.seed(4)
    expected = drawn()
    torch.manual_seed(4)
    np.random.seed(4)
    try:
        with preserved_generators():
            seed_step(9, 0, 0, 0)
            drawn()
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert drawn() == expected
