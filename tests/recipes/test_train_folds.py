"""Folds in one run folder, training on all, and what samplers, losses and soft targets do to a run."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from kgcv.config.schema import AugmentConfig, Config, SplitConfig, StageConfig, TrainSourceConfig
from kgcv.data.predictions import read_predictions
from kgcv.errors import ConfigError, DataError, StopRequested
from kgcv.events import EpochDone, Message, Recorder, StepDone, never_stop
from kgcv.model.checkpoint import read_card
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.train import RunResult, start_run, train

Change = Callable[..., Config]
NUM_TRAIN = 20


def quicker(config: Config) -> Config:
    """One stage of two epochs, without what makes steps differ: mixup, the moving average."""
    stage = StageConfig(image_size=16, lr=(0.003,), num_cycles=2)
    return replace(config, stages=(stage,), augment=AugmentConfig(), train=replace(config.train, ema_decay=0.0))


def in_folds(config: Config) -> Config:
    return replace(config, split=SplitConfig(kind="folds", num_folds=2))


@pytest.fixture
def quick(competition: Config) -> Config:
    return quicker(competition)


@pytest.fixture
def folds(quick: Config) -> Config:
    return in_folds(quick)


@pytest.fixture(scope="module")
def straight_folds(
    tmp_path_factory: pytest.TempPathFactory, make_competition: Callable[[Path], Config]
) -> tuple[RunResult, Recorder]:
    """A run of the config `folds` that nothing stopped, and what it told; tests leave it as it is."""
    home, recorder = tmp_path_factory.mktemp("home"), Recorder()
    config = in_folds(quicker(make_competition(home)))
    with contextlib.chdir(home):
        return run_it(config, home / "run", recorder), recorder


def run_it(config: Config, folder: Path, recorder: Recorder | None = None) -> RunResult:
    return train(start_run(config, "run", folder), None, recorder or Recorder(), never_stop)


def write_tags(config: Config, rows: Sequence[str]) -> Config:
    """The same images with the tags of `rows`, one text an image, in a CSV file."""
    names = [f"{('bright', 'dark')[number % 2]}.{number}" for number in range(NUM_TRAIN)]
    lines = "".join(f"{name},{tags}\n" for name, tags in zip(names, rows, strict=True))
    Path("data/train.csv").write_text(f"id,tags\n{lines}")
    source = TrainSourceConfig(images="train", labels="train.csv", suffix=".png")
    return replace(config, data=replace(config.data, train=source, task="multi", sample_submission=None))


def tags_of(config: Config) -> Config:
    return write_tags(
        config, [f"{('bright', 'dark')[n % 2]}{' third' if n % 3 == 0 else ''}" for n in range(NUM_TRAIN)]
    )


def test_out_of_fold_predictions_hold_every_id_once_and_are_scored_whole(
    straight_folds: tuple[RunResult, Recorder],
) -> None:
    result, recorder = straight_folds
    run = RunFolder(result.folder)
    oof, truth = read_predictions(run.predictions("oof")), read_predictions(run.labels_file)
    assert oof.ids == truth.ids
    assert len(set(oof.ids)) == NUM_TRAIN
    right = (oof.values.argmax(axis=1) == truth.values.argmax(axis=1)).mean()
    assert result.oof_scores == run.read_scores()["oof"]
    assert result.oof_scores is not None
    assert result.oof_scores["accuracy"] == pytest.approx(right)
    assert set(run.read_scores()["valid"]) == {"fold0", "fold1"}
    texts = [event.text for event in recorder.events if isinstance(event, Message)]
    assert [text for text in texts if text.startswith("fold ")] == ["fold 1 of 2", "fold 2 of 2"]


def test_a_run_is_finished_when_its_last_fold_is(
    folds: Config, tmp_path: Path, straight_folds: tuple[RunResult, Recorder]
) -> None:
    run = start_run(folds, "run", tmp_path / "run")
    first = train(run, 1, Recorder(), never_stop)
    assert first.oof_scores is None
    assert not run.predictions("oof").exists()
    assert train(start_run(folds, "run", tmp_path / "run"), 0, Recorder(), never_stop).oof_scores is not None
    with pytest.raises(DataError, match="holds a finished run"):
        start_run(folds, "run", tmp_path / "run")
    straight, _ = straight_folds
    assert run.predictions("oof").read_bytes() == (straight.folder / "oof.npz").read_bytes()


def test_stopped_between_and_within_folds_nothing_differs(
    folds: Config, tmp_path: Path, straight_folds: tuple[RunResult, Recorder]
) -> None:
    straight, _ = straight_folds
    run = start_run(folds, "run", tmp_path / "run")
    for steps in (3, 4):  # 3 in the first epoch of fold 0, then to the second fold's first epoch

        def stop_after(recorder: Recorder, steps: int = steps) -> int | None:
            return 15 if sum(isinstance(event, StepDone) for event in recorder.events) >= steps else None

        recorder = Recorder()
        with pytest.raises(StopRequested):
            train(run, None, recorder, lambda recorder=recorder, ask=stop_after: ask(recorder))  # type: ignore[misc]
    train(run, None, Recorder(), never_stop)
    for name in ("oof.npz", "fold0/best.safetensors", "fold1/best.safetensors", "fold1/metrics.jsonl", "scores.json"):
        assert (run.path / name).read_bytes() == (straight.folder / name).read_bytes(), name
    sessions = [json.loads(line) for line in run.sessions_file.read_text().splitlines()]
    assert [session["ended"] for session in sessions] == ["stopped", "stopped", "finished"]
    assert all(session["seconds"] >= 0 for session in sessions)


def test_going_on_with_a_finished_run_leaves_its_predictions_alone(
    competition: Config, tmp_path: Path, straight_folds: tuple[RunResult, Recorder]
) -> None:
    run = RunFolder(shutil.copytree(straight_folds[0].folder, tmp_path / "run"))
    before = run.predictions("oof").read_bytes()
    shutil.copy(run.path / "fold1/valid.npz", run.path / "fold0/valid.npz")  # as if tta had been
    train(run, None, Recorder(), never_stop)
    assert run.predictions("oof").read_bytes() == before


def test_training_on_all_samples(quick: Config, tmp_path: Path, change: Change) -> None:
    recorder = Recorder()
    result = run_it(change(quick, split={"train_on_all": True}), tmp_path / "run", recorder)
    epochs = [event for event in recorder.events if isinstance(event, EpochDone)]
    steps = [event for event in recorder.events if isinstance(event, StepDone)]
    assert sum(step.num_images for step in steps) == 2 * NUM_TRAIN
    assert [(epoch.valid_loss, epoch.scores, epoch.is_best) for epoch in epochs] == [(None, {}, True)] * 2
    card = read_card(result.folds[0].weights)
    assert (card.epoch, card.score) == (1, None)
    last = torch.load(result.folder / "fold0/last.pt", weights_only=True)["model"]
    best = load_file(result.folder / "fold0/best.safetensors")
    assert all(torch.equal(best[name], last[name]) for name in best)
    assert not (result.folder / "oof.npz").exists()
    assert result.oof_scores is None
    assert result.folds[0].scores == {}


def test_a_run_of_several_labels_learns_and_keeps_its_rule(quick: Config, tmp_path: Path, change: Change) -> None:
    config = change(tags_of(replace(quick, augment=AugmentConfig(mixup=0.1))), train={"metric": "binary_log_loss"})
    config = replace(config, stages=(replace(config.stages[0], num_cycles=16, lr=(0.01,)),))
    result = run_it(config, tmp_path / "run")
    truth = read_predictions(result.folder / "labels.npz")
    assert truth.class_names == ("bright", "dark", "third")
    oof = read_predictions(result.folder / "oof.npz")
    targets = truth.aligned(oof.ids, oof.class_names, "labels").values
    assert (oof.values[:, :2].argmax(axis=1) == targets[:, :2].argmax(axis=1)).all()
    assert (result.folder / "thresholds.json").is_file()


def first_loss(config: Config, folder: Path) -> float:
    """The loss of the first step, before which all configs have the same weights; training is stopped after the second,
    when the loss of the first is known."""
    recorder = Recorder()

    def losses() -> list[float]:
        return [event.loss for event in recorder.events if isinstance(event, StepDone)]

    with pytest.raises(StopRequested):
        train(start_run(config, "run", folder), None, recorder, lambda: 15 if losses() else None)
    return losses()[0]


@pytest.mark.parametrize(
    "train_keys",
    [
        {"loss": "focal"},
        {"loss": "asymmetric"},
        {"pos_weight": "counts"},
        {"class_weights": "balanced"},
        {"sampler": "class_balanced"},
        {"label_smoothing": 0.2},
    ],
    ids=lambda keys: "-".join(map(str, *keys.items())),
)
def test_every_choice_reaches_the_steps(
    quick: Config, tmp_path: Path, change: Change, train_keys: dict[str, object]
) -> None:
    config = tags_of(quick)
    plain = first_loss(config, tmp_path / "plain")
    assert first_loss(change(config, train=train_keys), tmp_path / "changed") != plain


def test_a_run_can_be_taught_by_another(
    quick: Config, tmp_path: Path, change: Change, straight_folds: tuple[RunResult, Recorder]
) -> None:
    teacher, _ = straight_folds
    config = change(quick, train={"soft_targets": str(teacher.folder / "oof.npz"), "soft_weight": 0.5})
    recorder = Recorder()
    run_it(config, tmp_path / "taught", recorder)
    taught = [event.loss for event in recorder.events if isinstance(event, StepDone)]
    # The first step of both sees the same logits, so only the targets differ.
    assert taught[0] != first_loss(quick, tmp_path / "plain")
    assert np.isfinite(taught).all()


def test_weighted_sampling_draws_what_weighs(quick: Config, tmp_path: Path, change: Change) -> None:
    names = [f"{('bright', 'dark')[number % 2]}.{number}" for number in range(NUM_TRAIN)]
    rows = "".join(f"{name},{name.split('.')[0]},{1 if number < 10 else 1e-9}\n" for number, name in enumerate(names))
    Path("data/train.csv").write_text(f"id,kind,weight\n{rows}")
    source = TrainSourceConfig(images="train", labels="train.csv", suffix=".png", weight_column="weight")
    config = change(replace(quick, data=replace(quick.data, train=source)), train={"sampler": "weighted"})
    weighted = first_loss(config, tmp_path / "weighted")
    assert weighted != first_loss(quick, tmp_path / "plain")  # which images: tests/engine/test_plan.py


def test_a_choice_for_another_task_is_refused_before_training(quick: Config, tmp_path: Path, change: Change) -> None:
    with pytest.raises(ConfigError, match=r"train\.pos_weight: counts needs labels of task multi"):
        run_it(change(quick, train={"pos_weight": "counts"}), tmp_path / "run")
    assert not (tmp_path / "run/fold0").exists()


def test_a_rule_that_cannot_be_fitted_is_refused_before_training(quick: Config, tmp_path: Path, change: Change) -> None:
    config = change(tags_of(quick), decision={"exclusive": (("bright", "drak"),)})
    with pytest.raises(ConfigError, match="drak"):
        run_it(config, tmp_path / "run")
    assert not (tmp_path / "run/fold0").exists()
