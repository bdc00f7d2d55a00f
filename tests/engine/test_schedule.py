from __future__ import annotations

import math

import pytest

from kgcv.config.schema import StageConfig
from kgcv.engine.schedule import (
    StageSchedule,
    cosine_restarts,
    cycle_epochs,
    flat_cosine,
    one_cycle,
    one_cycle_momentum,
)


def stage(num_cycles: int, cycle_len: int, cycle_mult: int) -> StageConfig:
    return StageConfig(image_size=64, lr=(0.1,), num_cycles=num_cycles, cycle_len=cycle_len, cycle_mult=cycle_mult)


@pytest.mark.parametrize(
    ("course", "epochs"),
    [
        ((1, 1, 1), (1,)),
        ((3, 1, 1), (1, 1, 1)),
        ((3, 1, 2), (1, 2, 4)),
        ((3, 2, 1), (2, 2, 2)),
        ((3, 2, 2), (2, 4, 8)),
        ((4, 1, 2), (1, 2, 4, 8)),
        ((2, 4, 1), (4, 4)),
        ((3, 1, 3), (1, 3, 9)),
    ],
)
def test_epochs_of_each_cycle(course, epochs):
    """The course's table: 3, 7, 6, 14, 15 and 8 epochs."""
    assert cycle_epochs(stage(*course)) == epochs


def test_cosine_by_hand():
    factors = [cosine_restarts(step, (4,)) for step in range(4)]
    assert factors == pytest.approx([1.0, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2])


def test_each_cycle_starts_again_at_the_full_rate():
    factors = [cosine_restarts(step, (2, 4)) for step in range(6)]
    root = math.sqrt(0.5)
    assert factors == pytest.approx([1.0, 0.5, 1.0, (1 + root) / 2, 0.5, (1 - root) / 2])


def test_the_last_step_of_a_cycle_is_small_and_not_zero():
    last = cosine_restarts(359, (360,))
    assert last == pytest.approx((math.pi / 720) ** 2, rel=1e-4)  # 1.9e-5
    assert last > 0


def test_the_warm_up_of_360_steps_is_18_steps_at_a_hundredth():
    factors = [cosine_restarts(step, (360,)) for step in range(20)]
    assert factors[:18] == [0.01] * 18
    # The cosine went on underneath.
    assert factors[18] == pytest.approx((1 + math.cos(math.pi * 18 / 360)) / 2)
    assert factors[19] == pytest.approx((1 + math.cos(math.pi * 19 / 360)) / 2)


def test_only_the_first_cycle_warms_up():
    factors = [cosine_restarts(step, (40, 40)) for step in range(80)]
    assert factors[:2] == [0.01, 0.01]
    assert factors[2] > 0.99
    assert factors[40] == 1.0
    assert factors[42:] == factors[2:40]


@pytest.mark.parametrize(("length", "warm"), [(1, 0), (19, 0), (20, 1), (21, 2), (60, 3), (61, 4)])
def test_steps_of_warm_up_by_length(length, warm):
    factors = [cosine_restarts(step, (length,)) for step in range(length)]
    assert sum(factor == 0.01 for factor in factors) == warm
    assert all(0 < factor <= 1 for factor in factors)


def test_a_cycle_of_one_step_has_the_full_rate():
    assert [cosine_restarts(step, (1, 1, 2)) for step in range(4)] == [1.0, 1.0, 1.0, pytest.approx(0.5)]


def test_a_step_past_the_end_is_an_error():
    with pytest.raises(ValueError, match="step 6 is past the last of 6 steps"):
        cosine_restarts(6, (2, 4))


def test_one_cycle_by_hand():
    factors = [one_cycle(step, 8) for step in range(8)]
    fall = [1e-5 + (1 - 1e-5) * (1 + math.cos(math.pi * k / 6)) / 2 for k in range(6)]
    assert factors == pytest.approx([0.04, 0.52, *fall])
    assert factors[2] == 1.0
    assert factors[5] == pytest.approx(0.500005)


def test_momentum_goes_against_one_cycle():
    momenta = [one_cycle_momentum(step, 8) for step in range(8)]
    assert momenta[:3] == pytest.approx([0.95, 0.90, 0.85])
    assert momenta[5] == pytest.approx(0.90)  # half way down
    assert momenta[7] == pytest.approx(0.95 - 0.1 * (1 + math.cos(math.pi * 5 / 6)) / 2)
    assert momenta[2:] == sorted(momenta[2:])


def test_flat_cosine_by_hand():
    factors = [flat_cosine(step, 16) for step in range(16)]
    assert factors[:13] == [1.0] * 13
    assert factors[13:] == pytest.approx([1e-5 + (1 - 1e-5) * (1 + math.cos(math.pi * k / 4)) / 2 for k in (1, 2, 3)])


@pytest.mark.parametrize("num_steps", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("kind", ["cosine", "one_cycle", "flat_cosine", "constant"])
def test_every_factor_is_positive_and_at_most_one(kind, num_steps):
    schedule = StageSchedule(kind, (num_steps,))
    factors = [schedule.lr_factor(step) for step in range(num_steps)]
    assert all(0 < factor <= 1 for factor in factors)
    assert max(factors) > 0.5 or (kind == "one_cycle" and num_steps == 1)


def test_the_schedule_of_a_stage_is_chosen_by_its_kind():
    cycles = (4, 8)
    for kind, expected in (
        ("cosine", [cosine_restarts(step, cycles) for step in range(12)]),
        ("one_cycle", [one_cycle(step, 12) for step in range(12)]),
        ("flat_cosine", [flat_cosine(step, 12) for step in range(12)]),
        ("constant", [1.0] * 12),
    ):
        schedule = StageSchedule(kind, cycles)  # type: ignore[arg-type]  # a Schedule
        assert schedule.num_steps == 12
        assert [schedule.lr_factor(step) for step in range(12)] == expected


def test_only_one_cycle_moves_the_momentum():
    assert StageSchedule("one_cycle", (4, 4)).momentum(2) == one_cycle_momentum(2, 8)
    for kind in ("cosine", "flat_cosine", "constant"):
        assert StageSchedule(kind, (8,)).momentum(2) is None
