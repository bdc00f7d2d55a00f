import base64
import dataclasses
import errno
import gzip
import hashlib
import io
import os
import signal
import time
import types

import pytest

from kgcv.errors import DataError, KaggleError, StopRequested
from kgcv.events import TaskAdvanced, TaskStarted
from kgcv.kaggle import transfer
from kgcv.kaggle.partial import Partial
from kgcv.kaggle.source import in_units
from kgcv.kaggle.web import Request

CONTENT = os.urandom(700_000)


def left(folder):
    """Names and sizes of what lies in the folder."""
    return {path.name: path.stat().st_size for path in folder.iterdir()}


def ranges(host):
    return [asked.headers.get("range", "") for asked in host.asked]


def test_a_file_comes_whole_with_its_hash(host, errand):
    host.answer = host.file(CONTENT)
    fetched = errand()
    assert fetched.path == errand.folder / "file.bin"
    assert fetched.path.read_bytes() == CONTENT
    assert (fetched.size, fetched.sha256) == (700_000, hashlib.sha256(CONTENT).hexdigest())
    assert (fetched.was_resumed, fetched.num_received, fetched.validator) == (False, 700_000, '"v1"')


def test_progress_is_in_bytes(host, errand):
    host.answer = host.file(CONTENT)
    errand()
    started = [event for event in errand.recorder.events if isinstance(event, TaskStarted)]
    assert started == [TaskStarted("file.bin", 700_000, "bytes", 0)]
    assert sum(event.amount for event in errand.recorder.events if isinstance(event, TaskAdvanced)) == 700_000


def test_an_empty_file(host, errand):
    host.answer = host.file(b"")
    assert errand().path.read_bytes() == b""


# Cut and resumed.


def test_a_cut_is_gone_on_with_in_the_same_call(host, errand):
    host.answer = host.cut(host.file(CONTENT), 300_000, 100_000)
    fetched = errand()
    assert fetched.path.read_bytes() == CONTENT
    assert fetched.was_resumed
    assert len(host.asked) == 3
    assert host.asked[1].headers["if-range"] == '"v1"'
    # Each cut brought something, so the patience starts anew.
    assert errand.naps == [1.0, 1.0]
    assert "file.bin: 127.0.0.1 stopped sending: the answer was cut; trying again in 1 s" in errand.warnings[0]
    # Nothing is received twice, but for the last block that the cut broke off.
    assert fetched.num_received == 700_000
    assert len([event for event in errand.recorder.events if isinstance(event, TaskStarted)]) == 1


@pytest.mark.parametrize("size", [0, 1, 32_768, 699_999, 700_000])
def test_what_a_killed_process_left_is_gone_on_with(host, errand, size):
    host.answer = host.cut(host.file(CONTENT), 500_000)
    with pytest.raises(StopRequested):
        errand(should_stop=lambda: signal.SIGTERM)
    part = errand.folder / ".part"
    part.write_bytes(CONTENT[:size])
    host.asked.clear()
    host.answer = host.file(CONTENT)
    fetched = errand()
    assert fetched.path.read_bytes() == CONTENT
    assert ranges(host) == {0: [""], 700_000: []}.get(size, [f"bytes={size}-"])
    assert fetched.num_received == 700_000 - size


def test_bytes_of_which_nothing_is_known_are_given_up(host, errand):
    errand.folder.mkdir()
    (errand.folder / ".part").write_bytes(b"of what?")
    (errand.folder / ".note.json").write_text('{"of": "another version"}')
    host.answer = host.file(CONTENT)
    assert errand().path.read_bytes() == CONTENT


def test_a_process_killed_between_hash_and_name(host, errand):
    host.answer = host.file(CONTENT)
    errand()
    (errand.folder / "file.bin").rename(errand.folder / ".part")
    host.asked.clear()
    assert errand().path.read_bytes() == CONTENT
    assert host.asked == []


def test_a_complete_file_is_known_as_such(host, errand):
    host.answer = host.file(CONTENT)
    errand()
    assert errand().path.read_bytes() == CONTENT
    assert len(host.asked) == 1


def test_a_complete_file_that_lost_bytes_is_fetched_again(host, errand):
    host.answer = host.file(CONTENT)
    errand().path.write_bytes(CONTENT[:5])
    assert errand().path.read_bytes() == CONTENT


def test_an_address_is_asked_for_at_each_attempt(host, errand):
    host.answer = host.cut(host.file(CONTENT), 300_000)
    addresses = iter(["/first/file.bin", "/second/file.bin"])
    errand(locate=lambda: Request(host.url + next(addresses)))
    assert [asked.path for asked in host.asked] == ["/first/file.bin", "/second/file.bin"]


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_signed_address_that_has_ended_is_replaced(host, errand, status):
    usual = host.cut(host.file(CONTENT), 300_000)
    host.answer = lambda asked: usual(asked) if len(host.asked) != 2 else host_refuses(status)

    def host_refuses(code):
        return type(usual(host.asked[0]))(b"<Error><Message>Request has expired</Message></Error>", code)

    assert errand(is_signed=True).path.read_bytes() == CONTENT
    assert "Request has expired" in errand.warnings[1]


# The server has something else.


def test_a_changed_file_is_fetched_from_the_start(host, errand):
    other = os.urandom(650_000)
    host.answer = host.cut(host.file(CONTENT), 400_000)
    with pytest.raises(StopRequested):
        errand(should_stop=lambda: signal.SIGTERM if len(host.asked) else None)
    host.answer = host.file(other, ETag='"v2"')
    assert errand().path.read_bytes() == other
    assert "the file has changed at the server; starting again" in errand.warnings[-1]


def test_a_server_that_ignores_the_condition_does_not_mix_two_files(host, errand):
    other = os.urandom(700_000)
    host.answer = host.cut(host.file(CONTENT), 400_000)
    with pytest.raises(StopRequested):
        errand(should_stop=lambda: signal.SIGTERM)
    usual = host.file(other, ETag='"v2"')

    def careless(asked):
        asked.headers.pop("if-range", None)
        return usual(asked)

    host.answer = careless
    assert errand().path.read_bytes() == other


def test_a_server_that_cannot_resume_gives_the_whole(host, errand):
    usual = host.file(CONTENT)

    def whole(asked):
        asked.headers.pop("range", None)
        return usual(asked)

    host.answer = host.cut(whole, 400_000)
    assert errand().path.read_bytes() == CONTENT


@pytest.mark.parametrize("marks", [{"ETag": ""}, {"ETag": 'W/"v1"'}])
def test_without_a_mark_of_the_content_nothing_is_gone_on_with(host, errand, marks):
    host.answer = host.cut(host.file(CONTENT, **marks), 400_000)
    assert errand().path.read_bytes() == CONTENT
    assert ranges(host) == ["", ""]


def test_a_date_is_a_mark_too(host, errand):
    host.answer = host.cut(host.file(CONTENT, ETag="", Last_Modified="Tue, 01 Sep 2026 00:00:00 GMT"), 400_000)
    assert errand().path.read_bytes() == CONTENT
    assert host.asked[1].headers["if-range"] == "Tue, 01 Sep 2026 00:00:00 GMT"


def test_another_version_by_the_listing_is_not_mixed_in(host, errand):
    host.answer = host.cut(host.file(CONTENT), 400_000)
    with pytest.raises(StopRequested):
        errand(should_stop=lambda: signal.SIGTERM, stamp="monday")
    errand(stamp="tuesday")
    assert ranges(host)[1] == ""


def test_too_many_bytes_here_are_thrown_away(host, errand):
    host.answer = host.cut(host.file(CONTENT), 400_000)
    with pytest.raises(StopRequested):
        errand(should_stop=lambda: signal.SIGTERM)
    (errand.folder / ".part").write_bytes(bytes(800_000))
    usual = host.file(CONTENT)
    answer = type(usual(host.asked[0]))
    host.answer = lambda asked: answer(status=416) if "range" in asked.headers else usual(asked)
    assert errand().path.read_bytes() == CONTENT


def test_a_server_that_sends_nothing_more_is_given_up(host, errand):
    host.answer = host.cut(host.file(CONTENT), 400_000)
    with pytest.raises(StopRequested):
        errand(should_stop=lambda: signal.SIGTERM)
    size = left(errand.folder)[".part"]
    usual = host.file(CONTENT)

    def nothing(asked):
        found = usual(asked)
        found.body = b""
        return found

    host.answer = nothing
    with pytest.raises(KaggleError, match="it sends nothing of what is missing"):
        errand()
    assert left(errand.folder)[".part"] == size


def test_a_server_that_always_starts_over_is_given_up(host, errand):
    host.answer = host.cut(host.file(CONTENT, ETag=""), *range(100_000, 700_000, 50_000))
    with pytest.raises(KaggleError, match="this happens again and again"):
        errand()
    assert len(host.asked) < 10


def test_a_wrong_checksum_is_thrown_away(host, errand):
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    host.answer = host.file(CONTENT, x_goog_hash=f"crc32c=AAAAAA==,md5={wrong}")
    with pytest.raises(KaggleError, match=r"is not what 127.0.0.1 has, by its checksum; it was thrown away"):
        errand()
    assert left(errand.folder) == {}
    right = base64.b64encode(hashlib.md5(CONTENT).digest()).decode()
    host.answer = host.file(CONTENT, x_goog_hash=f"crc32c=AAAAAA==,md5={right}")
    assert errand().path.read_bytes() == CONTENT


# What is no file.


@pytest.mark.parametrize(
    "body, kind, name, words",
    [
        (
            b"<!DOCTYPE html><title>Sign  in</title>",
            "text/html",
            "file.bin",
            "a web page called 'Sign in' came instead",
        ),
        (b"  <HTML><body>", "application/octet-stream", "file.bin", "a web page came instead"),
        (b"<?xml version='1.0'?><Error><Code>x</Code></Error>", "application/xml", "a.csv", "an error message came"),
        (
            b"<?xml version='1.0'?><Error><Message>Ended</Message></Error>",
            "",
            "a.zip",
            r'message came .* the file: "Ended"',
        ),
        (b'{"code": 500}', "application/json", "a.zip", "an error message came instead of the file; nothing"),
        (b'{"error": {"message": "No"}}', "application/json", "file.bin", 'came instead of the file: "No"; nothing'),
        (b"Not today", "text/plain", "a.zip", r"what comes is no \.zip archive, though it is called 'a\.zip'"),
        (b"id,label", "text/csv", "a.tar.7z", r"what comes is no \.tar\.7z archive"),
    ],
)
def test_a_page_is_not_taken_for_the_file(host, errand, body, kind, name, words):
    host.answer = host.file(body, Content_Type=kind)
    with pytest.raises(KaggleError, match=words):
        errand(f"/{name}")
    assert left(errand.folder) == {}


def test_a_page_does_not_spoil_what_is_here(host, errand):
    host.answer = host.cut(host.file(CONTENT), 400_000)
    with pytest.raises(StopRequested):
        errand(should_stop=lambda: signal.SIGTERM)
    before = left(errand.folder)
    host.answer = host.file(b"<html>Welcome to the hotel", Content_Type="text/html", ETag='"hotel"')
    with pytest.raises(KaggleError, match="a web page came instead"):
        errand()
    assert left(errand.folder) == before
    host.asked.clear()
    host.answer = host.file(CONTENT)
    assert errand().path.read_bytes() == CONTENT
    assert ranges(host) == [f"bytes={before['.part']}-"]


def test_an_error_body_never_becomes_the_file(host, errand):
    usual = host.cut(host.file(CONTENT), 400_000)
    answer = type(host.file(b"")(types.SimpleNamespace(headers={})))
    host.answer = lambda asked: (
        usual(asked) if len(host.asked) == 1 else answer(b"<Error><Message>Unavailable</Message></Error>", 503)
    )
    with pytest.raises(KaggleError, match=r'127.0.0.1 refused with 503: "Unavailable"; 393.2 kB are kept'):
        errand()
    assert errand.naps == [1.0, 2.0, 4.0]
    assert (errand.folder / ".part").read_bytes() == CONTENT[: left(errand.folder)[".part"]]
    host.answer = host.file(CONTENT)
    assert errand().path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "name, body, kind",
    [
        ("a.html", b"<html>", "text/html"),
        ("a.json", b'{"error": {"code": 500}}', "application/json"),
        ("a.geojson", b'{"code": 500}', "application/json"),
        ("export", b'{"rows": []}', "application/json"),
    ],
)
def test_pages_and_json_that_are_wanted_come(host, errand, name, body, kind):
    host.answer = host.file(body, Content_Type=kind)
    assert errand(f"/{name}").path.read_bytes() == body


def test_a_page_is_explained_by_where_the_address_came_from(host, errand):
    host.answer = host.file(b"<html>", Content_Type="text/html")
    with pytest.raises(KaggleError, match=r"\nsites that want a login do so: .*--curl"):
        errand()
    with pytest.raises(KaggleError, match=r"\na proxy or a network that wants a sign-in does so: sign in there"):
        errand(is_signed=True)


@pytest.mark.parametrize("status", [401, 403])
def test_a_link_that_wants_a_login_says_what_to_do(host, errand, status):
    answer = type(host.file(b"")(types.SimpleNamespace(headers={})))
    host.answer = lambda asked: answer(status=status)
    with pytest.raises(KaggleError, match=rf"refused with {status}\nthe address wants a login.*--curl"):
        errand()
    assert errand.naps == []


@pytest.mark.parametrize(
    "status, headers, is_signed, line",
    [
        (404, {}, False, "is the address whole?"),
        (404, {}, True, "try again later"),
        (400, {}, False, None),
        (429, {"Retry-After": "3600"}, True, "too many requests; try again in 3600 s"),
        (429, {}, False, "too many requests; try again later"),
        (503, {}, True, "try again later"),
    ],
)
def test_what_to_do_stands_in_the_last_line(host, errand, status, headers, is_signed, line):
    usual = host.file(b"")
    host.answer = lambda asked: dataclasses.replace(usual(asked), status=status, headers=headers)
    with pytest.raises(KaggleError) as caught:
        errand(is_signed=is_signed)
    first, *rest = str(caught.value).splitlines()
    assert first == f"file.bin: 127.0.0.1 refused with {status}"
    assert [one.startswith(line or "?") for one in rest] == ([True] if line else [])


@pytest.mark.parametrize("status, tries", [(404, 1), (410, 1), (429, 4), (500, 4), (503, 4)])
def test_refusals_are_repeated_only_where_it_may_help(host, errand, status, tries):
    answer = type(host.file(b"")(types.SimpleNamespace(headers={})))
    host.answer = lambda asked: answer(status=status)
    with pytest.raises(KaggleError, match=f"file.bin: 127.0.0.1 refused with {status}"):
        errand()
    assert len(host.asked) == tries


def test_the_time_a_server_asks_for_is_waited(host, errand):
    answer = type(host.file(b"")(types.SimpleNamespace(headers={})))
    usual = host.file(CONTENT)
    host.answer = lambda asked: (
        answer(status=429, headers={"Retry-After": "7"}) if len(host.asked) == 1 else usual(asked)
    )
    errand()
    assert errand.naps == [7.0]


def test_a_server_that_falls_silent_is_left(host, errand):
    usual = host.file(CONTENT)

    def silent(asked):
        if len(host.asked) == 1:
            time.sleep(0.6)
        return usual(asked)

    host.answer = silent
    assert errand().path.read_bytes() == CONTENT
    assert "no answer in time" in errand.warnings[0]


def test_nobody_there(errand, host):
    host.server.shutdown()
    host.server.server_close()
    with pytest.raises(KaggleError, match=r"file.bin: 127.0.0.1 cannot be reached: no connection"):
        errand(locate=lambda: Request(f"http://127.0.0.1:{host.port}/file.bin?signature=5ecre7"))


# Shapes of answers.


def test_a_packed_body_is_unpacked_and_not_gone_on_with(host, errand):
    packed = gzip.compress(CONTENT)
    host.answer = host.cut(host.file(packed, Content_Encoding="gzip"), 300_000)
    assert errand().path.read_bytes() == CONTENT
    assert ranges(host) == ["", ""]
    assert host.asked[0].headers["accept-encoding"] == "identity"


def test_a_body_of_unknown_length_ends_with_the_connection(host, errand):
    usual = host.file(CONTENT)

    def endless(asked):
        found = usual(asked)
        found.has_length = False
        found.headers = {**found.headers, "Connection": "close"}
        return found

    host.answer = endless
    fetched = errand()
    assert fetched.path.read_bytes() == CONTENT
    assert TaskStarted("file.bin", 0, "bytes", 0) in errand.recorder.events


@pytest.mark.parametrize(
    "path, disposition, name",
    [
        ("/a/train%20set.csv?key=1", "", "train set.csv"),
        ("/dl?id=5", 'attachment; filename="data.csv"', "data.csv"),
        ("/dl?id=5", "attachment; filename*=UTF-8''d%C3%A4ta.csv", "däta.csv"),
        ("/dl?id=5", 'attachment; filename="../../evil.sh"', "evil.sh"),
        ("/dl?id=5", 'attachment; filename="..\\\\..\\\\evil.sh"', "evil.sh"),
        ("/dl?id=5", 'attachment; filename=".bashrc"', "bashrc"),
        ("/", "", "download"),
        ("/dl", f"attachment; filename*=UTF-8''{'%C3%A4' * 300}.csv", "ä" * 98 + ".csv"),
        ("/a/..%2f..%2fevil", "", "evil"),
    ],
)
def test_the_name_comes_from_the_server_and_stays_in_the_folder(host, errand, path, disposition, name):
    host.answer = host.file(b"x", Content_Disposition=disposition)
    assert errand(path).path == errand.folder / name


def test_a_known_version_is_not_fetched(host, errand):
    host.answer = host.file(CONTENT)
    assert errand(known='"v1"') is None
    assert host.asked[0].headers["if-none-match"] == '"v1"'
    assert errand(known='"v0"').path.read_bytes() == CONTENT


def test_a_known_version_is_recognised_by_its_mark_even_if_all_is_sent(host, errand):
    usual = host.file(CONTENT)

    def deaf(asked):
        asked.headers.pop("if-none-match", None)
        return usual(asked)

    host.answer = deaf
    assert errand(known='"v1"') is None


# The disk.


def test_too_little_room_is_seen_before_the_body_comes(host, errand, monkeypatch):
    host.answer = host.file(bytes(5_000_000))
    monkeypatch.setattr("shutil.disk_usage", lambda path: types.SimpleNamespace(free=2_000_000))
    with pytest.raises(
        DataError, match=r"file.bin: the disk of .*in is full: 2 MB are free, 5 MB are needed; make room"
    ):
        errand()
    assert left(errand.folder) == {}


class FullDisk(io.BytesIO):
    """A file that takes so many bytes and no more."""

    def __init__(self, path, room):
        super().__init__()
        self._path, self._room = path, room

    def write(self, content):
        with self._path.open("ab") as stream:
            stream.write(content[: self._room])
        if len(content) > self._room:
            raise OSError(errno.ENOSPC, "No space left on device")
        self._room -= len(content)
        return len(content)


@pytest.mark.parametrize("room", [0, 1, 300_000, 699_999])
def test_a_disk_that_fills_keeps_what_there_is_and_the_next_run_goes_on(host, errand, monkeypatch, room):
    host.answer = host.file(CONTENT)

    def append(partial):
        return FullDisk(partial.path, room)

    with monkeypatch.context() as patch:
        patch.setattr(Partial, "append", append)
        with pytest.raises(
            DataError, match=r"the disk of .* is full: \d+ MB are free; make room and run the same command"
        ):
            errand()
    assert left(errand.folder).get(".part", 0) == room
    host.asked.clear()
    assert errand().path.read_bytes() == CONTENT
    assert ranges(host) == [f"bytes={room}-" if room else ""]


def test_nothing_secret_stands_in_errors_events_notes_or_reprs(host, errand):
    secret = "5ecre7"
    request = Request(f"{host.url}/file.bin?signature={secret}", headers={"X-Api-Key": secret})
    answer = type(host.file(b"")(types.SimpleNamespace(headers={})))
    host.answer = lambda asked: answer(status=503)
    with pytest.raises(KaggleError) as caught:
        errand(locate=lambda: request)
    host.answer = host.cut(host.file(CONTENT), 400_000)
    fetched = errand(locate=lambda: request)
    source = errand.source(locate=lambda: request)
    shown = [
        str(caught.value),
        repr(caught.value),
        repr(errand.recorder.events),
        repr(fetched),
        repr(request),
        repr(source),
    ]
    notes = [path.read_bytes() for path in errand.folder.iterdir() if path.suffix == ".json"]
    assert not any(secret in text for text in shown)
    assert not any(secret.encode() in note for note in notes)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_the_chunk_is_what_a_kill_can_lose():
    assert transfer.CHUNK <= 1 << 16


def test_a_large_file_shows_its_check_and_can_be_stopped_in_it(host, errand, monkeypatch):
    monkeypatch.setattr(transfer, "_LOUD_BYTES", 600_000)
    host.answer = host.file(CONTENT)
    stops = iter([None] * 22)  # 700,000 bytes in blocks of 32,768
    with pytest.raises(StopRequested):
        errand(should_stop=lambda: next(stops, signal.SIGTERM))
    assert TaskStarted("check file.bin", 700_000, "bytes") in errand.recorder.events
    host.asked.clear()
    assert errand().path.read_bytes() == CONTENT
    assert host.asked == []


@pytest.mark.parametrize("size, text", [(0, "0 bytes"), (999, "999 bytes"), (9_120, "9.1 kB"), (3e8, "300.0 MB")])
def test_bytes_for_people(size, text):
    assert in_units(int(size)) == text
