import io
import json
import re

from kgcv.cli.console import LogFile, PlainReporter, WarningReporter, print_result
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


def train(reporter, folder):
    """One stage of one epoch of two steps."""
    reporter.report(RunStarted(folder, num_stages=1, total_steps=2))
    reporter.report(StageStarted(0, 1, 64, 8, 1, 2, 0, 3))
    for step in (1, 2):
        reporter.report(StepDone(0, 0, step, loss=0.5, lr=0.1, num_images=8))
    reporter.report(EpochDone(0, 0, 1, 0.5, 0.4, {"accuracy": 1.0}, 0.1, 3.0, 100.0, is_best=False))


def test_results_are_text_or_json(capsys):
    print_result(False, {"a": 1}, "one a")
    assert capsys.readouterr() == ("one a\n", "")
    print_result(True, {"a": [1.5, None]}, "one a")
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"a": [1.5, None]}
    assert captured.err == ""


def test_plain_progress_is_one_line_an_epoch(tmp_path):
    stream = io.StringIO()
    train(PlainReporter(stream, Clock()), tmp_path)
    lines = stream.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["run", "stage", "stage"]
    assert lines[-1] == (
        "stage 1/1  epoch 1/1  train_loss 0.5000  valid_loss 0.4000  accuracy 1.0000  lr 0.1  images/s 100  "
        "time 3.0s  0.0s left"
    )


def test_plain_progress_has_no_control_characters(tmp_path):
    stream = io.StringIO()
    train(PlainReporter(stream, Clock()), tmp_path)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", stream.getvalue())


def test_plain_jobs_are_one_line_an_interval():
    stream, clock = io.StringIO(), Clock()
    reporter = PlainReporter(stream, clock)
    reporter.report(TaskStarted("resize", total=100, done=10))
    for _ in range(5):
        clock.now += 4
        reporter.report(TaskAdvanced(10))
    reporter.report(TaskDone("resize", "all well"))
    # 4 and 8 seconds are too early, 12 is not; 16 and 20 are within ten seconds of it.
    assert stream.getvalue().splitlines() == [
        "resize: 90 images",
        "resize: 40/100 images",
        "resize: all well",
    ]


def test_no_progress_still_shows_warnings(tmp_path):
    stream = io.StringIO()
    reporter = WarningReporter(stream)
    train(reporter, tmp_path)
    reporter.report(Message("as you like"))
    reporter.report(Message("images are enlarged", "warning"))
    assert stream.getvalue() == "warning: images are enlarged\n"


def test_the_log_begins_with_what_came_before_the_run_folder(tmp_path):
    log = LogFile()
    log.report(Message("early", "warning"))
    assert not (tmp_path / "kgcv.log").exists()
    train(log, tmp_path)
    lines = (tmp_path / "kgcv.log").read_text().splitlines()
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d "
    assert all(re.match(stamp, line) for line in lines)
    words = [re.sub(stamp, "", line).split()[0] for line in lines]
    assert words == ["warning:", "run", "stage", "stage"]


def test_the_log_of_a_resumed_run_is_appended(tmp_path):
    train(LogFile(), tmp_path)
    train(LogFile(), tmp_path)
    assert len((tmp_path / "kgcv.log").read_text().splitlines()) == 6
