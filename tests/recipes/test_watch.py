"""What a watcher reads from the files of a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kgcv.errors import CheckpointError
from kgcv.files import append_json_lines
from kgcv.recipes.run_folder import RunFolder, noted_session, only_here
from kgcv.recipes.watch import Best, Follower, Job, find_watched

START = datetime.now().astimezone().replace(microsecond=0) - timedelta(hours=1)
Tell = Callable[..., None]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    (tmp_path / "config.yaml").write_text("split: {kind: folds, num_folds: 2}\nstages: [{lr: [0.1]}, {lr: [0.1]}]\n")
    return RunFolder(tmp_path)


@pytest.fixture
def tell(run: RunFolder) -> Tell:
    """`tell(12.5, "step_done", step=1)`: adds a line 12.5 seconds after the start."""

    def add(second: float, event: str, fold: int | None = 0, **fields: Any) -> None:
        at = (START + timedelta(seconds=second)).isoformat(timespec="milliseconds")
        append_json_lines(run.events_file, [{"at": at, "event": event, "fold": fold, **fields}])

    return add


def start(tell: Tell, fold: int = 0, second: float = 0, done_steps: int = 0) -> None:
    """Two stages of 2 epochs of 10 steps; a step of the second costs four times as much."""
    outlines = [{"num_steps": 20, "work": 1.0}, {"num_steps": 20, "work": 4.0}]
    tell(second, "run_started", fold, num_stages=2, total_steps=40, done_steps=done_steps, stages=outlines)
    tell(second, "stage_started", fold, stage=0, image_size=64, num_epochs=2, steps_per_epoch=10, unit="images")


def step(tell: Tell, second: float, epoch: int, number: int, **fields: Any) -> None:
    total = epoch * 10 + number
    given = {"stage": 0, "epoch": epoch, "step": number, "loss": 0.5, "lr": 0.01, "num_images": 8}
    tell(second, "step_done", **{**given, "total_steps": total, "num_seen": 8 * total, **fields})


def epoch_row(stage: int, epoch: int, score: float, is_best: bool) -> dict[str, Any]:
    losses = {"train_loss": 0.5, "valid_loss": 0.4}
    return {"stage": stage, "epoch": epoch, **losses, "scores": {"f2": score, "log_loss": 0.4}, "is_best": is_best}


def write_metrics(run: RunFolder, fold: int, rows: list[dict[str, Any]]) -> None:
    run.fold_path(fold).mkdir(exist_ok=True)
    append_json_lines(run.fold_path(fold) / "metrics.jsonl", rows)


def test_place_speed_and_time_left(run: RunFolder, tell: Tell) -> None:
    start(tell)
    step(tell, 2, 0, 1)
    step(tell, 4, 0, 5, gpu_memory_bytes=123)
    with only_here(run):
        status = Follower(run).look()
    assert (status.state, status.fold, status.num_folds) == ("training", 0, 2)
    assert status.process is not None and status.process.startswith("process ")
    assert (status.stage, status.num_stages, status.image_size) == (0, 2, 64)
    assert (status.epoch, status.num_epochs, status.step, status.steps_per_epoch) == (0, 2, 5, 10)
    assert (status.loss, status.lr, status.gpu_memory_bytes) == (0.5, 0.01, 123)
    assert status.samples_per_second == pytest.approx(4 * 8 / 2)
    assert (status.done_steps, status.total_steps) == (5, 40)
    # 0.8 seconds a step: 15 steps here, 20 that cost four times as much.
    assert status.seconds_left == pytest.approx(0.8 * (15 + 80))
    assert status.is_estimate


def test_validation_is_not_taken_for_slow_training(run: RunFolder, tell: Tell) -> None:
    start(tell)
    step(tell, 2, 0, 4)
    step(tell, 4, 0, 8)
    epoch = {"stage": 0, "epoch": 0, "num_epochs": 2, "lr": 0.02, "samples_per_second": 17.0}
    tell(30, "epoch_done", **epoch, total_steps=10)
    follower = Follower(run)
    with only_here(run):
        status = follower.look()
        assert (status.samples_per_second, status.step, status.done_steps) == (17.0, 10, 10)
        step(tell, 31, 1, 1)
        assert follower.look().samples_per_second == 17.0
        step(tell, 33, 1, 3)
        assert follower.look().samples_per_second == pytest.approx(2 * 8 / 2)


def test_only_whole_lines_are_read_and_each_once(run: RunFolder, tell: Tell) -> None:
    start(tell)
    follower = Follower(run)
    follower.look()
    line = {"at": START.isoformat(), "event": "message", "fold": 0, "text": "hello", "level": "info"}
    text = json.dumps(line) + "\n"
    with run.events_file.open("a") as stream:
        stream.write(text[:30])
        stream.flush()
        assert follower.look().message is None
        stream.write(text[30:])
    assert follower.look().message == "hello"


def test_what_a_kill_cut_off_is_passed_over(run: RunFolder, tell: Tell) -> None:
    start(tell)
    with run.events_file.open("a") as stream:
        stream.write('{"at": "20')
    start(tell, second=60, done_steps=5)
    status = Follower(run).look()
    assert status.done_steps == 5


def test_a_job_before_training(run: RunFolder, tell: Tell) -> None:
    tell(0, "run_opened", None, folder=str(run.path))
    tell(1, "task_started", None, name="resize", total=100, unit="images", done=0)
    tell(3, "task_advanced", None, name="resize", total=100, unit="images", done=40)
    follower = Follower(run)
    with only_here(run):
        status = follower.look()
        assert (status.job, status.stage) == (Job("resize", 40, 100, "images"), None)
        tell(5, "task_done", None, name="resize", summary="")
        assert follower.look().job is None


def test_the_best_epoch_of_the_fold_by_the_first_metric(run: RunFolder, tell: Tell) -> None:
    write_metrics(run, 0, [epoch_row(0, 0, 0.9, True)])
    write_metrics(run, 1, [epoch_row(0, 0, 0.5, True), epoch_row(0, 1, 0.7, True), epoch_row(1, 0, 0.6, False)])
    start(tell, fold=1)
    status = Follower(run).look()
    assert (status.metric, status.best) == ("f2", Best(0, 1, 0.7))
    assert [(fold, len(rows)) for fold, rows in status.history.items()] == [(0, 1), (1, 3)]


@pytest.mark.parametrize("ended", ["finished", "stopped", "failed"])
def test_how_a_run_ended_stands_in_its_last_session(run: RunFolder, tell: Tell, ended: str) -> None:
    start(tell)
    append_json_lines(run.sessions_file, [{"started": START.isoformat(), "seconds": 1.0, "ended": ended}])
    status = Follower(run).look()
    assert (status.state, status.process, status.seconds_left) == (ended, None, None)


def test_events_after_the_last_session_are_of_a_process_that_was_killed(run: RunFolder, tell: Tell) -> None:
    append_json_lines(run.sessions_file, [{"started": START.isoformat(), "seconds": 10.0, "ended": "stopped"}])
    start(tell, second=20)
    assert Follower(run).look().state == "gone"


def test_a_run_that_never_said_a_word_is_gone(run: RunFolder) -> None:
    assert Follower(run).look().state == "gone"


def test_looking_keeps_nobody_from_training(run: RunFolder) -> None:
    follower = Follower(run)
    with only_here(run), noted_session(run):
        assert follower.look().state == "training"
    assert follower.look().state == "finished"
    with only_here(run):
        assert Follower(run).look().state == "training"


def test_the_newest_run_by_default_and_its_link_resolved(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "runs").mkdir(parents=True)
    monkeypatch.chdir(home)
    with pytest.raises(CheckpointError, match="runs/latest: there is no run yet"):
        find_watched(None)
    (home / "runs/latest").symlink_to(run.path)
    assert find_watched(None).path == run.path.resolve()
    with pytest.raises(CheckpointError, match="runs: is not a run folder"):
        find_watched(Path("runs"))
