import io
import os
import zipfile
from dataclasses import replace

import py7zr
import pytest

from kgcv.errors import ConfigError, DataError, KaggleError
from kgcv.events import Message, Recorder, never_stop
from kgcv.kaggle.link import Link, download_link
from kgcv.kaggle.manifest import HOME
from kgcv.kaggle.patience import Patience


def make_zip(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as content:
        for name, data in members.items():
            content.writestr(name, data)
    return stream.getvalue()


ARCHIVE = make_zip({"data/1.jpg": b"1", "data/2.jpg": b"2"})


class Run:
    """Downloads a link of the host into `data`, without real waiting."""

    def __init__(self, host, folder):
        self._host = host
        self._folder = folder
        self.recorder = Recorder()

    def __call__(self, path="/a/file.bin?key=5ecre7", packing="only", **link):
        self.recorder = Recorder()
        self._host.asked.clear()
        patience = Patience(connect_seconds=2.0, read_seconds=1.0, sleep=lambda seconds: None)
        given = Link(**(link if "curl" in link else {"url": self._host.url + path, **link}))
        return download_link(given.request(), self._folder, packing, self.recorder, never_stop, patience)


@pytest.fixture
def run(host, tmp_path):
    return Run(host, tmp_path / "data")


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and HOME not in path.parts
    }


def test_a_link(host, run, tmp_path):
    host.answer = host.file(b"content")
    result = run()
    assert tree(tmp_path / "data") == {"file.bin": b"content"}
    assert (result.files, result.is_new, result.num_received) == (("file.bin",), True, 7)
    result = run()
    assert (result.files, result.is_new, result.num_received) == (("file.bin",), False, 0)
    assert host.asked[0].headers["if-none-match"] == '"v1"'


def test_what_was_damaged_or_removed_comes_again(host, run, tmp_path):
    host.answer = host.file(b"content")
    run()
    (tmp_path / "data" / "file.bin").write_bytes(b"c0ntent")
    assert run().is_new
    (tmp_path / "data" / "file.bin").unlink()
    assert run().is_new
    assert tree(tmp_path / "data") == {"file.bin": b"content"}


def test_a_new_version_replaces_the_old_one(host, run, tmp_path):
    host.answer = host.file(b"old")
    run()
    host.answer = host.file(b"new one", ETag='"v2"')
    run()
    assert tree(tmp_path / "data") == {"file.bin": b"new one"}


def test_without_a_mark_it_comes_each_time(host, run):
    host.answer = host.file(b"content", ETag="")
    run()
    assert "the next call fetches it again" in next(e.text for e in run.recorder.events if isinstance(e, Message))
    assert run().is_new


@pytest.mark.parametrize("packing", ["remove", "keep", "only"])
def test_an_archive(host, run, tmp_path, packing):
    host.answer = host.file(ARCHIVE)
    run("/a.zip", packing)
    unpacked, packed = {"data/1.jpg": b"1", "data/2.jpg": b"2"}, {"a.zip": ARCHIVE}
    assert tree(tmp_path / "data") == {"remove": unpacked, "keep": {**unpacked, **packed}, "only": packed}[packing]
    assert not run("/a.zip", packing).is_new
    if packing == "keep":  # removed on purpose
        (tmp_path / "data" / "a.zip").unlink()
        assert not run("/a.zip", packing).is_new
    host.answer = host.file(make_zip({"data/1.jpg": b"one"}), ETag='"v2"')
    assert run("/a.zip", packing).is_new


@pytest.mark.parametrize("packing", ["remove", "only"])
def test_a_damaged_archive_is_thrown_away(host, run, tmp_path, packing):
    whole = make_zip({"a.bin": os.urandom(5000)})
    host.answer = host.file(whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:])
    with pytest.raises(KaggleError, match=r"damaged or cut: .*; it was thrown away"):
        run("/a.zip", packing)
    assert tree(tmp_path / "data") == {}
    host.answer = host.file(whole)
    run("/a.zip", packing)


def test_a_file_that_is_not_ours_is_not_touched(host, run, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file.bin").write_bytes(b"mine")
    host.answer = host.file(b"content")
    with pytest.raises(DataError, match=r"file\.bin: is in the way, and did not come from this link"):
        run()
    assert tree(tmp_path / "data") == {"file.bin": b"mine"}
    (tmp_path / "data" / "file.bin").unlink()
    run()
    assert host.asked == []
    assert tree(tmp_path / "data") == {"file.bin": b"content"}


def test_headers_and_cookies_are_sent(host, run, tmp_path):
    (tmp_path / "c.txt").write_text("127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\tabc\n")
    host.answer = host.file(b"content")
    run(headers=("X-Key: 1", "User-Agent: Mine"), cookies=tmp_path / "c.txt")
    found = host.asked[0].headers
    assert (found["x-key"], found["user-agent"], found["cookie"]) == ("1", "Mine", "session=abc")


def test_a_pasted_command(host, run, tmp_path):
    host.answer = host.cut(host.file(bytes(500_000)), 200_000)
    result = run(curl=f"curl '{host.url}/file.bin' -H 'X-Key: 1' -b 'session=abc' --compressed")
    assert tree(tmp_path / "data") == {"file.bin": bytes(500_000)}
    assert result.was_resumed
    assert [asked.headers["cookie"] for asked in host.asked] == ["session=abc"] * 2
    assert [asked.headers.get("range") for asked in host.asked] == [None, "bytes=196608-"]  # six whole blocks


def test_two_links_with_files_of_one_name_do_not_mix(host, run, tmp_path):
    host.answer = host.file(b"content")
    run("/one/file.bin")
    host.answer = host.file(b"another")
    with pytest.raises(DataError, match="is in the way"):
        run("/two/file.bin")


def test_a_new_signature_of_the_same_address_goes_on(host, run, tmp_path):
    content = os.urandom(500_000)
    usual = host.cut(host.file(content), 200_000)

    def ends(asked):
        found = usual(asked)
        return found if len(host.asked) == 1 else replace(found, status=403)

    host.answer = ends
    with pytest.raises(KaggleError, match="the address wants a login, or its time is over"):
        run("/a.bin?id=7&Expires=1&Signature=5ecre7&GoogleAccessId=me")
    host.answer = host.file(content)
    assert run("/a.bin?id=7&Expires=2&Signature=0ther&GoogleAccessId=me").was_resumed
    assert tree(tmp_path / "data") == {"a.bin": content}
    # Whatever else an address says counts.
    host.answer = host.file(b"another", ETag='"v2"')
    with pytest.raises(DataError, match="is in the way"):
        run("/a.bin?id=8&Expires=2&Signature=0ther&GoogleAccessId=me")


def test_a_typed_cookie_stays_when_the_host_sets_another(host, run):
    usual = host.file(b"content")
    there = {"Location": "/b", "Set-Cookie": "ticket=7"}
    host.answer = lambda asked: replace(
        usual(asked), **({"status": 302, "headers": there} if asked.path == "/a" else {})
    )
    run("/a", headers=("Cookie: session=abc",))
    assert set(host.asked[1].headers["cookie"].split("; ")) == {"session=abc", "ticket=7"}


def test_a_typed_header_takes_the_place_of_a_pasted_one(host, run):
    host.answer = host.file(b"content")
    run(curl=f"curl '{host.url}/a' -H 'x-key: 1' -b 'a=1'", headers=("X-Key: 2", "cookie: b=2"))
    assert (host.asked[0].headers["x-key"], host.asked[0].headers["cookie"]) == ("2", "b=2")


def test_a_header_that_is_not_latin_is_sent_as_utf8(host, run):
    host.answer = host.file(b"content")
    run(headers=("X-Note: 日本",))
    assert host.asked[0].headers["x-note"].encode("latin-1").decode() == "日本"


@pytest.mark.parametrize("name", ["Range", "if-none-match", "Host", "Accept-Encoding", "Content-Length"])
def test_headers_that_are_the_downloads_own_affair_are_refused_by_name(run, name):
    with pytest.raises(ConfigError, match=f"--header {name}: that one the download sets by itself; leave it out"):
        run(headers=(f"{name}: 5ecre7",))


def test_an_encrypted_archive_is_kept_as_it_is(host, run, tmp_path):
    stream = io.BytesIO()
    with py7zr.SevenZipFile(stream, "w", password="x") as content:
        content.writestr(b"secret", "solution.csv")
    host.answer = host.file(stream.getvalue())
    run("/a.7z")
    assert tree(tmp_path / "data") == {"a.7z": stream.getvalue()}
    assert "its checksums are not compared, it is encrypted" in run.recorder.events[-1].text


@pytest.mark.parametrize("mine", ["data/1.jpg", "data"])
def test_content_of_an_archive_replaces_nothing_that_is_not_ours(host, run, tmp_path, mine):
    path = tmp_path / "data" / mine
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    host.answer = host.file(ARCHIVE)
    with pytest.raises(DataError, match=rf"{mine}: is in the way, and did not come from this link"):
        run("/a.zip", "remove")
    assert tree(tmp_path / "data") == {mine: b"mine"}
    path.unlink()
    run("/a.zip", "remove")
    assert host.asked == []
    assert tree(tmp_path / "data") == {"data/1.jpg": b"1", "data/2.jpg": b"2"}


def test_what_is_the_same_is_not_in_the_way(host, run, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file.bin").write_bytes(b"content")
    host.answer = host.file(b"content")
    run()
    assert tree(tmp_path / "data") == {"file.bin": b"content"}


def test_nothing_secret_is_kept_or_told(host, run, tmp_path):
    host.answer = host.file(b"content")
    result = run(headers=("Authorization: Bearer 5ecre7",))
    kept = [path.read_bytes() for path in (tmp_path / "data" / HOME).rglob("*") if path.is_file()]
    assert not any(b"5ecre7" in content for content in kept)
    assert "5ecre7" not in repr(result) + repr(run.recorder.events)
