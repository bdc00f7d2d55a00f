import errno
import io
import os
import signal
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path

import py7zr
import pytest

from kgcv.archives import unpack as unpacking
from kgcv.archives.formats import find_format, find_suffix
from kgcv.archives.store import StoredFile
from kgcv.archives.unpack import check_archive, unpack
from kgcv.errors import DataError, StopRequested
from kgcv.events import Message, Recorder, TaskAdvanced, TaskStarted


def make_zip(members, compression=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as content:
        for name, data in members.items():
            content.writestr(name, data)
    return stream.getvalue()


def make_tar(members, mode="w"):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as content:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            content.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def make_tar_gz(members):
    return make_tar(members, "w:gz")


def make_7z(members):
    stream = io.BytesIO()
    with py7zr.SevenZipFile(stream, "w") as content:
        for name, data in members.items():
            content.writestr(data, name)
    return stream.getvalue()


MAKERS = pytest.mark.parametrize("make", [make_zip, make_tar, make_tar_gz, make_7z])
MEMBERS = {"a.txt": b"one", "b/c.txt": b"two" * 1000, "b/empty": b""}


def tree(folder):
    """Every file below `folder`: its content by its place."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(path, content):
    path.write_bytes(content)
    return path


@MAKERS
def test_every_member_lands_in_the_folder(tmp_path, make):
    files = unpack(write(tmp_path / "a", make(MEMBERS)), tmp_path / "out")
    assert tree(tmp_path / "out") == MEMBERS
    assert [(file.name, file.size, file.crc32, file.origin) for file in files] == [
        (name, len(data), zlib.crc32(data), name) for name, data in sorted(MEMBERS.items())
    ]


@MAKERS
def test_no_member_lands_outside(tmp_path, make):
    for name in ["../evil.txt", "a/../../evil.txt", f"{tmp_path}/evil.txt", "..\\evil.txt", "C:\\evil.txt"]:
        if (make is make_7z and "\\" not in name) or name.startswith("C:"):
            continue  # py7zr writes no such names; the test below makes one
        (tmp_path / "a").write_bytes(make({"good.txt": b"x", name: b"x"}))
        with pytest.raises(DataError, match=r"a: .*outside the folder"):
            unpack(tmp_path / "a", tmp_path / "out")
    assert tree(tmp_path) == {"a": (tmp_path / "a").read_bytes()}


def test_an_absolute_name_in_a_7z_is_refused(tmp_path):
    # Names stand as UTF-16 in a header that is not compressed here.
    stream = io.BytesIO()
    content = py7zr.SevenZipFile(stream, "w")
    content.set_encoded_header_mode(False)
    content.writestr(b"x", "_evil")
    content.close()
    plain = stream.getvalue()
    start = plain.index("_evil".encode("utf-16-le"))
    changed = plain[:start] + "/evil".encode("utf-16-le") + plain[start + 10 :]
    # The header's own checksum, and that of the header's place.
    offset, size = (int.from_bytes(plain[at : at + 8], "little") for at in (12, 20))
    header = zlib.crc32(changed[32 + offset : 32 + offset + size]).to_bytes(4, "little")
    place = changed[12:28] + header
    changed = changed[:8] + zlib.crc32(place).to_bytes(4, "little") + place + changed[32:]
    with pytest.raises(DataError, match="'/evil' would be written outside"):
        unpack(write(tmp_path / "a.7z", changed), tmp_path / "out")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path, kind):
    with tarfile.open(tmp_path / "a.tar", "w") as content:
        member = tarfile.TarInfo("odd")
        member.type, member.linkname = kind, "../.."
        content.addfile(member)
    with pytest.raises(DataError, match=r"a\.tar: member 'odd' is a link or a device"):
        unpack(tmp_path / "a.tar", tmp_path / "out")
    assert tree(tmp_path / "out") == {}


def test_links_in_a_zip_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as content:
        member = zipfile.ZipInfo("odd")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        content.writestr(member, "/etc/passwd")
    with pytest.raises(DataError, match=r"a\.zip: member 'odd' is a link"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_links_in_a_7z_are_refused(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "odd").symlink_to("target")
    (tmp_path / "in" / "target").write_bytes(b"x")
    with py7zr.SevenZipFile(tmp_path / "a.7z", "w") as content:
        content.writeall(tmp_path / "in", "in")
    with pytest.raises(DataError, match=r"a\.7z: member 'in/odd' is a link"):
        unpack(tmp_path / "a.7z", tmp_path / "out")


def test_what_a_mac_adds_is_left_out(tmp_path):
    members = {"train/1.jpg": b"x", "__MACOSX/train/._1.jpg": b"y", "train/._1.jpg": b"y", "train/.DS_Store": b"y"}
    for make in (make_zip, make_tar, make_7z):
        unpack(write(tmp_path / "a", make(members)), tmp_path / "out")
        assert tree(tmp_path / "out") == {"train/1.jpg": b"x"}


def test_names_made_on_windows(tmp_path):
    unpack(write(tmp_path / "a.zip", make_zip({"train\\1.jpg": b"x"})), tmp_path / "out")
    assert tree(tmp_path / "out") == {"train/1.jpg": b"x"}


# Archives within archives.


def test_planet_as_it_ships(tmp_path):
    tiles = {f"train-jpg/train_{number}.jpg": bytes([number]) * 500 for number in range(5)}
    more = {"test-jpg-additional/file_0.jpg": b"jpeg"}
    archive = make_zip(
        {
            "train-jpg.tar.7z": make_7z({"train-jpg.tar": make_tar(tiles)}),
            "test-jpg-additional.tar.7z": make_7z({"test-jpg-additional.tar": make_tar(more)}),
            "train_v2.csv.zip": make_zip({"train_v2.csv": b"image_name,tags\n", "__MACOSX/._train_v2.csv": b"junk"}),
            "sample_submission_v2.csv": b"image_name,tags\n",
        }
    )
    files = unpack(write(tmp_path / "planet.zip", archive), tmp_path / "out")
    assert tree(tmp_path / "out") == {
        **tiles,
        **more,
        "train_v2.csv": b"image_name,tags\n",
        "sample_submission_v2.csv": b"image_name,tags\n",
    }
    assert {file.name: file.origin for file in files}["train-jpg/train_3.jpg"] == "train-jpg.tar.7z"
    assert {file.name: file.origin for file in files}["train_v2.csv"] == "train_v2.csv.zip"


def test_several_files_of_an_inner_archive_get_a_folder_of_its_name(tmp_path):
    archive = make_zip(
        {"images/train.zip": make_zip({"1.jpg": b"1", "2.jpg": b"2"}), "test.7z": make_7z({"1.jpg": b"3"})}
    )
    unpack(write(tmp_path / "a.zip", archive), tmp_path / "out")
    assert tree(tmp_path / "out") == {"images/train/1.jpg": b"1", "images/train/2.jpg": b"2", "1.jpg": b"3"}


def test_the_same_file_plain_and_packed(tmp_path):
    archive = make_zip({"a.csv": b"1", "a.csv.zip": make_zip({"a.csv": b"1"})})
    files = unpack(write(tmp_path / "a.zip", archive), tmp_path / "out")
    assert tree(tmp_path / "out") == {"a.csv": b"1"}
    assert [(file.name, file.origin) for file in files] == [("a.csv", "a.csv"), ("a.csv", "a.csv.zip")]


def test_inner_archives_that_disagree_get_folders_of_their_own(tmp_path):
    parts = {f"{part}.zip": make_zip({"images/1.jpg": part.encode()}) for part in ("test", "train")}
    unpack(write(tmp_path / "a.zip", make_zip(parts)), tmp_path / "out")
    assert tree(tmp_path / "out") == {"images/1.jpg": b"test", "train/images/1.jpg": b"train"}


def test_an_inner_archive_without_room_stays_packed(tmp_path):
    inner = make_zip({"a.csv": b"2"})
    recorder = Recorder()
    archive = make_zip({"a.csv": b"1", "a.csv.zip": inner})
    unpack(write(tmp_path / "a.zip", archive), tmp_path / "out", recorder)
    assert tree(tmp_path / "out") == {"a.csv": b"1", "a.csv.zip": inner}
    reason = "files of other content lie in its place"
    assert recorder.events == [Message(f"a.csv.zip: stays packed: {reason}", "warning")]


def test_an_encrypted_inner_archive_stays_packed(tmp_path):
    with py7zr.SevenZipFile(tmp_path / "stage2.7z", "w", password="x") as content:
        content.writestr(b"secret", "solution.csv")
    inner = (tmp_path / "stage2.7z").read_bytes()
    recorder = Recorder()
    unpack(write(tmp_path / "a.zip", make_zip({"a.csv": b"1", "stage2.7z": inner})), tmp_path / "out", recorder)
    assert tree(tmp_path / "out") == {"a.csv": b"1", "stage2.7z": inner}
    assert "stage2.7z: stays packed: is encrypted" in str(recorder.events[0])


def test_a_file_that_is_only_called_an_archive_is_left_alone(tmp_path):
    unpack(
        write(tmp_path / "a.zip", make_zip({"notes.zip": b"no archive", "x.npz": make_zip({"a": b""})})),
        tmp_path / "out",
    )
    assert set(tree(tmp_path / "out")) == {"notes.zip", "x.npz"}


def test_four_archives_within_each_other_are_enough(tmp_path):
    archive = make_zip({"a.txt": b"x"})
    for _ in range(3):
        archive = make_zip({"a.zip": archive})
    unpack(write(tmp_path / "a.zip", archive), tmp_path / "out")
    assert tree(tmp_path / "out") == {"a.txt": b"x"}
    with pytest.raises(DataError, match="more than 4 archives within each other"):
        unpack(write(tmp_path / "a.zip", make_zip({"a.zip": archive})), tmp_path / "out")


# Damage.


@MAKERS
def test_a_damaged_byte_is_seen(tmp_path, make):
    content = make({"a.bin": os.urandom(5000)})
    if make is make_tar:
        pytest.skip("a plain tar has no checksum of its members")
    changed = bytearray(content)
    changed[len(content) // 2] ^= 1
    with pytest.raises(DataError, match=r"a: cannot be unpacked, it is damaged or cut"):
        unpack(write(tmp_path / "a", bytes(changed)), tmp_path / "out")
    with pytest.raises(DataError, match="damaged or cut"):
        check_archive(tmp_path / "a")
    assert tree(tmp_path / "out") == {}


@MAKERS
def test_an_archive_that_is_cut_is_seen_wherever_it_is_cut(tmp_path, make):
    content = make({"a.bin": os.urandom(600), "b.bin": b"b" * 512})
    end = len(content.rstrip(b"\0")) if make is make_tar else len(content)
    for length in {*range(1, end, 97), end - 1, end - 2, end - 8}:
        with pytest.raises(DataError):
            unpack(write(tmp_path / "a", content[:length]), tmp_path / "out")
        assert tree(tmp_path / "out") == {}


@MAKERS
def test_damage_anywhere_never_gives_a_wrong_file_or_a_strange_error(tmp_path, make):
    members = {"a.bin": os.urandom(200), "b/c.bin": b"b" * 300}
    content = make(members)
    for place in range(0, len(content), 31 if make is make_tar else 3):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        try:
            unpack(write(tmp_path / "a", bytes(changed)), tmp_path / f"out{place}")
        except DataError:
            assert tree(tmp_path / f"out{place}") == {}
        else:
            if make is not make_tar:
                assert sorted(tree(tmp_path / f"out{place}").values()) == sorted(members.values())


def test_no_archive_is_named(tmp_path):
    with pytest.raises(DataError, match=r"a\.zip: is not a zip, tar or 7z archive"):
        unpack(write(tmp_path / "a.zip", b"<html>"), tmp_path / "out")


def test_two_different_files_of_one_name_are_refused(tmp_path):
    def twice(second):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as content:
            for data in (b"one", second):
                member = tarfile.TarInfo("a.txt")
                member.size = len(data)
                content.addfile(member, io.BytesIO(data))
        return write(tmp_path / "a.tar", stream.getvalue())

    unpack(twice(b"one"), tmp_path / "out")
    with pytest.raises(DataError, match=r"two different files called 'a.txt'"):
        unpack(twice(b"two"), tmp_path / "out")
    assert tree(tmp_path / "out") == {"a.txt": b"one"}


def test_a_member_without_a_name_is_damage(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as content:
        content.writestr(zipfile.ZipInfo(""), b"x")
    with pytest.raises(DataError, match=r"a\.zip: cannot be unpacked, it is damaged or cut"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_a_zip_of_a_later_version_is_named(tmp_path):
    content = bytearray(make_zip({"a": b"x"}))
    content[content.index(b"PK\1\2") + 6] = 99  # the version that is needed, in tenths
    with pytest.raises(DataError, match=r"a\.zip: cannot be read here \(zip file version 9\.9\); unpack it by hand"):
        unpack(write(tmp_path / "a.zip", bytes(content)), tmp_path / "out")


def test_an_unknown_compression_is_named(tmp_path):
    content = bytearray(make_zip({"a.txt": b"x" * 100}))
    for start in (b"PK\x03\x04", b"PK\x01\x02"):
        place = content.index(start) + (8 if start == b"PK\x03\x04" else 10)
        content[place : place + 2] = (9).to_bytes(2, "little")
    with pytest.raises(DataError, match=r"a\.zip: cannot be read here \(.*compression.*\); unpack it by hand"):
        unpack(write(tmp_path / "a.zip", bytes(content)), tmp_path / "out")


# Bombs and disks.


@pytest.mark.parametrize("make", [make_zip, make_tar_gz, make_7z])
def test_a_bomb_is_refused_by_its_ratio(tmp_path, make, monkeypatch):
    monkeypatch.setattr(unpacking, "USUAL_BYTES", 100_000)
    with pytest.raises(DataError, match=r"a: unpacks to so many times its size that it looks like a bomb"):
        unpack(write(tmp_path / "a", make({"a.bin": bytes(3_000_000)})), tmp_path / "out")
    assert tree(tmp_path / "out") == {}


def test_a_bomb_is_refused_whatever_its_parts_are(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "USUAL_BYTES", 100_000)
    part = make_zip({"a.bin": bytes(90_000)})
    parts = make_zip({f"{number}.zip": part for number in range(10)})
    unpack(write(tmp_path / "a.zip", make_zip({"1.zip": part, "x": os.urandom(300)})), tmp_path / "one")
    with pytest.raises(DataError, match="bomb"):
        unpack(write(tmp_path / "a.zip", parts), tmp_path / "out")


def test_a_size_that_lies_is_no_way_around(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "USUAL_BYTES", 100_000)
    content = make_zip({"a.bin": bytes(3_000_000)}).replace(
        (3_000_000).to_bytes(4, "little"), (3_000).to_bytes(4, "little")
    )
    with pytest.raises(DataError):
        unpack(write(tmp_path / "a.zip", content), tmp_path / "out")


@pytest.mark.parametrize("make", [make_zip, make_7z, make_tar])
def test_too_little_room_is_seen_before_anything_is_written(tmp_path, make, monkeypatch):
    usage = os.statvfs(tmp_path)
    assert usage.f_bavail
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1_000_000}))
    monkeypatch.setattr(unpacking, "extract", lambda archive, store: pytest.fail("was begun"))
    name = "a.tar" if make is make_tar else "a"
    with pytest.raises(DataError, match=rf"{name}: the disk of .*out is full for the 2 MB in it \(1 MB free\)"):
        unpack(write(tmp_path / name, make({"a.bin": os.urandom(2_000_000)})), tmp_path / "out")


@MAKERS
def test_a_disk_that_fills_leaves_nothing_and_the_next_run_repairs(tmp_path, make, monkeypatch):
    def fill(file, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    archive = write(tmp_path / "a", make(MEMBERS))
    with monkeypatch.context() as patch:
        patch.setattr(StoredFile, "write", fill)
        with pytest.raises(
            DataError, match=r"a: the disk of .*out is full while it was unpacked .*run the same command"
        ):
            unpack(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    unpack(archive, tmp_path / "out")
    assert tree(tmp_path / "out") == MEMBERS


# Whole or not at all.


@MAKERS
def test_a_signal_leaves_the_folder_as_it_was(tmp_path, make):
    (tmp_path / "out").mkdir()
    write(tmp_path / "out" / "a.txt", b"old")
    with pytest.raises(StopRequested):
        unpack(write(tmp_path / "a", make(MEMBERS)), tmp_path / "out", None, lambda: signal.SIGTERM)
    assert tree(tmp_path / "out") == {"a.txt": b"old"}


def test_what_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / "out" / unpacking.STAGING / "1").mkdir(parents=True)
    write(tmp_path / "out" / unpacking.STAGING / "1" / "half.txt", b"h")
    unpack(write(tmp_path / "a.zip", make_zip(MEMBERS)), tmp_path / "out")
    assert tree(tmp_path / "out") == MEMBERS


def test_files_are_replaced_and_others_left_alone(tmp_path):
    out = tmp_path / "out"
    (out / "b").mkdir(parents=True)
    write(out / "a.txt", b"old")
    write(out / "b" / "mine.txt", b"mine")
    unpack(write(tmp_path / "a.zip", make_zip(MEMBERS)), out)
    assert tree(out) == {**MEMBERS, "b/mine.txt": b"mine"}


def test_a_folder_that_is_in_the_way_is_an_error_that_names_it(tmp_path):
    (tmp_path / "out" / "a.txt").mkdir(parents=True)
    with pytest.raises(DataError, match=r"a\.zip: cannot be unpacked into .*out: Is a directory"):
        unpack(write(tmp_path / "a.zip", make_zip(MEMBERS)), tmp_path / "out")


def test_a_large_archive_tells_its_progress_in_bytes(tmp_path):
    recorder = Recorder()
    content = os.urandom(11_000_000)
    archive = write(tmp_path / "a.zip", make_zip({"a.bin": content}, zipfile.ZIP_STORED))
    unpack(archive, tmp_path / "out", recorder)
    assert recorder.events[0] == TaskStarted("unpack a.zip", total=11_000_000, unit="bytes")
    assert sum(event.amount for event in recorder.events if isinstance(event, TaskAdvanced)) == 11_000_000


def test_checking_writes_nothing(tmp_path):
    archive = write(tmp_path / "a.zip", make_zip(MEMBERS))
    check_archive(archive)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_an_encrypted_archive_passes_the_check_with_a_warning(tmp_path):
    with py7zr.SevenZipFile(tmp_path / "a.7z", "w", password="x") as content:
        content.writestr(b"secret", "solution.csv")
    recorder = Recorder()
    check_archive(tmp_path / "a.7z", recorder)
    text = "a.7z: its checksums are not compared, it is encrypted; unpack it by hand, with its password"
    assert recorder.events == [Message(text, "warning")]


@pytest.mark.parametrize(
    "name, suffix",
    [("train-jpg.tar.7z", ".tar.7z"), ("A.ZIP", ".ZIP"), ("a.csv.gz", ""), ("a.tar.gz", ".tar.gz"), ("x.npz", "")],
)
def test_the_ends_of_names(name, suffix):
    assert find_suffix(name) == suffix


def test_formats_are_known_by_content(tmp_path):
    for make, kind in [(make_zip, "zip"), (make_tar, "tar"), (make_tar_gz, "tar"), (make_7z, "7z")]:
        assert find_format(write(tmp_path / "a.csv", make(MEMBERS))) == kind
    for content in (b"", b"id,label\n", b"<html>"):
        assert find_format(write(tmp_path / "a.zip", content)) is None


def test_the_working_directory_does_not_matter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for make in (make_zip, make_7z):
        write(tmp_path / "a", make(MEMBERS))
        unpack(Path("a"), Path("out"))
        assert tree(tmp_path / "out") == MEMBERS
