"""`kgcv kaggle doctor`: what it prints, and how it ends."""

import json

from click.testing import CliRunner

from kgcv.cli.main import main


def doctor(*arguments):
    return CliRunner().invoke(main, ["kaggle", "doctor", *arguments])


def test_all_is_well(kaggle, tmp_path):
    result = doctor("leaf-disease")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0].startswith("client: kaggle 2.")
    assert lines[2] == "KAGGLE_API_TOKEN nothing"
    assert f"{tmp_path}/home/.kaggle/kaggle.json the key of fakeuser accepted for fakeuser, used" in lines
    assert lines[7:] == [
        "competition leaf-disease: Leaf Disease",
        "metric Accuracy",
        "deadline 2099-01-01 23:59 UTC",
        "joined yes",
        "data can be downloaded; the rules are accepted",
        "submissions 5 left today, 0 made, 0 in all",
    ]


def test_a_problem_is_exit_4_after_the_report(kaggle):
    result = doctor("leaf-diseaes")
    assert result.exit_code == 4
    assert "competition leaf-diseaes: cannot be reached" in result.stdout
    assert result.stderr.startswith("kgcv: competition leaf-diseaes: Kaggle refused with 403: ")
    assert "kgcv: 2. the name is misspelt: leaf-diseaes" in result.stderr.splitlines()


def test_a_stale_token_is_warned_of(kaggle, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_5tale")
    result = doctor()
    assert (result.exit_code, result.stderr) == (0, "")
    assert "NOT ACCEPTED" in result.stdout and "warning: KAGGLE_API_TOKEN: not accepted any more" in result.stdout


def test_no_secret_is_printed_in_either_form(kaggle, monkeypatch):
    monkeypatch.setenv("VERBOSE", "1")
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_5tale")
    for arguments in (["leaf-disease"], ["leaf-disease", "--json"], ["leaf-diseaes", "--json"]):
        shown = doctor(*arguments).output
        assert kaggle.key not in shown and "KGAT_5tale" not in shown and "5ecre7-5ignature" not in shown


def test_json(kaggle):
    value = json.loads(doctor("leaf-disease", "--json").stdout)
    assert value["competition"]["facts"]["deadline"] == "2099-01-01T23:59:00+00:00"
    assert value["competition"]["limits"] == {"today": 0, "total": 0, "left": 5}
    assert [place["accepted"] for place in value["places"]] == [None, None, None, True, None]


def test_what_is_no_name_is_exit_2(kaggle):
    result = doctor("leaf disease")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "'leaf disease' is no competition's name" in result.stderr


def test_no_credentials_are_exit_4(kaggle, tmp_path):
    (tmp_path / "home/.kaggle/kaggle.json").unlink()
    result = doctor()
    assert result.exit_code == 4
    assert result.stderr.startswith("kgcv: no Kaggle credentials found: make an API token at ")
