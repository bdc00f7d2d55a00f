import json

import pytest

from kgcv.recipes.report_times import CHECKING, TRAINING, Session, read_sessions, read_times
from kgcv.recipes.run_folder import RunFolder


def event(second, event_name, **fields):
    minute, rest = divmod(second, 60)
    return {"at": f"2026-01-02T03:{int(minute):02d}:{rest:06.3f}+00:00", "event": event_name, **fields}


def epoch_done(second, epoch, seconds, fold=0, stage=0):
    return event(
        second, "epoch_done", fold=fold, stage=stage, epoch=epoch, seconds=seconds, samples_per_second=100.0 + epoch
    )


FIRST_PROCESS = [
    event(0, "task_started", fold=None, name="resize to 64"),
    event(4, "task_done", fold=None, name="resize to 64"),
    event(5, "run_started", fold=0),
    event(6, "task_started", fold=0, name="precompute features"),
    event(9, "task_done", fold=0, name="precompute features"),
    event(10, "stage_started", fold=0, stage=0),
    event(12, "step_done", fold=0),
    epoch_done(20, 0, 7.5),
    epoch_done(30, 1, 8.0),
    event(33, "step_done", fold=0),  # and then it was stopped
]
SECOND_PROCESS = [
    event(103, "message", fold=None),
    event(104, "run_started", fold=0),
    event(105, "stage_started", fold=0, stage=0),
    epoch_done(110, 2, 4.0),
    event(110.5, "stage_done", fold=0, stage=0),
    event(111, "run_started", fold=1),
    event(111.5, "stage_started", fold=1, stage=0),
    epoch_done(120, 0, 8.0, fold=1),
]


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path)


def write(run, events):
    (run.path / "events.jsonl").write_text("".join(json.dumps(each) + "\n" for each in events))


def test_where_the_time_went_by_hand(run):
    write(run, FIRST_PROCESS)
    times = read_times(run)
    assert times is not None
    # Epochs: 10 s since the stage began, 10 s since the epoch before.
    assert times.spent == {"making stores": 4, "precompute": 3, TRAINING: 15.5, CHECKING: 4.5}
    assert (times.recorded, times.rest) == (33, 6)
    assert [(pace.epoch, pace.samples_per_second) for pace in times.paces] == [(0, 100), (1, 101)]


def test_the_time_between_two_processes_belongs_to_none(run):
    write(run, FIRST_PROCESS + SECOND_PROCESS)
    times = read_times(run)
    assert times is not None
    assert times.recorded == 33 + (120 - 103)
    assert times.spent[TRAINING] == 15.5 + 4 + 8
    # 110 - 105 - 4, and 120 - 111.5 - 8.
    assert times.spent[CHECKING] == 4.5 + 1 + 0.5
    assert [pace.fold for pace in times.paces] == [0, 0, 0, 1]


def test_a_process_that_goes_on_without_a_word_is_another_one(run):
    write(run, FIRST_PROCESS + SECOND_PROCESS[1:])
    times = read_times(run)
    assert times is not None and times.recorded == 33 + (120 - 104)


def test_a_line_cut_off_is_passed_over(run):
    write(run, FIRST_PROCESS)
    with (run.path / "events.jsonl").open("a") as stream:
        stream.write('{"at": "2026')
    times = read_times(run)
    assert times is not None and times.recorded == 33


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_nothing_recorded_is_none(run, content):
    if content is not None:
        (run.path / "events.jsonl").write_text(content)
    assert read_times(run) is None


def test_sessions(run):
    assert read_sessions(run) == []
    run.sessions_file.write_text('{"started": "x", "seconds": 2, "ended": "stopped"}\n{"seconds": 3.5, "ended": "fin')
    assert read_sessions(run) == [Session("x", 2.0, "stopped")]
