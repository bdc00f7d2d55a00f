import math

import pytest

from kgcv.cli.lines import (
    Narrator,
    epoch_cells,
    fitting_cells,
    format_amount,
    format_number,
    format_seconds,
    table_row,
    time_left_text,
)
from kgcv.engine.time_left import TimeLeft
from kgcv.events import (
    EpochDone,
    Message,
    RunStarted,
    StageDone,
    StageOutline,
    StageStarted,
    StepDone,
    TaskAdvanced,
    TaskDone,
    TaskStarted,
)


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0.0s"),
        (5.12, "5.1s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (59.4, "59s"),
        (59.6, "1m00s"),
        (83, "1m23s"),
        (3599.4, "59m59s"),
        (3599.6, "1h00m"),
        (7500, "2h05m"),
    ],
)
def test_format_seconds(seconds, text):
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    "number, text",
    [(0.12344, "0.1234"), (1.0, "1.0000"), (-0.5, "-0.5000"), (999.9, "999.9000"), (12345.6, "1.235e+04")],
)
def test_format_number(number, text):
    assert format_number(number) == text


def test_format_amount():
    assert format_amount(40, 100, "images") == "40/100 images"
    assert format_amount(12_340_000, 300_000_000, "bytes") == "12.3/300.0 MB"
    assert format_amount(12_340_000, 0, "bytes") == "12.3 MB"


def test_format_number_nan():
    assert format_number(math.nan) == "nan"


class Clock:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self):
        return self.now


def start_run(folder, **changes):
    return RunStarted(**{"folder": folder, "num_stages": 2, "total_steps": 30, **changes})


STAGE = StageStarted(
    stage=0,
    num_stages=2,
    image_size=64,
    batch_size=32,
    num_epochs=2,
    steps_per_epoch=5,
    frozen_groups=2,
    num_groups=3,
)
EPOCH = EpochDone(
    stage=0,
    epoch=0,
    num_epochs=2,
    train_loss=0.6931,
    valid_loss=0.5,
    scores={"accuracy": 0.75, "log_loss": 0.5},
    lr=0.0123456,
    seconds=12.0,
    samples_per_second=160.4,
    is_best=True,
)
STEP = StepDone(stage=0, epoch=0, step=1, loss=0.7, lr=0.01, num_images=32)


def test_time_left_says_what_is_an_estimate(tmp_path):
    clock = Clock()
    time_left = TimeLeft(clock)
    time_left.start_run(start_run(tmp_path, stages=(StageOutline(10, 1.0), StageOutline(20, 4.0))))
    time_left.start_stage(0)
    assert time_left_text(time_left) == ""
    clock.now += 5
    time_left.finish_step(5)
    # A second a step, 5 steps here and 20 that cost 4 each.
    assert time_left_text(time_left) == "~1m25s left"
    time_left.start_stage(1)
    clock.now += 3
    time_left.finish_step()
    assert time_left_text(time_left) == "57s left"


def test_table_row_columns_are_aligned():
    cells = epoch_cells(EPOCH, 2)
    header, row = table_row(cells, header=True), table_row(cells)
    assert header == ("stage   epoch    train_loss  valid_loss  accuracy  log_loss  lr        images/s  time")
    assert row == ("1/2     1/2      0.6931      0.5000      0.7500    0.5000    0.0123    160       12s     *")


def test_a_row_with_one_metric_fits_into_80_columns():
    cells = [cell for cell in epoch_cells(EPOCH, 2) if cell[0] != "log_loss"]
    assert len(table_row(cells)) <= 80


@pytest.mark.parametrize(
    "width, left_out",
    [
        (90, set()),
        (89, {"lr"}),
        (80, {"lr"}),
        (79, {"lr", "images/s"}),
        (70, {"lr", "images/s"}),
        (69, {"lr", "images/s", "log_loss"}),
        (9, {"lr", "images/s", "log_loss"}),
    ],
)
def test_a_narrow_row_leaves_out_what_matters_least(width, left_out):
    cells = epoch_cells(EPOCH, 2)
    fitting = fitting_cells(cells, width, "accuracy")
    assert {name for name, _ in cells} - {name for name, _ in fitting} == left_out
    assert len(table_row(fitting)) <= max(width, 60)


def test_lines_of_a_training(tmp_path):
    clock = Clock()
    narrator = Narrator(clock)
    assert narrator.line(start_run(tmp_path)) == f"run {tmp_path}: stages 2, steps 30"
    assert narrator.line(STAGE) == (
        "stage 1/2: image size 64, batch size 32, epochs 2 of 5 steps, 1 of 3 layer groups train"
    )
    assert narrator.line(STEP) is None
    clock.now += 10
    for _ in range(5):
        narrator.time_left.finish_step()
    assert narrator.line(EPOCH) == (
        "stage 1/2  epoch 1/2  train_loss 0.6931  valid_loss 0.5000  accuracy 0.7500  log_loss 0.5000  "
        "lr 0.0123  images/s 160  time 12s  50s left  best"
    )
    assert narrator.line(StageDone(0, tmp_path)) is None


def test_a_resumed_run_says_so(tmp_path):
    line = Narrator().line(start_run(tmp_path, done_steps=12))
    assert line == f"run {tmp_path}: stages 2, steps 30, of which 12 are done"


def test_lines_of_a_job_and_of_messages():
    narrator = Narrator()
    assert narrator.line(TaskStarted("resize 64", total=100, done=40)) == "resize 64: 60 images"
    assert narrator.line(TaskAdvanced(1)) is None
    assert narrator.line(TaskDone("resize 64", "60 built, 0 failures")) == "resize 64: 60 built, 0 failures"
    assert narrator.line(TaskDone("resize 64")) == "resize 64: done"
    assert narrator.line(TaskStarted("a.zip", total=12_340_000, unit="bytes")) == "a.zip: 12.3 MB"
    half = TaskStarted("a.zip", total=12_340_000, unit="bytes", done=2_340_000)
    assert narrator.line(half) == "a.zip: 10.0 MB, 2.3 MB are there"
    assert narrator.line(TaskStarted("a.zip", total=0, unit="bytes")) == "a.zip: size not known"
    assert narrator.line(Message("hello")) == "hello"
    assert narrator.line(Message("careful", "warning")) == "warning: careful"
    assert narrator.line(Message("a\n\x1b[31mb")) == "a\n\\x1b[31mb"
