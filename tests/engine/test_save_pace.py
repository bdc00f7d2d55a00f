"""A clock by hand: when a state is due, and when one at an epoch's end costs little enough."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from kgcv.engine.save_pace import SavePace


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("kgcv.engine.save_pace.time", SimpleNamespace(monotonic=lambda: self.now))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def save(pace: SavePace, clock: Clock, seconds: float) -> None:
    with pace.measured():
        clock.now += seconds


def test_the_first_epoch_is_saved(clock: Clock) -> None:
    assert SavePace().is_cheap()


@pytest.mark.parametrize("passed, is_cheap", [(0.0, False), (199.0, False), (200.0, True)])
def test_two_seconds_of_saving_are_worth_two_hundred_of_training(clock: Clock, passed: float, is_cheap: bool) -> None:
    pace = SavePace()
    save(pace, clock, seconds=2)
    clock.now += passed
    assert pace.is_cheap() == is_cheap


def test_minutes_count_from_the_last_save(clock: Clock) -> None:
    pace = SavePace()
    clock.now += 599
    assert not pace.is_due(10)
    clock.now += 1
    assert pace.is_due(10)
    save(pace, clock, seconds=2)
    assert not pace.is_due(10)
