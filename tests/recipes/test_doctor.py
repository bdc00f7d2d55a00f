"""What is found out about the connection to Kaggle."""

import json
from datetime import UTC, datetime

import pytest

from kgcv.errors import ConfigError
from kgcv.kaggle.patience import Patience
from kgcv.recipes.doctor import examine

NOW = datetime(2026, 11, 24, tzinfo=UTC)
HASTY = Patience(connect_seconds=0.5, read_seconds=0.3, attempts=1)


def look(competition=None):
    return examine(competition, NOW, HASTY)


def used(found):
    return [place.source for place in found.places if place.is_used]


def test_a_good_key_is_found_tried_and_used(kaggle, tmp_path):
    found = look()
    assert used(found) == [f"{tmp_path}/home/.kaggle/kaggle.json"]
    (place,) = [place for place in found.places if place.kind is not None]
    assert (place.found, place.username, place.accepted) == ("the key of fakeuser", "fakeuser", True)
    assert (found.warnings, found.problems, found.competition) == ((), (), None)


def test_every_place_is_told_in_its_order(kaggle, tmp_path):
    home = f"{tmp_path}/home/.kaggle"
    files = ["access_token", "access_token.txt", "kaggle.json", "credentials.json"]
    assert [place.source for place in look().places] == ["KAGGLE_API_TOKEN", *(f"{home}/{file}" for file in files)]


def test_a_stale_token_beside_a_good_key(kaggle, tmp_path, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_stale")
    found = look()
    token, key = (place for place in found.places if place.kind is not None)
    assert (token.accepted, token.is_used, key.accepted, key.is_used) == (False, False, True, True)
    (warning,) = found.warnings
    assert warning.startswith("KAGGLE_API_TOKEN: not accepted any more; kgcv goes on with ")
    assert warning.endswith("kaggle.json, the kaggle program does not: remove it")
    assert found.problems == ()


def test_a_good_token_beside_a_good_key_is_no_trouble(kaggle, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", kaggle.token)
    found = look()
    assert used(found) == ["KAGGLE_API_TOKEN"]
    assert [place.username for place in found.places if place.accepted] == ["fakeuser", "fakeuser"]
    assert (found.warnings, found.problems) == ((), ())


def test_a_new_token_pasted_as_the_key(kaggle, tmp_path):
    path = tmp_path / "home/.kaggle/kaggle.json"
    path.write_text(json.dumps({"username": "fakeuser", "key": kaggle.token}))
    found = look()
    assert found.warnings[0].startswith(f"{path}: the key is a new API token")
    (problem,) = found.problems
    assert problem == f'{path}: your login: Kaggle refused with 401: "Unauthenticated"'
    assert used(found) == []


def test_a_file_that_others_may_read(kaggle, tmp_path):
    path = tmp_path / "home/.kaggle/kaggle.json"
    path.chmod(0o644)
    assert look().warnings == (f"{path}: others may read it (mode 0644); mend it with: chmod 600 {path}",)


@pytest.mark.parametrize("name", ["VERBOSE", "VERBOSE_OUTPUT"])
def test_a_variable_that_makes_the_kaggle_program_print_keys(kaggle, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    assert look().warnings[0].startswith(f"{name} is set: ")


def test_no_credentials_are_a_problem_and_nothing_is_sent(kaggle, tmp_path):
    (tmp_path / "home/.kaggle/kaggle.json").unlink()
    found = look("leaf-disease")
    assert found.problems[0].startswith("no Kaggle credentials found: make an API token at https://")
    assert (found.competition, kaggle.requests) == (None, [])


def test_a_kaggle_that_does_not_answer_is_not_a_refusal(kaggle):
    kaggle.fault("hangup", route="", times=-1)
    found = look("leaf-disease")
    assert [place.accepted for place in found.places if place.kind is not None] == [None]
    assert "cannot be reached" in found.problems[0]


@pytest.mark.parametrize("name", ["leaf-disease", "https://www.kaggle.com/competitions/leaf-disease/overview"])
def test_a_competition_that_can_be_worked_with(kaggle, name):
    found = look(name)
    check = found.competition
    assert check is not None and check.facts is not None and check.limits is not None
    assert (check.slug, check.facts.metric, check.limits.left, check.can_download) == (
        "leaf-disease",
        "Accuracy",
        5,
        True,
    )
    assert (check.notes, check.problems, found.problems) == ((), (), ())
    assert not [route for route in kaggle.routes() if route.startswith(("storage", "Start", "Create"))]


def test_rules_that_are_not_accepted(kaggle):
    kaggle.fault("403-rules", "DownloadDataFiles")
    found = look("leaf-disease")
    assert found.competition is not None and not found.competition.can_download
    (problem,) = found.problems
    assert "You must accept this competition's rules" in problem
    assert "https://www.kaggle.com/competitions/leaf-disease/rules" in problem


def test_a_misspelt_competition_is_one_problem(kaggle):
    found = look("leaf-diseaes")
    assert found.competition is not None and found.competition.facts is None
    (problem,) = found.problems
    assert "misspelt: leaf-diseaes" in problem


def test_a_competition_that_was_not_joined(kaggle):
    kaggle.facts = {"userHasEntered": False}
    assert look("leaf-disease").problems == ("you have not joined: https://www.kaggle.com/competitions/leaf-disease",)


@pytest.mark.parametrize(
    ("facts", "note"),
    [
        ({"deadline": "2026-11-23T23:59:00Z"}, "the deadline has passed"),
        ({"submissionsDisabled": True}, "submissions are disabled"),
        ({"isKernelsSubmissionsOnly": True}, "only notebooks can be submitted, no files"),
    ],
)
def test_what_stands_in_the_way_of_a_submission_is_noted(kaggle, facts, note):
    kaggle.facts = facts
    found = look("leaf-disease")
    assert found.competition is not None
    assert (found.competition.notes, found.problems) == ((note,), ())


def test_a_day_that_is_used_up_is_noted(kaggle):
    kaggle.daily_limit = 0
    found = look("leaf-disease")
    assert found.competition is not None
    assert found.competition.notes == ("no submission is left today; the next day begins at 0:00 UTC",)


def test_what_is_no_name_is_refused(kaggle):
    with pytest.raises(ConfigError):
        look("leaf disease")
    assert kaggle.requests == []
