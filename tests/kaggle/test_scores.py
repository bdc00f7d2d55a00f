import signal
from dataclasses import replace

import pytest

from kgcv.errors import KaggleError, StopRequested
from kgcv.events import Recorder
from kgcv.files import hash_file
from kgcv.kaggle.ledger import Entry, Ledger, now
from kgcv.kaggle.scores import MAX_FAILURES, WAIT_SECONDS, await_score, refresh, refuse_unscored
from kgcv.kaggle.settle import NAP_SECONDS, Desk
from kgcv.kaggle.upload import send_once

SLUG = "leaf-disease"


@pytest.fixture
def naps():
    return []


@pytest.fixture
def desk(kaggle, tmp_path, naps):
    return Desk(kaggle.connect(), Ledger(tmp_path / "runs" / "submissions.jsonl"), Recorder(), sleep=naps.append)


@pytest.fixture
def send(desk, tmp_path):
    """Submits a new file each time."""

    def call(name="a", slug=SLUG):
        file = tmp_path / f"{name}.csv"
        file.write_text(f"id,label\n1,{name}\n")
        entry = Entry(competition=slug, sha256=hash_file(file), file=file.name, message=name)
        return send_once(desk, entry, file)

    return call


def test_a_score_is_waited_for(kaggle, desk, send, naps):
    kaggle.pending = 4
    entry = await_score(desk, send())
    assert (entry.status, entry.public_score) == ("complete", 0.97531)
    assert desk.ledger.read() == (entry,)
    assert kaggle.routes().count("GetSubmission") == 5  # the first confirms
    assert max(naps) == NAP_SECONDS
    assert sum(naps) == pytest.approx(2 + 3 + 4.5 + 6.75, abs=4 * NAP_SECONDS)


def test_what_is_scored_is_not_asked_for(kaggle, desk, send, naps):
    kaggle.pending = 0
    await_score(desk, send())
    assert (kaggle.routes().count("GetSubmission"), naps) == (1, [])


def test_an_error_shows_kaggles_reason(kaggle, desk, send):
    kaggle.outcome, kaggle.error = "error", "Submission must have 3 rows"
    entry = await_score(desk, send())
    assert (entry.status, entry.error) == ("error", "Submission must have 3 rows")
    with pytest.raises(
        KaggleError, match=r"a\.csv: Kaggle could not score submission 50000001: .* must have 3 rows"
    ) as end:
        refuse_unscored(entry)
    assert end.value.exit_code == 4
    assert desk.ledger.read() == (entry,)


def test_an_error_without_a_reason(kaggle, desk, send):
    kaggle.outcome = "error"
    assert await_score(desk, send()).error == "no reason given"


def test_questions_may_fail_a_while(kaggle, desk, send):
    kaggle.pending = 2
    entry = send()
    kaggle.fault("404", "GetSubmission", times=MAX_FAILURES - 1)
    assert await_score(desk, entry).status == "complete"
    warnings = [event for event in desk.reporter.events if getattr(event, "level", "") == "warning"]
    assert len(warnings) == MAX_FAILURES - 1


def test_at_last_it_is_given_up_and_said_how_to_ask(kaggle, desk, send):
    kaggle.pending = 5
    entry = send()
    kaggle.fault("404", "GetSubmission", times=-1)
    with pytest.raises(
        KaggleError, match=r"(?s)Not found.*submission 50000001 is with Kaggle, and kgcv submit --refresh"
    ):
        await_score(desk, entry)
    assert [each.status for each in desk.ledger.read()] == ["submitted"]


def test_waiting_has_an_end(kaggle, desk, send, naps):
    kaggle.pending = 10**6
    assert await_score(desk, send()).status == "submitted"
    assert WAIT_SECONDS <= sum(naps) <= WAIT_SECONDS * 1.05


def test_a_signal_ends_the_waiting_and_not_the_submission(kaggle, desk, send):
    kaggle.pending = 10
    entry = send()
    with pytest.raises(StopRequested, match="submission 50000001 is with Kaggle") as stopped:
        await_score(replace(desk, should_stop=lambda: signal.SIGINT), entry)
    assert stopped.value.exit_code == 130
    assert [each.ref for each in desk.ledger.read()] == [50000001]


# --- asking later


def test_scores_of_earlier_submissions_are_filled_in(kaggle, desk, send):
    kaggle.pending = 1
    entries = [send("a"), send("b")]
    assert [entry.status for entry in entries] == ["submitted", "submitted"]
    changed = refresh(desk, [SLUG])
    assert [(entry.id, entry.public_score) for entry in changed] == [(entry.id, 0.97531) for entry in entries]
    assert desk.ledger.read() == changed
    assert kaggle.routes().count("ListSubmissions") == 3  # two gates, one question
    assert refresh(desk, [SLUG]) == ()


def test_a_private_score_comes_later(kaggle, desk, send):
    kaggle.pending = 0
    send()
    for one in kaggle.submissions:
        one.private_score = "0.95"
    (entry,) = refresh(desk, [SLUG])
    assert (entry.public_score, entry.private_score) == (0.97531, 0.95)


def test_open_entries_are_settled(kaggle, desk, send):
    send()
    desk.ledger.add(
        Entry(competition=SLUG, sha256="0", file="b.csv", message="b", asked=now(), refs_before=(50000001,))
    )
    refresh(desk, [SLUG])
    assert [entry.status for entry in desk.ledger.read()] == ["complete", "refused"]


def test_one_that_could_not_be_scored_is_among_the_changed(kaggle, desk, send):
    kaggle.outcome, kaggle.error = "error", "bad ids"
    send()
    assert [(entry.status, entry.error) for entry in refresh(desk, [SLUG])] == [("error", "bad ids")]


def test_other_competitions_are_left_alone_and_nothing_to_ask_asks_nothing(kaggle, desk, send):
    kaggle.files["other"] = kaggle.files[SLUG]
    send("a", "other")
    before = len(kaggle.requests)
    assert refresh(desk, [SLUG]) == ()
    assert len(kaggle.requests) == before
    assert [entry.competition for entry in refresh(desk, [SLUG, "other"])] == ["other"]


def test_a_submission_that_kaggle_no_longer_lists_stays_as_it_was(kaggle, desk, send):
    entry = send()
    kaggle.submissions.clear()
    assert refresh(desk, [SLUG]) == ()
    assert desk.ledger.read() == (entry,)
