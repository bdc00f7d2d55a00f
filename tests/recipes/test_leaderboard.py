"""The top of a leaderboard, and the user's place."""

import pytest

from kgcv.errors import ConfigError, KaggleError
from kgcv.recipes.leaderboard import show_leaderboard


@pytest.fixture
def board(kaggle, tmp_path):
    """500 teams; `board(rank, name)` tells the user's rank and gives his team a name."""

    def make(rank, name="fakeuser"):
        kaggle.board = [
            (number, f"team {number}", "2026-10-01T10:00:00Z", f"{1 - number / 1000:.3f}") for number in range(1, 501)
        ]
        if rank:
            kaggle.board[rank - 1] = (rank, name, "2026-10-02T10:00:00Z", f"{1 - rank / 1000:.3f}")
        kaggle.facts = {"userRank": rank, "teamCount": 500}

    return make


def submit(kaggle, tmp_path):
    client = kaggle.connect()
    file = tmp_path / "mine.csv"
    file.write_text("id\n")
    client.create_submission("leaf-disease", client.upload("leaf-disease", file, lambda amount: None), "m")


def test_the_top_and_a_place_far_below(kaggle, board, tmp_path):
    submit(kaggle, tmp_path)
    board(432)
    found = show_leaderboard("leaf-disease", kaggle.connect(), top=3)
    assert [(row.rank, row.team, row.score) for row in found.top] == [
        (1, "team 1", 0.999),
        (2, "team 2", 0.998),
        (3, "team 3", 0.997),
    ]
    assert found.own is not None
    assert (found.own.rank, found.own.team, found.own.score, found.num_teams) == (432, "fakeuser", 0.568, 500)
    assert kaggle.routes().count("GetLeaderboard") == 3  # 200 rows each


def test_the_team_is_found_by_its_name_where_the_rank_is_a_little_old(kaggle, board, tmp_path):
    submit(kaggle, tmp_path)
    board(7)
    kaggle.facts["userRank"] = 9
    found = show_leaderboard("leaf-disease", kaggle.connect())
    assert found.own is not None and (found.own.rank, found.own.team) == (7, "fakeuser")


def test_without_a_submission_to_tell_the_name_the_rank_decides(kaggle, board):
    board(7, "my team")
    found = show_leaderboard("https://www.kaggle.com/c/leaf-disease", kaggle.connect())
    assert found.own is not None and (found.own.rank, found.own.team) == (7, "my team")


def test_somebody_who_is_not_on_it(kaggle, board):
    board(0)
    found = show_leaderboard("leaf-disease", kaggle.connect(), top=2)
    assert (found.own, len(found.top), found.num_teams) == (None, 2, 500)
    assert "ListSubmissions" not in kaggle.routes()


def test_an_empty_leaderboard(kaggle):
    kaggle.board = []
    found = show_leaderboard("leaf-disease", kaggle.connect())
    assert (found.top, found.own) == ((), None)


def test_a_leaderboard_shorter_than_asked_for(kaggle):
    assert len(show_leaderboard("leaf-disease", kaggle.connect(), top=50).top) == 3


def test_what_is_wrong_is_said(kaggle):
    with pytest.raises(ConfigError):
        show_leaderboard("leaf disease", kaggle.connect())
    with pytest.raises(KaggleError, match="misspelt"):
        show_leaderboard("leaf-diseaes", kaggle.connect())
