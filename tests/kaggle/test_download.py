import errno
import io
import os
import signal
import tarfile
import types
import zipfile
from datetime import UTC, datetime

import py7zr
import pytest

from kgcv.archives.store import StoredFile
from kgcv.errors import ConfigError, DataError, KaggleError, StopRequested
from kgcv.events import Message, Recorder, never_stop
from kgcv.kaggle.download import download_competition
from kgcv.kaggle.manifest import HOME, locked
from kgcv.kaggle.patience import Patience
from kgcv.kaggle.records import RemoteFile
from kgcv.kaggle.selection import Wish, choose

SLUG = "leaf-disease"


def make_zip(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as content:
        for name, data in members.items():
            content.writestr(name, data)
    return stream.getvalue()


def make_tar_7z(name, members):
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as content:
        for member, data in members.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            content.addfile(info, io.BytesIO(data))
    stream = io.BytesIO()
    with py7zr.SevenZipFile(stream, "w") as content:
        content.writestr(tar.getvalue(), name)
    return stream.getvalue()


class Run:
    """Downloads leaf-disease into `data`, without real waiting; `recorder` has the events of the last time."""

    def __init__(self, kaggle, folder):
        self._kaggle = kaggle
        self._client = kaggle.connect()
        self._folder = folder
        self.recorder = Recorder()

    def __call__(self, *names, should_stop=never_stop, **how):
        self.recorder = Recorder()
        self._kaggle.requests.clear()
        patience = Patience(connect_seconds=2.0, read_seconds=0.2, sleep=self._kaggle.naps.append)
        wish = Wish(SLUG, self._folder, names, **how)
        return download_competition(self._client, wish, self.recorder, should_stop, patience)


@pytest.fixture
def run(kaggle, tmp_path):
    return Run(kaggle, tmp_path / "data")


def tree(folder):
    """Every file below `folder`, the hidden home left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and HOME not in path.parts
    }


def routes(kaggle):
    return [request.route for request in kaggle.requests]


def bodies(kaggle):
    """What was asked of the storage."""
    return [route for route in routes(kaggle) if route.startswith("storage/")]


def messages(run):
    return [event.text for event in run.recorder.events if isinstance(event, Message)]


# All files.


def test_all_files_with_their_folders(kaggle, run, tmp_path):
    result = run()
    assert tree(tmp_path / "data") == kaggle.files[SLUG]
    assert (result.num_files, result.num_new, result.was_resumed, result.archive) == (4, 4, False, None)
    assert result.num_received == len(kaggle.archive(SLUG))
    assert bodies(kaggle) == ["storage/leaf-disease/all.zip"]


def test_what_is_current_is_not_fetched_again(kaggle, run):
    run()
    result = run()
    assert (result.num_new, result.num_received) == (0, 0)
    assert routes(kaggle) == ["ListDataFiles"]


@pytest.mark.parametrize("packing", ["remove", "keep"])
def test_an_archive_that_is_gone_is_no_reason_to_fetch_it_again(kaggle, run, tmp_path, packing):
    result = run(packing=packing)
    archive = tmp_path / "data" / "leaf-disease.zip"
    assert archive.is_file() == (packing == "keep")
    assert result.archive == (archive if packing == "keep" else None)
    archive.unlink(missing_ok=True)
    assert run(packing=packing).num_new == 0
    assert bodies(kaggle) == []


def test_only_the_archive(kaggle, run, tmp_path):
    result = run(packing="only")
    assert tree(tmp_path / "data") == {"leaf-disease.zip": kaggle.archive(SLUG)}
    assert result.archive == tmp_path / "data" / "leaf-disease.zip"
    assert run(packing="only").num_new == 0
    assert bodies(kaggle) == []
    # Unpacked later, it is not fetched again.
    run(packing="keep")
    assert bodies(kaggle) == []
    assert tree(tmp_path / "data").keys() > kaggle.files[SLUG].keys()


def test_a_kept_archive_that_was_damaged_is_replaced(kaggle, run, tmp_path):
    run(packing="only")
    archive = tmp_path / "data" / "leaf-disease.zip"
    archive.write_bytes(bytes(archive.stat().st_size))
    run()
    assert bodies(kaggle) == ["storage/leaf-disease/all.zip"]
    assert kaggle.files[SLUG].items() <= tree(tmp_path / "data").items()


def test_planet_as_it_ships(kaggle, run, tmp_path):
    tiles = {f"train-jpg/train_{number}.jpg": bytes([number]) * 300 for number in range(30)}
    kaggle.files[SLUG] = {
        "train-jpg.tar.7z": make_tar_7z("train-jpg.tar", tiles),
        "train_v2.csv.zip": make_zip({"train_v2.csv": b"image_name,tags\n"}),
        "sample_submission_v2.csv.zip": make_zip({"sample_submission_v2.csv": b"image_name,tags\n"}),
    }
    run()
    expected = {**tiles, "train_v2.csv": b"image_name,tags\n", "sample_submission_v2.csv": b"image_name,tags\n"}
    assert tree(tmp_path / "data") == expected
    assert run().num_new == 0
    # One tile is lost: its archive alone is fetched again.
    (tmp_path / "data" / "train-jpg" / "train_7.jpg").unlink()
    assert run().num_new == 1
    assert bodies(kaggle) == ["storage/leaf-disease/file/train-jpg.tar.7z"]
    assert tree(tmp_path / "data") == expected


def test_a_new_version_is_fetched(kaggle, run, tmp_path):
    run()
    kaggle.files[SLUG] = {**kaggle.files[SLUG], "train.csv": b"id,label\na,1\nb,0\n"}
    kaggle.created = "2026-02-02T00:00:00Z"
    assert run().num_new == 4
    assert tree(tmp_path / "data") == kaggle.files[SLUG]


def test_the_same_size_and_another_date_is_another_version(kaggle, run):
    run("train.csv")
    kaggle.created = "2026-02-02T00:00:00Z"
    assert run("train.csv").num_new == 1


# What is there is not trusted because it is there.


def test_a_damaged_file_of_the_right_size_is_replaced(kaggle, run, tmp_path):
    run()
    path = tmp_path / "data" / "train.csv"
    path.write_bytes(b"X" * path.stat().st_size)
    assert run().num_new == 1
    assert messages(run) == ["train.csv: not as downloaded, damaged or edited; replaced by what Kaggle has"]
    assert tree(tmp_path / "data") == kaggle.files[SLUG]
    assert bodies(kaggle) == ["storage/leaf-disease/file/train.csv"]


def test_a_file_that_was_only_touched_is_current(kaggle, run, tmp_path):
    run()
    os.utime(tmp_path / "data" / "train.csv", (1, 1))
    assert run().num_new == 0


def test_damage_that_left_the_time_is_found_when_asked_for(kaggle, run, tmp_path):
    run()
    path = tmp_path / "data" / "train.csv"
    status = path.stat()
    path.write_bytes(b"X" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert run().num_new == 0
    assert run(thorough=True).num_new == 1
    assert tree(tmp_path / "data") == kaggle.files[SLUG]


def test_a_file_put_there_by_hand_is_not_taken_for_the_download(kaggle, run, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").write_bytes(b"half")
    run("train.csv")
    assert tree(tmp_path / "data") == {"train.csv": kaggle.files[SLUG]["train.csv"]}


# Single files.


def test_single_files_keep_their_folders(kaggle, run, tmp_path):
    result = run("train_images/a b.png", "test_images/a b.png")
    assert tree(tmp_path / "data") == {"train_images/a b.png": b"first image", "test_images/a b.png": b"second image"}
    assert (result.num_files, result.num_new) == (2, 2)


def test_patterns(kaggle, run, tmp_path):
    run("*_images/*")
    assert set(tree(tmp_path / "data")) == {"train_images/a b.png", "test_images/a b.png"}


def test_the_rest_is_fetched_without_what_is_there(kaggle, run, tmp_path):
    run("train.csv")
    assert run().num_new == 3
    assert len(bodies(kaggle)) == 3
    assert tree(tmp_path / "data") == kaggle.files[SLUG]


def test_a_single_file_that_comes_wrapped(kaggle, run, tmp_path):
    kaggle.zip_over = 20
    run("sample_submission.csv")
    assert bodies(kaggle) == ["storage/leaf-disease/zip/sample_submission.csv.zip"]
    assert tree(tmp_path / "data") == {"sample_submission.csv": kaggle.files[SLUG]["sample_submission.csv"]}
    assert run("sample_submission.csv").num_new == 0


@pytest.mark.parametrize("packing", ["remove", "keep", "only"])
def test_a_single_archive(kaggle, run, tmp_path, packing):
    archive = make_zip({"1.jpg": b"1", "2.jpg": b"2"})
    kaggle.files[SLUG] = {"images/train.zip": archive, "a.csv": b""}
    run("images/train.zip", packing=packing)
    unpacked = {"images/train/1.jpg": b"1", "images/train/2.jpg": b"2"}
    packed = {"images/train.zip": archive}
    assert tree(tmp_path / "data") == {"remove": unpacked, "keep": {**unpacked, **packed}, "only": packed}[packing]
    assert run("images/train.zip", packing=packing).num_new == 0


def test_a_wrapped_file_may_be_listed_with_the_size_of_its_wrapper(kaggle, run, tmp_path, monkeypatch):
    kaggle.zip_over = 20
    name, wrapper = "sample_submission.csv", len(kaggle.archive(SLUG, "sample_submission.csv"))
    listing = (RemoteFile(name, wrapper, datetime(2026, 1, 1, tzinfo=UTC)),)
    monkeypatch.setattr("kgcv.kaggle.client.KaggleClient.list_files", lambda self, slug: listing)
    run(name)
    assert tree(tmp_path / "data") == {name: kaggle.files[SLUG][name]}


def test_two_files_of_one_name_and_size_are_not_taken_for_each_other(kaggle, run, tmp_path, monkeypatch):
    """Each is received whole by a process that dies before the file has found its place."""
    kaggle.files[SLUG] = {"train/a.png": b"train", "tests/a.png": b"tests"}
    for name in kaggle.files[SLUG]:
        with monkeypatch.context() as patch:
            patch.setattr("kgcv.kaggle.download.unpack_one", lambda *arguments, **options: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                run(name)
    run("train/a.png", "tests/a.png")
    assert bodies(kaggle) == []
    assert tree(tmp_path / "data") == kaggle.files[SLUG]


def test_a_data_file_that_is_json_stays_as_it_is(kaggle, run, tmp_path):
    """Storage sends it as application/json; the official client takes such a file for its own answer."""
    files = {"error.json": b'{"code": 500, "message": "x"}', "list.json": b'["code"]', "number.json": b"3"}
    kaggle.files[SLUG] = {**files, "other.csv": b""}
    run(*files)
    assert tree(tmp_path / "data") == files


@pytest.mark.parametrize(
    "member, size, words",
    [("../evil.csv", 1, "'../evil.csv' would be written outside"), ("zeros.bin", 300 << 20, "looks like a bomb")],
)
def test_an_archive_that_is_refused_does_not_stay_in_the_way(kaggle, run, tmp_path, monkeypatch, member, size, words):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as content:
        content.writestr(member, bytes(size))
    with monkeypatch.context() as patch:
        patch.setattr(type(kaggle), "archive", lambda self, slug, only=None: stream.getvalue())
        with pytest.raises(DataError, match=rf"^leaf-disease\.zip: .*{words}.*, and it was thrown away"):
            run()
    assert not (tmp_path / "data" / HOME / "incoming").exists() or tree(tmp_path / "data") == {}
    run()
    assert tree(tmp_path / "data") == kaggle.files[SLUG]


def test_a_damaged_archive_within_is_named_and_fetched_anew(kaggle, run, tmp_path, monkeypatch):
    inner = make_zip({"a.csv": b"0123456789"})
    content, damaged = make_zip({"train.csv.zip": inner}), make_zip({"train.csv.zip": inner.replace(b"45", b"54")})
    kaggle.files[SLUG] = {"train.csv.zip": inner}
    with monkeypatch.context() as patch:
        patch.setattr(type(kaggle), "archive", lambda self, slug, only=None: damaged)
        with pytest.raises(KaggleError, match=r"^train\.csv\.zip: cannot be unpacked, .*CRC.*; it was thrown away"):
            run()
    assert len(content) == len(damaged)
    run()
    assert tree(tmp_path / "data") == {"a.csv": b"0123456789"}


def test_a_folder_of_the_listing(kaggle, run, tmp_path):
    run("train_images/")
    assert set(tree(tmp_path / "data")) == {"train_images/a b.png"}


def test_a_competition_without_files(kaggle, run, tmp_path):
    kaggle.files[SLUG] = {}
    with pytest.raises(KaggleError, match="Kaggle lists no files of this competition"):
        run()
    assert not (tmp_path / "data").exists()


def test_names_that_do_not_exist(kaggle, run, tmp_path):
    with pytest.raises(ConfigError) as caught:
        run("train.cvs", "quite different")
    assert caught.value.problems == (
        "leaf-disease has no file 'train.cvs'; did you mean train.csv?",
        "leaf-disease has no file 'quite different'; it has: sample_submission.csv, train.csv, train_images/a b.png, "
        "test_images/a b.png",
    )
    assert not (tmp_path / "data").exists()


def test_a_name_that_leads_out_of_the_folder_is_refused():
    evil = RemoteFile("../evil.csv", 1, datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(DataError, match="outside the folder"):
        choose([evil], [], SLUG)


# Faults of the server: each ends in a clear error, and the next run repairs.


@pytest.mark.parametrize("names", [(), ("train.csv",)])
@pytest.mark.parametrize(
    "fault, how, words",
    [
        ("html", {}, "came instead of the file|no Kaggle|not Kaggle's|a web page"),
        ("404", {}, "127.0.0.1 refused with 404"),
        ("truncate", {"after": 5}, "the answer was cut"),
        ("truncate", {"after": 0}, "the answer was cut|cannot be reached"),
        ("hangup", {}, "127.0.0.1 cannot be reached: the connection was cut"),
        ("5xx", {}, 'refused with 503: "The service is unavailable."'),
        ("429", {}, "refused with 429"),
        ("429", {"retry_after": 3000}, "refused with 429"),
        ("403-denied", {}, "refused with 403"),
        ("stall", {"seconds": 0.3}, "no answer in time"),
    ],
)
def test_a_fault_of_the_storage(kaggle, run, tmp_path, names, fault, how, words):
    kaggle.fault(fault, "storage", times=-1, **how)
    with pytest.raises(KaggleError, match=words) as caught:
        run(*names)
    assert caught.value.exit_code == 4
    assert "5ecre7" not in str(caught.value) + str(run.recorder.events)
    assert tree(tmp_path / "data") == {}
    kaggle.faults.clear()
    run(*names)
    assert tree(tmp_path / "data").items() <= kaggle.files[SLUG].items()
    assert len(tree(tmp_path / "data")) == (len(names) or 4)


@pytest.mark.parametrize("fault", ["403-rules", "403-denied", "404", "html", "json-error", "hangup", "401"])
@pytest.mark.parametrize("route", ["ListDataFiles", "DownloadDataFiles"])
def test_a_fault_of_the_api(kaggle, run, tmp_path, fault, route):
    kaggle.fault(fault, route, times=-1)
    with pytest.raises(KaggleError) as caught:
        run()
    assert caught.value.exit_code == 4
    if fault.startswith("403"):
        assert f"1. the competition's rules are not accepted yet: https://www.kaggle.com/competitions/{SLUG}/rules" in (
            str(caught.value)
        )
    kaggle.faults.clear()
    run()
    assert tree(tmp_path / "data") == kaggle.files[SLUG]


@pytest.mark.parametrize("fault, how", [("truncate", {"after": 50}), ("5xx", {}), ("hangup", {}), ("429", {})])
def test_a_hiccup_is_sat_out(kaggle, run, tmp_path, fault, how):
    kaggle.fault(fault, "storage", **how)
    run()
    assert tree(tmp_path / "data") == kaggle.files[SLUG]
    assert kaggle.naps == [1.0]


def test_cut_then_an_error_body_then_a_resume(kaggle, run, tmp_path):
    kaggle.files[SLUG] = {"train.bin": os.urandom(200_000)}
    kaggle.fault("truncate", "storage", after=150_000)
    kaggle.fault("5xx", "storage", times=3)
    run()
    assert tree(tmp_path / "data") == kaggle.files[SLUG]


def test_an_address_that_has_ended_is_asked_for_anew(kaggle, run, tmp_path):
    kaggle.files[SLUG] = {"train.bin": os.urandom(200_000)}
    kaggle.fault("truncate", "storage", after=150_000)
    kaggle.fault("403-denied", "storage", message="Request has expired")
    run()
    assert routes(kaggle).count("DownloadDataFiles") == 3
    assert tree(tmp_path / "data") == kaggle.files[SLUG]


def test_a_change_during_a_resume(kaggle, run, tmp_path):
    kaggle.files[SLUG] = {"train.bin": os.urandom(200_000)}
    with pytest.raises(StopRequested):
        run(should_stop=lambda: signal.SIGTERM if bodies(kaggle) else None)
    kaggle.files[SLUG] = {"train.bin": os.urandom(200_000)}
    run()
    assert "the file has changed at the server; starting again" in messages(run)[-1]
    assert tree(tmp_path / "data") == kaggle.files[SLUG]


def test_a_signal_stops_and_the_next_run_goes_on(kaggle, run, tmp_path):
    kaggle.files[SLUG] = {"train.bin": os.urandom(500_000)}
    with pytest.raises(StopRequested):
        run(should_stop=lambda: signal.SIGTERM)
    result = run()
    assert result.was_resumed
    assert result.num_received < 500_000
    assert tree(tmp_path / "data") == kaggle.files[SLUG]


def test_a_damaged_archive_is_thrown_away_and_fetched_anew(kaggle, run, tmp_path, monkeypatch):
    kaggle.files[SLUG] = {"train.bin": os.urandom(5000)}
    whole = kaggle.archive(SLUG)
    damaged = whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:]
    with monkeypatch.context() as patch:
        patch.setattr(type(kaggle), "archive", lambda self, slug, only=None: damaged)
        with pytest.raises(KaggleError, match=r"damaged or cut: .*; it was thrown away, run the same command again"):
            run()
    assert tree(tmp_path / "data") == {}
    run()
    assert tree(tmp_path / "data") == kaggle.files[SLUG]


@pytest.mark.parametrize(
    "names, words",
    [
        ((), "archive of leaf-disease does not fit the listing: train.csv"),
        (("train.csv",), "3 bytes came, the listing says 17"),
    ],
)
def test_sizes_that_are_not_the_listed_ones(kaggle, run, tmp_path, monkeypatch, names, words):
    client = kaggle.connect()
    listing = client.list_files(SLUG)
    kaggle.files[SLUG] = {**kaggle.files[SLUG], "train.csv": b"cut"}
    with monkeypatch.context() as patch:
        patch.setattr("kgcv.kaggle.client.KaggleClient.list_files", lambda self, slug: listing)
        with pytest.raises(KaggleError, match=words):
            run(*names)
    assert tree(tmp_path / "data") == {}
    run(*names)
    assert tree(tmp_path / "data")["train.csv"] == b"cut"


def test_a_file_that_the_archive_lacks_is_fetched_by_itself(kaggle, run, tmp_path, monkeypatch):
    content = dict(kaggle.files[SLUG])
    lacking = make_zip({name: data for name, data in content.items() if name != "train.csv"})
    monkeypatch.setattr(type(kaggle), "archive", lambda self, slug, only=None: lacking)
    run()
    assert tree(tmp_path / "data") == content


# The machine.


def test_a_disk_that_fills_while_unpacking_keeps_the_archive(kaggle, run, tmp_path, monkeypatch):
    def fill(file, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(StoredFile, "write", fill)
        with pytest.raises(DataError, match=r"the disk of .* is full while it was unpacked") as caught:
            run()
    assert caught.value.exit_code == 1
    assert tree(tmp_path / "data") == {}
    result = run()
    assert (result.num_received, bodies(kaggle)) == (0, [])
    assert tree(tmp_path / "data") == kaggle.files[SLUG]


def test_a_disk_without_room_is_seen_before(kaggle, run, monkeypatch):
    kaggle.files[SLUG] = {"a.bin": bytes(7_000_000), "b.bin": bytes(5_000_000)}
    monkeypatch.setattr("shutil.disk_usage", lambda path: types.SimpleNamespace(free=2_000_000))
    with pytest.raises(
        DataError, match=r"data: the disk is too full: 2 MB are free, the files of leaf-disease need 12 MB; make room"
    ):
        run()
    with pytest.raises(DataError, match=r"b\.bin: the disk of .* is full: 2 MB are free, 5 MB are needed"):
        run("b.bin")
    assert "DownloadDataFiles" not in routes(kaggle)


def test_a_disk_that_knows_no_second_names(kaggle, run, tmp_path, monkeypatch):
    def refuse(self, target):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    archive = make_zip({"1.jpg": b"1", "2.jpg": b"2"})
    kaggle.files[SLUG] = {"train.zip": archive, "a.csv": b"x"}
    run("a.csv", "train.zip", packing="keep")
    assert tree(tmp_path / "data") == {"train/1.jpg": b"1", "train/2.jpg": b"2", "train.zip": archive, "a.csv": b"x"}


def test_two_downloads_into_one_folder(kaggle, run, tmp_path):
    with locked(tmp_path / "data"), pytest.raises(DataError, match="another download into this folder is at work"):
        run()
    run()


def test_a_file_in_place_of_the_folder(kaggle, run, tmp_path):
    (tmp_path / "data").write_text("x")
    with pytest.raises(DataError, match="data: is a file, or lies below one; name a folder"):
        run()


def test_nothing_is_left_behind(kaggle, run, tmp_path):
    run()
    (tmp_path / "data" / "train.csv").unlink()
    run("train.csv")
    assert sorted(path.name for path in (tmp_path / "data" / HOME).iterdir()) == ["lock", "manifest.json"]
    assert "5ecre7" not in (tmp_path / "data" / HOME / "manifest.json").read_text()
