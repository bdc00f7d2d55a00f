"""One file is submitted once, whatever gets lost; against the stand-in for Kaggle."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kgcv.errors import KaggleError, StopRequested, SubmissionError
from kgcv.events import Recorder, TaskAdvanced, TaskStarted
from kgcv.files import hash_file
from kgcv.kaggle.ledger import Entry, Ledger, now
from kgcv.kaggle.patience import Patience
from kgcv.kaggle.settle import FRESH, LIST_DELAYS, Desk
from kgcv.kaggle.upload import CREATE_TRIES, send_once

SLUG = "leaf-disease"
CREATE, LIST = "CreateSubmission", "ListSubmissions"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("id,label\n1,0.25\n2,0.5\n3,0.75\n")
    return path


@pytest.fixture
def naps():
    return []


@pytest.fixture
def desk(kaggle, tmp_path, naps):
    return Desk(kaggle.connect(), Ledger(tmp_path / "runs" / "submissions.jsonl"), Recorder(), sleep=naps.append)


def entry_of(file, **fields):
    return Entry(
        **{"competition": SLUG, "sha256": hash_file(file), "file": file.name, "message": "the first", **fields}
    )


def left_open(file, **fields):
    """What a process leaves that is killed when it has just asked Kaggle."""
    return entry_of(file, **{"asked": now(), **fields})


def send(desk, file, again=False, **fields):
    return send_once(desk, entry_of(file, **fields), file, again)


def warnings_of(desk):
    return [event.text for event in desk.reporter.events if getattr(event, "level", "") == "warning"]


def added_by_hand(kaggle, name="mine.csv", description="the first", content=b"other"):
    """A submission that somebody made by other means."""
    template = kaggle.submissions[0]
    ref = template.ref + 1000 + len(kaggle.submissions)
    kaggle.submissions.append(replace(template, ref=ref, name=name, description=description, content=content))
    return ref


def test_a_file_is_submitted_and_confirmed(kaggle, desk, file):
    kaggle.pending = 5
    entry = send(desk, file)
    (there,) = kaggle.submissions
    assert (there.content, there.name, there.description) == (file.read_bytes(), "mine.csv", "the first")
    assert (entry.ref, entry.status, entry.refs_before) == (there.ref, "submitted", ())
    assert desk.ledger.read() == (entry,)
    assert kaggle.routes()[-1] == "GetSubmission" and kaggle.requests[-1].json == {"ref": there.ref}
    size = len(file.read_bytes())
    assert TaskStarted("upload", size, "bytes") in desk.reporter.events
    assert sum(event.amount for event in desk.reporter.events if isinstance(event, TaskAdvanced)) == size


def test_a_score_that_is_there_at_once_is_taken(kaggle, desk, file):
    kaggle.pending, kaggle.private_score = 0, "0.9"
    entry = send(desk, file)
    assert (entry.status, entry.public_score, entry.private_score) == ("complete", 0.97531, 0.9)


def test_the_entry_is_in_the_ledger_before_the_first_byte_leaves(kaggle, desk, file, monkeypatch):
    kaggle.pending = 5
    send(desk, file)
    other = file.with_name("other.csv")
    other.write_text("id,label\n1,1\n")
    seen = []
    upload = desk.client.upload

    def look_first(*given):
        seen.extend(desk.ledger.read())
        return upload(*given)

    monkeypatch.setattr(desk.client, "upload", look_first)
    send(desk, other)
    assert [(entry.status, entry.file, entry.refs_before) for entry in seen] == [
        ("submitted", "mine.csv", ()),
        ("pending", "other.csv", (kaggle.submissions[0].ref,)),
    ]


def test_the_same_bytes_are_refused_without_a_request(kaggle, desk, file):
    kaggle.pending = 0
    send(desk, file)
    before = len(kaggle.requests)
    renamed = file.rename(file.with_name("renamed.csv"))
    message = r"renamed\.csv: these very bytes were submitted to leaf-disease on .* \(submission 50000001, complete, "
    with pytest.raises(SubmissionError, match=message + r"public score 0\.97531\); --again") as refused:
        send(desk, renamed)
    assert refused.value.exit_code == 1
    assert (len(kaggle.requests), len(desk.ledger.read())) == (before, 1)


def test_the_same_bytes_go_again_where_asked_and_to_another_competition(kaggle, desk, file):
    kaggle.files["other"] = kaggle.files[SLUG]
    send(desk, file)
    send(desk, file, again=True)
    send(desk, file, competition="other")
    assert [one.slug for one in kaggle.submissions] == [SLUG, SLUG, "other"]
    assert [entry.ref for entry in desk.ledger.read()] == [50000001, 50000002, 50000003]


# --- the server's gate


@pytest.mark.parametrize(
    "facts, message",
    [
        ({"userHasEntered": False}, "you have not joined it; accept its rules at https://www.kaggle.com/.*/rules"),
        ({"submissionsDisabled": True}, "it takes no submissions"),
        ({"isKernelsSubmissionsOnly": True}, "it takes notebooks only, no files"),
    ],
)
def test_a_closed_competition_is_told_before_anything_is_sent(kaggle, desk, file, facts, message):
    kaggle.facts = facts
    with pytest.raises(KaggleError, match=f"leaf-disease: {message}"):
        send(desk, file)
    assert not {"StartSubmissionUpload", "upload", CREATE} & set(kaggle.routes())
    assert desk.ledger.read() == ()


def test_no_submission_left_is_told_before_anything_is_sent(kaggle, desk, file):
    kaggle.daily_limit = 1
    send(desk, file)
    with pytest.raises(KaggleError, match=r"no submission is left: 1 of 1 were made today; the day ends at 00:00 UTC"):
        send(desk, file, again=True)
    assert kaggle.routes().count("StartSubmissionUpload") == 1
    assert len(desk.ledger.read()) == 1


def test_every_reason_is_told(kaggle, desk, file):
    kaggle.facts = {"userHasEntered": False, "submissionsDisabled": True}
    with pytest.raises(KaggleError) as refused:
        send(desk, file)
    assert len(str(refused.value).splitlines()) == 2


def test_a_late_submission_is_made_with_a_warning(kaggle, desk, file):
    kaggle.facts = {"deadline": "2017-07-20T23:59:00Z"}
    send(desk, file)
    text = (
        "leaf-disease ended on 2017-07-20 23:59 UTC: a late submission is scored, but has no place on the leaderboard"
    )
    assert warnings_of(desk) == [text]
    assert len(kaggle.submissions) == 1


# --- refused


@pytest.mark.parametrize(
    "fault, words",
    [
        ("limit", "Your team has used its daily submission allowance"),
        ("400", "Bad Request"),
        ("403-rules", "You must accept this competition's rules"),
        ("403-denied", "Permission 'competitions.participate' was denied"),
        ("404", "Not found"),
        ("401", "Unauthenticated"),
    ],
)
def test_a_refusal_is_never_a_success(kaggle, desk, file, fault, words):
    kaggle.fault(fault, CREATE, times=-1)
    with pytest.raises(KaggleError, match=words) as refused:
        send(desk, file)
    assert refused.value.exit_code == 4
    (entry,) = desk.ledger.read()
    assert (entry.status, entry.ref, kaggle.submissions) == ("refused", None, [])
    assert words in entry.error
    kaggle.faults.clear()
    assert send(desk, file).ref is not None  # what never existed may be sent


@pytest.mark.parametrize("fault", ["400", "403-denied", "404", "5xx", "html", "json-error"])
def test_an_upload_that_cannot_begin_submits_nothing(kaggle, desk, file, fault):
    kaggle.fault(fault, "StartSubmissionUpload", times=-1)
    with pytest.raises(KaggleError, match=r"the upload of mine\.csv"):
        send(desk, file)
    assert [entry.status for entry in desk.ledger.read()] == ["refused"]
    assert CREATE not in kaggle.routes()


@pytest.mark.parametrize("fault", ["5xx", "403-denied", "cut-upload"])
def test_an_upload_that_fails_for_good_submits_nothing(kaggle, desk, file, fault):
    kaggle.fault(fault, "upload", times=-1)
    with pytest.raises(KaggleError, match=r"the upload of mine\.csv") as failed:
        send(desk, file)
    assert "5ecre7" not in str(failed.value)
    assert [entry.status for entry in desk.ledger.read()] == ["refused"]
    assert CREATE not in kaggle.routes()


@pytest.mark.parametrize(
    "fault, route, how",
    [
        ("cut-upload", "upload", {"after": 9}),
        ("5xx", "upload", {}),
        ("hangup", "StartSubmissionUpload", {}),
        ("429", "StartSubmissionUpload", {"retry_after": 1}),
        ("5xx", "GetCompetition", {}),
        ("5xx", "GetSubmissionLimits", {}),
        ("hangup", LIST, {}),
    ],
)
def test_a_hiccup_costs_a_repetition_and_no_second_submission(kaggle, desk, file, fault, route, how):
    kaggle.fault(fault, route, times=2, **how)
    send(desk, file)
    (there,) = kaggle.submissions
    assert there.content == file.read_bytes()
    assert kaggle.routes().count(CREATE) == 1
    size = len(file.read_bytes())
    assert sum(event.amount for event in desk.reporter.events if isinstance(event, TaskAdvanced)) == size


# --- the answer to the last call is lost


@pytest.mark.parametrize("fault", ["lost-answer", "late-html"])
def test_a_lost_answer_is_found_in_the_list(kaggle, desk, file, fault, monkeypatch):
    kaggle.pending = 5
    if fault == "lost-answer":
        kaggle.fault("lost-answer")
    else:  # carried out, and a page comes back
        create = desk.client.create_submission

        def garble(*given):
            kaggle.fault("lost-answer")
            return create(*given)

        monkeypatch.setattr(desk.client, "create_submission", garble)
    entry = send(desk, file)
    (there,) = kaggle.submissions
    assert (entry.ref, entry.status) == (there.ref, "submitted")
    routes = kaggle.routes()
    assert routes.count(CREATE) == 1
    assert LIST in routes[routes.index(CREATE) :]
    assert any("looking whether the submission arrived" in text for text in warnings_of(desk))


@pytest.mark.parametrize("fault", ["hangup", "5xx", "html", "json-error"])
def test_what_never_arrived_is_sent_again_once_the_list_shows_it(kaggle, desk, file, naps, fault):
    kaggle.fault(fault, CREATE)
    entry = send(desk, file)
    assert [one.ref for one in kaggle.submissions] == [entry.ref]
    routes = kaggle.routes()
    first, second = (at for at, route in enumerate(routes) if route == CREATE)
    assert routes[first + 1 : second] == [LIST] * len(LIST_DELAYS)
    assert sum(naps) == sum(LIST_DELAYS)
    assert routes.count("upload") == 1  # the bytes are there


@pytest.mark.parametrize("words", ["Could not submit to competition", "Successfully submitted to Leaf Disease"])
def test_an_answer_without_a_number_is_no_success(kaggle, desk, file, words):
    kaggle.fault("json", CREATE, times=-1, body={"message": words})
    with pytest.raises(KaggleError, match=rf"mine\.csv: not submitted: tried {CREATE_TRIES} times.*{words}"):
        send(desk, file)
    assert kaggle.routes().count(CREATE) == CREATE_TRIES
    (entry,) = desk.ledger.read()
    assert (entry.status, entry.ref) == ("refused", None)


@pytest.mark.parametrize("body", [{}, {"submissions": []}])
def test_a_list_that_lacks_what_it_had_is_no_proof(kaggle, desk, file, body):
    other = file.with_name("other.csv")
    other.write_text("id,label\n1,0\n")
    send(desk, other)
    create = desk.client.create_submission

    def then_an_empty_list(*given):
        kaggle.fault("lost-answer")
        kaggle.fault("json", LIST, times=-1, body=body)
        return create(*given)

    desk.client.create_submission = then_an_empty_list
    with pytest.raises(KaggleError, match="Kaggle's list lacks 50000001, which it had before"):
        send(desk, file)
    assert (desk.ledger.read()[1].status, kaggle.routes().count(CREATE)) == ("unknown", 2)  # the other file's too
    kaggle.faults.clear()
    assert send(desk, file).ref == 50000002
    assert len(kaggle.submissions) == 2


def test_each_attempt_is_pending_in_the_ledger(kaggle, desk, file, monkeypatch):
    kaggle.fault("hangup", CREATE)
    create, seen = desk.client.create_submission, []

    def look_first(*given):
        seen.extend(desk.ledger.read())
        return create(*given)

    monkeypatch.setattr(desk.client, "create_submission", look_first)
    send(desk, file)
    assert [entry.status for entry in seen] == ["pending", "pending"]


def test_while_the_list_does_not_tell_nothing_is_sent_again(kaggle, desk, file, monkeypatch):
    other = file.with_name("other.csv")
    other.write_text("id,label\n1,0\n")
    send(desk, other)
    create = desk.client.create_submission

    def beside_somebody_else(*given):
        added_by_hand(kaggle, "theirs.csv", "theirs")
        return create(*given)

    monkeypatch.setattr(desk.client, "create_submission", beside_somebody_else)
    kaggle.fault("hangup", CREATE, times=-1)
    with pytest.raises(KaggleError, match="nobody knows whether these bytes were submitted"):
        send(desk, file)
    assert kaggle.routes().count(CREATE) == 2  # the other file's and one for this
    assert desk.ledger.read()[1].status == "unknown"


@pytest.mark.parametrize("arrives", [True, False])
def test_what_kaggle_may_still_be_at_work_on_is_looked_for_longer(kaggle, desk, file, arrives):
    """A gateway did not wait; the submission is made more than a minute later, or never."""
    other = file.with_name("other.csv")
    other.write_text("id,label\n1,0\n")
    send(desk, other)
    naps = []

    def nap(seconds):
        assert desk.ledger.read()[1].status == "unknown"
        naps.append(seconds)
        if arrives and sum(naps) > 60 and len(kaggle.submissions) == 1:
            added_by_hand(kaggle, content=file.read_bytes())

    kaggle.fault("5xx", CREATE, status=504)
    entry = send(replace(desk, sleep=nap), file)
    assert [one.ref for one in kaggle.submissions] == [50000001, entry.ref]
    assert kaggle.routes().count(CREATE) == (2 if arrives else 3)  # the other file's too
    assert sum(naps) < 100 if arrives else sum(naps) >= FRESH.total_seconds() - 2
    assert any("looking whether the submission arrived, for up to 5 minutes" in text for text in warnings_of(desk))


def test_a_refusal_after_a_lost_answer_does_not_hide_what_arrived(kaggle, desk, file, monkeypatch):
    """The list lags behind until the second attempt, which Kaggle refuses, as the first one used the file up."""
    kaggle.fault("lost-answer")
    kaggle.fault("400", CREATE)
    listed = desk.client.submissions
    monkeypatch.setattr(
        desk.client, "submissions", lambda slug: listed(slug) if kaggle.routes().count(CREATE) == 2 else ()
    )
    entry = send(desk, file)
    assert [one.ref for one in kaggle.submissions] == [entry.ref]


def test_a_refusal_after_what_never_arrived_has_the_servers_words(kaggle, desk, file):
    kaggle.fault("hangup", CREATE)
    kaggle.fault("limit")
    with pytest.raises(KaggleError, match="Your team has used"):
        send(desk, file)
    (entry,) = desk.ledger.read()
    assert entry.status == "refused" and "Your team has used" in entry.error


def test_a_list_that_lags_behind_is_asked_again(kaggle, desk, file, naps, monkeypatch):
    kaggle.fault("lost-answer")
    looks = []
    listed = desk.client.submissions

    def lagging(slug):
        looks.append(slug)
        return listed(slug) if len(looks) > 1 + 2 else ()  # the first look is the gate's

    monkeypatch.setattr(desk.client, "submissions", lagging)
    entry = send(desk, file)
    assert [one.ref for one in kaggle.submissions] == [entry.ref]
    assert sum(naps) == sum(LIST_DELAYS[:3])


def lose_everything(kaggle, desk, file):
    """The answer is lost, and then the network."""
    kaggle.fault("lost-answer")
    kaggle.fault("hangup", LIST, times=0)
    create = desk.client.create_submission

    def then_no_network(*given):
        kaggle.faults[-1].times = -1
        return create(*given)

    desk.client.create_submission = then_no_network
    with pytest.raises(KaggleError, match=r"(?s)nobody knows whether mine\.csv was submitted .*--refresh") as lost:
        send(desk, file)
    assert lost.value.exit_code == 4
    del desk.client.create_submission
    kaggle.faults.clear()


def test_with_the_network_gone_nobody_knows_and_nothing_is_sent_again(kaggle, desk, file):
    lose_everything(kaggle, desk, file)
    (entry,) = desk.ledger.read()
    assert (entry.status, entry.ref, len(kaggle.submissions)) == ("unknown", None, 1)
    entry = send(desk, file)  # the same command later
    assert [one.ref for one in kaggle.submissions] == [entry.ref]
    assert [each.ref for each in desk.ledger.read()] == [entry.ref]
    assert any(
        "did arrive; nothing is sent again" in event.text for event in desk.reporter.events if hasattr(event, "text")
    )


@pytest.mark.parametrize("has_arrived", [True, False])
def test_a_killed_process_is_settled_by_the_list(kaggle, desk, file, has_arrived):
    other = file.with_name("other.csv")
    other.write_text("id,label\n1,0\n")
    send(desk, other)
    refs = tuple(one.ref for one in kaggle.submissions)
    desk.ledger.add(left_open(file, refs_before=refs))
    if has_arrived:
        ref = added_by_hand(kaggle, content=file.read_bytes())
    entry = send(desk, file)
    assert len(kaggle.submissions) == 2
    if has_arrived:
        assert entry.ref == ref
        assert [each.status for each in desk.ledger.read()][1] == "complete" and len(desk.ledger.read()) == 2
    else:
        assert [each.status for each in desk.ledger.read()] == ["submitted", "refused", "submitted"]
        assert desk.ledger.read()[1].error == "it never arrived at Kaggle"


def test_an_old_entry_is_looked_for_once(kaggle, desk, file, naps):
    long_ago = (datetime.now(UTC) - FRESH - timedelta(seconds=1)).isoformat()
    desk.ledger.add(left_open(file, asked=long_ago))
    send(desk, file)
    assert naps == [] and kaggle.routes().count(LIST) == 1 + 1  # and the gate's


def test_an_entry_is_old_by_when_kaggle_was_asked_and_not_by_when_the_upload_began(kaggle, desk, file, naps):
    long_ago = (datetime.now(UTC) - 2 * FRESH).isoformat()
    desk.ledger.add(left_open(file, time=long_ago))
    send(desk, file)
    assert sum(naps) == sum(LIST_DELAYS)


def test_what_was_never_asked_for_needs_no_look(kaggle, desk, file, naps):
    desk.ledger.add(entry_of(file))  # killed during the upload
    assert send(desk, file).ref == 50000001
    assert naps == [] and kaggle.routes().count(LIST) == 1  # the gate's
    assert desk.ledger.read()[0].error == "the process ended before it was submitted"


@pytest.mark.parametrize("name, description", [("theirs.csv", "the first"), ("mine.csv", "theirs")])
def test_what_may_be_somebody_elses_is_not_taken_for_it(kaggle, desk, file, name, description):
    other = file.with_name("other.csv")
    other.write_text("id,label\n1,0\n")
    send(desk, other)
    desk.ledger.add(left_open(file, refs_before=(kaggle.submissions[0].ref,)))
    ref = added_by_hand(kaggle, name, description)
    with pytest.raises(
        KaggleError, match=rf"nobody knows .* it may be one of Kaggle's submissions {ref}; see .*--again"
    ):
        send(desk, file)
    assert len(kaggle.submissions) == 2
    assert desk.ledger.read()[1].status == "unknown"
    assert send(desk, file, again=True).ref == kaggle.submissions[2].ref


def test_two_that_look_alike_are_not_guessed_between(kaggle, desk, file):
    other = file.with_name("other.csv")
    other.write_text("id,label\n1,0\n")
    send(desk, other)
    desk.ledger.add(left_open(file, refs_before=(kaggle.submissions[0].ref,)))
    added_by_hand(kaggle)
    added_by_hand(kaggle)
    with pytest.raises(KaggleError, match="nobody knows"):
        send(desk, file)
    assert len(kaggle.submissions) == 3


def test_a_submission_of_the_ledger_is_never_taken_for_another(kaggle, desk, file):
    send(desk, file)
    desk.ledger.add(left_open(file, sha256="0" * 64))  # the same name and message, but killed before it was sent
    other = file.with_name("other.csv")
    other.write_text("id,label\n1,0\n")
    send(desk, other)
    assert [entry.status for entry in desk.ledger.read()][1] == "refused"


def test_what_was_there_before_is_never_taken_for_it(kaggle, desk, file):
    other = file.with_name("other.csv")
    other.write_text("id,label\n1,0\n")
    send(desk, other)
    ref = added_by_hand(kaggle)  # the same name and message, by other means
    desk.ledger.add(left_open(file, refs_before=(kaggle.submissions[0].ref, ref)))
    assert send(desk, file).ref == kaggle.submissions[2].ref
    assert [entry.status for entry in desk.ledger.read()][1] == "refused"


def test_spaces_that_kaggle_changes_in_a_message_do_not_matter(kaggle, desk, file):
    kaggle.fault("lost-answer")
    create = desk.client.create_submission

    def mangle(slug, token, message):
        return create(slug, token, " ".join(message.split()))

    desk.client.create_submission = mangle
    assert send(desk, file, message="two\r\nlines,  wide").ref == kaggle.submissions[0].ref


# --- the file, signals, two at once


def test_a_file_that_changes_while_it_is_sent_is_not_submitted(kaggle, desk, file, monkeypatch):
    upload = desk.client.upload

    def change(slug, path, on_bytes):
        token = upload(slug, path, on_bytes)
        path.write_text("id,label\n1,1\n")
        return token

    entry = entry_of(file)
    monkeypatch.setattr(desk.client, "upload", change)
    with pytest.raises(SubmissionError, match=r"mine\.csv: changed while it was sent; nothing was submitted"):
        send_once(desk, entry, file)
    assert kaggle.submissions == [] and [each.status for each in desk.ledger.read()] == ["refused"]


def test_a_signal_during_the_upload_ends_before_the_submission(kaggle, desk, file):
    desk = replace(desk, should_stop=lambda: 15 if "upload" in kaggle.routes() else None)
    with pytest.raises(StopRequested, match="stopped before the submission was made"):
        send(desk, file)
    assert kaggle.submissions == [] and [each.status for each in desk.ledger.read()] == ["refused"]


def test_a_signal_before_anything_left_leaves_nothing_open(kaggle, desk, file, monkeypatch):
    def stop(seconds):
        raise StopRequested(2, "stopped while Kaggle did not answer")

    client = kaggle.connect(patience=Patience(sleep=stop))
    create = client.create_submission

    def without_network(*given):
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # where nobody listens
        return create(*given)

    monkeypatch.setattr(client, "create_submission", without_network)
    with pytest.raises(StopRequested):
        send(replace(desk, client=client), file)
    assert [each.status for each in desk.ledger.read()] == ["refused"]


def test_ctrl_c_in_the_last_call_leaves_it_to_the_next_run(kaggle, desk, file, monkeypatch):
    create = desk.client.create_submission

    def interrupted(*given):
        create(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(desk.client, "create_submission", interrupted)
        with pytest.raises(KeyboardInterrupt):
            send(desk, file)
    assert [each.status for each in desk.ledger.read()] == ["pending"]
    entry = send(desk, file)
    assert [one.ref for one in kaggle.submissions] == [entry.ref]


@pytest.mark.parametrize(
    "fault, how", [("404", {}), ("5xx", {}), ("json", {"body": {}}), ("json", {"body": {"ref": 7}})]
)
def test_a_number_that_kaggle_does_not_confirm_is_kept_and_told(kaggle, desk, file, fault, how):
    create = desk.client.create_submission

    def then_unknown(*given):
        kaggle.fault(fault, "GetSubmission", times=-1, **how)
        return create(*given)

    desk.client.create_submission = then_unknown
    message = r"(?s)became submission 50000001, which Kaggle does not confirm now; ask later: kgcv submit --refresh"
    with pytest.raises(KaggleError, match=message) as doubtful:
        send(desk, file)
    assert doubtful.value.exit_code == 4
    assert [(each.ref, each.status) for each in desk.ledger.read()] == [(50000001, "submitted")]


def test_two_processes_with_the_same_bytes_submit_once(kaggle, desk, file):
    outcomes = []

    def work():
        own = Desk(kaggle.connect(), desk.ledger, Recorder())
        try:
            outcomes.append(send(own, file).ref)
        except SubmissionError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kaggle.submissions) == 1
    assert sum(outcome == 50000001 for outcome in outcomes) == 1
    assert sum("these very bytes" in str(outcome) for outcome in outcomes) == 2
