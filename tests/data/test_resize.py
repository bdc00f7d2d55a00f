from __future__ import annotations

import csv
import fcntl
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kgcv.config.schema import Config, DataConfig, ModelConfig, ResizeConfig, StageConfig
from kgcv.data import resize, store_notes
from kgcv.data.images import Scaling, read_image
from kgcv.data.originals import Originals, look_at_originals
from kgcv.data.packed import PackedImages
from kgcv.data.resize import (
    StoreSpec,
    build_store,
    ensure_store,
    open_store,
    store_spec,
    stored_edge,
)
from kgcv.data.samples import SampleTable
from kgcv.data.watch import Watch
from kgcv.errors import DataError, StopRequested
from kgcv.events import Message, Recorder, Silent, TaskAdvanced, TaskDone, TaskStarted, never_stop

NUM_IMAGES = 12


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "data"
    (folder / "train" / "cat").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(NUM_IMAGES):
        suffix = "png" if number % 3 == 0 else "jpg"
        pixels = rng.integers(0, 256, (30 + number, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "train" / "cat" / f"{number:02}.{suffix}")
    return folder


@pytest.fixture
def samples(root):
    return list_samples(root)


@pytest.fixture
def spec(root, tmp_path):
    return StoreSpec("packed", tmp_path / "cache", "train", Scaling(20, enlarge=False), channels=3, root=root)


@pytest.fixture
def jpeg_spec(spec):
    return replace(spec, kind="jpeg")


def list_samples(root: Path) -> SampleTable:
    paths = sorted((root / "train").rglob("*.*"))
    return SampleTable(tuple(path.relative_to(root / "train").as_posix() for path in paths), tuple(paths))


def look(samples: SampleTable, spec: StoreSpec) -> Originals:
    return look_at_originals(samples, spec.root)


def is_current(samples: SampleTable, spec: StoreSpec) -> bool:
    originals = look(samples, spec)
    try:
        open_store(originals, spec)
    except DataError:
        return False
    return True


def build(samples: SampleTable, spec: StoreSpec, **options: bool) -> resize.StoreReport:
    return build_store(look(samples, spec), spec, Watch(Silent(), never_stop, 2), **options)


def damage(path: Path) -> bytes:
    """Cut the file's end off; give what it was."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return content


class StopAfter:
    """Asks for an end at the `count`-th look."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __call__(self) -> int | None:
        self.count -= 1
        return signal.SIGTERM if self.count <= 0 else None


class TestNames:
    @pytest.mark.parametrize(
        ("image_size", "ratio", "edge"),
        [(64, 1.3, 83), (128, 1.3, 166), (224, 1.3, 291), (100, 1.15, 115), (64, 1.0, 64)],
    )
    def test_stored_edge(self, image_size, ratio, edge):
        assert stored_edge(image_size, ratio) == edge

    def test_spec_of_a_config(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        config = Config(
            data=DataConfig(root="data/planet"),
            model=ModelConfig(name="resnet18", channels=4),
            stages=(StageConfig(image_size=64, lr=(0.1,)),),
            resize=ResizeConfig(store="jpeg", folder="stores", enlarge=True),
        )
        spec = store_spec(config, "test", 64)
        assert (spec.kind, spec.part, spec.scaling, spec.channels) == ("jpeg", "test", Scaling(83), 4)
        assert spec.root == Path("data/planet")
        assert spec.folder.parent == Path("stores")
        name, mark = spec.folder.name.rsplit("-", 1)
        assert (name, len(mark)) == ("planet", 8)

    def test_stores_of_different_settings_have_different_paths(self, spec):
        others = [
            replace(spec, **change)
            for change in (
                {},
                {"part": "test"},
                {"scaling": Scaling(21, enlarge=False)},
                {"channels": 1},
                {"scaling": Scaling(20)},
                {"kind": "jpeg"},
            )
        ]
        assert len({other.path for other in others}) == len(others)


class TestPacked:
    def test_images_are_what_read_image_gives(self, samples, spec):
        report = build(samples, spec)
        assert (report.num_images, report.num_built, report.failures, report.is_final) == (12, 12, (), True)
        assert report.num_bytes == spec.path.stat().st_size
        source = open_store(look(samples, spec), spec).images
        assert len(source) == NUM_IMAGES
        for row, path in enumerate(samples.paths):
            assert (source.read(row) == read_image(path, 3, Scaling(20))).all()
        assert source.read(0).shape == (20, 33, 3)  # 30 x 50, and 50 * 20 / 30 = 33.3
        assert sorted(path.name for path in spec.folder.iterdir()) == [
            "train-20.packed",
            "train-20.packed.lock",
        ]

    def test_a_current_store_is_left_alone(self, samples, spec):
        build(samples, spec)
        before = spec.path.stat()
        report = build(samples, spec)
        assert (report.num_images, report.num_built, report.is_final) == (12, 0, True)
        assert spec.path.stat().st_mtime_ns == before.st_mtime_ns
        assert spec.path.stat().st_ino == before.st_ino

    def test_number_of_threads_plays_no_part(self, samples, spec):
        contents = []
        for workers in (1, 5):
            build_store(look(samples, spec), spec, Watch(Silent(), never_stop, workers))
            contents.append(spec.path.read_bytes())
            spec.path.unlink()
        assert contents[0] == contents[1]

    def test_small_originals(self, samples, spec):
        small = replace(spec, scaling=Scaling(35, enlarge=False))
        assert build(samples, small).num_small == 5  # heights 30 to 34
        assert open_store(look(samples, small), small).images.read(0).shape == (30, 50, 3)
        enlarged = replace(small, scaling=replace(small.scaling, enlarge=True))
        assert build(samples, enlarged).num_small == 0
        assert open_store(look(samples, enlarged), enlarged).images.read(0).shape == (35, 58, 3)

    def test_grey(self, samples, spec):
        grey = replace(spec, channels=1)
        build(samples, grey)
        assert open_store(look(samples, grey), grey).images.read(3).shape[2] == 1

    def test_progress(self, samples, spec):
        recorder = Recorder()
        build_store(look(samples, spec), spec, Watch(recorder, never_stop))
        assert recorder.events[0] == TaskStarted("resize train to 20", 12, done=0)
        assert recorder.events[1:-1] == [TaskAdvanced(1)] * 12
        assert recorder.events[-1] == TaskDone("resize train to 20")


@pytest.mark.parametrize("kind", ["packed", "jpeg"])
class TestStale:
    @pytest.fixture
    def spec(self, spec, kind):
        return replace(spec, kind=kind)

    def check_stale(self, samples, spec):
        assert not is_current(samples, spec)
        with pytest.raises(DataError, match="missing, or images or settings have changed"):
            open_store(look(samples, spec), spec)
        assert build(samples, spec).num_built == len(samples)
        assert is_current(samples, spec)

    def test_missing(self, samples, spec):
        self.check_stale(samples, spec)

    def test_modification_stamp(self, samples, spec):
        build(samples, spec)
        status = samples.paths[5].stat()
        os.utime(samples.paths[5], ns=(status.st_atime_ns, status.st_mtime_ns + 1))
        self.check_stale(samples, spec)

    def test_size(self, samples, spec):
        build(samples, spec)
        status = samples.paths[5].stat()
        with samples.paths[5].open("ab") as stream:
            stream.write(b"\0")
        os.utime(samples.paths[5], ns=(status.st_atime_ns, status.st_mtime_ns))
        self.check_stale(samples, spec)

    def test_file_list(self, samples, spec):
        build(samples, spec)
        self.check_stale(samples.select(np.arange(11)), spec)

    def test_order(self, samples, spec):
        build(samples, spec)
        self.check_stale(samples.select(np.arange(12)[::-1]), spec)

    def test_ids(self, samples, spec):
        build(samples, spec)
        self.check_stale(replace(samples, ids=tuple(f"{name}x" for name in samples.ids)), spec)

    def test_version_of_the_tool(self, samples, spec, monkeypatch):
        build(samples, spec)
        monkeypatch.setattr(resize, "STORE_VERSION", 999)
        self.check_stale(samples, spec)

    def test_store_of_other_settings_under_this_name(self, samples, spec):
        other = replace(spec, scaling=Scaling(21, enlarge=False))
        build(samples, other)
        spec.folder.mkdir(exist_ok=True)
        other.path.rename(spec.path)
        self.check_stale(samples, spec)

    def test_store_renamed(self, samples, spec):
        build(samples, spec)
        spec.path.rename(spec.path.with_name("moved"))
        self.check_stale(samples, spec)

    def test_original_missing(self, samples, spec):
        build(samples, spec)
        samples.paths[5].unlink()
        with pytest.raises(DataError, match=r"05\.jpg: cannot be read: No such file"):
            look(samples, spec)

    def test_signature_follows_files_and_settings(self, samples, spec):
        signature = look(samples, spec).signature(spec.settings)
        assert look(samples, spec).signature(spec.settings) == signature
        assert look(samples, spec).signature(replace(spec, scaling=Scaling(21, enlarge=False)).settings) != signature
        os.utime(samples.paths[0], (1, 1))
        assert look(samples, spec).signature(spec.settings) != signature


class TestStaleData:
    def test_truncated_packed_file(self, samples, spec):
        build(samples, spec)
        os.truncate(spec.path, spec.path.stat().st_size - 1)
        assert not is_current(samples, spec)
        assert build(samples, spec).num_built == 12

    @pytest.mark.parametrize("harm", [Path.unlink, damage])
    def test_jpeg_missing_or_cut(self, samples, jpeg_spec, harm):
        build(samples, jpeg_spec)
        copy = jpeg_spec.path / "train" / "cat" / "02.jpg"
        harm(copy)
        assert not is_current(samples, jpeg_spec)
        build(samples, jpeg_spec)
        assert is_current(samples, jpeg_spec)
        assert read_image(copy, 3).shape == (20, 31, 3)  # 32 x 50, and 50 * 20 / 32 = 31.25

    def test_a_jpeg_tree_half_made_anew_is_not_the_old_one(self, samples, jpeg_spec):
        build(samples, jpeg_spec)
        stamps = [path.stat().st_mtime_ns for path in samples.paths]
        os.utime(samples.paths[0], (1, 1))
        with pytest.raises(StopRequested):
            build_store(look(samples, jpeg_spec), jpeg_spec, Watch(Silent(), StopAfter(5)))
        os.utime(samples.paths[0], ns=(stamps[0], stamps[0]))
        assert not is_current(samples, jpeg_spec)


class TestJpegTree:
    def test_layout(self, samples, jpeg_spec):
        report = build(samples, jpeg_spec)
        files = {path.relative_to(jpeg_spec.path).as_posix() for path in jpeg_spec.path.rglob("*") if path.is_file()}
        assert jpeg_spec.path == jpeg_spec.folder / "20"
        assert files == {
            "train.manifest.json",
            *(f"train/cat/{n:02}.{'png.jpg' if n % 3 == 0 else 'jpg'}" for n in range(12)),
        }
        images = list(jpeg_spec.path.rglob("*.jpg"))
        assert report.num_bytes == sum(path.stat().st_size for path in images)

    def test_images_are_close_to_read_image(self, samples, jpeg_spec):
        build(samples, jpeg_spec)
        source = open_store(look(samples, jpeg_spec), jpeg_spec).images
        assert len(source) == 12
        for row, path in enumerate(samples.paths):
            expected = read_image(path, 3, Scaling(20)).astype(int)
            assert source.read(row).shape == expected.shape
            assert np.abs(source.read(row).mean((0, 1)) - expected.mean((0, 1))).max() < 4

    def test_quality(self, samples, jpeg_spec):
        build(samples, jpeg_spec)
        with Image.open(jpeg_spec.path / "train" / "cat" / "01.jpg") as image:
            found = image.quantization  # type: ignore[attr-defined]  # of a JPEG
            image.save(jpeg_spec.folder / "again.jpg", quality=92)
        with Image.open(jpeg_spec.folder / "again.jpg") as image:
            assert image.quantization == found  # type: ignore[attr-defined]

    def test_parts_share_a_tree(self, samples, jpeg_spec):
        first, second = samples.select(np.arange(6)), samples.select(np.arange(6, 12))
        build(first, jpeg_spec)
        build(second, replace(jpeg_spec, part="test"))
        assert is_current(first, jpeg_spec)
        assert is_current(second, replace(jpeg_spec, part="test"))

    def test_grey(self, samples, jpeg_spec):
        grey = replace(jpeg_spec, channels=1)
        build(samples, grey)
        assert open_store(look(samples, grey), grey).images.read(0).shape[2] == 1

    def test_channels_that_a_jpeg_cannot_hold(self, samples, jpeg_spec):
        with pytest.raises(DataError, match="a JPEG cannot hold 4 channels; use"):
            build(samples, replace(jpeg_spec, channels=4))

    def test_images_outside_the_root(self, samples, jpeg_spec, tmp_path):
        for root in (tmp_path / "elsewhere", samples.paths[0].parents[2] / "test" / ".."):
            with pytest.raises(DataError, match=r"needs images below data\.root"):
                build(samples, replace(jpeg_spec, root=root))

    def test_two_images_for_one_file(self, root, jpeg_spec):
        folder = root / "train" / "cat"
        (folder / "00.png.jpg").write_bytes((folder / "01.jpg").read_bytes())
        with pytest.raises(DataError, match="two images to one file"):
            build(list_samples(root), jpeg_spec)


class TestOriginals:
    def test_decodes_each_time(self, samples, spec):
        none = replace(spec, kind="none")
        assert is_current(samples, none)
        assert open_store(look(samples, none), none).left_out == frozenset()
        assert build(samples, none).num_built == 0
        source = open_store(look(samples, none), none).images
        assert len(source) == 12
        assert (source.read(4) == read_image(samples.paths[4], 3, Scaling(20))).all()
        assert not spec.folder.exists()


@pytest.mark.parametrize("kind", ["packed", "jpeg"])
class TestFailures:
    @pytest.fixture
    def spec(self, spec, kind):
        return replace(spec, kind=kind)

    def test_the_store_stays_unfinished(self, samples, spec):
        damage(samples.paths[4])
        damage(samples.paths[6])
        report = build(samples, spec)
        assert not report.is_final
        assert [failure.id for failure in report.failures] == ["cat/04.jpg", "cat/06.png"]
        assert report.failures[0].path == str(samples.paths[4])
        assert report.failures[0].reason.startswith("cannot be decoded: ")
        assert (report.num_built, report.num_bytes) == (10, 0)
        assert not is_current(samples, spec)

    def test_mended_images_are_all_that_is_read_again(self, samples, spec):
        original = damage(samples.paths[4])
        build(samples, spec)
        samples.paths[4].write_bytes(original)
        report = build(samples, spec)
        assert (report.num_built, report.is_final) == (1, True)
        source = open_store(look(samples, spec), spec).images
        for row, path in enumerate(samples.paths):
            assert np.abs(source.read(row).mean() - read_image(path, 3, Scaling(20)).mean()) < 4

    def test_skip_bad(self, samples, spec):
        damage(samples.paths[4])
        report = build(samples, spec, skip_bad=True)
        assert (report.is_final, len(report.failures), report.num_built) == (True, 1, 11)
        assert open_store(look(samples, spec), spec).left_out == {"cat/04.jpg"}
        with spec.beside("left_out.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert [(row["id"], row["path"]) for row in rows] == [("cat/04.jpg", str(samples.paths[4]))]
        assert rows[0]["reason"].startswith("cannot be decoded")
        source = open_store(look(samples, spec), spec).images
        assert source.read(5).shape == (20, 28, 3)  # 35 x 50, and 50 * 20 / 35 = 28.6
        with pytest.raises(DataError, match="left out"):
            source.read(4)

    def test_skip_bad_after_a_run_that_failed_reads_only_the_bad(self, samples, spec):
        damage(samples.paths[4])
        build(samples, spec)
        assert build(samples, spec, skip_bad=True).num_built == 0
        assert open_store(look(samples, spec), spec).left_out == {"cat/04.jpg"}

    def test_a_list_holds_for_its_own_store_only(self, samples, spec):
        original = damage(samples.paths[4])
        build(samples, spec, skip_bad=True)
        samples.paths[4].write_bytes(original)
        with pytest.raises(DataError, match="have changed"):
            open_store(look(samples, spec), spec)
        build(samples, spec)
        assert open_store(look(samples, spec), spec).left_out == frozenset()
        assert not spec.beside("left_out.csv").exists()

    def test_a_finished_store_with_images_left_out_is_current(self, samples, spec):
        damage(samples.paths[4])
        build(samples, spec, skip_bad=True)
        report = build(samples, spec)
        assert (report.is_final, report.num_built, len(report.failures)) == (True, 0, 1)
        ensure_store(look(samples, spec), spec, Watch(Silent(), never_stop, 1))

    def test_ensure_store_names_what_cannot_be_read(self, samples, spec):
        damage(samples.paths[4])
        with pytest.raises(DataError, match=r"cannot read 1 of the train images: .*04\.jpg \(cannot.*--skip-bad"):
            ensure_store(look(samples, spec), spec, Watch(Silent(), never_stop, 1))

    def test_ensure_store_builds_and_opens(self, samples, spec):
        assert len(ensure_store(look(samples, spec), spec, Watch(Silent(), never_stop, 0)).images) == 12


@pytest.mark.parametrize("kind", ["packed", "jpeg"])
class TestStops:
    @pytest.fixture
    def spec(self, spec, kind):
        return replace(spec, kind=kind)

    def test_a_stop_keeps_what_was_done(self, samples, spec):
        with pytest.raises(StopRequested, match="run the same command again to go on") as stopped:
            build_store(look(samples, spec), spec, Watch(Silent(), StopAfter(5)))
        assert stopped.value.exit_code == 143
        recorder = Recorder()
        report = build_store(look(samples, spec), spec, Watch(recorder, never_stop))
        assert recorder.events[0] == TaskStarted("resize train to 20", 12, done=5)
        assert report.num_built == 7
        assert is_current(samples, spec)
        assert not spec.beside("journal").exists()

    def test_a_changed_original_starts_over(self, samples, spec):
        with pytest.raises(StopRequested):
            build_store(look(samples, spec), spec, Watch(Silent(), StopAfter(5)))
        os.utime(samples.paths[2], (1, 1))
        assert build(samples, spec).num_built == 12

    def test_an_original_changed_before_its_turn_does_not(self, samples, spec):
        with pytest.raises(StopRequested):
            build_store(look(samples, spec), spec, Watch(Silent(), StopAfter(5)))
        os.utime(samples.paths[9], (1, 1))
        assert build(samples, spec).num_built == 7

    def test_a_journal_cut_short_costs_one_image(self, samples, spec):
        with pytest.raises(StopRequested):
            build_store(look(samples, spec), spec, Watch(Silent(), StopAfter(5)))
        journal = spec.beside("journal")
        os.truncate(journal, journal.stat().st_size - 1)
        assert build(samples, spec).num_built == 8

    def test_a_journal_of_another_version_is_not_used(self, samples, spec, monkeypatch):
        with pytest.raises(StopRequested):
            build_store(look(samples, spec), spec, Watch(Silent(), StopAfter(5)))
        monkeypatch.setattr(resize, "STORE_VERSION", 999)
        assert build(samples, spec).num_built == 12

    def test_a_journal_without_its_data_is_not_used(self, samples, spec):
        with pytest.raises(StopRequested):
            build_store(look(samples, spec), spec, Watch(Silent(), StopAfter(5)))
        for path in spec.folder.rglob("*.part" if spec.kind == "packed" else "*.jpg"):
            path.unlink()
        assert build(samples, spec).num_built == 12

    def test_a_shorter_list_does_not_fit_the_journal(self, samples, spec):
        with pytest.raises(StopRequested):
            build_store(look(samples, spec), spec, Watch(Silent(), StopAfter(5)))
        assert build(samples.select(np.arange(3)), spec).num_built == 3

    def test_a_journal_left_behind_is_cleared(self, samples, spec):
        build(samples, spec)
        spec.beside("journal").touch()
        build(samples, spec)
        assert not spec.beside("journal").exists()


class TestLock:
    def test_the_second_waits_for_the_first(self, samples, spec):
        recorder = Recorder()
        spec.folder.mkdir()
        with spec.beside("lock").open("a") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            second = threading.Thread(target=build_store, args=(look(samples, spec), spec, Watch(recorder, never_stop)))
            second.start()
            while not recorder.events:
                time.sleep(0.01)
            assert not spec.path.exists()
        second.join()
        assert recorder.events[0] == Message(
            f"waiting for another process that makes this store ({spec.beside('lock')})"
        )
        assert is_current(samples, spec)

    def test_waiting_can_be_stopped(self, samples, spec):
        spec.folder.mkdir()
        with spec.beside("lock").open("a") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            with pytest.raises(StopRequested):
                build_store(look(samples, spec), spec, Watch(Silent(), StopAfter(2)))

    def test_several_at_once_make_it_once(self, samples, spec):
        reports = []
        threads = [threading.Thread(target=lambda: reports.append(build(samples, spec))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(report.num_built for report in reports) == [0, 0, 0, 12]


def test_progress_is_noted_before_the_end(samples, spec, monkeypatch):
    monkeypatch.setattr(store_notes, "FLUSH_SECONDS", 0.0)
    sizes = []

    def note_sizes():
        sizes.append(
            (
                spec.beside("journal").stat().st_size,
                spec.path.with_name("train-20.packed.part").stat().st_size,
            )
        )

    build_store(look(samples, spec), spec, Watch(Silent(), note_sizes))
    assert [size for size, _pixels in sizes] == [64 + 32 * (row + 1) for row in range(12)]
    entries = PackedImages(spec.path).entries
    assert [size for _journal, size in sizes] == [
        place + height * width * 3 for place, height, width in entries.tolist()
    ]


KILLED = """
import sys, time
from pathlib import Path
from kgcv.data import resize, store_notes
from kgcv.data.originals import look_at_originals
from kgcv.data.samples import SampleTable
from kgcv.data.watch import Watch
from kgcv.events import Silent, never_stop

store_notes.FLUSH_SECONDS = 0.002
read = resize.read_image
def read_slowly(*arguments):
    time.sleep(0.003)
    return read(*arguments)
resize.read_image = read_slowly
root, kind = Path(sys.argv[1]), sys.argv[2]
paths = sorted((root / "train").rglob("*.*"))
samples = SampleTable(tuple(path.name for path in paths), tuple(paths))
spec = resize.StoreSpec(kind, root.parent / sys.argv[3], "train", resize.Scaling(20, enlarge=False), 3, root)
report = resize.build_store(look_at_originals(samples, root), spec, Watch(Silent(), never_stop, 2))
print(report.num_built)
"""


@pytest.mark.parametrize("kind", ["packed", "jpeg"])
def test_killed_at_any_moment_and_run_again(root, kind):
    """SIGKILL a build at several moments; the last run ends with the very files of an undisturbed one."""
    folder = root / "train" / "cat"
    for number in range(100, 160):
        (folder / f"{number}.png").write_bytes((folder / "00.png").read_bytes())
    command = [sys.executable, "-c", KILLED, str(root), kind]
    subprocess.run([*command, "calm"], check=True, capture_output=True)
    draw = random.Random(5)
    for _ in range(3):
        process = subprocess.Popen([*command, "killed"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        journal = root.parent / "killed" / ("train-20.packed.journal" if kind == "packed" else "train-20.jpeg.journal")
        before = journal.stat().st_size if journal.exists() else 64
        wanted = before + 32 * draw.randint(0, 15)
        while process.poll() is None and (not journal.exists() or journal.stat().st_size < wanted):
            time.sleep(0.001)
        time.sleep(draw.random() * 0.02)
        process.kill()
        _out, errors = process.communicate()
        assert process.returncode == -signal.SIGKILL, errors.decode()
    last = subprocess.run([*command, "killed"], check=True, capture_output=True, text=True)
    assert 0 < int(last.stdout) < 72
    assert contents(root.parent / "killed") == contents(root.parent / "calm")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
