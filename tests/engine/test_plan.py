from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kgcv.config.schema import (
    AugmentConfig,
    Config,
    DataConfig,
    ModelConfig,
    ResizeConfig,
    StageConfig,
    TrainConfig,
)
from kgcv.data.augment import NUM_DRAWS, draw_changes
from kgcv.engine.plan import StagePlan, StepPlan, plan_stage, steps_per_epoch
from kgcv.engine.randomness import epoch_draws, epoch_order
from kgcv.events import StageOutline


def config_of(*stages: StageConfig, **sections: Any) -> Config:
    return Config(data=DataConfig(root="."), model=ModelConfig(name="test_resnet"), stages=stages, **sections)


def stage_of(**keys: Any) -> StageConfig:
    return StageConfig(**{"image_size": 64, "lr": (0.1,), **keys})


def plan_of(num_train: int, batch_size: int, accumulate: int = 1, **train: Any) -> StagePlan:
    section = TrainConfig(batch_size=batch_size, accumulate=accumulate, **train)
    return plan_stage(config_of(stage_of(), train=section), 0, num_train, 3)


@pytest.mark.parametrize(
    ("num_train", "batch_size", "accumulate", "expected"),
    [
        (10, 5, 1, 2),
        (11, 5, 1, 2),  # the lone last image makes no step
        (12, 5, 1, 3),
        (1, 5, 1, 1),  # but it does where it is all there is
        (2, 5, 1, 1),
        (5, 1, 1, 5),
        (20, 5, 2, 2),
        (25, 5, 2, 3),
        (21, 5, 2, 2),
        (26, 5, 2, 3),
        (20, 5, 100, 1),
    ],
)
def test_steps_of_an_epoch(num_train, batch_size, accumulate, expected):
    assert steps_per_epoch(num_train, batch_size, accumulate) == expected
    plan = plan_of(num_train, batch_size, accumulate)
    assert plan.steps_per_epoch == expected
    steps = list(plan.steps(0))
    assert [step.index for step in steps] == list(range(expected))
    assert all(step.num_images > 0 for step in steps)


def seen(steps: list[StepPlan]) -> list[int]:
    return [int(position) for step in steps for batch in step.positions for position in batch]


def test_an_epoch_sees_every_image_once_in_its_own_order():
    plan = plan_of(23, 4, accumulate=2, seed=6)
    first, second = list(plan.steps(0)), list(plan.steps(1))
    assert seen(first) == epoch_order(6, 0, 0, 23).tolist()
    assert seen(second) == epoch_order(6, 0, 1, 23).tolist()
    assert [[len(batch) for batch in step.positions] for step in first] == [[4, 4], [4, 4], [4, 3]]
    assert [step.num_images for step in first] == [8, 8, 7]


def test_a_lone_last_image_is_left_out_and_another_one_in_the_next_epoch():
    plan = plan_of(9, 4)
    for epoch in range(2):
        order = epoch_order(plan.seed, 0, epoch, 9).tolist()
        assert seen(list(plan.steps(epoch))) == order[:8]
    assert epoch_order(plan.seed, 0, 0, 9)[8] != epoch_order(plan.seed, 0, 1, 9)[8]


def test_batches_of_one_image_all_take_part():
    plan = plan_of(5, 1, accumulate=2)
    steps = list(plan.steps(0))
    assert sorted(seen(steps)) == [0, 1, 2, 3, 4]
    assert [step.num_images for step in steps] == [2, 2, 1]


def test_changes_belong_to_the_images_not_to_their_places():
    augment = AugmentConfig(preset="top_down")
    plan = replace(plan_of(10, 4), augment=augment)
    changes = draw_changes(epoch_draws(plan.seed, 0, 3, 10, NUM_DRAWS), augment)
    for step in plan.steps(3):
        for positions, drawn in zip(step.positions, step.changes, strict=True):
            assert np.array_equal(drawn.warps, changes.warps[positions])
            assert np.array_equal(drawn.offsets, changes.offsets[positions])


def test_an_epoch_can_be_taken_up_at_any_step():
    plan = plan_of(20, 3)
    whole = list(plan.steps(1))
    for first in range(len(whole) + 1):
        rest = list(plan.steps(1, first))
        assert seen(rest) == seen(whole[first:])
        assert [step.index for step in rest] == list(range(first, 7))
        for one, other in zip(rest, whole[first:], strict=True):
            assert np.array_equal(one.changes[0].offsets, other.changes[0].offsets)


def test_stages_and_seeds_have_their_own_orders():
    plan = plan_of(20, 20)
    orders = {str(seen(list(other.steps(0)))) for other in (plan, replace(plan, index=1), replace(plan, seed=1))}
    assert len(orders) == 3


def test_a_stages_keys_come_before_those_of_the_run():
    own = AugmentConfig(preset="side_on")
    config = config_of(
        stage_of(),
        stage_of(image_size=100, lr=(0.1, 0.2, 0.3), batch_size=8, schedule="one_cycle", augment=own, num_cycles=2),
        train=TrainConfig(batch_size=10, accumulate=2, schedule="flat_cosine", seed=5),
        augment=AugmentConfig(preset="basic"),
        resize=ResizeConfig(ratio=1.15),
    )
    first, second = (plan_stage(config, index, 100, 3) for index in range(2))
    assert (first.index, first.num_stages, second.index) == (0, 2, 1)
    assert (first.batch_size, second.batch_size) == (10, 8)
    assert (first.augment.preset, second.augment) == ("basic", own)
    assert (first.schedule.kind, second.schedule.kind) == ("flat_cosine", "one_cycle")
    assert first.geometry is not None
    assert second.geometry is not None
    assert (first.geometry.edge, second.geometry.edge) == (
        73,
        115,
    )  # floor(64 * 1.15) and 100 * 1.15 without a rounding error
    assert (first.accumulate, first.seed) == (2, 5)
    assert first.schedule.cycle_steps == (5,)
    assert second.schedule.cycle_steps == (7, 7)  # 13 batches of 8 make 7 steps of two


def test_one_rate_holds_for_all_layer_groups():
    config = config_of(stage_of(lr=(0.1,)), stage_of(lr=(0.1, 0.2, 0.3)))
    assert plan_stage(config, 0, 10, 3).lrs == (0.1, 0.1, 0.1)
    assert plan_stage(config, 1, 10, 3).lrs == (0.1, 0.2, 0.3)


@pytest.mark.parametrize(
    ("keys", "expected"), [({}, 0), ({"frozen": True}, 2), ({"frozen_groups": 1}, 1), ({"frozen_groups": 2}, 2)]
)
def test_frozen_layer_groups(keys, expected):
    assert plan_stage(config_of(stage_of(**keys)), 0, 10, 3).frozen_groups == expected


def test_cycles_are_counted_in_steps():
    plan = plan_stage(config_of(stage_of(num_cycles=3, cycle_mult=2)), 0, 64 * 5, 3)
    assert plan.num_epochs == 7
    assert plan.schedule.cycle_steps == (5, 10, 20)
    assert plan.schedule.num_steps == plan.num_epochs * plan.steps_per_epoch


def test_flags_are_handed_on():
    flags = {"bn_frozen": True, "keep_optimizer": True, "keep_stage_weights": True}
    config = config_of(stage_of(), stage_of(frozen=True, precompute=True, **flags))
    plain, full = (plan_stage(config, index, 10, 3) for index in range(2))
    assert (plain.bn_frozen, plain.keep_optimizer, plain.keep_weights, plain.precompute) == (False,) * 4
    assert (full.bn_frozen, full.keep_optimizer, full.keep_weights, full.precompute) == (True,) * 4


def test_a_place_counts_from_one():
    plan = plan_stage(config_of(stage_of(), stage_of(cycle_len=4)), 1, 10, 3)
    assert plan.place(2) == "stage 2/2, epoch 3/4"


@pytest.mark.parametrize("world_size", [1, 2, 3, 9])
def test_processes_share_each_batch_of_a_step(world_size):
    """Every image counts in one of them, with the changes it would have had, and for the whole step."""
    plan = replace(plan_of(23, 7, accumulate=2), augment=AugmentConfig(preset="top_down"))
    for step in plan.steps(0):
        shares = [step.share(rank, world_size) for rank in range(world_size)]
        for number, (positions, changes) in enumerate(zip(step.positions, step.changes, strict=True)):
            parts = [share.positions[number][: share.counted[number]] for share in shares]
            assert sorted(np.concatenate(parts)) == sorted(positions)
            assert max(map(len, parts)) - min(map(len, parts)) <= 2
            offsets = dict(zip(positions, changes.offsets, strict=True))
            for share in shares:
                mine = share.positions[number]
                assert len(mine) >= 2, "over a single image batch norm has no variance"
                assert share.changes[number].offsets.tolist() == [offsets[position] for position in mine]
        # The mean loss is over the whole step, whoever computes its parts.
        assert {(share.num_images, share.index) for share in shares} == {(step.num_images, step.index)}


@pytest.mark.parametrize("num_images", range(2, 12))
@pytest.mark.parametrize("world_size", [2, 3])
def test_pairs_of_mixup_stay_together(num_images, world_size):
    """What `mix` pairs in the whole batch, place i with place even - 1 - i, it pairs in a share."""
    (step,) = plan_of(num_images, num_images).steps(0)
    even = num_images // 2 * 2
    partner = dict(zip(step.positions[0][:even], step.positions[0][:even][::-1], strict=True))
    for rank in range(world_size):
        share = step.share(rank, world_size)
        mixed = share.positions[0][: share.counted[0] // 2 * 2]
        assert [partner[position] for position in mixed] == mixed[::-1].tolist()


def test_a_process_alone_does_the_whole_step():
    for step in plan_of(11, 4, seed=6).steps(0):
        assert step.share(0, 1) is step
        assert step.counted == tuple(map(len, step.positions))


def weighted_plan(chances: list[float], batch_size: int = 4) -> StagePlan:
    config = config_of(stage_of(), train=TrainConfig(batch_size=batch_size), augment=AugmentConfig(preset="top_down"))
    return plan_stage(config, 0, len(chances), num_groups=3, chances=np.array(chances))


def test_images_are_drawn_as_often_as_their_chance_says() -> None:
    chances = [0.5, 0.3, 0.2, 0.0] + [0.0] * 996
    plan = weighted_plan(chances, batch_size=64)
    drawn = np.concatenate([batch for step in plan.steps(epoch=0) for batch in step.positions])
    assert len(drawn) == 1000
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 1000, [0.5, 0.3, 0.2, 0.0], atol=0.05)


def test_draws_are_a_function_of_the_epoch_and_go_on_at_any_step() -> None:
    plan = weighted_plan([0.1] * 10)
    whole = [step.positions[0].tolist() for step in plan.steps(epoch=3)]
    assert [step.positions[0].tolist() for step in plan.steps(epoch=3, first=1)] == whole[1:]
    assert [step.positions[0].tolist() for step in plan.steps(epoch=4)] != whole


def test_an_image_that_is_drawn_again_comes_changed() -> None:
    (step,) = weighted_plan([1.0, 0.0, 0.0]).steps(epoch=0)
    assert step.positions[0].tolist() == [0, 0, 0]
    assert len({warp.tobytes() for warp in step.changes[0].warps}) == 3


def test_rows_of_a_table_have_no_size_and_nothing_is_drawn_for_them() -> None:
    data = DataConfig(root=".", kind="table")
    table = Config(data=data, model=ModelConfig(name="embeddings"), stages=(StageConfig(lr=(0.1,)),))
    plan = plan_stage(replace(table, train=TrainConfig(batch_size=3, accumulate=2)), 0, 8, 3)
    assert (plan.geometry, plan.image_size, plan.unit) == (None, None, "rows")
    first, second = plan.steps(0)
    assert [len(batch) for step in (first, second) for batch in step.positions] == [3, 3, 2]
    assert all(len(changes.offsets) == 0 for step in (first, second) for changes in step.changes)
    assert sorted(np.concatenate([*first.positions, *second.positions]).tolist()) == list(range(8))
    assert plan_of(8, 4).unit == "images"


@pytest.mark.parametrize(
    ("keys", "work"),
    [
        ({}, 8 * 64**2 * 3),  # forward once, backward twice as much
        ({"image_size": 128}, 8 * 128**2 * 3),
        ({"frozen": True}, 8 * 64**2 * 1),  # of three groups the head trains, which weighs nothing
        ({"frozen_groups": 1}, 8 * 64**2 * 2),
        ({"frozen": True, "precompute": True}, 0),  # the body has run before
    ],
)
def test_the_work_of_a_step_is_pixels_times_passes(keys, work):
    config = config_of(stage_of(cycle_len=2, **keys), train=TrainConfig(batch_size=4, accumulate=2))
    plan = plan_stage(config, 0, 16, 3)
    assert plan.outline == StageOutline(num_steps=4, work=work)


def test_a_model_of_one_group_trains_as_a_whole():
    assert plan_stage(config_of(stage_of(), train=TrainConfig(batch_size=4)), 0, 16, 1).step_work == 4 * 64**2 * 3
