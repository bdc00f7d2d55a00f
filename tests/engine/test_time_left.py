import pytest

from kgcv.engine.time_left import TimeLeft
from kgcv.events import RunStarted, StageOutline


class Clock:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def started(folder, clock, total_steps=30, done_steps=0, stages=()):
    time_left = TimeLeft(clock)
    time_left.start_run(RunStarted(folder, 2, total_steps, done_steps, 0, stages))
    return time_left


def test_unknown_before_the_first_step(tmp_path, clock):
    assert TimeLeft(clock).seconds() is None
    time_left = started(tmp_path, clock)
    time_left.start_stage(0)
    assert time_left.seconds() is None


def test_without_outlines_all_steps_cost_the_same(tmp_path, clock):
    time_left = started(tmp_path, clock, total_steps=30, done_steps=10)
    time_left.start_stage(0)
    clock.now += 8
    time_left.finish_step(4)
    # Two seconds a step, 30 - 10 - 4 steps to come.
    assert time_left.seconds() == pytest.approx(32)
    time_left.start_stage(1)
    clock.now += 5
    time_left.finish_step()
    assert time_left.seconds() == pytest.approx(75)


STAGES = (StageOutline(10, 2.0), StageOutline(20, 8.0), StageOutline(5, 1.0))


def test_later_stages_cost_what_their_work_says(tmp_path, clock):
    time_left = started(tmp_path, clock, total_steps=35, stages=STAGES)
    time_left.start_stage(0)
    assert not time_left.is_last_stage
    clock.now += 3
    time_left.finish_step(3)
    # A second a step: 7 here, 20 of four times the work, 5 of half of it.
    assert time_left.seconds() == pytest.approx(7 + 80 + 2.5)


def test_a_stage_on_features_tells_nothing_of_those_that_run_the_network(tmp_path, clock):
    time_left = started(tmp_path, clock, total_steps=15, stages=(StageOutline(10, 0.0), StageOutline(5, 8.0)))
    time_left.start_stage(0)
    clock.now += 1
    time_left.finish_step()
    assert time_left.seconds() is None
    time_left.start_stage(1)
    clock.now += 2
    time_left.finish_step()
    assert time_left.seconds() == pytest.approx(8)
    alone = started(tmp_path, clock, total_steps=10, stages=(StageOutline(10, 0.0),))
    alone.start_stage(0)
    clock.now += 1
    alone.finish_step()
    assert alone.seconds() == pytest.approx(9)


def test_a_resume_within_a_stage_has_the_rest_of_it_to_do(tmp_path, clock):
    time_left = started(tmp_path, clock, total_steps=35, done_steps=22, stages=STAGES)
    time_left.start_stage(1)
    clock.now += 2
    time_left.finish_step()
    assert time_left.done_steps == 23
    # Two seconds a step: 7 of 20 here, 5 of an eighth of the work.
    assert time_left.seconds() == pytest.approx(14 + 5 / 4)


def test_a_stage_that_ended_early_leaves_nothing_to_do(tmp_path, clock):
    time_left = started(tmp_path, clock, total_steps=35, stages=STAGES)
    time_left.start_stage(0)
    time_left.finish_step()
    time_left.start_stage(2)
    assert time_left.is_last_stage
    clock.now += 1
    time_left.finish_step()
    assert (time_left.done_steps, time_left.seconds()) == (31, pytest.approx(4))


def test_never_negative(tmp_path, clock):
    time_left = started(tmp_path, clock, total_steps=1)
    time_left.start_stage(0)
    clock.now += 1
    time_left.finish_step(2)
    assert time_left.seconds() == 0
