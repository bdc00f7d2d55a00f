import os
import subprocess
import sys
from pathlib import Path

import pytest

from kgcv.errors import DataError
from kgcv.files import (
    append_json_lines,
    as_written,
    atomic_path,
    hash_file,
    hash_json,
    is_locked,
    open_file,
    point_latest,
    read_json,
    read_json_lines,
    read_text,
    try_lock,
    write_bytes,
    write_json,
    write_text,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_the_block_ends_well(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with atomic_path(path) as temporary:
        assert temporary.parent == path.parent
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert names(path.parent) == ["a.txt"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_text_and_bytes_are_written_as_they_are(tmp_path):
    write_text(tmp_path / "a", "ä\r\n\n")
    assert (tmp_path / "a").read_bytes() == b"\xc3\xa4\r\n\n"
    write_bytes(tmp_path / "a", b"\x00\xff")
    assert (tmp_path / "a").read_bytes() == b"\x00\xff"


def test_json_goes_there_and_back(tmp_path):
    value = {"b": [1, 2.5, None], "a": "ä"}
    write_json(tmp_path / "a.json", value)
    assert (tmp_path / "a.json").read_text(encoding="utf-8").startswith('{\n  "b": [')
    assert read_json(tmp_path / "a.json") == value


def test_json_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match=r"a\.json: cannot be read: No such file"):
        read_json(tmp_path / "a.json")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(DataError, match=r"a\.json: is not valid JSON"):
        read_json(tmp_path / "a.json")


def test_json_that_is_nested_without_end_is_named(tmp_path):
    (tmp_path / "a.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match=r"a\.json: is not valid JSON"):
        read_json(tmp_path / "a.json")


def test_what_kgcv_did_not_write_is_named(tmp_path):
    for text in ("{}['a']", "[][0]", "int('x')", "None.a", "1 + 'a'"):
        with (
            pytest.raises(DataError, match=r"a\.json: is not as kgcv writes it \(\w+Error: "),
            as_written(tmp_path / "a.json"),
        ):
            eval(text)
    with pytest.raises(DataError, match=r"^another$"), as_written(tmp_path / "a.json"):
        raise DataError("another")


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("ä")
    (tmp_path / "link").symlink_to("file")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(OSError, match="is no regular file"):
            open_file(path)
    with pytest.raises(IsADirectoryError):
        open_file(tmp_path)
    assert read_text(tmp_path / "link") == "ä"


def test_hashes():
    # SHA-256 of `{"a":1,"b":2}`, whatever the order of the keys.
    expected = "43258cff783fe7036d8a43033f830adfc60ec037382473548ac742b888292777"
    assert hash_json({"b": 2, "a": 1}) == hash_json({"a": 1, "b": 2}) == expected
    assert hash_json({"a": 1, "b": 3}) != expected


def test_the_hash_of_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    assert hash_file(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_latest_points_to_the_newest_and_moves_with_its_folder(tmp_path):
    for name in ("one", "two"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        point_latest(tmp_path / "runs" / name)
    (tmp_path / "runs").rename(tmp_path / "moved")
    latest = tmp_path / "moved" / "latest"
    assert latest.resolve().name == "two"
    assert str(latest.readlink()) == "two"
    assert names(tmp_path / "moved") == ["latest", "one", "two"]


def test_json_lines_are_appended_and_read_back(tmp_path):
    path = tmp_path / "a.jsonl"
    assert read_json_lines(path) == []
    append_json_lines(path, [{"a": "ä\u2028"}, 1])
    append_json_lines(path, [[2]])
    assert path.read_text(encoding="utf-8").count("\n") == 3
    assert read_json_lines(path) == [{"a": "ä\u2028"}, 1, [2]]


def test_a_line_that_was_cut_off_costs_no_other(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes('{"a": 1}\n{"b": "ä'.encode()[:-1])
    append_json_lines(path, [{"c": 3}])
    assert read_json_lines(path) == [{"a": 1}, {"c": 3}]


def test_a_lock_is_seen_by_those_who_look(tmp_path):
    path = tmp_path / ".lock"
    assert not is_locked(path)
    with path.open("a+") as stream:
        assert not is_locked(path)
        assert try_lock(stream)
        assert is_locked(path)
    assert not is_locked(path)


def test_what_a_killed_process_left_is_removed_by_the_next_write(tmp_path):
    """That of a living process stays, and so does what belongs to another file."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = [f".a[1].csv.{dead.pid}-00ff00ff.tmp", f".a[1].csv.{os.getpid()}-00ff00ff.tmp", f".b.csv.{dead.pid}-0.tmp"]
    for name in names:
        (tmp_path / name).write_bytes(b"half")
    write_bytes(tmp_path / "a[1].csv", b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names[1:], "a[1].csv"])
