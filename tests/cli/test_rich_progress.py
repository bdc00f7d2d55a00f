import io
import re

import pytest
from rich.console import Console

from kgcv.cli.rich_progress import RichReporter
from kgcv.events import (
    EpochDone,
    Message,
    RunStarted,
    StageStarted,
    StepDone,
    TaskAdvanced,
    TaskDone,
    TaskStarted,
)


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self):
        return self.now


def run_display(events, width=200):
    """What a terminal was sent for `events`, one second apart, and the same without escape codes."""
    stream, clock = io.StringIO(), Clock()
    console = Console(file=stream, force_terminal=True, width=width, color_system=None)
    with RichReporter(console, clock) as reporter:
        for event in events:
            clock.now += 1
            reporter.report(event)
            reporter._progress.refresh()
    sent = stream.getvalue()
    return sent, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", sent).replace("\r", "\n")


def training(folder):
    yield RunStarted(folder, num_stages=2, total_steps=4)
    for stage in (0, 1):
        yield StageStarted(stage, 2, 64, 8, 1, 2, 0, 3)
        for step in (1, 2):
            yield StepDone(stage, 0, step, loss=0.5 - 0.1 * stage, lr=0.1, num_images=8)
        yield EpochDone(stage, 0, 1, 0.5, 0.4, {"accuracy": 0.75}, 0.1, 3.0, 100.0, is_best=True)


def test_the_bar_shows_place_loss_rate_speed_and_time_left(tmp_path):
    _, text = run_display(training(tmp_path))
    # One second a step, eight images each, three steps of four to come.
    assert re.search(r"stage 1/2 epoch 1/1 .*3\.0s left  loss 0\.5000  lr 0\.1  8 images/s", text)
    # From the second stage on the last score stands there, too.
    assert re.search(r"stage 2/2 epoch 1/1 .*loss 0\.4000  lr 0\.1  8 images/s  accuracy 0\.7500", text)


def test_epochs_stay_above_the_bar_as_a_table(tmp_path):
    sent, text = run_display(training(tmp_path))
    lines = [line.rstrip() for line in text.splitlines()]
    assert len([line for line in lines if line.startswith("stage   epoch    train_loss")]) == 2
    assert len([line for line in lines if line.startswith(("1/2     1/1", "2/2     1/1")) and "*" in line]) == 2
    # The cursor is given back after the last refresh.
    assert sent.rindex("\x1b[?25h") > sent.rindex("stage 2/2")


def test_a_job_has_a_bar_with_count_and_time_left():
    events = [
        TaskStarted("resize", total=10, done=2),
        TaskAdvanced(2),
        TaskAdvanced(2),
        TaskDone("resize", "fine"),
    ]
    _, text = run_display(events)
    # Four images in two seconds, four to come.
    assert "6/10  2.0s left" in text
    assert "resize: fine" in text.splitlines()


def test_bytes_read_as_megabytes():
    events = [
        TaskStarted("train.zip", total=300_000_000, unit="bytes", done=100_000_000),
        TaskAdvanced(12_345_678),
        TaskAdvanced(37_654_322),
    ]
    _, text = run_display(events)
    # 50 MB in two seconds, 150 MB to come.
    assert "train.zip  150.0/300.0 MB  25.0 MB/s  6.0s left" in text
    assert "000000" not in text


def test_bytes_of_a_size_that_is_not_known():
    _, text = run_display([TaskStarted("train.zip", total=0, unit="bytes"), TaskAdvanced(5_000_000)])
    assert "train.zip  5.0 MB  5.0 MB/s" in text


def test_a_job_without_a_summary_leaves_no_line():
    _, text = run_display([TaskStarted("read", total=1), TaskAdvanced(1), TaskDone("read")])
    assert "read: " not in text


def test_messages_are_printed_as_they_are():
    _, text = run_display([Message("[bold] is no markup here"), TaskAdvanced(1), Message("careful", "warning")])
    assert "[bold] is no markup here\n" in text
    assert "warning: careful\n" in text


def test_a_second_job_takes_the_place_of_the_first():
    events = [TaskStarted("first", total=5), TaskStarted("second", total=5)]
    _, text = run_display(events)
    assert "first" not in text[text.rindex("second") :]


@pytest.mark.parametrize("width", [60, 80, 109])
def test_the_bar_of_a_narrow_terminal_takes_two_lines(tmp_path, width):
    _, text = run_display(training(tmp_path), width)
    lines = [line.rstrip() for line in text.splitlines()]
    first = next(number for number, line in enumerate(lines) if "stage 2/2 epoch 1/1  1.0s left" in line)
    # The score, which also stands in the table, is what is cut off first.
    expected = "loss 0.4000  lr 0.1  8 images/s  accuracy 0.7500"
    assert expected.startswith(lines[first + 1].strip().rstrip("…"))
    assert "lr 0.1  8 images/s" in lines[first + 1]
    assert max(map(len, lines[first : first + 2])) <= width
