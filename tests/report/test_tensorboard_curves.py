"""Event files as TensorBoard's own reader sees them."""

import pytest

from kgcv.events import EpochDone, RunStarted, StepDone
from kgcv.report.curves import CurveLogger

pytest.importorskip("tensorboard", reason="an optional extra")

from kgcv.report.tensorboard_curves import TensorBoardCurves


def read_curves(folder):
    """By tag: the (step, value) pairs that TensorBoard shows."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder))
    reader.Reload()
    return {tag: [(point.step, point.value) for point in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def train(folder, steps, done_steps=0, fold=0):
    """A process that trains `steps` steps, each with its number as loss."""
    logger = CurveLogger(TensorBoardCurves(), clock=iter(range(0, 10**6, 10)).__next__)
    logger.report(RunStarted(folder, 1, 100, done_steps, fold))
    for number in range(done_steps + 1, done_steps + steps + 1):
        logger.report(StepDone(0, 0, number, loss=float(number), lr=0.5, num_images=8))
    logger.report(EpochDone(0, 0, 1, 0.5, 0.25, {"f2": 0.75}, 0.5, 3.0, 100.0, is_best=True))
    logger.close()
    return logger.place


def test_points_are_read_back(tmp_path):
    assert train(tmp_path, 2) == f"tensorboard --logdir {tmp_path}/tensorboard"
    curves = read_curves(tmp_path / "tensorboard/fold0")
    assert curves["running_loss"] == [(1, 1.0), (2, 2.0)]
    assert (curves["valid_loss"], curves["score/f2"]) == ([(2, 0.25)], [(2, 0.75)])


def test_a_resume_goes_on_with_the_curve_and_replaces_what_was_lost(tmp_path):
    train(tmp_path, 4)  # killed, with a state of step 2
    train(tmp_path, 3, done_steps=2)
    curves = read_curves(tmp_path / "tensorboard/fold0")
    assert [number for number, _ in curves["running_loss"]] == [1, 2, 3, 4, 5]


def test_each_fold_has_its_own(tmp_path):
    for fold in (0, 1):
        train(tmp_path, 1, fold=fold)
    assert sorted(path.name for path in (tmp_path / "tensorboard").iterdir()) == ["fold0", "fold1"]


def test_closing_what_was_never_begun(tmp_path):
    CurveLogger(TensorBoardCurves()).close()
    assert list(tmp_path.iterdir()) == []
