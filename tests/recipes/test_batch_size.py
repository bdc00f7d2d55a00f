"""`batch_size: auto`, on a device whose memory is played."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from kgcv.config.schema import Config
from kgcv.data.watch import Watch
from kgcv.engine.batch_size import MemoryProbe, largest_fitting
from kgcv.engine.step import Stepper
from kgcv.errors import CheckpointError, StopRequested
from kgcv.events import EpochDone, Message, Recorder, never_stop
from kgcv.recipes.dataset import split_dataset
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.train import start_run, train
from kgcv.recipes.tta import TtaRequest, run_tta
from kgcv.recipes.workbench import set_up

Change = Callable[..., Config]
AUTO = {"batch_size": "auto", "total_batch_size": 4}


def give_room(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """Let so many images fit."""
    monkeypatch.setattr(
        MemoryProbe, "find", lambda self, plan, *_: largest_fitting(plan.batch_size, lambda size: size <= room)
    )


def weights(run: Path) -> bytes:
    return (run / "fold0/metrics.jsonl").read_bytes() + (run / "fold0/best.safetensors").read_bytes()


def test_what_fits_is_added_up_to_the_total(
    competition: Config, tmp_path: Path, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand = change(competition, train={"batch_size": 2, "accumulate": 2})
    wanted = train(start_run(by_hand, "run", tmp_path / "by-hand"), None, Recorder(), never_stop).folder
    give_room(monkeypatch, 3)
    run, recorder = start_run(change(competition, train=AUTO), "run", tmp_path / "run"), Recorder()
    train(run, None, recorder, never_stop)
    assert weights(run.path) == weights(wanted)
    assert json.loads(run.batch_sizes_file.read_text()) == {"0": 2, "1": 2}
    assert Message("stage 2: batches of 2, for a total of 4") in recorder.events
    assert run_tta(run, "valid", TtaRequest(views="flip"), Recorder(), never_stop).num_samples == 6


def test_a_run_goes_on_with_what_was_found(
    competition: Config, tmp_path: Path, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = change(competition, train=AUTO)
    give_room(monkeypatch, 2)
    straight = train(start_run(config, "run", tmp_path / "straight"), None, Recorder(), never_stop).folder
    run, recorder = start_run(config, "run", tmp_path / "run"), Recorder()
    with pytest.raises(StopRequested):
        train(run, None, recorder, lambda: 15 if "EpochDone(" in str(recorder.events) else None)
    assert any(isinstance(event, EpochDone) for event in recorder.events)
    give_room(monkeypatch, 1)  # on another machine
    train(run, None, Recorder(), never_stop)
    assert weights(run.path) == weights(straight)


def test_on_a_cpu_the_total_fits(competition: Config, tmp_path: Path, change: Change) -> None:
    by_hand = train(start_run(competition, "run", tmp_path / "by-hand"), None, Recorder(), never_stop).folder
    run = train(start_run(change(competition, train=AUTO), "run", tmp_path / "run"), None, Recorder(), never_stop)
    assert weights(run.folder) == weights(by_hand)


def test_a_try_leaves_no_trace_and_sees_want_of_memory(
    competition: Config, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = change(competition, train=AUTO)
    bench = set_up(config, split_dataset(config, Watch(Recorder(), never_stop)), 0, Recorder(), never_stop)
    before = {name: value.clone() for name, value in bench.model.state_dict().items()}
    probe, plan = MemoryProbe(bench.model, bench.objective(), config.train, bench.runtime), bench.plan(1)
    generator = torch.get_rng_state()
    assert probe.fits(plan, bench.stage_inputs(plan), bench.samples())
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(torch.equal(value, before[name]) for name, value in bench.model.state_dict().items())
    assert all(parameter.grad is None for parameter in bench.model.parameters())

    def refuse(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Stepper, "backward", refuse)
    assert not probe.fits(plan, bench.stage_inputs(plan), bench.samples())


def test_a_run_without_its_batch_sizes_says_so(competition: Config, tmp_path: Path, change: Change) -> None:
    config = change(competition, train=AUTO)
    with pytest.raises(CheckpointError, match=r"run/batch_sizes\.json: has no batch size for stage 1; train it first"):
        RunFolder(tmp_path / "run").batch_size(1, config)
