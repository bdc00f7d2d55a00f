import json

import pytest
from click.testing import CliRunner

from kgcv.cli.main import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory with the runs a and b, and a folder that is none."""
    monkeypatch.chdir(tmp_path)
    for name, size, score in (("a", 64, 0.7), ("b", 128, 0.8)):
        run = tmp_path / "runs" / name
        run.mkdir(parents=True)
        (run / "config.yaml").write_text(
            f"model: {{name: resnet18}}\nstages:\n- {{image_size: {size}, lr: [0.1]}}\ntrain: {{metric: f2}}\n"
        )
        scores = {"valid": {"fold0": {"f2": score}}, "oof": {"f2": score}}
        (run / "scores.json").write_text(json.dumps(scores))
    (tmp_path / "runs" / "c").mkdir()
    return tmp_path / "runs"


def run(*arguments):
    result = CliRunner().invoke(main, ["runs", *map(str, arguments)])
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def test_the_table(folder):
    (folder / "b" / "sessions.jsonl").write_text('{"seconds": 83.2, "ended": "finished"}\n')
    lines = run("--sort", "name").splitlines()
    header = ["run", "state", "model", "metric", "score", "spread", "decided", "folds", "size", "time", "weights"]
    assert lines[0].split() == header
    assert lines[1].split() == ["a", "finished", "resnet18", "f2", "0.7000", "-", "-", "1/1", "64", "-", "-"]
    assert lines[2].split()[-3:] == ["128", "1m23s", "-"]
    assert lines[3] == "runs/c: is not a run folder (it has no config.yaml)"
    assert lines == run(folder, "--sort", "name").replace(str(folder), "runs").splitlines()


def test_the_best_first(folder):
    assert [line.split()[0] for line in run("--sort", "score").splitlines()[1:3]] == ["b", "a"]


def test_json(folder):
    value = json.loads(run("--sort", "name", "--json"))
    assert [(row["path"], row["state"], row["score"]) for row in value] == [
        ("runs/a", "finished", 0.7),
        ("runs/b", "finished", 0.8),
        ("runs/c", "unreadable", None),
    ]


def test_side_by_side(folder):
    with (folder / "b" / "config.yaml").open("a") as stream:
        stream.write("tta: {views: flip}\n")
    lines = [line.split() for line in run(folder / "a", folder / "b").splitlines()]
    assert lines[0] == ["run", "a", "b"]
    assert ["oof", "f2", "0.7000", "0.8000"] in lines
    assert lines[-2:] == [["stages.0.image_size", "64", "128"], ["tta.views", "-", "flip"]]
    value = json.loads(run(folder / "a", folder / "b", "--json"))
    assert value["differences"] == {"stages.0.image_size": [64, 128], "tta.views": [None, "flip"]}
    assert value["runs"][1]["path"] == str(folder / "b")


def test_an_empty_folder_has_no_runs(folder):
    assert run(folder / "c") == "no runs\n"


def test_no_folder_is_an_expected_failure(tmp_path):
    result = CliRunner().invoke(main, ["runs", str(tmp_path / "nowhere")])
    assert result.exit_code == 1
    assert "there is no such folder of runs" in result.stderr
