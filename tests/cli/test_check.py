from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from kgcv.cli.check import describe
from kgcv.cli.main import main
from kgcv.recipes.check import CheckReport
from kgcv.recipes.check_images import ImageReport

CONFIG = """\
data:
  root: {root}
  train: {{images: train}}
  test: {{images: [test], suffix: .png}}
split: {{valid_fraction: 0.5}}
model: {{name: resnet34}}
stages:
  - {{image_size: 64, lr: [0.1]}}
"""

TEXT = """\
task      single
             all  train  valid  off by
samples        4      2      2
classes (2)
  cat          2      1      1     0.0
  dog          2      1      1     0.0
off by: the largest difference of a part's share of a class from its share of all, in percentage points
test      1 images
width     min 4, median 4, max 4
height    min 3, median 3, max 3
modes     L 5
rotated   0 by EXIF
warnings  none
problems  none
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for row, name in enumerate(("train/cat/1", "train/cat/2", "train/dog/3", "train/dog/4", "test/5")):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 3), row).save(path)
    (tmp_path / "pets.yaml").write_text(CONFIG.format(root=tmp_path))
    return tmp_path / "pets.yaml"


def invoke(*args: object) -> Result:
    return CliRunner().invoke(main, ["check", *map(str, args)])


def test_sound_data_is_described_and_exits_0(config: Path) -> None:
    result = invoke(config)
    assert result.stdout == TEXT
    assert result.exit_code == 0
    assert "reading: 5 images" in result.stderr


def test_a_problem_is_described_and_exits_1(config: Path) -> None:
    (config.parent / "train/stray.png").write_bytes((config.parent / "test/5.png").read_bytes())
    result = invoke(config, "--progress", "none")
    assert result.exit_code == 1
    assert result.stdout.startswith("labelled  0 images\ntest      1 images\n")
    assert result.stdout.endswith(
        f"problems  1\n  {config.parent}/train:\n"
        "    images outside a class folder, with no data.train.labels or data.train.pattern to label "
        "them (1): stray.png\n"
    )
    assert result.stderr == ""


def test_json_holds_the_report(config: Path) -> None:
    result = invoke(config, "--json", "--progress", "none")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["labels"]["balance"]["classes"]["cat"] == {"total": 2, "counts": [1, 1], "deviation": 0.0}
    assert report["images"]["width"] == {"min": 4, "median": 4, "max": 4}
    assert report["problems"] == []


def test_overrides_reach_the_check(config: Path) -> None:
    result = invoke(config, "--set", "split.kind=folds", "--set", "split.valid_fraction=null")
    assert result.exit_code == 2
    result = invoke(config, "--set", "split={kind: folds, num_folds: 2}")
    assert "             all  fold 0  fold 1  off by\nsamples        4       2       2\n" in result.stdout


def report() -> CheckReport:
    images = ImageReport(None, None, {}, 0, unreadable=(), twins=())
    return CheckReport(2, 0, None, problems=(), warnings=("one\n  two",), images=images)


def test_numbers_are_described_with_their_folds(config: Path) -> None:
    (config.parent / "train.csv").write_text("id,age\ncat/1,1\ncat/2,2\ndog/3,4\ndog/4,8\n")
    data = f"data={{root: {config.parent}, train: {{labels: train.csv, suffix: .png}}, task: regression}}"
    result = invoke(config, "--set", data, "--progress", "none")
    assert result.stdout.startswith("task      regression\nage  min 1, median 3, max 8\n")
    assert "\nmean age" in result.stdout


def test_what_is_unknown_is_said_so() -> None:
    lines = describe(report()).splitlines()
    assert "width     unknown" in lines
    assert "modes     none" in lines
    assert lines[-4:] == ["warnings  1", "  one", "    two", "problems  none"]
