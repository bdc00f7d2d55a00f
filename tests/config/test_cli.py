from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kgcv.cli.main import main
from kgcv.config.load import config_json_schema, load_config

TEXT = """\
data: {root: d}
model: {name: resnet34}
stages: [{image_size: 64, lr: 0.1}]
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(TEXT)
    return Path("c.yaml")


def kgcv(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["config", *arguments])


def test_check_says_that_a_config_is_sound(path: Path) -> None:
    result = kgcv("check", str(path))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "c.yaml: sound, stages: 1\n", "")
    assert json.loads(kgcv("check", str(path), "--json").stdout) == {
        "config": "c.yaml",
        "num_stages": 1,
        "todos": [],
    }


def test_check_gives_every_problem_on_stderr_and_exit_code_2(path: Path) -> None:
    path.write_text(TEXT + "trian: {seed: 3}\n")
    result = kgcv("check", str(path), "--set", "train.seed=-1")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "kgcv: c.yaml:4:1: trian: unknown key; did you mean 'train'?\n"
        "kgcv: --set train.seed=-1: train.seed: must be at least 0, got -1\n"
    )


def test_show_prints_a_file_that_loads_to_the_same_config(path: Path) -> None:
    result = kgcv("show", str(path), "--set", "stages.0.lr=1e-3", "--set", "tta.views=flip")
    assert result.exit_code == 0
    shown = Path("shown.yaml")
    shown.write_text(result.stdout)
    assert load_config(shown) == load_config(path, ["stages.0.lr=1e-3", "tta.views=flip"])
    assert not result.stdout.endswith("\n\n")


def test_show_prints_json(path: Path) -> None:
    shown = json.loads(kgcv("show", str(path), "--json").stdout)
    assert shown["stages"][0]["lr"] == [0.1]
    assert shown["train"]["seed"] == 42


def test_show_refuses_a_wrong_config(path: Path) -> None:
    result = kgcv("show", str(path), "--set", "stages.3.lr=1")
    assert (result.exit_code, result.stdout) == (2, "")


def test_schema_prints_the_json_schema() -> None:
    result = kgcv("schema")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == config_json_schema()


def test_a_missing_file_is_a_wrong_command_line() -> None:
    assert kgcv("check", "nowhere.yaml").exit_code == 2
