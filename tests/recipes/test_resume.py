"""Stopped anywhere and resumed, a run is the run that was never stopped: every file, to the bit.

Coverage, which doubles the time of training, is not measured where the code is that of the tests beside.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from kgcv.config.schema import Config
from kgcv.data.watch import Watch
from kgcv.engine.fold_folder import FoldFolder
from kgcv.errors import CheckpointError, DataError, StopRequested
from kgcv.events import EpochDone, Message, Recorder, StepDone, never_stop
from kgcv.recipes.dataset import split_dataset
from kgcv.recipes.resize import resize
from kgcv.recipes.run_folder import RunFolder, only_here
from kgcv.recipes.train import RunResult, start_run, train
from kgcv.recipes.tta import TtaRequest, run_tta

# 14 of the 20 images train: batches of 4, 4, 4 and 2.
STEPS_PER_EPOCH, EPOCHS, STAGES = 4, 2, 2
TERMINATE = 15
OUTCOMES = ("best.safetensors", "best.json", "metrics.jsonl", "valid.npz")


class StopAfter:
    """Asks for an end at the `count`-th question after the first step has been reported."""

    def __init__(self, count: int) -> None:
        self.left = count

    def __call__(self) -> int | None:
        self.left -= 1
        return TERMINATE if self.left < 0 else None


def train_straight(config: Config, folder: Path) -> Path:
    return train(start_run(config, "straight", folder), None, Recorder(), never_stop).folder


def outcome(run: Path) -> dict[str, bytes]:
    return {name: (run / "fold0" / name).read_bytes() for name in OUTCOMES}


def final_state(run: Path) -> object:
    return torch.load(run / "fold0/last.pt", weights_only=True)


def assert_same(left: object, right: object, where: str = "state") -> None:
    """Equal, tensor by tensor and to the bit."""
    if isinstance(left, torch.Tensor):
        assert isinstance(right, torch.Tensor)
        assert torch.equal(left, right), where
    elif isinstance(left, dict):
        assert isinstance(right, dict)
        assert left.keys() == right.keys(), where
        for key in left:
            assert_same(left[key], right[key], f"{where}.{key}")
    elif isinstance(left, list):
        assert isinstance(right, list)
        for index, (a, b) in enumerate(itertools.zip_longest(left, right)):
            assert_same(a, b, f"{where}[{index}]")
    else:
        assert left == right, where


def count_questions(config: Config, folder: Path) -> int:
    """How often an undisturbed run asks whether to stop, once its stores are there and identical images are known."""
    resize(config, Watch(Recorder(), never_stop), None)
    split_dataset(config, Watch(Recorder(), never_stop))
    questions = itertools.count()

    def ask() -> int | None:
        next(questions)
        return None

    train(start_run(config, "counted", folder), None, Recorder(), ask)
    return next(questions)


def stop_after_an_epoch(run: RunFolder) -> Recorder:
    recorder = Recorder()

    def ask() -> int | None:
        return TERMINATE if any(isinstance(event, EpochDone) for event in recorder.events) else None

    with pytest.raises(StopRequested, match="stage 1/2, epoch 2/2, after step 0"):
        train(run, None, recorder, ask)
    return recorder


@pytest.mark.no_cover
def test_stopped_at_any_question_and_resumed_equals_straight(
    competition: Config, tmp_path: Path, straight: RunResult
) -> None:
    """Between steps, in validation, at an epoch's and a stage's end, and several times in one run."""
    expected, state = outcome(straight.folder), final_state(straight.folder)
    num_questions = count_questions(competition, tmp_path / "counted")
    assert num_questions > STEPS_PER_EPOCH * EPOCHS * STAGES
    for count in range(2, num_questions, 7):
        run = start_run(competition, "stopped", tmp_path / f"stopped{count}")
        with pytest.raises(StopRequested) as stop:
            train(run, None, Recorder(), StopAfter(count))
        assert stop.value.exit_code == 128 + TERMINATE
        train(run, None, Recorder(), never_stop)
        assert outcome(run.path) == expected, f"stopped at question {count}"
        assert_same(final_state(run.path), state)


def test_stopped_again_and_again(competition: Config, tmp_path: Path, straight: RunResult) -> None:
    run = start_run(competition, "stopped", tmp_path / "stopped")
    stops = 0
    while True:
        try:
            train(run, None, Recorder(), StopAfter(6))
            break
        except StopRequested:
            stops += 1
            assert stops < 100
    assert stops >= STAGES * EPOCHS
    assert outcome(run.path) == outcome(straight.folder)


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "sgd", "accumulate": 2, "clip_norm": 0.5, "schedule": "one_cycle"},
        {"optimizer": "lamb", "precision": "bfloat16", "ema_decay": 0.0},
        {"optimizer": "muon", "label_smoothing": 0.1, "schedule": "flat_cosine"},
        {"optimizer": "rmsprop", "schedule": "constant"},
    ],
    ids=lambda changes: str(changes["optimizer"]),
)
def test_resume_with_other_optimizers(
    competition: Config, tmp_path: Path, change: Callable[..., Config], changes: dict[str, object]
) -> None:
    config = change(competition, train=changes)
    stages = tuple(replace(stage, keep_optimizer=stage.image_size == 20) for stage in config.stages)
    config = replace(config, stages=stages)
    expected = train_straight(config, tmp_path / "straight")
    run = start_run(config, "stopped", tmp_path / "stopped")
    for count in (3, 6, 5):
        with pytest.raises(StopRequested):
            train(run, None, Recorder(), StopAfter(count))
    train(run, None, Recorder(), never_stop)
    assert outcome(run.path) == outcome(expected)


@pytest.mark.no_cover
def test_two_epochs_equal_one_and_one(competition: Config, tmp_path: Path, straight: RunResult) -> None:
    """Stopped at the end of the first epoch: the second one follows as if nothing had been."""
    run = start_run(competition, "stopped", tmp_path / "stopped")
    recorder = stop_after_an_epoch(run)
    assert sum(isinstance(event, StepDone) for event in recorder.events) == STEPS_PER_EPOCH
    train(run, None, Recorder(), never_stop)
    assert outcome(run.path) == outcome(straight.folder)


@pytest.mark.no_cover
def test_number_of_threads_changes_nothing(
    competition: Config, tmp_path: Path, change: Callable[..., Config], straight: RunResult
) -> None:
    assert competition.train.workers == 2
    for workers in (1, 4):
        run = train_straight(change(competition, train={"workers": workers}), tmp_path / f"with{workers}")
        assert outcome(run) == outcome(straight.folder)


@pytest.mark.no_cover
def test_another_seed_gives_another_run(
    competition: Config, tmp_path: Path, change: Callable[..., Config], straight: RunResult
) -> None:
    other = train_straight(change(competition, train={"seed": 43}), tmp_path / "other")
    assert outcome(straight.folder)["metrics.jsonl"] != outcome(other)["metrics.jsonl"]


def test_same_command_again_finishes_an_interrupted_run(
    competition: Config, tmp_path: Path, straight: RunResult
) -> None:
    stop_after_an_epoch(start_run(competition, "run", tmp_path / "run"))
    run = start_run(competition, "run", tmp_path / "run")
    train(run, None, Recorder(), never_stop)
    assert outcome(run.path) == outcome(straight.folder)


def test_finished_run_is_never_overwritten(competition: Config, finished: RunFolder) -> None:
    with pytest.raises(DataError, match="holds a finished run, and a run is never overwritten"):
        start_run(competition, "run", finished.path)
    # A launcher gives the command again when a process dies, be it after the work was done.
    assert start_run(competition, "run", finished.path, is_restart=True) == finished


def test_resuming_a_finished_run_changes_nothing(finished: RunFolder) -> None:
    result = run_tta(finished, "valid", TtaRequest(views="dihedral"), Recorder(), never_stop)
    averaged = result.file.read_bytes()
    again = train(finished, None, Recorder(), never_stop)
    assert result.file.read_bytes() == averaged
    assert again.folds[0].scores == result.plain_scores


def test_run_of_another_config_is_refused(competition: Config, tmp_path: Path, change: Callable[..., Config]) -> None:
    start_run(competition, "run", tmp_path / "run")
    with pytest.raises(DataError, match="holds a run of another config"):
        start_run(change(competition, train={"seed": 1}), "run", tmp_path / "run")


def test_changed_classes_are_noticed(competition: Config, tmp_path: Path) -> None:
    run = start_run(competition, "run", tmp_path / "run")
    stop_after_an_epoch(run)
    config_file = run.config_file
    config_file.write_text(config_file.read_text().replace("(?P<label>bright|dark)", "(?P<label>[a-z])[a-z]+"))
    with pytest.raises(CheckpointError, match="classes bright, dark, but the data now have b, d"):
        train(run, None, Recorder(), never_stop)


def test_metrics_hold_no_time(straight: RunResult) -> None:
    lines = [json.loads(line) for line in (straight.folder / "fold0/metrics.jsonl").read_text().splitlines()]
    places = [(line["stage"], line["epoch"], line["step"]) for line in lines]
    assert places == [(0, 0, 4), (0, 1, 8), (1, 0, 12), (1, 1, 16)]
    keys = {"stage", "epoch", "step", "image_size", "lr", "train_loss", "valid_loss", "scores", "is_best"}
    assert all(line.keys() == keys for line in lines)


def test_a_state_is_saved_after_so_many_minutes(
    competition: Config, tmp_path: Path, change: Callable[..., Config], straight: RunResult
) -> None:
    """With next to no minutes, after each step: a process that dies then loses none of them."""
    config = change(competition, train={"checkpoint_minutes": 1e-9})
    run = start_run(config, "run", tmp_path / "run")
    seen: list[int] = []

    def look_and_die() -> int | None:
        file = run.fold(0).last_state
        if file.exists():
            seen.append(torch.load(file, weights_only=True)["progress"]["step"])
        if len(seen) == STEPS_PER_EPOCH:
            raise KeyboardInterrupt  # as abrupt as Python can be
        return None

    with pytest.raises(KeyboardInterrupt):
        train(run, None, Recorder(), look_and_die)
    assert seen == [1, 2, 3, 4]
    recorder = Recorder()
    train(run, None, recorder, never_stop)
    assert "stage 1, epoch 1, after step" in str(recorder.events)
    assert outcome(run.path) == outcome(straight.folder)


@pytest.mark.parametrize("seconds, num_states", [(0.0, 6), (1000.0, 3)])
def test_epochs_that_are_short_beside_their_states_go_by_without(
    competition: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, num_states: int
) -> None:
    """Four epochs in two stages: a state each and at the ends of stages; or the first, and the ends of stages."""
    states, clock, write = [], [0.0], FoldFolder.write_state

    def slow(folder: FoldFolder, state: dict[str, Any], history: list[dict[str, Any]]) -> None:
        write(folder, state, history)
        states.append(state)
        clock[0] += seconds

    monkeypatch.setattr(FoldFolder, "write_state", slow)
    monkeypatch.setattr("kgcv.engine.save_pace.time", SimpleNamespace(monotonic=lambda: clock[0]))
    train(start_run(competition, "run", tmp_path / "run"), None, Recorder(), never_stop)
    assert len(states) == num_states


@pytest.mark.parametrize("damage", ["cut", "bit", "gone"])
def test_a_damaged_state_gives_way_to_the_one_before(
    competition: Config, tmp_path: Path, straight: RunResult, damage: str
) -> None:
    run = start_run(competition, "run", tmp_path / "run")
    stop_after_an_epoch(run)
    with pytest.raises(StopRequested):
        train(run, None, Recorder(), StopAfter(6))
    folder = run.fold(0)
    content = bytearray(folder.last_state.read_bytes())
    content[1000] ^= 1
    folder.last_state.write_bytes(content[:-9] if damage == "cut" else content)
    if damage == "gone":
        folder.last_state.unlink()
    recorder = Recorder()
    train(run, None, recorder, never_stop)
    told = [event.text for event in recorder.events if isinstance(event, Message) and event.level == "warning"]
    what = "cannot be read: No such file or directory" if damage == "gone" else "is damaged: its content is not what"
    assert len(told) == 1
    assert f"last.pt: {what}" in told[0]
    assert told[0].endswith("going on from the state before it")
    assert outcome(run.path) == outcome(straight.folder)
    assert_same(final_state(run.path), final_state(straight.folder))


def test_a_damaged_state_does_not_become_the_one_before(competition: Config, tmp_path: Path) -> None:
    run = start_run(competition, "run", tmp_path / "run")
    stop_after_an_epoch(run)
    folder = run.fold(0)
    for _ in range(2):
        folder.last_state.write_bytes(b"damaged")
        with pytest.raises(StopRequested):
            train(run, None, Recorder(), StopAfter(6))
        assert folder.previous_state.read_bytes() != b"damaged"
    folder.last_state.write_bytes(b"damaged")
    folder.previous_state.unlink()
    with pytest.raises(CheckpointError, match=r"last\.pt: is damaged"):
        train(run, None, Recorder(), never_stop)


def test_a_run_is_trained_by_one_process_at_a_time(competition: Config, tmp_path: Path) -> None:
    run = start_run(competition, "run", tmp_path / "run")
    with only_here(run), pytest.raises(CheckpointError, match=rf"run: is being trained by process {os.getpid()} on "):
        train(run, None, Recorder(), never_stop)
    assert not run.split_file.exists()
    stop_after_an_epoch(run)


def test_what_killed_processes_left_is_removed(competition: Config, tmp_path: Path) -> None:
    run = start_run(competition, "run", tmp_path / "run")
    stop_after_an_epoch(run)
    left = run.fold_path(0) / ".last.pt.0123abcd.tmp"
    left.write_bytes(b"half")
    train(run, None, Recorder(), never_stop)
    assert not left.exists()


def test_a_moved_run_goes_on_where_it_is_now(competition: Config, tmp_path: Path, straight: RunResult) -> None:
    stop_after_an_epoch(start_run(competition, "run", tmp_path / "run"))
    moved = (tmp_path / "run").rename(tmp_path / "elsewhere")
    train(RunFolder(moved), None, Recorder(), never_stop)
    assert outcome(moved) == outcome(straight.folder)
