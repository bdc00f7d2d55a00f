"""`kgcv leaderboard`: what it prints."""

import json

from click.testing import CliRunner

from kgcv.cli.main import main


def leaderboard(*arguments):
    return CliRunner().invoke(main, ["leaderboard", "leaf-disease", *arguments])


def test_the_top_with_the_users_place(kaggle):
    result = leaderboard()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "leaf-disease, Accuracy",
        "rank  team        score        date",
        "1     alpha     0.99001  2026-10-01",
        "2     beta      0.98002  2026-10-02",
        "3     fakeuser  0.97531  2026-10-03",
        "you: 3 of 3, score 0.97531",
    ]


def test_a_place_below_the_top_stands_apart(kaggle):
    assert leaderboard("--top", "1").stdout.splitlines()[2:] == [
        "1     alpha     0.99001  2026-10-01",
        "...",
        "3     fakeuser  0.97531  2026-10-03",
        "you: 3 of 3, score 0.97531",
    ]


def test_no_place_and_no_score(kaggle):
    kaggle.facts, kaggle.board = {"userRank": 0}, [(1, "alpha", "2026-10-01T10:00:00Z", "")]
    assert leaderboard().stdout.splitlines()[2:] == ["1     alpha      -  2026-10-01", "you are not on it"]


def test_json(kaggle):
    value = json.loads(leaderboard("--top", "1", "--json").stdout)
    assert value["own"] == {"rank": 3, "team": "fakeuser", "score": 0.97531, "date": "2026-10-03T12:00:00.123000+00:00"}
    assert (len(value["top"]), value["num_teams"]) == (1, 3)


def test_a_stale_token_is_told_on_stderr(kaggle, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_5tale")
    result = leaderboard()
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: the API token in KAGGLE_API_TOKEN is not accepted; the key in ")


def test_a_refusal_is_exit_4(kaggle):
    kaggle.fault("403-denied", "GetLeaderboard")
    result = leaderboard()
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr.startswith("kgcv: the leaderboard of leaf-disease: Kaggle refused with 403")
