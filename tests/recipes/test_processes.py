"""Two processes that train one model, over gloo: the same numbers as one process, and nothing written twice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kgcv.config.load import dump_config
from kgcv.config.schema import Config
from kgcv.data.predictions import read_predictions
from kgcv.data.watch import Watch
from kgcv.engine.processes import Processes
from kgcv.events import Recorder, never_stop
from kgcv.recipes.resize import resize
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.train import start_run, train
from kgcv.recipes.tta import TtaRequest, parts_of, predict_parts

pytestmark = pytest.mark.no_cover


def torchrun(config: Config, *arguments: str) -> subprocess.CompletedProcess[str]:
    Path("two.yaml").write_text(dump_config(config))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, "-m", "kgcv", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


@pytest.fixture
def still(competition: Config) -> Config:
    """Batch norms keep their statistics, or each process would have its own; batches of 5, 5 and 4."""
    stages = tuple(replace(stage, bn_frozen=True) for stage in competition.stages)
    # The tests' own network is not known to other processes, and each of them has dropout of its own.
    model = replace(competition.model, name="test_efficientnet", dropout=(0.0,))
    return replace(competition, model=model, stages=stages, train=replace(competition.train, batch_size=5))


def history(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "fold0/metrics.jsonl").read_text().splitlines()]


def assert_alike(left: Path, right: Path) -> None:
    for ours, theirs in zip(history(left), history(right), strict=True):
        assert ours["train_loss"] == pytest.approx(theirs["train_loss"], rel=1e-4)
        assert ours["valid_loss"] == pytest.approx(theirs["valid_loss"], rel=1e-4)
        assert (ours["step"], ours["lr"]) == (theirs["step"], theirs["lr"])
    first, second = read_predictions(left / "oof.npz"), read_predictions(right / "oof.npz")
    assert first.ids == second.ids
    np.testing.assert_allclose(first.values, second.values, atol=1e-4)


def test_two_processes_are_one(still: Config, tmp_path: Path) -> None:
    alone = train(start_run(still, "run", tmp_path / "alone"), None, Recorder(), never_stop).folder
    done = torchrun(still, "train", "two.yaml", "--run-dir", "both", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run"] == "both", "one result"
    assert_alike(alone, tmp_path / "both")
    assert len((tmp_path / "both/sessions.jsonl").read_text().splitlines()) == 1
    predicted = torchrun(still, "tta", "both", "--json")
    assert predicted.returncode == 0, predicted.stderr
    shutil.copytree(tmp_path / "both", tmp_path / "again")
    for file in (tmp_path / "again").rglob("*.npz"):
        if file.name != "labels.npz":
            file.unlink()
    again = RunFolder(tmp_path / "again")
    predict_parts(again, parts_of(again), TtaRequest(), Recorder(), never_stop)
    for name in ("oof.npz", "test.npz"):
        left, right = read_predictions(tmp_path / "both" / name), read_predictions(again.path / name)
        assert left.ids == right.ids
        np.testing.assert_allclose(left.values, right.values, atol=1e-6)


def test_a_run_of_one_goes_on_with_two_and_back(still: Config, tmp_path: Path) -> None:
    alone = train(start_run(still, "run", tmp_path / "alone"), None, Recorder(), never_stop).folder
    run = start_run(still, "run", tmp_path / "run")
    stop_after(run, epochs=1)
    done = torchrun(still, "train", "--resume", "run", "--progress", "plain")
    assert done.returncode == 0, done.stderr
    assert "going on in run/fold0 at stage 1, epoch 2" in done.stderr.replace(str(tmp_path) + "/", "")
    assert_alike(alone, run.path)


def stop_after(run: RunFolder, epochs: int) -> None:
    recorder = Recorder()

    def ask() -> int | None:
        return 15 if str(recorder.events).count("EpochDone(") == epochs else None

    with pytest.raises(Exception, match="stopped and saved"):
        train(run, None, recorder, ask)


@pytest.mark.parametrize("kind", ["packed", "jpeg"])
def test_stores_are_made_by_all_processes(still: Config, kind: str, tmp_path: Path) -> None:
    files = sorted((tmp_path / "data/train").iterdir())
    files[3].write_bytes(b"no image")
    done = torchrun(still, "resize", "two.yaml", "--store", kind, "--json")
    assert done.returncode == 1, done.stderr
    assert f"cannot read 1 of the images: {files[3].relative_to(tmp_path)}" in done.stderr
    assert "another process" not in done.stderr
    left = torchrun(still, "resize", "two.yaml", "--store", kind, "--skip-bad", "--json")
    assert left.returncode == 0, left.stderr
    assert [store["num_built"] for store in json.loads(left.stdout)] == [0] * 4, "all but one were there already"
    both = stores(tmp_path / "cache")
    shutil.rmtree("cache")
    kept = Watch(Recorder(), never_stop)
    resize(still, kept, "packed" if kind == "packed" else "jpeg", skip_bad=True)
    assert both == stores(tmp_path / "cache")
    assert len(both) >= 4


def stores(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_stores_that_training_and_tta_miss_are_spread(
    still: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spread, spreads = Processes.spread, []

    def noted(self: Processes, function: Callable[[int], object], rows: Sequence[int], workers: int) -> object:
        spreads.append(len(rows))
        return spread(self, function, rows, workers)

    monkeypatch.setattr(Processes, "spread", noted)
    run = train(start_run(still, "run", tmp_path / "run"), None, Recorder(), never_stop).folder
    train_images, test_images = (len(list(Path("data", part).iterdir())) for part in ("train", "test"))
    assert spreads == [train_images] * 2, "two sizes"
    predict_parts(RunFolder(run), ("test",), TtaRequest(), Recorder(), never_stop)
    assert spreads == [train_images, train_images, test_images]


def test_several_processes_need_one_folder(still: Config) -> None:
    done = torchrun(still, "train", "two.yaml")
    assert done.returncode != 0
    assert "several processes need one folder: name it with --run-dir DIR" in done.stderr


def test_other_commands_are_one_process(still: Config) -> None:
    done = torchrun(still, "config", "check", "two.yaml")
    assert "config is one process; torchrun is for resize, train and tta" in done.stderr
