import math

import pytest

from kgcv.events import EpochDone, Message, RunStarted, StepDone
from kgcv.report.curves import CurveLogger


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self):
        return self.now


class Sink:
    """Keeps what it is given."""

    def __init__(self):
        self.points = []
        self.is_closed = False

    def start(self, event):
        return f"fold {event.fold}"

    def write(self, step, values):
        self.points.append((step, values))

    def close(self):
        self.is_closed = True


@pytest.fixture
def sink():
    return Sink()


def step(loss=0.5):
    return StepDone(0, 0, 1, loss=loss, lr=0.1, num_images=8)


def epoch(valid_loss=0.4, scores=None):
    return EpochDone(0, 0, 1, 0.6, valid_loss, scores or {"f2": 0.7}, 0.05, 3.0, 100.0, is_best=True)


def test_steps_go_on_from_those_of_earlier_processes(sink, tmp_path):
    clock = Clock()
    logger = CurveLogger(sink, clock)
    logger.report(RunStarted(tmp_path, 1, 100, done_steps=40, fold=2))
    assert logger.place == "fold 2"
    for _ in range(5):
        logger.report(step())
        clock.now += 1
    logger.report(epoch())
    assert [number for number, _ in sink.points] == [41, 43, 45, 45]
    assert sink.points[0][1] == {"running_loss": 0.5, "lr": 0.1}


def test_an_epoch_gives_losses_scores_rate_and_speed(sink, tmp_path):
    logger = CurveLogger(sink)
    logger.report(RunStarted(tmp_path, 1, 100))
    logger.report(epoch())
    assert sink.points == [
        (0, {"train_loss": 0.6, "valid_loss": 0.4, "lr": 0.05, "score/f2": 0.7, "images_per_second": 100.0})
    ]


def test_what_is_no_number_is_left_out(sink, tmp_path):
    logger = CurveLogger(sink)
    logger.report(RunStarted(tmp_path, 1, 100))
    logger.report(epoch(valid_loss=None, scores={"f2": math.nan}))
    assert set(sink.points[0][1]) == {"train_loss", "lr", "images_per_second"}


def test_a_fold_counts_anew_and_the_end_is_passed_on(sink, tmp_path):
    logger = CurveLogger(sink, Clock())
    for fold in (0, 1):
        logger.report(RunStarted(tmp_path, 1, 100, fold=fold))
        logger.report(epoch())
    logger.report(Message("nothing to draw"))
    assert [number for number, _ in sink.points] == [0, 0]
    logger.close()
    assert sink.is_closed
