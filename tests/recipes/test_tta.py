"""From a run to predictions: views, single images, layers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kgcv.config.schema import AugmentConfig, Config, DecisionConfig
from kgcv.data.predictions import read_predictions
from kgcv.errors import CheckpointError, ConfigError, DataError, StopRequested
from kgcv.events import Recorder, TaskAdvanced, TaskStarted, never_stop
from kgcv.recipes.decision import decided_threshold
from kgcv.recipes.predict_one import predict_images
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.summary import summarize_config
from kgcv.recipes.train import start_run, train
from kgcv.recipes.tta import Part, TtaRequest, TtaResult, parts_of, run_tta


@pytest.fixture
def run(competition: Config, tmp_path: Path) -> RunFolder:
    run = start_run(competition, "run", tmp_path / "run")
    train(run, None, Recorder(), never_stop)
    return run


def tta(run: RunFolder, part: Part = "test", views: str | None = None) -> TtaResult:
    return run_tta(run, part, TtaRequest(views=views), Recorder(), never_stop)


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
    noted = json.loads(run.scores_file.read_text())["tta"]
    assert noted == {"views": list(result.views), "plain": result.plain_scores, "all": result.scores}
    assert len(result.views) == 8


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


def test_random_views_need_augmentation(competition: Config, tmp_path: Path) -> None:
    run = start_run(replace(competition, augment=AugmentConfig()), "run", tmp_path / "run")
    train(run, None, Recorder(), never_stop)
    with pytest.raises(ConfigError, match="random:N draws the run's own augmentation, and this run has none"):
        tta(run, "test", "random:2")


def test_test_predictions_hold_every_id(run: RunFolder) -> None:
    predictions = read_predictions(tta(run, "test", "flip").file)
    assert sorted(predictions.ids) == ["0", "1", "2", "3", "4", "5"]


def test_a_bad_test_image_is_named_and_changes_no_other_row(run: RunFolder, tmp_path: Path) -> None:
    from kgcv.recipes.resize import resize

    whole = read_predictions(tta(run).file)
    (tmp_path / "data/test/3.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"data/test/3\.png"):
        tta(run)
    resize(run.read_config(), Recorder(), never_stop, None, skip_bad=True)
    recorder = Recorder()
    result = run_tta(run, "test", TtaRequest(), recorder, never_stop)
    rest = read_predictions(result.file)
    kept = [index for index, name in enumerate(whole.ids) if name != "3"]
    assert rest.ids == tuple(whole.ids[index] for index in kept)
    np.testing.assert_allclose(rest.values, whole.values[kept], atol=1e-6)
    assert any("no predictions for the unreadable 3" in getattr(event, "text", "") for event in recorder.events)


def test_progress_adds_up(run: RunFolder) -> None:
    recorder = Recorder()
    run_tta(run, "test", TtaRequest(views="crops"), recorder, never_stop)
    last = max(index for index, event in enumerate(recorder.events) if isinstance(event, TaskStarted))
    advanced = [event.amount for event in recorder.events[last:] if isinstance(event, TaskAdvanced)]
    assert recorder.events[last] == TaskStarted("predict with 10 views", 6 * 10)
    assert sum(advanced) == 60


def test_a_signal_writes_nothing(run: RunFolder) -> None:
    tta(run)
    with pytest.raises(StopRequested, match="stopped while predicting; nothing was written"):
        run_tta(run, "test", TtaRequest(views="flip"), Recorder(), lambda: 15)


def test_no_such_views(run: RunFolder) -> None:
    with pytest.raises(ConfigError, match="'dihedrall' is not one of identity, flip, dihedral, crops, random:N"):
        tta(run, "test", "dihedrall")


def test_config_without_test_images(competition: Config, tmp_path: Path, change: Callable[..., Config]) -> None:
    config = change(competition, data={"test": None, "sample_submission": None})
    run = start_run(config, "run", tmp_path / "run")
    train(run, None, Recorder(), never_stop)
    assert parts_of(run) == ("valid",)
    with pytest.raises(ConfigError, match=r"data.test: the config names no test images"):
        tta(run)


def test_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not a run folder"):
        tta(RunFolder(tmp_path))


def test_run_that_was_never_trained(competition: Config, tmp_path: Path) -> None:
    run = start_run(competition, "run", tmp_path / "run")
    with pytest.raises(CheckpointError, match=r"best\.safetensors: is not there; train it first"):
        tta(run)


def test_predict_one_is_validations_own_function(run: RunFolder, tmp_path: Path) -> None:
    whole = read_predictions(tta(run, "test", "identity").file)
    paths = [tmp_path / f"data/test/{name}.png" for name in whole.ids]
    for prediction, row in zip(predict_images(run, paths), whole.values, strict=True):
        values = [prediction.values[name] for name in whole.class_names]
        np.testing.assert_allclose(values, row, atol=1e-6)
        assert list(prediction.values.values()) == sorted(values, reverse=True)


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
        competition,
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


def test_several_labels_end_to_end(competition: Config, tmp_path: Path) -> None:
    names = [path.stem for path in sorted((tmp_path / "data/train").iterdir())]
    rows = "".join(f"{name},{'light day' if 'bright' in name else 'night'}\n" for name in names)
    (tmp_path / "data/labels.csv").write_text(f"id,tags\n{rows}")
    source = replace(competition.data.train, pattern=None, labels="labels.csv")
    config = replace(
        competition,
        data=replace(competition.data, train=source, task="multi", sample_submission=None),
        augment=AugmentConfig(preset="top_down"),
    )
    run = start_run(config, "run", tmp_path / "run")
    result = train(run, None, Recorder(), never_stop)
    assert list(result.folds[0].scores) == ["f2"]
    values = read_predictions(tta(run, "test", "dihedral").file).values
    assert values.shape == (6, 3)
    assert ((values > 0) & (values < 1)).all()
    assert decided_threshold(run.path, config) == 0.2
    wanted = replace(config, decision=DecisionConfig(thresholds="global"))
    with pytest.raises(DataError, match=r"thresholds\.json: is not there; fit it with: kgcv tta"):
        decided_threshold(run.path, wanted)
    other = start_run(wanted, "run", tmp_path / "other")
    train(other, None, Recorder(), never_stop)
    noted = json.loads((other.path / "thresholds.json").read_text())
    assert (noted["rule"], noted["fitted_on"]) == ("global", "valid")
    assert decided_threshold(other.path, wanted) == noted["threshold"]
    (other.path / "thresholds.json").unlink()
    tta(other, "valid", "dihedral")
    assert (other.path / "thresholds.json").exists()
    with pytest.raises(ConfigError, match="mixup and cutmix need task: single, and these labels are multi"):
        train(
            start_run(replace(config, augment=competition.augment), "x", tmp_path / "x"), None, Recorder(), never_stop
        )


def test_one_sigmoid_output(competition: Config, tmp_path: Path, change: Callable[..., Config]) -> None:
    run = start_run(change(competition, model={"binary_output": "sigmoid"}), "run", tmp_path / "run")
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
