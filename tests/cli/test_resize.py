from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from kgcv.cli.main import main

CONFIG = """
data:
  root: data
  test: {images: [test]}
model: {name: resnet18, pretrained: false}
stages:
  - {image_size: 16, lr: [0.1]}
"""


@pytest.fixture
def config(tmp_path, tiny_images, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("cat", "dog"):
        tiny_images(tmp_path / "data" / "train" / name, 3, size=(60, 40))
    tiny_images(tmp_path / "data" / "test", 2, size=(60, 40))
    path = tmp_path / "pets.yaml"
    path.write_text(CONFIG)
    return path


def run(*arguments):
    return CliRunner().invoke(main, ["resize", *map(str, arguments)])


def test_text(config):
    result = run(config)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("train 16 (edge 20): 6 images, 0.0 MB, 6 made in ")
    assert lines[1].startswith("test 16 (edge 20): 2 images, 0.0 MB, 2 made in ")
    assert lines[0].endswith("train-20.packed")
    assert "resize train to 20: 6 images" in result.stderr
    assert ", current: cache/" in run(config).stdout


def test_json(config):
    result = run(config, "--json", "--progress", "none", "--set", "resize.ratio=2.0", "--store", "jpeg")
    stores = json.loads(result.stdout)
    assert [(store["part"], store["edge"], store["num_built"]) for store in stores] == [
        ("train", 32, 6),
        ("test", 32, 2),
    ]
    assert stores[0]["failures"] == []
    assert stores[0]["path"].endswith("/32")
    assert result.stderr == ""


def test_store_none(config):
    result = run(config, "--set", "resize.store=none")
    assert (result.exit_code, result.stdout) == (0, "no stores needed\n")


def test_failures_end_with_1_and_are_named(config):
    (config.parent / "data" / "train" / "cat" / "001.png").write_bytes(b"")
    result = run(config)
    assert result.exit_code == 1
    assert "unfinished, 1 unreadable" in result.stdout
    assert "kgcv: cannot read 1 of the images: data/train/cat/001.png (the file is empty" in result.stderr
    assert run(config, "--skip-bad").exit_code == 0


def test_wrong_store(config):
    result = run(config, "--store", "zip")
    assert result.exit_code == 2
