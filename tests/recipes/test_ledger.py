import pytest

from kgcv.errors import ConfigError, DataError
from kgcv.events import Recorder, Silent
from kgcv.kaggle.ledger import Entry, Ledger
from kgcv.recipes.ledger import read_standings


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "submissions.jsonl")


def add(ledger, name, own=None, public=None, **fields):
    number = len(ledger.read()) + 1
    known = {"metric": "f2", "greater_is_better": True} if own is not None else {}
    status = "submitted" if public is None else "complete"
    entry = Entry(
        **{
            "competition": "planet",
            "sha256": str(number),
            "file": "submission.csv.gz",
            "message": name,
            "run": name,
            "ref": number,
            "status": status,
            "own_score": own,
            "public_score": public,
            **known,
            **fields,
        }
    )
    ledger.add(entry)
    return entry


def stand(ledger, competition=None):
    (standing,) = read_standings(ledger.path, competition, Silent())
    return standing


def test_own_scores_beside_public_ones(ledger):
    a = add(ledger, "a", 0.90, 0.905, own_spread=0.002)
    b = add(ledger, "b", 0.92, 0.910, own_spread=0.004)
    c = add(ledger, "c", 0.93, 0.909, own_spread=0.001)
    d = add(ledger, "d", 0.95)  # not scored yet
    found = stand(ledger)
    assert found.entries == (a, b, c, d)
    assert (found.competition, found.metric, found.greater_is_better, found.num_pairs) == ("planet", "f2", True, 3)
    assert found.rank_correlation == pytest.approx(0.5)  # ranks 1, 2, 3 and 1, 3, 2: 1 - 6 * 2 / 24
    assert found.mean_gap == pytest.approx((0.005 - 0.010 - 0.021) / 3)
    assert found.gap_spread == pytest.approx(0.0130512, abs=1e-6)
    assert (found.best_own, found.best_public) == (d, b)
    assert found.noise == pytest.approx(0.002 * 2**0.5)
    assert found.as_good == (c.id,)  # 0.001 from the best; a is 0.005 away


def test_the_direction_of_the_metric_counts(ledger):
    loss = {"metric": "log_loss", "greater_is_better": False}
    add(ledger, "a", 0.5, 0.52, **loss)
    b = add(ledger, "b", 0.3, 0.35, **loss)
    c = add(ledger, "c", 0.4, 0.33, **loss)
    found = stand(ledger)
    assert (found.best_own, found.best_public) == (b, c)


def test_of_equals_the_earlier_is_the_best(ledger):
    a = add(ledger, "a", 0.9, 0.9)
    add(ledger, "b", 0.9, 0.9)
    assert (stand(ledger).best_own, stand(ledger).best_public) == (a, a)


def test_scores_of_another_metric_are_not_compared(ledger):
    add(ledger, "a", 0.99, 0.90, metric="accuracy")
    b = add(ledger, "b", 0.92, 0.91)
    found = stand(ledger)
    assert (found.metric, found.num_pairs, found.best_own) == ("f2", 1, b)
    assert found.gap_spread is None


def test_what_kaggle_has_not_is_no_best(ledger):
    a = add(ledger, "a", 0.9, 0.9)
    add(ledger, "b", 0.99, ref=None, status="refused", error="limit")
    assert stand(ledger).best_own == a


def test_files_without_own_scores_leave_the_direction_open(ledger):
    add(ledger, "a", None, 0.9)
    add(ledger, "b", None, 0.8)
    found = stand(ledger)
    assert (found.metric, found.greater_is_better, found.best_public, found.noise) == (None, None, None, None)
    c = add(ledger, "c", 0.9, 0.95)
    assert stand(ledger).best_public == c


def test_without_a_spread_there_is_no_band(ledger):
    add(ledger, "a", 0.9, 0.9)
    add(ledger, "b", 0.9, 0.9)
    assert (stand(ledger).noise, stand(ledger).as_good) == (None, ())


def test_competitions_are_told_apart(ledger):
    add(ledger, "a", 0.9, 0.9)
    add(ledger, "b", 0.8, 0.8, competition="leaf")
    assert [found.competition for found in read_standings(ledger.path, None, Silent())] == ["planet", "leaf"]
    assert stand(ledger, "https://www.kaggle.com/c/leaf").competition == "leaf"


def test_nothing_to_show_is_told(ledger):
    with pytest.raises(DataError, match=r"submissions\.jsonl: has no submission yet"):
        stand(ledger)
    add(ledger, "a", 0.9, 0.9)
    with pytest.raises(DataError, match=r"has no submission to leaf yet"):
        stand(ledger, "leaf")
    with pytest.raises(ConfigError, match="is no competition's name"):
        stand(ledger, "a b")


def test_a_cut_line_is_told(ledger):
    add(ledger, "a", 0.9, 0.9)
    with ledger.path.open("a") as stream:
        stream.write('{"competition": "pla')
    reporter = Recorder()
    assert len(read_standings(ledger.path, None, reporter)[0].entries) == 1
    assert len(reporter.events) == 1
