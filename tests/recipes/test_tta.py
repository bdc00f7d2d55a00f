"""From a run to predictions: views, single images, layers."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PIL import Image

from kgcv.config.schema import AugmentConfig, Config, DecisionConfig, SplitConfig, StageConfig
from kgcv.data.predictions import read_predictions
from kgcv.data.watch import Watch
from kgcv.engine.tta import NAMED_VIEWS
from kgcv.errors import CheckpointError, ConfigError, DataError, StopRequested
from kgcv.events import Message, Recorder, Silent, TaskAdvanced, TaskStarted, never_stop
from kgcv.recipes.predict_one import predict_images
from kgcv.recipes.resize import resize
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.summary import summarize_config
from kgcv.recipes.train import RunResult, start_run, train
from kgcv.recipes.trained_model import load_trained
from kgcv.recipes.tta import TtaRequest, TtaResult, parts_of, predict_parts, run_tta
from kgcv.recipes.tta_samples import Part, open_part

Train = Callable[..., RunFolder]


def quicker(config: Config) -> Config:
    """Two folds and one short stage."""
    return replace(
        config,
        split=SplitConfig(kind="folds", num_folds=2),
        stages=(StageConfig(image_size=16, lr=(0.003,), frozen=True),),
    )


def brief(config: Config) -> Config:
    """One epoch, and a hold-out as before."""
    return replace(config, stages=quicker(config).stages)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, make_competition: Callable[[Path], Config], trained: Train) -> Path:
    """A folder with images and trained runs of two folds, which tests copy."""
    folder = tmp_path_factory.mktemp("home")
    config = make_competition(folder)
    with contextlib.chdir(folder):
        trained(quicker(config), folder / "folds")
    return folder


@pytest.fixture
def run(home: Path, straight: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A hold-out."""
    monkeypatch.chdir(home)
    return RunFolder(shutil.copytree(straight.folder, tmp_path / "run"))


@pytest.fixture
def folds(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.chdir(home)
    return RunFolder(shutil.copytree(home / "folds", tmp_path / "folds"))


def tta(run: RunFolder, part: Part = "test", views: str | None = None) -> TtaResult:
    return run_tta(run, part, TtaRequest(views=views), Recorder(), never_stop)


@pytest.fixture
def quick(competition: Config) -> Config:
    return quicker(competition)


def told(recorder: Recorder) -> list[str]:
    """The warnings."""
    return [event.text for event in recorder.events if isinstance(event, Message) and event.level == "warning"]


def test_one_plain_view_gives_trainings_own_predictions(run: RunFolder) -> None:
    before = (run.path / "fold0/valid.npz").read_bytes()
    result = tta(run, "valid", "identity")
    assert (run.path / "fold0/valid.npz").read_bytes() == before
    assert result.scores == result.plain_scores
    assert result.views == ("plain",)


def test_views_are_averaged_and_both_scores_told(run: RunFolder) -> None:
    plain = read_predictions(run.path / "fold0/valid.npz")
    result = tta(run, "valid", "dihedral")
    averaged = read_predictions(result.file)
    assert averaged.ids == plain.ids
    assert not np.array_equal(averaged.values, plain.values)
    np.testing.assert_allclose(averaged.values.sum(axis=1), 1, rtol=1e-6)
    noted = json.loads(run.scores_file.read_text())
    assert noted["tta"] == {
        "views": list(result.views),
        "plain": result.plain_scores,
        "all": result.scores,
        "folds": [0],
    }
    assert noted["oof"] == result.scores  # of what oof.npz holds now
    assert len(result.views) == 8


def test_all_folds_predict_and_are_joined(folds: RunFolder) -> None:
    result = tta(folds, "valid", "flip")
    parts = [read_predictions(folds.path / f"fold{fold}/valid.npz") for fold in (0, 1)]
    oof = read_predictions(result.file)
    assert result.file == folds.path / "oof.npz"
    assert (result.folds, result.num_samples) == ((0, 1), 20)
    assert sorted(oof.ids) == sorted(parts[0].ids + parts[1].ids)
    for part in parts:
        assert np.array_equal(oof.aligned(part.ids, part.class_names, "").values, part.values)
    truth = read_predictions(folds.labels_file).aligned(oof.ids, oof.class_names, "")
    right = (oof.values.argmax(axis=1) == truth.values.argmax(axis=1)).mean()
    assert result.scores is not None
    assert result.scores["accuracy"] == pytest.approx(right)  # on all 20 images at once

    tested = tta(folds, "test", "flip")
    each = [read_predictions(folds.path / f"fold{fold}/test.npz").values for fold in (0, 1)]
    assert tested.file == folds.path / "test.npz"
    assert (tested.num_samples, tested.scores) == (6, None)
    np.testing.assert_allclose(read_predictions(tested.file).values, (each[0] + each[1]) / 2, atol=1e-7)


def test_averages_by_hand(folds: RunFolder) -> None:
    """Each fold's mean over three views, from single views predicted by its own model."""
    result = tta(folds, "valid", "plain,mirrored,symmetry 1")
    assert result.views == ("plain", "mirrored", "symmetry 1")
    for fold in (0, 1):
        images = open_part(folds, "valid", Silent(), never_stop).of_fold(fold)
        trained = load_trained(folds, fold)
        predictor = trained.predictor(images.opened.inputs_for(trained), Silent(), never_stop)
        singles = [predictor.predict(images.rows, [NAMED_VIEWS[name]]) for name in result.views]
        averaged = read_predictions(folds.path / f"fold{fold}/valid.npz").values
        np.testing.assert_allclose(averaged, sum(singles) / 3, atol=1e-6)


def test_one_fold_alone(folds: RunFolder) -> None:
    other = (folds.path / "fold0/valid.npz").read_bytes()
    recorder = Recorder()
    result = run_tta(folds, "valid", TtaRequest(fold=1, views="flip"), recorder, never_stop)
    assert (folds.path / "fold0/valid.npz").read_bytes() == other
    assert (result.folds, result.num_samples) == ((1,), 10)
    noted = json.loads(folds.scores_file.read_text())["tta"]
    assert (noted["folds"], noted["all"]) == ([1], result.scores)
    (warning,) = told(recorder)
    assert "the folds' valid predictions are averages over different views (the plain view; 2 views" in warning
    assert warning.endswith(f"make them alike: kgcv tta {folds.path} --split valid")
    recorder = Recorder()
    run_tta(folds, "valid", TtaRequest(views="flip"), recorder, never_stop)
    assert told(recorder) == []


def test_folds_that_are_not_there(quick: Config, tmp_path: Path, trained: Train) -> None:
    half = trained(quick, tmp_path / "half", fold=0)
    with pytest.raises(ConfigError, match="--fold 2: the split has folds 0 to 1"):
        run_tta(half, "valid", TtaRequest(fold=2), Recorder(), never_stop)
    with pytest.raises(CheckpointError, match=r"half: no weights in fold1; train first: kgcv train --resume .*half"):
        tta(half, "valid", "identity")
    result = run_tta(half, "valid", TtaRequest(fold=0), Recorder(), never_stop)
    assert result.file == half.path / "fold0/valid.npz"
    assert result.num_samples == 10
    assert not (half.path / "oof.npz").exists()
    tested = run_tta(half, "test", TtaRequest(fold=0), Recorder(), never_stop)
    assert tested.file == half.path / "fold0/test.npz"


def test_a_run_trained_on_all_has_only_test_images(quick: Config, tmp_path: Path, trained: Train) -> None:
    run = trained(replace(quick, split=SplitConfig(train_on_all=True)), tmp_path / "all")
    assert parts_of(run) == ("test",)
    for name, views in (("valid", "flip"), ("test", "auto")):
        with pytest.raises(ConfigError, match="was trained on all samples, so nothing validates"):
            tta(run, cast("Part", name), views)
    assert tta(run, "test", "flip").file == run.path / "test.npz"


def test_finished_folds_are_not_predicted_again(folds: RunFolder, passes: list[int]) -> None:
    first = tta(folds, "test", "flip").file.read_bytes()
    assert sum(passes) == 2 * 2 * 6
    tta(folds, "test", "flip")
    assert sum(passes) == 2 * 2 * 6
    (folds.path / "fold1/test.npz").unlink()
    assert tta(folds, "test", "flip").file.read_bytes() == first
    assert sum(passes) == 3 * 2 * 6


def test_a_killed_command_goes_on(folds: RunFolder, passes: list[int]) -> None:
    with pytest.raises(StopRequested):  # in the middle of the second fold
        run_tta(folds, "test", TtaRequest(views="flip"), Recorder(), lambda: 15 if sum(passes) > 15 else None)
    assert (folds.path / "fold0/test.npz").is_file()
    assert not (folds.path / "test.npz").exists()
    passes.clear()
    tta(folds, "test", "flip")
    assert sum(passes) == 2 * 6
    assert (folds.path / "test.npz").is_file()


@pytest.mark.parametrize("change_made", ["weights", "views", "plain weight", "content", "note"])
def test_a_file_is_known_by_what_it_was_made_from(folds: RunFolder, passes: list[int], change_made: str) -> None:
    tta(folds, "test", "flip")
    passes.clear()
    views, file = "flip", folds.path / "fold0/test.npz"
    if change_made == "weights":
        shutil.copy(folds.path / "fold1/best.safetensors", folds.path / "fold0/best.safetensors")
    elif change_made == "views":
        views = "random:1"
    elif change_made == "plain weight":
        text = folds.config_file.read_text().replace("views: identity", "views: flip\n  plain_weight: 0.3")
        folds.config_file.write_text(text)
    elif change_made == "content":
        shutil.copy(folds.path / "fold1/test.npz", file)
    else:
        file.with_suffix(".json").write_text("{")
    tta(folds, "test", views)
    assert sum(passes) == 2 * 6 * (2 if change_made in ("views", "plain weight") else 1)


def test_changed_images_are_predicted_again(finished: RunFolder, tmp_path: Path, passes: list[int]) -> None:
    before = tta(finished).file.read_bytes()
    assert sum(passes) == 6
    shutil.copy(tmp_path / "data/test/1.png", tmp_path / "data/test/0.png")
    assert tta(finished).file.read_bytes() != before
    assert sum(passes) == 2 * 6


def test_views_of_thresholds_and_test_images_must_be_alike(competition: Config, tmp_path: Path, trained: Train) -> None:
    config = replace(tagged(brief(competition), tmp_path), decision=DecisionConfig(thresholds="global"))
    run = trained(config, tmp_path / "tags")
    run.thresholds_file.unlink()
    recorder = Recorder()
    predict_parts(run, ("valid", "test"), TtaRequest(views="flip"), recorder, never_stop)
    assert told(recorder) == []
    fitted = run.thresholds_file.read_text()  # to the new predictions
    recorder = Recorder()
    predict_parts(run, ("test",), TtaRequest(views="dihedral"), recorder, never_stop)
    (warning,) = told(recorder)
    assert "the thresholds were fitted to predictions of 2 views (plain, mirrored; plain counts 0.5), but" in warning
    assert "the test images were predicted with 8 views (plain, symmetry 1, symmetry 2, ... and 5 more;" in warning
    assert warning.endswith(f"predict both alike: kgcv tta {run.path}")
    assert run.thresholds_file.read_text() == fitted
    recorder = Recorder()
    predict_parts(run, ("valid",), TtaRequest(views="dihedral"), recorder, never_stop)
    assert told(recorder) == []


def test_weight_of_the_plain_view(run: RunFolder) -> None:
    """With weight 1 the other view counts nothing; with 0.25 the mean is 0.25 plain + 0.75 mirrored."""
    config_text = run.config_file.read_text()

    def values(weight: float | None, views: str) -> np.ndarray:
        extra = "" if weight is None else f", plain_weight: {weight}"
        lines = [line for line in config_text.splitlines() if not line.startswith(("tta:", "  views:"))]
        run.config_file.write_text("\n".join([*lines, f"tta: {{views: flip{extra}}}"]))
        return read_predictions(tta(run, "valid", views).file).values

    plain, even = values(None, "identity"), values(None, "flip")
    mirrored = 2 * even - plain
    np.testing.assert_allclose(values(0.25, "flip"), 0.25 * plain + 0.75 * mirrored, atol=1e-6)
    np.testing.assert_allclose(values(1.0, "flip"), plain, atol=1e-6)


def test_random_views_are_the_same_each_time(run: RunFolder) -> None:
    first = tta(run, "test", "random:2").file.read_bytes()
    assert tta(run, "test", "random:2").file.read_bytes() == first
    assert tta(run, "test", "identity").file.read_bytes() != first


def test_random_views_need_augmentation(competition: Config, tmp_path: Path, trained: Train) -> None:
    run = trained(replace(brief(competition), augment=AugmentConfig()), tmp_path / "run")
    with pytest.raises(ConfigError, match="random:N draws the run's own augmentation, and this run has none"):
        tta(run, "test", "random:2")


def test_test_predictions_hold_every_id(run: RunFolder) -> None:
    predictions = read_predictions(tta(run, "test", "flip").file)
    assert sorted(predictions.ids) == ["0", "1", "2", "3", "4", "5"]


def test_a_bad_test_image_is_named_and_changes_no_other_row(finished: RunFolder, tmp_path: Path) -> None:
    whole = read_predictions(tta(finished).file)
    (tmp_path / "data/test/3.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"data/test/3\.png"):
        tta(finished)
    resize(finished.read_config(), Watch(Recorder(), never_stop), None, skip_bad=True)
    recorder = Recorder()
    result = run_tta(finished, "test", TtaRequest(), recorder, never_stop)
    rest = read_predictions(result.file)
    kept = [index for index, name in enumerate(whole.ids) if name != "3"]
    assert rest.ids == tuple(whole.ids[index] for index in kept)
    np.testing.assert_allclose(rest.values, whole.values[kept], atol=1e-6)
    assert told(recorder) == ["test: no predictions for the unreadable 3"]


def test_progress_adds_up(run: RunFolder) -> None:
    recorder = Recorder()
    run_tta(run, "test", TtaRequest(views="crops"), recorder, never_stop)
    last = max(index for index, event in enumerate(recorder.events) if isinstance(event, TaskStarted))
    advanced = [event.amount for event in recorder.events[last:] if isinstance(event, TaskAdvanced)]
    assert recorder.events[last] == TaskStarted("fold 0, test: 10 views", 6 * 10, unit="predictions")
    assert sum(advanced) == 60


def test_a_signal_leaves_what_was_there(run: RunFolder) -> None:
    before = tta(run).file.read_bytes()
    with pytest.raises(StopRequested, match="stopped while predicting; what was finished before is kept"):
        run_tta(run, "test", TtaRequest(views="flip"), Recorder(), lambda: 15)
    assert (run.path / "test.npz").read_bytes() == before


def test_no_such_views(run: RunFolder) -> None:
    with pytest.raises(ConfigError, match="'dihedrall' is not one of auto, identity, flip, dihedral, crops, random:N"):
        tta(run, "test", "dihedrall")


def test_config_without_test_images(
    competition: Config, tmp_path: Path, change: Callable[..., Config], trained: Train
) -> None:
    run = trained(change(brief(competition), data={"test": None, "sample_submission": None}), tmp_path / "run")
    assert parts_of(run) == ("valid",)
    with pytest.raises(ConfigError, match=r"data.test: the config names no test images"):
        tta(run)


def test_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not a run folder"):
        tta(RunFolder(tmp_path))


def test_run_that_was_never_trained(competition: Config, tmp_path: Path) -> None:
    run = start_run(competition, "run", tmp_path / "run")
    with pytest.raises(CheckpointError, match=r"run: has not been trained; train first: kgcv train --resume .*run"):
        tta(run)


def test_predict_one_is_validations_own_function(run: RunFolder) -> None:
    whole = read_predictions(tta(run, "test", "identity").file)
    paths = [Path(f"data/test/{name}.png") for name in whole.ids]
    for prediction, row in zip(predict_images(run, paths), whole.values, strict=True):
        values = [prediction.values[name] for name in whole.class_names]
        np.testing.assert_allclose(values, row, atol=1e-6)
        assert list(prediction.values.values()) == sorted(values, reverse=True)


def test_predict_one_is_the_mean_of_the_folds(folds: RunFolder) -> None:
    path = Path("data/test/0.png")
    (mean,), (first,), (second,) = (predict_images(folds, [path], fold) for fold in (None, 0, 1))
    assert mean.values == pytest.approx({name: (first.values[name] + second.values[name]) / 2 for name in first.values})
    assert first.values != second.values
    assert mean.tags is None
    with pytest.raises(ConfigError, match="--fold 2: the split has folds 0 to 1"):
        predict_images(folds, [path], 2)


def test_predict_one_gives_the_tags_decided_on(competition: Config, tmp_path: Path, trained: Train) -> None:
    config = replace(tagged(brief(competition), tmp_path), decision=DecisionConfig(threshold=0.0))
    run = trained(config, tmp_path / "tags")
    (one,) = predict_images(run, [Path("data/test/0.png")])
    assert one.tags == ("day", "light", "night")  # all are above 0
    run.thresholds_file.unlink()
    (one,) = predict_images(run, [Path("data/test/0.png")])
    assert one.tags is None


def test_predict_one_missing_and_broken_files(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.png: no such file"):
        predict_images(run, [tmp_path / "nowhere.png"])
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(DataError, match=r"text\.png"):
        predict_images(run, [tmp_path / "text.png"])


def test_predict_one_takes_any_size_and_mode(run: RunFolder, tmp_path: Path) -> None:
    Image.new("L", (7, 300), 250).save(tmp_path / "tall.png")
    Image.new("RGBA", (64, 64), (250, 250, 250, 10)).save(tmp_path / "square.png")
    for prediction in predict_images(run, [tmp_path / "tall.png", tmp_path / "square.png"]):
        assert sum(prediction.values.values()) == pytest.approx(1, rel=1e-5)


def test_regression_end_to_end(competition: Config, tmp_path: Path) -> None:
    """Two numbers an image: predicted in the columns' order, scored by RMSE, lower is better."""
    names = [path.stem for path in sorted((tmp_path / "data/train").iterdir())]
    rows = "".join(f"{name},{0.9 if 'bright' in name else 0.1},{len(name)}\n" for name in names)
    (tmp_path / "data/labels.csv").write_text(f"id,light,length\n{rows}")
    source = replace(
        competition.data.train, pattern=None, labels="labels.csv", id_column="id", label_columns=("light", "length")
    )
    config = replace(
        brief(competition),
        data=replace(competition.data, train=source, task="regression", sample_submission=None),
        augment=AugmentConfig(preset="basic"),
    )
    run = start_run(config, "run", tmp_path / "run")
    result = train(run, None, Recorder(), never_stop)
    assert list(result.folds[0].scores) == ["rmse"]
    predictions = read_predictions(tta(run, "test", "flip").file)
    assert (predictions.class_names, predictions.task) == (("light", "length"), "regression")
    one = predict_images(run, [tmp_path / "data/test/0.png"])[0]
    assert list(one.values) == ["light", "length"]


def tagged(config: Config, tmp_path: Path) -> Config:
    """Bright images have the tags light and day, dark ones the tag night."""
    names = [path.stem for path in sorted((tmp_path / "data/train").iterdir())]
    rows = "".join(f"{name},{'light day' if 'bright' in name else 'night'}\n" for name in names)
    (tmp_path / "data/labels.csv").write_text(f"id,tags\n{rows}")
    source = replace(config.data.train, pattern=None, labels="labels.csv")
    return replace(config, data=replace(config.data, train=source, task="multi", sample_submission=None))


def test_several_labels_end_to_end(competition: Config, tmp_path: Path) -> None:
    config = tagged(replace(brief(competition), augment=AugmentConfig(preset="top_down")), tmp_path)
    run = start_run(config, "run", tmp_path / "run")
    result = train(run, None, Recorder(), never_stop)
    assert list(result.folds[0].scores) == ["f2"]
    values = read_predictions(tta(run, "test", "dihedral").file).values
    assert values.shape == (6, 3)
    assert ((values > 0) & (values < 1)).all()


def test_one_sigmoid_output(competition: Config, tmp_path: Path, change: Callable[..., Config]) -> None:
    run = start_run(change(brief(competition), model={"binary_output": "sigmoid"}), "run", tmp_path / "run")
    result = train(run, None, Recorder(), never_stop)
    values = read_predictions(result.folder / "fold0/valid.npz").values
    assert values.shape == (6, 2)
    np.testing.assert_allclose(values.sum(axis=1), 1, rtol=1e-6)


def test_summary_of_a_stage(competition: Config) -> None:
    frozen, free = summarize_config(competition, 0), summarize_config(competition, 1)
    assert frozen.num_parameters == free.num_parameters == free.num_trainable
    assert frozen.layers[0].input_shape == (3, 16, 16)
    assert free.layers[0].input_shape == (3, 20, 20)
    assert [layer.trainable for layer in frozen.layers if layer.trainable is not None][-1] is True
    assert frozen.layers[0].trainable is False
    with pytest.raises(ConfigError, match="--stage 2: the config has stages 0 to 1"):
        summarize_config(competition, 2)
