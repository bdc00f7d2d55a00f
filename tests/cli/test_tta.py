"""`kgcv tta` as a person types it."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kgcv.cli.main import main
from kgcv.config.schema import AugmentConfig, Config, SplitConfig, StageConfig
from kgcv.events import Silent, never_stop
from kgcv.recipes.train import start_run, train


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, make_competition: Callable[[Path], Config]) -> Path:
    """A folder with images and a trained run of two folds and one short stage."""
    folder = tmp_path_factory.mktemp("home")
    config = make_competition(folder)
    config = replace(
        config,
        split=SplitConfig(kind="folds", num_folds=2),
        stages=(StageConfig(image_size=16, lr=(0.003,), frozen=True),),
        train=replace(config.train, metric="brier"),
        augment=AugmentConfig(preset="top_down"),
    )
    with contextlib.chdir(folder):
        train(start_run(config, "run", Path("trained")), None, Silent(), never_stop)
    return folder


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(home)
    shutil.rmtree("runs/two", ignore_errors=True)
    shutil.copytree("trained", "runs/two")
    return Path("runs/two")


def tta(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["tta", *(str(argument) for argument in arguments)])
    assert result.exit_code == code, result.output
    return result


def test_both_parts_over_all_folds(run: Path) -> None:
    lines = tta(run, "--views", "flip").stdout.splitlines()
    assert lines[0] == "runs/two/oof.npz: 20 images of 2 folds, 2 views"
    assert lines[1].split()[:2] == ["brier", "plain"]
    assert lines[-1] == "runs/two/test.npz: 6 images of 2 folds, 2 views"
    assert tta(run, "--fold", 1, "--split", "valid").stdout.startswith("runs/two/oof.npz: 10 images, 1 view\n")


def test_as_json(run: Path) -> None:
    valid, test = json.loads(tta(run, "--views", "plain,mirrored", "--json").stdout)
    assert (valid["part"], valid["file"], valid["folds"]) == ("valid", "runs/two/oof.npz", [0, 1])
    assert valid["views"] == test["views"] == ["plain", "mirrored"]
    assert valid["scores"].keys() == valid["plain_scores"].keys() == {"brier", "accuracy", "log_loss"}
    assert test["file"] == "runs/two/test.npz"


def test_the_comparison_fits_a_terminal(run: Path) -> None:
    text = tta(run, "--compare").stdout
    lines = text.splitlines()
    assert [line for line in lines if len(line) > 80 and not line.startswith("views: ")] == []
    assert lines[0] == "brier (smaller is better) on 20 validation images; gain over the plain view"
    assert lines[1].split() == ["views", "passes", "brier", "gain"]
    assert [line.split()[:2] for line in lines[2:7]] == [
        ["identity", "1"],
        ["flip", "2"],
        ["crops", "10"],
        ["dihedral", "8"],
        ["dihedral+crops", "16"],
    ]
    (believed,) = [line for line in lines if line.endswith("the one to believe")]
    assert believed.startswith("cross-fitted")
    value = json.loads(tta(run, "--compare", "--json").stdout)
    assert ("does not hold on other images" in text) == (value["cross_fitted_gain"] <= 0 and len(value["path"]) > 0)
    assert value["file"] == "runs/two/tta.json"
    assert f"views: {','.join(value['greedy']['views'])}" in lines
    assert f"{value['cross_fitted']:.4f}" in believed
    assert f"{value['cross_fitted_gain']:+.4f}" in believed
    steps = [line for line in lines if line.startswith("+ ")]
    assert [line.split()[-2] for line in steps] == [f"{step['score']:.4f}" for step in value["path"]]
    assert steps[-1].split()[-1] == f"{value['greedy']['gain']:+.4f}"
    assert tta(run, "--views", "auto", "--json", "--split", "test").stdout.count('"top left"') <= 1


def test_compare_looks_at_all_views_of_the_validation_images(run: Path) -> None:
    for arguments in (["--views", "flip"], ["--split", "test"]):
        assert "leave out --split and --views" in tta(run, "--compare", *arguments, code=2).stderr
    assert "20 validation images" in tta(run, "--compare", "--split", "valid").stdout
    assert "10 validation images" in tta(run, "--compare", "--fold", 0).stdout


def test_mistakes_give_one_line(run: Path) -> None:
    assert tta(run, "--fold", 7, code=2).stderr == "kgcv: --fold 7: the split has folds 0 to 1\n"
    wrong = tta(run, "--views", "plain,sideways", "--progress", "none", code=2).stderr
    assert wrong.startswith("kgcv: views: no such view: sideways; there are plain, mirrored")
    assert wrong.count("\n") == 1
    (run / "fold1/best.safetensors").unlink()
    missing = tta(run, code=1).stderr
    assert missing == "kgcv: runs/two: no weights in fold1; train first: kgcv train --resume runs/two\n"
