"""The finder leaves no trace: not in the model, not in the random state, not in the run that follows."""

from __future__ import annotations

import copy
import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kgcv.config.schema import Config
from kgcv.data.watch import Watch
from kgcv.engine.lr_finder import LrFinder, Sweep
from kgcv.engine.optim import set_rates
from kgcv.errors import ConfigError, StopRequested
from kgcv.events import Recorder, StopCheck, TaskAdvanced, never_stop
from kgcv.recipes.dataset import split_dataset
from kgcv.recipes.lr_find import LrFindResult, find_learning_rate
from kgcv.recipes.train import RunResult, start_run, train
from kgcv.recipes.workbench import Workbench, set_up


def sweep_it(config: Config, file: Path, steps: int = 40, stage: int = 1, end: float = 1.0) -> LrFindResult:
    return find_learning_rate(config, stage, file, Sweep(1e-6, end, steps), Recorder(), never_stop)


def test_curve_goes_to_a_file(competition: Config, tmp_path: Path) -> None:
    result = sweep_it(competition, tmp_path / "plots/lr.csv")
    with (tmp_path / "plots/lr.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["step", "lr", "loss", "smoothed_loss"]
    assert [float(row["lr"]) for row in rows] == pytest.approx(result.curve.lrs)
    assert float(rows[0]["smoothed_loss"]) == pytest.approx(float(rows[0]["loss"]), rel=1e-12)


def test_small_data_are_visited_again_and_again(competition: Config, tmp_path: Path) -> None:
    """An epoch has 4 steps; the sweep has 40 all the same."""
    assert len(sweep_it(competition, tmp_path / "lr.csv", end=1e-3).curve.lrs) == 40


def test_sweep_ends_when_the_loss_explodes(competition: Config, tmp_path: Path, change: Callable[..., Config]) -> None:
    config = change(competition, train={"optimizer": "sgd"})
    result = sweep_it(config, tmp_path / "lr.csv", steps=60, end=1e8)
    assert 10 <= len(result.curve.lrs) < 60
    assert np.isfinite(result.curve.smoothed).all()


def test_too_few_points_is_an_error_that_says_what_to_change(
    competition: Config, tmp_path: Path, change: Callable[..., Config]
) -> None:
    config = change(competition, train={"optimizer": "sgd"})
    with pytest.raises(ConfigError, match=r"usable points, and 10 are needed; begin lower \(--start-lr\) or take more"):
        find_learning_rate(config, 1, tmp_path / "lr.csv", Sweep(1e30, 1e38, 20), Recorder(), never_stop)
    assert not (tmp_path / "lr.csv").exists()


def test_no_such_stage(competition: Config, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--stage 2: the config has stages 0 to 1"):
        sweep_it(competition, tmp_path / "lr.csv", stage=2)


def test_lr_find_before_train_changes_nothing(competition: Config, tmp_path: Path, straight: RunResult) -> None:
    sweep_it(competition, tmp_path / "lr.csv")
    after = train(start_run(competition, "run", tmp_path / "after"), None, Recorder(), never_stop)
    for name in ("fold0/best.safetensors", "fold0/metrics.jsonl"):
        assert (after.folder / name).read_bytes() == (straight.folder / name).read_bytes()


@pytest.fixture
def bench(competition: Config) -> Workbench:
    return set_up(competition, split_dataset(competition, Watch(Recorder(), never_stop)), 0, Recorder(), never_stop)


def finder_of(bench: Workbench, should_stop: StopCheck) -> LrFinder:
    plan = bench.plan(1)
    return LrFinder(
        bench.model, bench.objective(), bench.config.train, plan, bench.runtime, bench.reporter, should_stop
    )


def sweep_bench(bench: Workbench, should_stop: StopCheck = never_stop) -> None:
    finder = finder_of(bench, should_stop)
    inputs = bench.stage_inputs(finder.plan)
    finder.run(inputs, bench.samples(), Sweep(1e-6, 1.0, 20))


@contextmanager
def untouched(bench: Workbench) -> Iterator[None]:
    """Fails unless weights, buffers, what trains, the mode and both generators are as they were."""
    before = copy.deepcopy(bench.model.state_dict())
    trains = [parameter.requires_grad for parameter in bench.model.parameters()]
    torch.manual_seed(5)
    np.random.seed(5)
    drawn = (torch.random.get_rng_state(), np.random.get_state()[1].copy())  # type: ignore[index]
    yield
    assert all(torch.equal(value, before[name]) for name, value in bench.model.state_dict().items())
    assert [parameter.requires_grad for parameter in bench.model.parameters()] == trains
    assert all(parameter.grad is None for parameter in bench.model.parameters())
    assert torch.equal(torch.random.get_rng_state(), drawn[0])
    assert (np.random.get_state()[1] == drawn[1]).all()  # type: ignore[index]


def test_model_and_generators_are_untouched(bench: Workbench) -> None:
    with untouched(bench):
        sweep_bench(bench)


def test_untouched_after_a_signal(bench: Workbench) -> None:
    def stop_later() -> int | None:
        assert isinstance(bench.reporter, Recorder)
        return 2 if sum(isinstance(event, TaskAdvanced) for event in bench.reporter.events) >= 45 else None

    with untouched(bench), pytest.raises(StopRequested, match="lr-find stopped; nothing was changed") as stop:
        sweep_bench(bench, stop_later)
    assert stop.value.exit_code == 130


def test_untouched_after_an_error(bench: Workbench) -> None:
    def fail_later() -> int | None:
        assert isinstance(bench.reporter, Recorder)
        if sum(isinstance(event, TaskAdvanced) for event in bench.reporter.events) >= 45:
            raise OSError("the disk is gone")
        return None

    with untouched(bench), pytest.raises(OSError, match="the disk is gone"):
        sweep_bench(bench, fail_later)


def test_groups_keep_their_ratio(competition: Config, bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage has 1, 2 and 3 thousandths: at a head rate of 3e-3 the stem has 1e-3."""
    seen: list[tuple[list[float], float]] = []
    real = set_rates

    def note(optimizer: torch.optim.Optimizer, lrs: list[float], factor: float, momentum: None) -> None:
        real(optimizer, lrs, factor, momentum)
        rates = {group["layer_group"]: group["lr"] for group in optimizer.param_groups}
        seen.append(([rates[0], rates[1], rates[2]], factor))

    monkeypatch.setattr("kgcv.engine.lr_finder.set_rates", note)
    sweep_bench(bench)
    rates, factor = seen[7]
    assert rates == pytest.approx([factor / 3, factor * 2 / 3, factor])


def test_frozen_stage_sweeps_the_head(competition: Config, tmp_path: Path) -> None:
    stages = (replace(competition.stages[0], image_size=20), competition.stages[1])
    assert len(sweep_it(replace(competition, stages=stages), tmp_path / "lr.csv", stage=0).curve.lrs) >= 10
