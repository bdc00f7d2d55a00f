"""The real client against the loopback server: what it gives, what it survives, and what it says when it cannot."""

import base64
import time
import traceback
from datetime import UTC, datetime

import pytest

from kgcv.errors import KaggleError
from kgcv.events import Message, Recorder
from kgcv.kaggle.client import KaggleRefused, LostAnswer, RemoteFile, connect
from kgcv.kaggle.credentials import Credentials, Secret
from kgcv.kaggle.patience import Patience

SLUG = "leaf-disease"
CREATED = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
SIGNED = "5ecre7-5ignature"
BLOB = "blob-up0"
PASSING = ["429", "5xx", "hangup", "json-error"]
"""Faults after which the same request may do better."""


@pytest.fixture
def submission_file(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes(b"id,label\n" * 5000)
    return path


def ignore_bytes(amount):
    """Nobody watches."""


def warnings_of(reporter):
    return [event.text for event in reporter.events if isinstance(event, Message) and event.level == "warning"]


def hasty(kaggle, **limits):
    """A client that tries once, and waits a fifth of a second."""
    patience = Patience(**{"connect_seconds": 0.5, "read_seconds": 0.2, "attempts": 1, **limits})
    return kaggle.connect(patience=patience)


# What it gives.


def test_files_of_all_pages(kaggle):
    kaggle.page_size_max = 2
    kaggle.files[SLUG] = {f"folder {number % 2}/{number}.png": b"x" * number for number in range(5)}
    assert kaggle.connect().list_files(SLUG) == tuple(
        RemoteFile(f"folder {number % 2}/{number}.png", number, CREATED) for number in range(5)
    )
    pages = [request.json.get("pageToken", "") for request in kaggle.requests]
    assert len(pages) == 3 and pages[0] == "" and len(set(pages)) == 3


def test_an_empty_page_in_the_middle_does_not_end_the_list(kaggle):
    kaggle.fault("json", "ListDataFiles", body={"files": [], "nextPageToken": base64.b64encode(b"0").decode()})
    assert len(kaggle.connect().list_files(SLUG)) == 4


def test_a_page_that_comes_again_and_again_is_no_list(kaggle):
    kaggle.fault("json", "ListDataFiles", times=5, body={"files": [], "nextPageToken": "again"})
    with pytest.raises(KaggleError, match="the same page again"):
        kaggle.connect().list_files(SLUG)
    assert len(kaggle.requests) == 2


def test_facts_of_a_competition(kaggle):
    kaggle.facts = {"isKernelsSubmissionsOnly": True, "userHasEntered": False, "userRank": 0, "deadline": None}
    facts = kaggle.connect().competition(SLUG)
    assert (facts.slug, facts.title, facts.metric, facts.team_count) == (SLUG, "Leaf Disease", "Accuracy", 3)
    assert (facts.is_code_only, facts.has_entered, facts.submissions_disabled) == (True, False, False)
    assert (facts.deadline, facts.user_rank, facts.max_daily_submissions) == (None, None, 5)
    kaggle.facts = {"deadline": "2026-12-01T23:59:00Z"}
    assert kaggle.connect().competition(SLUG).deadline == datetime(2026, 12, 1, 23, 59, tzinfo=UTC)


def test_the_address_of_a_file_costs_no_contact_with_storage(kaggle):
    client = kaggle.connect()
    assert client.locate(SLUG) == f"{kaggle.url}/storage/{SLUG}/all.zip?X-Goog-Signature=5ecre7-5ignature"
    assert "/storage/leaf-disease/file/train_images/a%20b.png?" in client.locate(SLUG, "train_images/a b.png")
    assert kaggle.routes() == ["DownloadDataFiles", "DownloadDataFile"]


def test_the_leaderboard_from_its_top(kaggle):
    kaggle.board = [(number, f"team {number}", "2026-10-01T10:00:00Z", str(number / 8)) for number in range(500)]
    rows = kaggle.connect().leaderboard(SLUG)
    assert [row.team_id for row in rows] == list(range(500))
    assert (rows[4].team_name, rows[4].score, rows[4].date) == ("team 4", 0.5, datetime(2026, 10, 1, 10, tzinfo=UTC))
    asked = len(kaggle.requests)
    assert len(kaggle.connect().leaderboard(SLUG, 150)) == 150
    assert len(kaggle.requests) == asked + 1


def test_a_submission_from_file_to_score(kaggle, submission_file):
    client = kaggle.connect()
    sent: list[int] = []
    assert client.limits(SLUG).left == 5
    token = client.upload(SLUG, submission_file, sent.append)
    ref = client.create_submission(SLUG, token, "two lines,\nand an ümlaut")
    assert sum(sent) == 45000
    assert kaggle.submissions[0].content == submission_file.read_bytes()
    first, then = client.submission(ref), client.submission(ref)
    assert (first.status, first.public_score, then.status, then.public_score) == ("pending", None, "complete", 0.97531)
    assert (then.description, then.file_name, then.size) == ("two lines,\nand an ümlaut", "mine.csv", 45000)
    assert (then.private_score, then.error, then.team_name) == (None, "", "fakeuser")
    assert abs((then.date - datetime.now(UTC)).total_seconds()) < 60
    limits = client.limits(SLUG)
    assert (limits.today, limits.total, limits.left) == (1, 1, 4)


def test_submissions_newest_first_on_all_pages(kaggle, submission_file):
    client = kaggle.connect()
    kaggle.page_size_max, kaggle.outcome, kaggle.error, kaggle.pending = 2, "error", "Row 7 is bad", 0
    for number in range(5):
        client.create_submission(SLUG, client.upload(SLUG, submission_file, ignore_bytes), str(number))
    found = client.submissions(SLUG)
    assert [int(one.description) for one in found] == [4, 3, 2, 1, 0]
    assert (found[0].status, found[0].error) == ("error", "Row 7 is bad")
    assert len(client.submissions(SLUG, limit=3)) == 3


def test_what_strangers_write_cannot_command_a_terminal(kaggle):
    kaggle.board = [(1, "red\x1b[31m\nteam ü", "2026-10-01T10:00:00Z", "0.5")]
    (row,) = kaggle.connect().leaderboard(SLUG)
    assert row.team_name == "red [31m team ü"
    kaggle.fault("json", "GetSubmission", body={"ref": 1, "status": "ERROR", "errorDescription": "row 7\n\x1b]0;x"})
    assert kaggle.connect().submission(1).error == "row 7 ]0;x"


def test_the_upload_carries_no_login_and_no_content_type(kaggle, submission_file):
    kaggle.connect().upload(SLUG, submission_file, ignore_bytes)
    put = kaggle.requests[-1]
    assert (put.route, put.method, put.size, put.headers["content-length"]) == ("upload", "PUT", 45000, "45000")
    assert not {"authorization", "content-type", "transfer-encoding"} & put.headers.keys()


# What it survives.


@pytest.mark.parametrize("style", ["code", "google"])
@pytest.mark.parametrize("fault", PASSING)
def test_what_may_pass_is_tried_again(kaggle, fault, style):
    kaggle.error_style, reporter = style, Recorder()
    kaggle.fault(fault, "ListDataFiles", times=2)
    assert len(kaggle.connect(reporter=reporter).list_files(SLUG)) == 4
    assert kaggle.naps == [1.0, 2.0]
    first, second = warnings_of(reporter)
    assert (first[-21:], second[-21:]) == ("; trying again in 1 s", "; trying again in 2 s")


@pytest.mark.parametrize("fault", PASSING)
def test_tries_come_to_an_end(kaggle, fault):
    kaggle.fault(fault, "ListDataFiles", times=-1)
    with pytest.raises(KaggleError):
        kaggle.connect().list_files(SLUG)
    assert (len(kaggle.requests), kaggle.naps) == (4, [1.0, 2.0, 4.0])


def test_the_server_says_how_long_to_wait(kaggle):
    kaggle.fault("429", "ListDataFiles", retry_after=7)
    kaggle.fault("5xx", "ListDataFiles", retry_after=9)
    assert len(kaggle.connect().list_files(SLUG)) == 4
    assert kaggle.naps == [7.0, 9.0]


def test_an_hour_is_not_waited_for(kaggle):
    kaggle.fault("429", "ListDataFiles", retry_after=3600)
    with pytest.raises(
        KaggleRefused, match=r'429: "Too many requests"\ntoo many requests; try again in 3600 s'
    ) as caught:
        kaggle.connect().list_files(SLUG)
    assert (kaggle.naps, caught.value.status, caught.value.exit_code) == ([], 429, 4)


@pytest.mark.parametrize("fault", ["403-rules", "404", "400", "401", "html", "redirect", "limit"])
def test_what_cannot_pass_is_asked_once(kaggle, fault):
    kaggle.fault(fault, "ListDataFiles", times=-1, to="http://portal.test/")
    with pytest.raises(KaggleError):
        kaggle.connect().list_files(SLUG)
    assert (len(kaggle.requests), kaggle.naps) == (1, [])


CALLS = {
    "verify": lambda client, file: client.verify(),
    "list_files": lambda client, file: client.list_files(SLUG),
    "locate": lambda client, file: client.locate(SLUG),
    "locate one": lambda client, file: client.locate(SLUG, "train.csv"),
    "competition": lambda client, file: client.competition(SLUG),
    "limits": lambda client, file: client.limits(SLUG),
    "submissions": lambda client, file: client.submissions(SLUG),
    "submission": lambda client, file: client.submission(1),
    "leaderboard": lambda client, file: client.leaderboard(SLUG),
    "upload": lambda client, file: client.upload(SLUG, file, ignore_bytes),
    "create": lambda client, file: client.create_submission(SLUG, BLOB, "m"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_call_waits_for_ever(kaggle, submission_file, call):
    kaggle.fault("stall", times=-1, seconds=5)
    client, start = hasty(kaggle), time.monotonic()
    with pytest.raises(KaggleError, match="no answer in time"):
        call(client, submission_file)
    assert time.monotonic() - start < 2


def test_storage_that_takes_no_file_is_not_waited_for(kaggle, submission_file):
    kaggle.fault("stall", "upload", times=-1, seconds=5)
    start = time.monotonic()
    with pytest.raises(KaggleError, match="no answer in time"):
        hasty(kaggle).upload(SLUG, submission_file, ignore_bytes)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("body", [[], 7, "x", None, [1, "code"]])
def test_no_call_takes_another_value_for_an_answer(kaggle, submission_file, call, body):
    kaggle.fault("json", times=-1, body=body)
    with pytest.raises(KaggleError, match="not the JSON object that was due"):
        call(hasty(kaggle), submission_file)


@pytest.mark.parametrize(
    "body",
    [
        {"submissions": 7},
        {"submissions": [{"ref": 1, "status": "BANISHED"}]},
        {"submissions": [{"ref": 1, "date": "yesterday"}]},
        {"submissions": [7]},
    ],
)
def test_an_answer_that_the_client_cannot_read_is_no_traceback(kaggle, body):
    kaggle.fault("json", "ListSubmissions", times=-1, body=body)
    with pytest.raises(KaggleError, match="the kaggle client fails on it with"):
        kaggle.connect().submissions(SLUG)


@pytest.mark.parametrize("body", [{}, {"ref": 7, "status": "COMPLETE", "publicScore": "1"}])
def test_an_answer_about_another_submission_is_none(kaggle, body):
    kaggle.fault("json", "GetSubmission", times=-1, body=body)
    with pytest.raises(KaggleError, match=f"submission 5: .*it tells of submission {body.get('ref', 0)}$"):
        kaggle.connect().submission(5)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_call_takes_a_page_for_an_answer(kaggle, submission_file, call):
    kaggle.fault("html", times=-1)
    with pytest.raises(KaggleError, match="a web page called 'Sign in'"):
        call(kaggle.connect(), submission_file)


@pytest.mark.parametrize("call", [call for name, call in CALLS.items() if "locate" not in name])
def test_no_call_follows_a_redirect(kaggle, submission_file, call):
    kaggle.fault("redirect", times=-1, to=f"{kaggle.url}/login")
    with pytest.raises(KaggleError, match=r"it sends on to 127\.0\.0\.1"):
        call(kaggle.connect(), submission_file)
    assert "login" not in kaggle.routes()


@pytest.mark.parametrize("fault", ["5xx", "429", "hangup", "404"])
def test_an_upload_that_fails_is_begun_anew(kaggle, submission_file, fault):
    sent: list[int] = []
    kaggle.fault("cut-upload", after=20000)
    if fault != "404":
        kaggle.fault(fault, "upload")
    client = kaggle.connect()
    ref = client.create_submission(SLUG, client.upload(SLUG, submission_file, sent.append), "m")
    assert kaggle.submissions[ref - 50000001].content == submission_file.read_bytes()
    assert (sum(sent), len(kaggle.submissions)) == (45000, 1)
    assert kaggle.routes().count("StartSubmissionUpload") == kaggle.routes().count("upload")


@pytest.mark.parametrize(("fault", "how"), [("403-denied", {}), ("400", {}), ("html", {}), ("429", {"status": 308})])
def test_an_upload_that_is_refused_is_never_success(kaggle, submission_file, fault, how):
    kaggle.fault(fault, "upload", times=-1, **how)
    with pytest.raises(KaggleError, match=r"the upload of mine\.csv"):
        kaggle.connect().upload(SLUG, submission_file, ignore_bytes)
    assert kaggle.routes() == ["StartSubmissionUpload", "upload"]


def test_a_file_that_is_not_there_is_no_affair_of_kaggles(kaggle, tmp_path):
    with pytest.raises(FileNotFoundError):
        kaggle.connect().upload(SLUG, tmp_path / "none.csv", ignore_bytes)


# The call that must not be repeated.


@pytest.mark.parametrize("fault", ["5xx", "hangup", "lost-answer", "html", "json-error", "stall", "json"])
def test_a_lost_answer_is_told_and_nothing_is_sent_again(kaggle, submission_file, fault):
    client = kaggle.connect(patience=Patience(read_seconds=0.3, sleep=kaggle.naps.append))
    token = client.upload(SLUG, submission_file, ignore_bytes)
    kaggle.fault(fault, "CreateSubmission", seconds=1, body={})
    with pytest.raises(LostAnswer, match=r"the submission to leaf-disease was sent") as caught:
        client.create_submission(SLUG, token, "m")
    assert (kaggle.routes().count("CreateSubmission"), kaggle.naps, caught.value.exit_code) == (1, [], 4)
    assert caught.value.may_be_at_work == (fault == "stall")


@pytest.mark.parametrize("style", ["code", "google"])
@pytest.mark.parametrize(
    ("fault", "words"),
    [("limit", "daily submission allowance"), ("400", "Bad Request"), ("403-rules", "rules"), ("429", "Too many")],
)
def test_a_refusal_is_told_in_the_servers_words(kaggle, submission_file, fault, words, style):
    kaggle.error_style = style
    client = kaggle.connect()
    token = client.upload(SLUG, submission_file, ignore_bytes)
    kaggle.fault(fault, "CreateSubmission")
    with pytest.raises(KaggleRefused, match=words):
        client.create_submission(SLUG, token, "m")
    assert (kaggle.routes().count("CreateSubmission"), kaggle.submissions) == (1, [])


def test_success_without_a_number_is_none(kaggle):
    kaggle.fault("json", "CreateSubmission", body={"message": "Successfully submitted"})
    with pytest.raises(LostAnswer, match="Kaggle gave it no number: Successfully submitted"):
        kaggle.connect().create_submission(SLUG, "blob", "m")


def test_a_submission_that_never_left_may_be_repeated_and_is_not_lost(kaggle, monkeypatch):
    client = kaggle.connect()
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # where nobody listens
    with pytest.raises(KaggleError, match="cannot be reached: no connection") as caught:
        client.create_submission(SLUG, "blob", "m")
    assert not isinstance(caught.value, LostAnswer)
    assert kaggle.naps == [1.0, 2.0, 4.0]


# Logins.


@pytest.mark.parametrize("login", ["key", "token"])
def test_each_login_is_sent_as_what_it_is(kaggle, tmp_path, monkeypatch, login):
    home = tmp_path / login
    monkeypatch.setenv("HOME", kaggle.environment(home, login)["HOME"])
    assert kaggle.connect().verify() == "fakeuser"
    scheme = kaggle.requests[0].headers["authorization"].split()[0]
    assert scheme == {"key": "Basic", "token": "Bearer"}[login]


def test_a_stale_token_does_not_shadow_a_good_key(kaggle, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_stale")
    reporter = Recorder()
    client = kaggle.connect(reporter=reporter)
    assert len(client.list_files(SLUG)) == 4
    assert client.credentials.kind == "key"
    assert client.limits(SLUG).left == 5
    sent = [request.headers["authorization"].split()[0] for request in kaggle.requests]
    assert sent == ["Bearer", "Basic", "Basic"]
    (warning,) = warnings_of(reporter)
    assert "the API token in KAGGLE_API_TOKEN is not accepted; the key in " in warning


def test_a_stale_token_is_found_out_by_the_submission_too(kaggle, monkeypatch, submission_file):
    token = kaggle.connect().upload(SLUG, submission_file, ignore_bytes)
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_stale")
    assert kaggle.connect().create_submission(SLUG, token, "m") == 50000001
    assert len(kaggle.submissions) == 1


def test_no_good_login_is_401_and_what_was_found_wrong(kaggle, tmp_path):
    (tmp_path / "home/.kaggle/kaggle.json").write_text('{"username": "fakeuser", "key": "KGAT_pasted"}')
    with pytest.raises(KaggleRefused) as caught:
        kaggle.connect().list_files(SLUG)
    first, hint, advice = str(caught.value).splitlines()
    assert first == 'the files of leaf-disease: Kaggle refused with 401: "Unauthenticated"'
    assert "the key is a new API token, which does not work there" in hint
    assert advice.endswith("kgcv kaggle doctor")
    assert caught.value.status == 401


def test_no_login_at_all_sends_nothing(kaggle, tmp_path):
    (tmp_path / "home/.kaggle/kaggle.json").unlink()
    with pytest.raises(KaggleError, match=r"no Kaggle credentials found: .*https://www\.kaggle\.com/settings/api"):
        connect()
    assert kaggle.requests == []


def oauth_login(tmp_path, **fields):
    """A login of `kaggle auth login` instead of the key."""
    import json

    (tmp_path / "home/.kaggle/kaggle.json").unlink()
    path = tmp_path / "home/.kaggle/credentials.json"
    path.write_text(json.dumps({"refresh_token": "refresh", "username": "fakeuser", **fields}))
    path.chmod(0o600)
    return path


def test_an_oauth_login_is_renewed_when_it_ended(kaggle, tmp_path):
    path = oauth_login(tmp_path, access_token="old", access_token_expiration="2026-01-01T00:00:00+00:00")
    assert kaggle.connect().verify() == "fakeuser"
    assert kaggle.routes() == ["GenerateAccessToken", "ListCompetitions"]
    assert "authorization" not in kaggle.requests[0].headers
    assert kaggle.token in path.read_text()


def test_an_oauth_login_that_holds_is_used_as_it_is(kaggle, tmp_path):
    oauth_login(tmp_path, access_token=kaggle.token, access_token_expiration="2099-01-01T00:00:00+00:00")
    assert kaggle.connect().verify() == "fakeuser"
    assert kaggle.routes() == ["ListCompetitions"]


def test_an_oauth_login_that_cannot_be_renewed_is_kept(kaggle, tmp_path):
    # The client itself deletes the file on a 401.
    path = oauth_login(tmp_path)
    kaggle.fault("401", "GenerateAccessToken", times=-1)
    with pytest.raises(KaggleRefused, match="kgcv kaggle doctor"):
        kaggle.connect().list_files(SLUG)
    assert path.exists()


# What it says.


@pytest.mark.parametrize("style", ["code", "google"])
def test_403_gives_the_likely_causes_in_order(kaggle, style):
    kaggle.error_style = style
    with pytest.raises(KaggleRefused) as caught:
        kaggle.connect().list_files("leaf-diseaes")
    said = str(caught.value)
    assert "Kaggle refused with 403: \"Permission 'competitions.participate' was denied\"" in said
    order = ["leaf-diseaes/rules", "misspelt: leaf-diseaes", "have not joined", "phone number"]
    places = [said.index(words) for words in order]
    assert places == sorted(places)


def test_a_bare_refusal_says_where_to_look(kaggle):
    kaggle.fault("400", "CreateSubmission")
    with pytest.raises(KaggleRefused) as caught:
        kaggle.connect().create_submission(SLUG, BLOB, "m")
    assert str(caught.value).splitlines() == [
        'the submission to leaf-disease: Kaggle refused with 400: "Bad Request"',
        "see what may stand in the way with: kgcv kaggle doctor leaf-disease",
    ]


def test_a_network_that_is_not_there(kaggle, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(KaggleError, match=r"no connection \(through the proxy that the environment names\)"):
        kaggle.connect().list_files(SLUG)


def test_a_proxy_variable_that_is_none(kaggle, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://[nonsense")
    with pytest.raises(KaggleError, match="is a proxy variable wrong"):
        kaggle.connect().list_files(SLUG)


FAULTS = [
    "401",
    "403-rules",
    "404",
    "400",
    "limit",
    "429",
    "5xx",
    "hangup",
    "html",
    "json-error",
    "stall",
    "lost-answer",
]


@pytest.mark.parametrize("fault", FAULTS)
def test_no_secret_shows_whatever_happens(kaggle, submission_file, capfd, monkeypatch, fault):
    monkeypatch.setenv("VERBOSE", "1")
    words = f"no {kaggle.key} at https://storage.test/x?signature={SIGNED}"
    kaggle.fault(fault, route="", times=-1, seconds=1, message=words)
    reporter = Recorder()
    client = connect(reporter, Patience(read_seconds=0.1, attempts=2, sleep=kaggle.naps.append))
    shown = [repr(client.credentials)]
    for call in CALLS.values():
        with pytest.raises(KaggleError) as caught:
            call(client, submission_file)
        shown += traceback.format_exception(caught.value)
    shown += [repr(reporter.events), *capfd.readouterr()]
    basic = base64.b64encode(f"{kaggle.user}:{kaggle.key}".encode()).decode()
    secrets = (kaggle.key, basic, SIGNED, BLOB)
    assert [text for text in shown if any(secret in text for secret in secrets)] == []


def test_a_signed_address_does_not_show_when_storage_fails(kaggle, submission_file):
    for fault in ("hangup", "5xx", "403-denied"):
        kaggle.fault(fault, "upload", times=4 if fault != "403-denied" else 1)
        with pytest.raises(KaggleError) as caught:
            kaggle.connect().upload(SLUG, submission_file, ignore_bytes)
        assert SIGNED not in "".join(traceback.format_exception(caught.value))


def test_a_blob_token_that_the_server_repeats_does_not_show(kaggle):
    kaggle.fault("400", "CreateSubmission", message=f"bad token {BLOB}")
    with pytest.raises(KaggleRefused, match=r"bad token \*\*\*"):
        kaggle.connect().create_submission(SLUG, BLOB, "m")


def test_a_login_that_works_is_told_by_its_place_alone():
    login = Credentials("key", "KAGGLE_KEY", "me", Secret("5ecre7"))
    assert str(login) == "key in KAGGLE_KEY"
    assert "5ecre7" not in repr(login)
