"""The command `kgcv decide`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from kgcv.cli.main import main
from kgcv.data.predictions import Predictions, write_predictions

CONFIG = """
data: {root: data, task: multi}
model: {name: resnet18}
stages: [{image_size: 8, lr: 0.1}]
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Four samples in two folds; `clear` is true from 0.5 up, `road` from 0.3 up."""
    run = tmp_path / "run"
    run.mkdir()
    ids, names = ("a", "b", "c", "d"), ("clear", "road")
    targets = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=np.float32)
    values = np.array([[0.9, 0.15], [0.4, 0.3], [0.5, 0.6], [0.3, 0.1]], dtype=np.float32)
    (run / "config.yaml").write_text(CONFIG)
    (run / "split.csv").write_text("id,fold\na,0\nb,0\nc,1\nd,1\n")
    write_predictions(run / "labels.npz", Predictions(ids, names, targets, "multi"))
    write_predictions(run / "oof.npz", Predictions(ids, names, values, "multi"))
    return run


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["decide", *map(str, arguments)])


def test_it_shows_every_rule_and_which_score_to_believe(run: Path) -> None:
    result = invoke(run, "--set", "decision.thresholds=per_class")
    assert (result.exit_code, result.stderr) == (0, "")
    kept = json.loads((run / "thresholds.json").read_text())
    lines = result.stdout.splitlines()
    assert lines[:5] == [
        "rule      per_class",
        "based on  oof.npz: 4 samples in 2 folds",
        "thresholds",
        "  clear  0.4500",
        "  road   0.2250",
    ]
    assert [line.split()[0] for line in lines[5:10]] == ["f2", "fixed", "global", "*", "prevalence"]
    assert lines[8].split() == ["*", "per_class", "0.7500", f"{kept['cross_fitted']:.4f}"]
    assert lines[-2] == (
        f"f2: fixed {kept['fixed']:.4f}, tuned in sample 0.7500, "
        f"tuned across folds {kept['cross_fitted']:.4f}: believe this one"
    )
    assert kept["cross_fitted"] < kept["fixed"]
    assert lines[-1] == "The tuned rule does not hold on other samples: --set decision.thresholds=fixed is as good."


def test_a_rule_that_holds_is_not_doubted(run: Path) -> None:
    result = invoke(run, "--set", "decision.thresholds=global", "--set", "decision.threshold=0.95")
    kept = json.loads((run / "thresholds.json").read_text())
    assert kept["cross_fitted"] > kept["fixed"]
    assert result.stdout.endswith("believe this one\n")


def test_one_threshold_is_one_line_and_groups_are_told(run: Path) -> None:
    assert "threshold 0.2\n" in invoke(run).stdout
    text = invoke(run, "--set", "decision.exclusive=[clear, road]", "--set", "decision.never_empty=true").stdout
    assert "one of    clear, road\n" in text
    assert "empty     never" in text
    assert not [line for line in text.splitlines() if line.startswith("threshold")]


def test_json(run: Path) -> None:
    value = json.loads(invoke(run, "--json", "--set", "decision.thresholds=global").stdout)
    assert value == json.loads((run / "thresholds.json").read_text())
    assert (value["rule"], value["metric"]) == ("global", "f2")
    assert set(value["rules"]) == {"fixed", "global", "per_class", "prevalence"}


def test_another_runs_rule(run: Path, tmp_path: Path) -> None:
    invoke(run, "--set", "decision.thresholds=global")
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.yaml").write_text(CONFIG)
    (other / "labels.npz").write_bytes((run / "labels.npz").read_bytes())
    result = invoke(other, "--like", run)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"rule      global, as in {run}\n")
    assert "based on  no predictions: a fixed threshold needs none\n" in invoke(other).stdout


def test_wrong_command_lines_and_configs(run: Path) -> None:
    result = invoke(run, "--like", run, "--set", "decision.thresholds=global")
    assert (result.exit_code, "--like takes the rule as it is: leave out --set" in result.stderr) == (2, True)
    result = invoke(run, "--set", "decision.thresholds=global", "--set", "decision.metric=log_loss")
    assert result.exit_code == 2
    assert result.stderr == "kgcv: decision.metric: 'log_loss' is no F-beta, such as f2, f0.5_macro, f1_micro\n"
    (run / "labels.npz").unlink()
    assert invoke(run).exit_code == 1
