from __future__ import annotations

import signal
from pathlib import Path

import pytest
from PIL import Image

from kgcv.data import inspection
from kgcv.data.images import ImageFacts
from kgcv.data.inspection import find_twins, inspect_images, remember_twins
from kgcv.data.originals import Originals, look_at_originals
from kgcv.data.samples import SampleTable
from kgcv.data.watch import Watch
from kgcv.errors import DataError, StopRequested
from kgcv.events import Recorder, Silent, TaskAdvanced, TaskDone, TaskStarted, never_stop

WATCH = Watch(Silent(), never_stop)


def image(path: Path, width: int = 4, height: int = 3, mode: str = "RGB") -> Path:
    Image.new(mode, (width, height)).save(path)
    return path


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_facts_and_errors_come_in_the_order_of_the_files(tmp_path: Path) -> None:
    good, grey = image(tmp_path / "good.png"), image(tmp_path / "grey.png", 8, 6, "L")
    cut = written(tmp_path / "cut.png", good.read_bytes()[:40])
    first, second, third = inspect_images([good, cut, grey], 3, WATCH)
    assert first == ImageFacts(4, 3, "RGB", is_rotated=False, num_pages=1)
    assert isinstance(second, DataError)
    assert str(second).startswith(f"{cut}: ")
    assert third == ImageFacts(8, 6, "L", is_rotated=False, num_pages=1)


def test_progress_is_told_in_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "_FILES_PER_ROUND", 2)
    recorder = Recorder()
    inspect_images([image(tmp_path / "a.png")] * 3, 3, Watch(recorder, never_stop, workers=1))
    assert recorder.events == [
        TaskStarted("reading", 3),
        TaskAdvanced(2),
        TaskAdvanced(1),
        TaskDone("reading", "3 images"),
    ]


def test_a_stop_is_honoured_between_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "_FILES_PER_ROUND", 1)
    recorder = Recorder()

    def stop_after_two() -> int | None:
        num_done = sum(isinstance(event, TaskAdvanced) for event in recorder.events)
        return signal.SIGTERM if num_done == 2 else None

    with pytest.raises(StopRequested) as caught:
        inspect_images([image(tmp_path / "a.png")] * 5, 3, Watch(recorder, stop_after_two))
    assert caught.value.exit_code == 143
    assert str(caught.value) == "stopped while reading; nothing was written"
    assert recorder.events[-1] == TaskAdvanced(1)


def test_twins_are_the_same_in_every_byte(tmp_path: Path) -> None:
    contents = [b"one", b"two", b"one", b"three", b"two", b"one"]
    paths = [written(tmp_path / str(row), content) for row, content in enumerate(contents)]
    assert find_twins(paths, WATCH) == [(0, 2, 5), (1, 4)]


def test_only_files_of_equal_size_and_end_are_hashed_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "_END_BYTES", 2)
    contents = [b"1", b"2--x", b"3--x", b"2--x", b"4--y", b"55555"]
    paths = [written(tmp_path / str(row), content) for row, content in enumerate(contents)]
    recorder = Recorder()
    assert find_twins(paths, Watch(recorder, never_stop)) == [(1, 3)]
    started = [event for event in recorder.events if isinstance(event, TaskStarted)]
    # Four have four bytes, and three of these end in x.
    name = "looking for identical images"
    assert started == [TaskStarted(name, 4), TaskStarted(name, 3)]


def test_files_of_different_sizes_are_not_opened(tmp_path: Path) -> None:
    recorder = Recorder()
    assert (
        find_twins([written(tmp_path / "a", b"1"), written(tmp_path / "b", b"22")], Watch(recorder, never_stop)) == []
    )
    assert recorder.events == []


def test_files_that_cannot_be_read_have_no_twin(tmp_path: Path) -> None:
    paths = [written(tmp_path / "a", b"same"), tmp_path / "gone", written(tmp_path / "b", b"same"), tmp_path / "lost"]
    assert find_twins(paths, WATCH) == [(0, 2)]


class TestRemembered:
    @pytest.fixture
    def paths(self, tmp_path: Path) -> list[Path]:
        folder = tmp_path / "images"
        folder.mkdir()
        return [written(folder / str(row), content) for row, content in enumerate([b"one", b"two", b"one"])]

    def look(self, paths: list[Path]) -> Originals:
        samples = SampleTable(tuple(path.name for path in paths), tuple(paths))
        return look_at_originals(samples, paths[0].parent)

    def test_files_that_stay_as_they_are_are_read_once(self, paths: list[Path], tmp_path: Path) -> None:
        file, recorder = tmp_path / "twins.json", Recorder()
        assert remember_twins(self.look(paths), file, WATCH) == [(0, 2)]
        assert remember_twins(self.look(paths), file, Watch(recorder, never_stop)) == [(0, 2)]
        assert recorder.events == []

    def test_files_that_changed_are_read_again(self, paths: list[Path], tmp_path: Path) -> None:
        file = tmp_path / "twins.json"
        remember_twins(self.look(paths), file, WATCH)
        written(paths[1], b"one")
        assert remember_twins(self.look(paths), file, WATCH) == [(0, 1, 2)]
        assert remember_twins(self.look(paths[:2]), file, WATCH) == [(0, 1)]

    @pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"files": 1', b'{"files": 1}'])
    def test_a_damaged_memory_counts_for_nothing(self, paths: list[Path], tmp_path: Path, content: bytes) -> None:
        file = written(tmp_path / "twins.json", content)
        assert remember_twins(self.look(paths), file, WATCH) == [(0, 2)]

    def test_nothing_is_remembered_of_a_search_that_was_stopped(self, paths: list[Path], tmp_path: Path) -> None:
        with pytest.raises(StopRequested):
            remember_twins(self.look(paths), tmp_path / "twins.json", Watch(Silent(), lambda: signal.SIGTERM))
        assert not (tmp_path / "twins.json").exists()
