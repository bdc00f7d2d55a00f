from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from kgcv.cli.main import main

CONFIG = """
data: {kind: table, root: data, tables: {train: train.csv, shops: shops.csv}, target: y, task: regression}
features:
  - {step: join, right: shops, on: shop}
  - {step: log, columns: size}
columns: {categories: [shop, town], numbers: size}
model: {name: embeddings}
stages: [{lr: 0.1}]
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").write_text("shop,y\n1,5\n2,6\n2,7\n")
    (tmp_path / "data" / "shops.csv").write_text("shop,town,size\n1,x,3\n2,y,8\n")
    path = tmp_path / "shops.yaml"
    path.write_text(CONFIG)
    return path


def run(*arguments):
    return CliRunner().invoke(main, ["features", *map(str, arguments)])


def test_text(config):
    result = run(config)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["step", "table", "columns", "made", "rows", "unmatched", "time"]
    assert lines[1].split()[:6] == ["join", "rows", "town,", "size", "3", "0"]
    assert lines[2].split()[:3] == ["log", "rows", "3"]
    assert lines[4:6] == ["rows     3 to learn from, 0 to predict", "columns  4"]
    assert lines[6].startswith("saved    cache/features-")
    assert lines[6].endswith(".feather (made now)")
    assert "features: 2 steps" in result.stderr
    assert run(config).stdout.splitlines()[6].endswith("(current, times are of when it was made)")


def test_json(config):
    result = run(config, "--json", "--progress", "none", "--set", "data.cache=elsewhere")
    report = json.loads(result.stdout)
    assert report["columns"] == ["shop", "y", "town", "size"]
    assert (report["is_cached"], report["num_train"], report["num_test"]) == (False, 3, 0)
    assert [step["unmatched"] for step in report["steps"]] == [0, None]
    assert report["path"].startswith("elsewhere/features-")
    assert result.stderr == ""


def test_a_step_that_fails_ends_with_1(config):
    result = run(config, "--set", "features.1.columns=town")
    assert result.exit_code == 1
    assert "kgcv: features.1 (log, table rows): column 'town' holds texts, not numbers, such as 'x'" in result.stderr


def test_a_wrong_step_ends_with_2_before_anything_is_read(config):
    result = run(config, "--set", "features.1.step=lag", "--set", "data.root=nowhere")
    assert result.exit_code == 2
    assert "features.1.step: must be one of join" in result.stderr
