import json
import re
import sys
from datetime import datetime
from types import SimpleNamespace

import pytest

from kgcv.cli.event_file import EventFile
from kgcv.events import (
    EpochDone,
    Message,
    RunOpened,
    RunStarted,
    StageDone,
    StageStarted,
    StepDone,
    TaskAdvanced,
    TaskDone,
    TaskStarted,
)

STAGE = StageStarted(0, 1, 64, 8, 1, 5, 0, 3)
EPOCH = EpochDone(0, 0, 1, 0.5, None, {"accuracy": 1.0}, 0.1, 3.0, 100.0, is_best=True)


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture(autouse=True)
def without_torch(monkeypatch):
    """As in a command that has not loaded it, whatever the tests before did."""
    monkeypatch.delitem(sys.modules, "torch", raising=False)


def lines(folder):
    return [json.loads(line) for line in (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()]


def without_time(folder):
    return [{key: value for key, value in line.items() if key != "at"} for line in lines(folder)]


def step(number, num_images=8):
    return StepDone(0, 0, number, loss=0.5, lr=0.1, num_images=num_images)


def test_each_event_is_a_line_with_its_fields(tmp_path):
    file = EventFile()
    file.report(RunOpened(tmp_path))
    assert without_time(tmp_path) == [{"event": "run_opened", "fold": None, "folder": str(tmp_path)}]
    (tmp_path / "events.jsonl").unlink()
    for event in (RunStarted(tmp_path, 1, 5, 2, fold=3), STAGE, step(3), EPOCH, StageDone(0, tmp_path / "fold3")):
        file.report(event)
    for event in (TaskStarted("resize", 10, done=4), TaskDone("resize", "fine"), Message("ä", "warning")):
        file.report(event)
    written = without_time(tmp_path)
    assert written[0] == {
        "event": "run_started",
        "fold": 3,
        "folder": str(tmp_path),
        "num_stages": 1,
        "total_steps": 5,
        "done_steps": 2,
        "stages": [],
    }
    assert (written[1]["event"], written[1]["image_size"], written[1]["unit"]) == ("stage_started", 64, "images")
    assert written[2] == {
        "event": "step_done",
        "fold": 3,
        "stage": 0,
        "epoch": 0,
        "step": 3,
        "loss": 0.5,
        "lr": 0.1,
        "num_images": 8,
        "total_steps": 3,  # the two of an earlier process included
        "num_seen": 8,
    }
    epoch = ("event", "scores", "valid_loss", "total_steps", "num_seen")
    assert [written[3][name] for name in epoch] == ["epoch_done", {"accuracy": 1.0}, None, 3, 8]
    assert written[4] == {"event": "stage_done", "fold": 3, "stage": 0, "folder": str(tmp_path / "fold3")}
    assert written[5] == {
        "event": "task_started",
        "fold": 3,
        "name": "resize",
        "total": 10,
        "unit": "images",
        "done": 4,
    }
    assert written[6] == {"event": "task_done", "fold": 3, "name": "resize", "summary": "fine"}
    assert written[7] == {"event": "message", "fold": 3, "text": "ä", "level": "warning"}


def test_times_have_milliseconds_and_a_zone(tmp_path):
    before = datetime.now().astimezone()
    EventFile().report(RunStarted(tmp_path, 1, 5))
    (line,) = lines(tmp_path)
    at = datetime.fromisoformat(line["at"])
    assert 0 <= (at - before).total_seconds() + 0.001 < 60
    assert at.utcoffset() is not None
    assert re.search(r"T\d\d:\d\d:\d\d\.\d{3}[+-]", line["at"])


def test_steps_are_written_every_two_seconds_and_counted_all(tmp_path):
    clock = Clock()
    file = EventFile(clock)
    file.report(RunStarted(tmp_path, 1, 100))
    for number in range(1, 51):
        file.report(step(number))
        clock.now += 0.1
    steps = [line for line in lines(tmp_path) if line["event"] == "step_done"]
    assert [(line["step"], line["total_steps"], line["num_seen"]) for line in steps] == [
        (1, 1, 8),
        (21, 21, 168),
        (41, 41, 328),
    ]


def test_a_jobs_progress_is_a_running_count(tmp_path):
    clock = Clock()
    file = EventFile(clock)
    file.report(RunStarted(tmp_path, 1, 100))
    file.report(TaskStarted("resize", 100, done=10))
    for _ in range(6):
        file.report(TaskAdvanced(5))
        clock.now += 1
    advanced = [line for line in without_time(tmp_path) if line["event"] == "task_advanced"]
    assert [line["done"] for line in advanced] == [15, 25, 35]
    assert advanced[0] == {
        "event": "task_advanced",
        "fold": 0,
        "name": "resize",
        "done": 15,
        "total": 100,
        "unit": "images",
    }


def test_what_comes_before_the_run_is_written_first_with_its_own_time(tmp_path):
    file = EventFile()
    file.report(Message("early"))
    early = datetime.now().astimezone()
    assert list(tmp_path.iterdir()) == []
    file.report(RunStarted(tmp_path, 1, 5))
    first, second = lines(tmp_path)
    assert (first["text"], first["fold"], second["event"]) == ("early", None, "run_started")
    assert datetime.fromisoformat(first["at"]) <= early


def test_another_process_goes_on_behind_what_is_there(tmp_path):
    EventFile().report(RunStarted(tmp_path, 1, 5))
    with (tmp_path / "events.jsonl").open("a") as stream:
        stream.write('{"at": "20')  # where a kill cut it off
    EventFile().report(RunStarted(tmp_path, 1, 5, done_steps=2))
    text = (tmp_path / "events.jsonl").read_text().splitlines()
    assert [json.loads(text[0])["done_steps"], text[1], json.loads(text[2])["done_steps"]] == [0, '{"at": "20', 2]


def test_a_gpu_tells_the_most_it_held(tmp_path, monkeypatch):
    held = [100, 250]
    cuda = SimpleNamespace(
        is_initialized=lambda: True, device_count=lambda: 2, max_memory_allocated=lambda device: held[device]
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    file = EventFile()
    file.report(RunStarted(tmp_path, 1, 5))
    file.report(step(1))
    assert lines(tmp_path)[-1]["gpu_memory_bytes"] == 250


def test_a_gpu_that_is_not_in_use_tells_nothing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(is_initialized=lambda: False)))
    file = EventFile()
    file.report(RunStarted(tmp_path, 1, 5))
    file.report(step(1))
    assert "gpu_memory_bytes" not in lines(tmp_path)[-1]
