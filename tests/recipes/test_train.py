"""What training promises: what moves, what is kept, when it ends."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from kgcv.config.schema import AugmentConfig, Config, ModelConfig, StageConfig
from kgcv.data.predictions import read_predictions
from kgcv.errors import CheckpointError, ConfigError, DataError, TrainingDivergedError
from kgcv.events import EpochDone, Recorder, RunStarted, StageDone, StageOutline, StageStarted, StepDone, never_stop
from kgcv.files import write_json
from kgcv.model.checkpoint import read_card
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.train import RunResult, start_run, train

Change = Callable[..., Config]


def run_it(config: Config, folder: Path, recorder: Recorder | None = None) -> RunResult:
    return train(start_run(config, "run", folder), None, recorder or Recorder(), never_stop)


def history(result: RunResult) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (result.folder / "fold0/metrics.jsonl").read_text().splitlines()]


def weights(result: RunResult, name: str) -> dict[str, torch.Tensor]:
    return load_file(result.folder / "fold0" / name)


def one_stage(config: Config, **fields: Any) -> Config:
    stage = StageConfig(**{"image_size": 16, "lr": (0.003,), "keep_stage_weights": True, **fields})
    return replace(config, stages=(stage,), augment=AugmentConfig())


def test_learns_to_tell_bright_from_dark(competition: Config, tmp_path: Path, change: Change) -> None:
    config = one_stage(change(competition, train={"ema_decay": 0.0, "metric": "log_loss"}), num_cycles=8, lr=(0.01,))
    result = run_it(config, tmp_path / "run")
    assert result.folds[0].scores["accuracy"] == 1.0
    assert result.folds[0].scores["log_loss"] < 0.4
    train_losses = [line["train_loss"] for line in history(result)]
    assert train_losses[-1] < train_losses[0] / 2


def test_run_folder_describes_itself(competition: Config, straight: RunResult) -> None:
    folder = straight.folder
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {
        ".lock",
        "config.yaml",
        "environment.json",
        "split.csv",
        "labels.npz",
        "oof.npz",
        "scores.json",
        "sessions.jsonl",
        "fold0/last.pt",
        "fold0/previous.pt",
        "fold0/best.safetensors",
        "fold0/best.json",
        "fold0/metrics.jsonl",
        "fold0/valid.npz",
    }
    assert (folder.parent / "latest").resolve() == folder.resolve()
    assert RunFolder(folder).read_config() == competition
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["versions"]["torch"] == torch.__version__.split("+")[0]
    assert environment["git_commit"] is None  # the test's folder is no repository


def test_default_name_holds_config_and_time(competition: Config, tmp_path: Path) -> None:
    run = start_run(competition, "bright-or-dark", None)
    assert run.path.parent == Path("runs")
    assert run.path.name.startswith("bright-or-dark-20")


def test_a_run_that_cannot_begin_is_not_the_latest(competition: Config, tmp_path: Path, change: Change) -> None:
    first = run_it(one_stage(competition), tmp_path / "runs/first")
    with pytest.raises(CheckpointError, match="no such weights file"):
        run_it(change(competition, model={"weights": "nowhere.pth"}), tmp_path / "runs/second")
    assert (tmp_path / "runs/latest").resolve() == first.folder.resolve()


def test_folder_with_other_things_is_refused(competition: Config, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("")
    with pytest.raises(DataError, match="mine: exists already, and a run is never overwritten"):
        start_run(competition, "run", tmp_path / "mine")


def test_validation_predictions_are_those_of_the_best_epoch(straight: RunResult) -> None:
    best = read_card(straight.folder / "fold0/best.safetensors")
    lines = history(straight)
    best_line = next(line for line in lines if (line["stage"], line["epoch"]) == (best.stage, best.epoch))
    assert best_line["is_best"]
    assert best_line["scores"]["accuracy"] == best.score == max(line["scores"]["accuracy"] for line in lines)
    assert best_line["scores"] == straight.folds[0].scores
    predictions = read_predictions(straight.folder / "fold0/valid.npz")
    assert predictions.class_names == ("bright", "dark")
    assert len(predictions.ids) == 6
    correct = [
        predictions.class_names[index] == name.split(".")[0]
        for name, index in zip(predictions.ids, predictions.values.argmax(axis=1), strict=True)
    ]
    assert np.mean(correct) == best.score
    np.testing.assert_allclose(predictions.values.sum(axis=1), 1, rtol=1e-6)


def test_best_follows_the_metrics_direction(competition: Config, tmp_path: Path, change: Change) -> None:
    result = run_it(change(competition, train={"metric": "log_loss"}), tmp_path / "run")
    losses = [line["scores"]["log_loss"] for line in history(result)]
    assert result.folds[0].card.score == min(losses)
    assert list(history(result)[0]["scores"]) == ["log_loss", "accuracy"]


def test_valid_loss_is_the_log_loss_of_the_whole_set(straight: RunResult) -> None:
    for line in history(straight):
        assert line["valid_loss"] == pytest.approx(line["scores"]["log_loss"], rel=1e-6)


def test_only_the_head_of_a_frozen_stage_moves(competition: Config, tmp_path: Path, change: Change) -> None:
    config = change(one_stage(competition, frozen=True), train={"ema_decay": 0.0})
    config = replace(config, stages=(*config.stages, replace(config.stages[0], frozen=False, frozen_groups=1)))
    result = run_it(config, tmp_path / "run")
    first, second = weights(result, "stage0.safetensors"), weights(result, "stage1.safetensors")
    untouched = load_initial(config)
    moved = {name for name in first if not torch.equal(first[name], untouched[name])}
    assert moved
    assert all(name.startswith("head.") for name in moved)
    moved_later = {name for name in first if not torch.equal(first[name], second[name])}
    assert any(name.startswith("body.stages.1") for name in moved_later)
    assert not any(name.startswith(("body.stem", "body.stages.0")) for name in moved_later)


def load_initial(config: Config) -> dict[str, torch.Tensor]:
    from kgcv.model.heads import Objective
    from kgcv.recipes.image_feed import build_vision_model

    return build_vision_model(config, Objective("single", 2)).state_dict()


def test_frozen_batch_norms_keep_their_statistics(competition: Config, tmp_path: Path, change: Change) -> None:
    config = change(one_stage(competition, bn_frozen=True), train={"ema_decay": 0.0})
    after = weights(run_it(config, tmp_path / "run"), "stage0.safetensors")
    before = load_initial(config)
    statistics = [name for name in after if "running_" in name]
    assert statistics
    assert all(torch.equal(after[name], before[name]) for name in statistics)
    assert not torch.equal(after["body.stem.conv1.bn.weight"], before["body.stem.conv1.bn.weight"])


def test_a_stage_begins_where_the_one_before_ended(competition: Config, tmp_path: Path, change: Change) -> None:
    config = change(one_stage(competition), train={"ema_decay": 0.0})
    still = replace(config.stages[0], lr=(1e-30,), bn_frozen=True)
    result = run_it(replace(config, stages=(config.stages[0], still)), tmp_path / "run")
    first, second = weights(result, "stage0.safetensors"), weights(result, "stage1.safetensors")
    parameters = [name for name in first if "num_batches" not in name]
    assert all(torch.equal(first[name], second[name]) for name in parameters)


def test_moving_average_is_what_is_kept(competition: Config, tmp_path: Path) -> None:
    result = run_it(one_stage(competition), tmp_path / "run")
    state = torch.load(result.folder / "fold0/last.pt", weights_only=True)
    kept = weights(result, "stage0.safetensors")
    assert all(torch.equal(kept[name], state["ema"][name]) for name in kept)
    assert not torch.equal(kept["head.6.weight"], state["model"]["head.6.weight"])


def test_optimizer_is_new_unless_kept(competition: Config, tmp_path: Path, change: Change) -> None:
    config = change(one_stage(competition), train={"ema_decay": 0.0})
    first = config.stages[0]
    new = run_it(replace(config, stages=(first, first)), tmp_path / "new")
    kept = run_it(replace(config, stages=(first, replace(first, keep_optimizer=True))), tmp_path / "kept")
    name = "head.6.weight"
    assert torch.equal(weights(new, "stage0.safetensors")[name], weights(kept, "stage0.safetensors")[name])
    assert not torch.equal(weights(new, "stage1.safetensors")[name], weights(kept, "stage1.safetensors")[name])


def test_accumulated_batches_equal_one_large_batch(competition: Config, tmp_path: Path, change: Change) -> None:
    """Batches of 2 and of 4 in a network without batch norm and dropout; 14 images leave a smaller last step."""
    config = one_stage(replace(competition, model=ModelConfig(name="test_vit", pretrained=False)))
    plain = {"ema_decay": 0.0, "optimizer": "sgd", "precision": "float32"}
    large = run_it(change(config, train={**plain, "batch_size": 4}), tmp_path / "large")
    small = run_it(change(config, train={**plain, "batch_size": 2, "accumulate": 2}), tmp_path / "small")
    for name, value in weights(large, "stage0.safetensors").items():
        torch.testing.assert_close(weights(small, "stage0.safetensors")[name], value, rtol=1e-4, atol=1e-6)
    assert history(small)[0]["step"] == history(large)[0]["step"] == 4


def test_a_lone_last_image_is_left_out(competition: Config, tmp_path: Path, change: Change) -> None:
    """13 images that train, in batches of 4: three steps, for batch norm cannot normalise one image."""
    config = change(one_stage(competition), split={"valid_fraction": 0.35})
    recorder = Recorder()
    run_it(config, tmp_path / "run", recorder)
    assert [event.num_images for event in recorder.events if isinstance(event, StepDone)] == [4, 4, 4]


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_loss_that_is_not_finite_ends_training_and_is_not_saved(
    competition: Config, tmp_path: Path, change: Change, is_stopped: bool
) -> None:
    """Whether or not somebody asks for an end at the very step, when its loss has not been read yet."""
    stages = (competition.stages[0], replace(competition.stages[1], lr=(1e38,)))
    config = change(replace(competition, stages=stages), train={"optimizer": "sgd"})
    run, recorder = start_run(config, "run", tmp_path / "run"), Recorder()

    def ask() -> int | None:
        steps = [event for event in recorder.events if isinstance(event, StepDone) and event.stage == 1]
        return 15 if is_stopped and steps else None  # the first is known, so the second, which diverges, is taken

    match = "the loss became (nan|inf) in stage 2/2, epoch 1/2, step 2" if is_stopped else "the loss became (nan|inf)"
    with pytest.raises(TrainingDivergedError, match=match) as end:
        train(run, None, recorder, ask)
    assert end.value.exit_code == 1
    state = torch.load(run.path / "fold0/last.pt", weights_only=True)
    assert (state["progress"]["stage"], state["progress"]["epoch"]) == (1, 0)
    assert all(torch.isfinite(value).all() for value in state["model"].values())


def test_early_stopping_ends_a_stage(competition: Config, tmp_path: Path, change: Change) -> None:
    """With no rate to speak of the score stays what it is: one epoch sets it, two more do not better it."""
    stage = replace(competition.stages[0], lr=(1e-30,), num_cycles=6, bn_frozen=True)
    config = change(
        replace(competition, stages=(stage, competition.stages[1])), train={"early_stopping": 2, "ema_decay": 0.0}
    )
    lines = history(run_it(config, tmp_path / "run"))
    assert [line["epoch"] for line in lines if line["stage"] == 0] == [0, 1, 2]
    assert [line["epoch"] for line in lines if line["stage"] == 1] == [0, 1]


def test_events_tell_the_whole_story(straight: RunResult, straight_recorder: Recorder) -> None:
    kinds = (RunStarted, StageStarted, StepDone, EpochDone, StageDone)
    story = [event for event in straight_recorder.events if isinstance(event, kinds)]
    # Images of a batch times pixels, once for a frozen body, and twice more for the way back through all of it.
    stages = (StageOutline(8, 4 * 16 * 16), StageOutline(8, 3 * 4 * 20 * 20))
    assert story[0] == RunStarted(straight.folder, num_stages=2, total_steps=16, stages=stages)
    assert [type(event).__name__ for event in story[1:]] == 2 * (
        ["StageStarted", *(2 * (4 * ["StepDone"] + ["EpochDone"])), "StageDone"]
    )
    steps = [event for event in story if isinstance(event, StepDone)]
    assert [step.lr for step in steps[:3]] == pytest.approx([0.003, 0.003 * (1 + math.cos(math.pi / 4)) / 2, 0.0015])
    epochs = [event for event in story if isinstance(event, EpochDone)]
    assert epochs[-1].train_loss == history(straight)[-1]["train_loss"]


def test_lr_per_layer_group(straight: RunResult) -> None:
    lines = history(straight)
    assert [line["lr"] for line in lines] == pytest.approx([0.003 * (1 + math.cos(math.pi * 3 / 4)) / 2] * 4)


def test_folds_one_by_one_or_all(competition: Config, tmp_path: Path) -> None:
    config = replace(one_stage(competition), split=replace(competition.split, kind="folds", num_folds=2))
    recorder = Recorder()
    both = train(start_run(config, "both", tmp_path / "both"), None, recorder, never_stop)
    assert [event.fold for event in recorder.events if isinstance(event, RunStarted)] == [0, 1]
    assert [fold.fold for fold in both.folds] == [0, 1]
    ids = [read_predictions(both.folder / f"fold{fold}/valid.npz").ids for fold in (0, 1)]
    assert sorted(ids[0] + ids[1]) == sorted(f"{('bright', 'dark')[n % 2]}.{n}" for n in range(20))
    run = start_run(config, "run", tmp_path / "one")
    assert [fold.fold for fold in train(run, 1, Recorder(), never_stop).folds] == [1]
    assert (run.path / "fold1/valid.npz").read_bytes() == (both.folder / "fold1/valid.npz").read_bytes()
    with pytest.raises(ConfigError, match="--fold 2: the split has folds 0 to 1"):
        train(run, 2, Recorder(), never_stop)


def test_going_on_from_another_runs_weights(competition: Config, tmp_path: Path, change: Change) -> None:
    first = run_it(one_stage(competition), tmp_path / "first")
    still = one_stage(competition, image_size=20, lr=(1e-30,), bn_frozen=True)
    second = run_it(change(still, model={"weights": str(first.folder)}, train={"ema_decay": 0.0}), tmp_path / "second")
    best, taken = weights(first, "best.safetensors"), weights(second, "stage0.safetensors")
    assert all(torch.equal(best[name], taken[name]) for name in best if "num_batches" not in name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "acuracy"}, "train.metric: there is no metric 'acuracy'; did you mean 'accuracy'?"),
        ({"metric": "rmse"}, "train.metric: 'rmse' does not fit task 'single'"),
        ({"optimizer": "sdg"}, "train.optimizer: 'sdg' cannot be used"),
        ({"device": "cuda:77"}, "train.device: 'cuda:77' cannot be used on this machine"),
    ],
)
def test_names_that_do_not_exist(
    competition: Config, tmp_path: Path, change: Change, changes: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        run_it(change(competition, train=changes), tmp_path / "run")
    assert message in str(error.value)


def test_one_training_image_is_too_few(competition: Config, tmp_path: Path) -> None:
    config = replace(one_stage(competition), split=replace(competition.split, valid_fraction=0.95, stratify="no"))
    with pytest.raises(DataError, match="fold 0 has 1 training samples; at least two are needed"):
        run_it(config, tmp_path / "run")


def test_images_left_out_of_a_store_are_left_out_of_training(
    competition: Config, tmp_path: Path, change: Change
) -> None:
    from kgcv.data.watch import Watch
    from kgcv.recipes.resize import resize

    (tmp_path / "data/train/dark.1.png").write_bytes(b"no image")
    competition = change(competition, train={"batch_size": 5})
    with pytest.raises(DataError, match=r"cannot read 1 of the train images: data/train/dark\.1\.png"):
        run_it(competition, tmp_path / "run")
    resize(competition, Watch(Recorder(), never_stop), None, skip_bad=True)
    recorder = Recorder()
    result = run_it(competition, tmp_path / "run", recorder)
    steps = [event for event in recorder.events if isinstance(event, StepDone)]
    num_valid = len(read_predictions(result.folder / "fold0/valid.npz").ids)
    assert sum(step.num_images for step in steps[:3]) + num_valid == 19


def test_compiled_model_is_asked_for(
    competition: Config, tmp_path: Path, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[torch.nn.Module] = []

    def note(model: torch.nn.Module) -> torch.nn.Module:
        compiled.append(model)
        return model

    monkeypatch.setattr(torch, "compile", note)
    run_it(change(competition, train={"compile": True}), tmp_path / "run")
    assert len(compiled) == 2  # once a stage


def test_scores_file_keeps_what_stood_there(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    write_json(run.scores_file, {"valid": {"fold0": {"accuracy": 0.5}}})
    run.add_scores("valid", {"fold1": {"accuracy": 0.75}})
    run.add_scores("tta", {"views": ["plain"]})
    assert json.loads(run.scores_file.read_text()) == {
        "valid": {"fold0": {"accuracy": 0.5}, "fold1": {"accuracy": 0.75}},
        "tta": {"views": ["plain"]},
    }
