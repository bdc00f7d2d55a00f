import json

import numpy as np
import pytest
from click.testing import CliRunner

from kgcv.cli.main import main
from kgcv.data.predictions import Predictions, write_predictions


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two folders with predictions of one label for six samples, and the truth."""
    monkeypatch.chdir(tmp_path)
    ids = tuple("abcdef")
    truth = np.eye(2, dtype=np.float32)[[0, 1, 0, 1, 0, 1]]
    for name, share in (("p", 0.7), ("q", 0.3)):
        values = share * truth + (1 - share) * truth[::-1]
        write_predictions(tmp_path / name / "oof.npz", Predictions(ids, ("cat", "dog"), values, "single"))
        write_predictions(tmp_path / name / "labels.npz", Predictions(ids, ("cat", "dog"), truth, "single"))
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(main, ["blend", *arguments])


def test_the_table(runs):
    result = run("p", "q", "-o", "mix", "--metric", "accuracy")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "accuracy 0.5000 out of fold"
    assert lines[1].split() == ["member", "weight", "alone", "blend", "without", "r", "1", "r", "2"]
    assert lines[2].split() == ["1", "p", "0.500", "1.0000", "0.0000", "1.000", "-1.000"]
    assert lines[3].split() == ["2", "q", "0.500", "0.0000", "1.0000", "-1.000", "1.000"]
    assert "cannot be submitted: no test.npz in p, q" in lines
    assert lines[-1] == "blend mix"


def test_a_fitted_blend_says_which_score_to_believe(runs):
    lines = run("p", "q", "--method", "hill_climb", "-o", "mix", "--metric", "brier").stdout.splitlines()
    assert lines[0].endswith("cross-fitted: the one to believe")
    assert lines[1].endswith("in sample: with the weights that were fitted to it")
    assert lines[3].split()[2] == "1.000"  # the member that is right has all the weight


def test_ridge_shows_mean_coefficients(runs):
    assert "mean coef" in run("p", "q", "--method", "ridge", "-o", "mix", "--metric", "brier").stdout


def test_json(runs):
    result = run("p", "q", "p", "--method", "power", "--power", "3", "-o", "mix", "--json")
    value = json.loads(result.stdout)
    assert value["rule"] == {"method": "power", "power": 3.0}
    assert [member["path"] for member in value["members"]] == [str(runs / name) for name in "pqp"]
    assert value == json.loads((runs / "mix" / "blend.json").read_text())


def test_without_labels_there_are_correlations_alone(runs):
    for name in "pq":
        (runs / name / "labels.npz").unlink()
    lines = run("p", "q", "-o", "mix").stdout.splitlines()
    assert lines[1].split() == ["1", "p", "0.500", "-", "-", "1.000", "-1.000"]


@pytest.mark.parametrize(
    "arguments, exit_code, message",
    [
        ((), 2, "Missing argument 'MEMBER MEMBER...'"),
        (("p",), 2, "kgcv: a blend needs two members or more\n"),
        (("p", "nowhere"), 2, "'nowhere' does not exist"),
        (("p", "q", "--power", "0", "-o", "mix"), 2, "0.0 is not in the range x>0"),
        (("p", "q", "-o", "p"), 1, "kgcv: p: exists already, and a run is never overwritten; choose another -o\n"),
    ],
)
def test_wrong_commands(runs, arguments, exit_code, message):
    result = run(*arguments)
    assert result.exit_code == exit_code
    assert message in result.stderr
