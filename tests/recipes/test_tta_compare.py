"""Which views help: computed once, scored in sets, chosen, and used by `views: auto`.

Coverage, which doubles the time of comparing, is not measured where the code is that of the tests beside.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kgcv.config.schema import AugmentConfig, Config, SplitConfig, StageConfig
from kgcv.data.predictions import as_targets, read_predictions
from kgcv.engine.tta import NAMED_VIEWS
from kgcv.errors import ConfigError, DataError, StopRequested
from kgcv.events import Message, Recorder, TaskAdvanced, TaskStarted, never_stop
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.tta import TtaRequest, run_tta
from kgcv.recipes.tta_compare import CompareResult, compare_views

Train = Callable[..., RunFolder]


def quicker(config: Config) -> Config:
    """Two folds, one short stage, pictures from above; the Brier score hears every change."""
    return replace(
        config,
        split=SplitConfig(kind="folds", num_folds=2),
        stages=(StageConfig(image_size=16, lr=(0.003,), frozen=True),),
        train=replace(config.train, metric="brier"),
        augment=AugmentConfig(preset="top_down"),
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, make_competition: Callable[[Path], Config], trained: Train) -> Path:
    """A folder with images and a trained run, before and after its comparison; tests copy them."""
    folder = tmp_path_factory.mktemp("home")
    config = make_competition(folder)
    with contextlib.chdir(folder):
        trained(quicker(config), folder / "fresh")
        shutil.copytree(folder / "fresh", folder / "compared")
        compare(RunFolder(folder / "compared"))
    return folder


@pytest.fixture
def fresh(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.chdir(home)
    return RunFolder(shutil.copytree(home / "fresh", tmp_path / "run"))


@pytest.fixture
def run(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """Its views have been compared."""
    monkeypatch.chdir(home)
    return RunFolder(shutil.copytree(home / "compared", tmp_path / "run"))


@pytest.fixture
def quick(competition: Config) -> Config:
    return quicker(competition)


def compare(run: RunFolder, fold: int | None = None) -> CompareResult:
    return compare_views(run, fold, Recorder(), never_stop)


def test_each_view_is_predicted_once_whatever_the_number_of_sets(fresh: RunFolder, passes: list[int]) -> None:
    recorder = Recorder()
    result = compare_views(fresh, None, recorder, never_stop)
    assert sum(passes) == 16 * 20
    assert [len(one.views) for one in result.sets] == [1, 2, 10, 8, 16]
    started = [event for event in recorder.events if isinstance(event, TaskStarted) and "views" in event.name]
    assert started == [TaskStarted(f"fold {fold}, valid: 16 views", 160, unit="predictions") for fold in (0, 1)]
    assert sum(event.amount for event in recorder.events if isinstance(event, TaskAdvanced)) >= 320
    assert compare(fresh) == result
    run_tta(fresh, "valid", TtaRequest(views="dihedral"), Recorder(), never_stop)  # from the kept views
    assert sum(passes) == 16 * 20


@pytest.mark.no_cover
def test_scores_are_those_that_tta_finds(run: RunFolder) -> None:
    result = compare(run)  # reads what is kept
    scores = {one.name: one.score for one in (*result.sets, *result.singles)}
    for name, views in (("flip", "flip"), ("crops", "crops"), ("plain + symmetry 3", "plain,symmetry 3")):
        for fold in (0, 1):
            shutil.rmtree(run.path / f"fold{fold}/views")  # so that all is computed anew, another way
        found = run_tta(run, "valid", TtaRequest(views=views), Recorder(), never_stop)
        assert found.scores is not None
        assert found.scores["brier"] == pytest.approx(scores[name], rel=1e-6)
    assert result.sets[0].score == found.plain_scores["brier"]  # type: ignore[index]
    assert result.sets[0].gain == 0
    assert all(one.gain == pytest.approx(result.sets[0].score - one.score) for one in result.sets)
    assert all(one.passes == len(one.views) for one in (*result.sets, *result.singles, result.greedy))


@pytest.mark.no_cover
def test_the_greedy_path_and_its_score_on_other_folds(run: RunFolder) -> None:
    result = compare(run)
    scores = [result.sets[0].score, *(step.score for step in result.path)]
    assert scores == sorted(scores, reverse=True)  # the squared errors fall
    assert result.path[0].score == min(one.score for one in result.singles)
    assert result.greedy.views == ("plain", *(step.added for step in result.path))
    assert result.greedy.score == pytest.approx(scores[-1])
    assert (result.metric, result.greater_is_better, result.parts) == ("brier", False, "folds")

    # By hand: fold 0 predicted with what is best on fold 1 alone, and the other way round.
    values, targets = [], []
    truth = read_predictions(run.labels_file)
    for fold, other in ((0, 1), (1, 0)):
        views = compare(run, other).greedy.views
        kept = [read_predictions(run.path / f"fold{fold}/views/{view.replace(' ', '-')}.npz") for view in views]
        values.append(sum(one.values for one in kept) / len(kept))
        targets.append(as_targets(truth.aligned(kept[0].ids, kept[0].class_names, "")))
    chosen = np.concatenate(values)[np.arange(20), np.concatenate(targets)]
    assert result.cross_fitted == pytest.approx(np.square(1 - chosen).mean(), rel=1e-5)
    assert result.cross_fitted_gain == pytest.approx(result.sets[0].score - result.cross_fitted)


def test_the_result_is_written(run: RunFolder) -> None:
    result = compare(run)
    noted = json.loads((run.path / "tta.json").read_text())
    assert noted["greedy"]["views"] == list(result.greedy.views)
    assert noted["cross_fitted"] == result.cross_fitted
    assert noted["weights"].keys() == {"0", "1"}
    assert noted["sets"][1]["name"] == "flip"


@pytest.mark.no_cover
@pytest.mark.parametrize("preset", ["basic", "side_on"])
def test_symmetries_only_for_pictures_from_above(quick: Config, tmp_path: Path, preset: str, trained: Train) -> None:
    upright = replace(quick, augment=AugmentConfig(preset=preset), split=SplitConfig(valid_fraction=0.3))  # type: ignore[arg-type]
    result = compare(trained(upright, tmp_path / "upright"))
    assert [one.name for one in result.sets] == ["identity", "flip", "crops"]
    assert len(result.singles) == 9
    assert (result.folds, result.num_images, result.parts) == ((0,), 6, "position modulo 5")


@pytest.mark.no_cover
def test_a_killed_comparison_goes_on(fresh: RunFolder, passes: list[int]) -> None:
    with pytest.raises(StopRequested, match="stopped while predicting"):
        compare_views(fresh, None, Recorder(), lambda: 15 if sum(passes) > 45 else None)
    kept = {path.stem for path in (fresh.path / "fold0/views").glob("*.npz")}
    assert len(kept) == 4
    assert not (fresh.path / "tta.json").exists()
    passes.clear()
    compare(fresh)
    assert sum(passes) == 16 * 20 - 4 * 10


def test_a_signal_while_choosing(run: RunFolder) -> None:
    with pytest.raises(StopRequested, match="stopped while comparing views; their predictions are kept") as caught:
        compare_views(run, None, Recorder(), lambda: 2)
    assert caught.value.exit_code == 130


@pytest.mark.no_cover
def test_views_of_other_weights_are_predicted_again(run: RunFolder, passes: list[int]) -> None:
    first = compare(run)
    assert passes == []
    shutil.copy(run.path / "fold1/best.safetensors", run.path / "fold0/best.safetensors")
    passes.clear()
    second = compare(run)
    assert sum(passes) == 16 * 10
    assert second.sets[0].score != first.sets[0].score


def test_one_fold(fresh: RunFolder, passes: list[int]) -> None:
    result = compare(fresh, fold=1)
    assert (result.folds, result.num_images, result.parts) == ((1,), 10, "position modulo 5")
    assert sum(passes) == 160
    assert not (fresh.path / "fold0/views").exists()


def test_auto_takes_the_greedy_set_and_compares_first_where_there_is_none(fresh: RunFolder, passes: list[int]) -> None:
    recorder = Recorder()
    valid = run_tta(fresh, "valid", TtaRequest(views="auto"), recorder, never_stop)
    texts = [event.text for event in recorder.events if isinstance(event, Message)]
    chosen = tuple(json.loads((fresh.path / "tta.json").read_text())["greedy"]["views"])
    assert texts[0] == "views: auto: comparing views on the validation images first"
    assert texts[-1] == f"views: auto: {', '.join(chosen)}"
    assert valid.views == chosen
    assert sum(passes) == 16 * 20
    passes.clear()
    recorder = Recorder()
    tested = run_tta(fresh, "test", TtaRequest(views="auto"), recorder, never_stop)
    assert [event.text for event in recorder.events if isinstance(event, Message)] == texts[-1:]
    assert tested.views == chosen
    assert sum(passes) == len(chosen) * 2 * 6


@pytest.mark.no_cover
def test_auto_in_the_config(run: RunFolder) -> None:
    run.config_file.write_text(run.config_file.read_text().replace("views: identity", "views: auto"))
    result = run_tta(run, "valid", TtaRequest(), Recorder(), never_stop)
    assert result.views == compare(run).greedy.views
    assert result.scores is not None
    assert result.scores["brier"] == pytest.approx(compare(run).greedy.score, rel=1e-6)


@pytest.mark.no_cover
@pytest.mark.parametrize("changed", ["weights", "metric", "plain weight", "folds"])
def test_auto_compares_again_where_the_choice_is_of_something_else(run: RunFolder, changed: str) -> None:
    if changed == "folds":
        compare(run, 1)
    text = run.config_file.read_text()
    if changed == "weights":
        shutil.copy(run.path / "fold1/best.safetensors", run.path / "fold0/best.safetensors")
    elif changed == "metric":
        run.config_file.write_text(text.replace("metric: brier", "metric: accuracy"))
    elif changed == "plain weight":
        run.config_file.write_text(text.replace("views: identity", "views: flip\n  plain_weight: 0.9"))
    recorder = Recorder()
    run_tta(run, "valid", TtaRequest(views="auto"), recorder, never_stop)
    assert any("comparing views" in event.text for event in recorder.events if isinstance(event, Message))
    noted = json.loads((run.path / "tta.json").read_text())
    assert (noted["metric"], noted["folds"]) == ("accuracy" if changed == "metric" else "brier", [0, 1])


def test_auto_for_one_fold_takes_the_choice_of_all(run: RunFolder, passes: list[int]) -> None:
    chosen = tuple(json.loads((run.path / "tta.json").read_text())["greedy"]["views"])
    assert run_tta(run, "valid", TtaRequest(fold=1, views="auto"), Recorder(), never_stop).views == chosen
    assert sum(passes) == 0


def test_where_no_view_helps_auto_is_the_plain_view(run: RunFolder) -> None:
    noted = json.loads((run.path / "tta.json").read_text())
    noted["greedy"]["views"] = ["plain"]
    (run.path / "tta.json").write_text(json.dumps(noted))
    assert run_tta(run, "valid", TtaRequest(views="auto"), Recorder(), never_stop).views == ("plain",)


@pytest.mark.no_cover
def test_several_labels(quick: Config, tmp_path: Path, trained: Train) -> None:
    names = [path.stem for path in sorted((tmp_path / "data/train").iterdir())]
    rows = "".join(f"{name},{'light day' if 'bright' in name else 'night'}\n" for name in names)
    (tmp_path / "data/labels.csv").write_text(f"id,tags\n{rows}")
    source = replace(quick.data.train, pattern=None, labels="labels.csv")
    config = replace(
        quick,
        data=replace(quick.data, train=source, task="multi", sample_submission=None),
        train=replace(quick.train, metric="auto"),
    )
    run = trained(config, tmp_path / "tags")
    result = compare(run)
    assert (result.metric, result.greater_is_better) == ("f2", True)
    best = result.greedy
    assert best.score >= max(one.score for one in result.singles if one.gain > 0) if result.path else best.gain == 0
    kept = [read_predictions(run.path / f"fold0/views/{name}.npz").values for name in ("plain", "mirrored")]
    run_tta(run, "valid", TtaRequest(views="flip"), Recorder(), never_stop)
    averaged = read_predictions(run.path / "fold0/valid.npz").values
    np.testing.assert_allclose(averaged, (kept[0] + kept[1]) / 2, atol=1e-7)  # sigmoids, not logits


def test_every_kept_view_is_a_file_of_predictions(run: RunFolder) -> None:
    files = sorted(path.stem for path in (run.path / "fold0/views").glob("*.npz"))
    assert files == sorted(name.replace(" ", "-") for name in NAMED_VIEWS)
    one = read_predictions(run.path / "fold0/views/top-left-mirrored.npz")
    assert one.ids == read_predictions(run.path / "fold0/valid.npz").ids


def test_too_few_images(quick: Config, tmp_path: Path, trained: Train) -> None:
    run = trained(replace(quick, split=SplitConfig(valid_fraction=0.2)), tmp_path / "few")
    with pytest.raises(DataError, match="only 4 images validate; comparing views needs at least 5"):
        compare(run)


def test_no_such_fold_and_nothing_that_validates(run: RunFolder, quick: Config, tmp_path: Path, trained: Train) -> None:
    with pytest.raises(ConfigError, match="--fold 2: the split has folds 0 to 1"):
        compare(run, 2)
    everything = trained(replace(quick, split=SplitConfig(train_on_all=True)), tmp_path / "all")
    with pytest.raises(ConfigError, match="was trained on all samples, so nothing validates"):
        compare(everything)
