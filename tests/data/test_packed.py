from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from kgcv.data.loader import cut_square
from kgcv.data.packed import PackedImages, PackedWriter
from kgcv.data.store_notes import ENTRY, Failure, StoreNotes
from kgcv.errors import DataError

NOTES = StoreNotes("signature", (Failure("b", "x/b.jpg", "truncated"),))


def write_store(path: Path, images: list[np.ndarray | None], notes: StoreNotes = NOTES) -> None:
    writer = PackedWriter(path, 3, read=lambda original: np.zeros((1, 1, 3), np.uint8))
    entries = np.zeros(len(images), ENTRY)
    assert not writer.resume(entries).any()
    for row, image in enumerate(images):
        if image is not None:
            entries[row] = writer.place(row, image)
    writer.finish(entries, notes)
    writer.close()


@pytest.fixture
def images():
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((2, 3), (5, 4), (1, 1))]


@pytest.fixture
def store(tmp_path, images):
    path = tmp_path / "train-8.packed"
    write_store(path, [images[0], None, images[1], images[2]])
    return path


def test_images_come_back(store, images):
    source = PackedImages(store)
    assert len(source) == 4
    for row, image in zip((0, 2, 3), images, strict=True):
        assert (source.read(row) == image).all()
        assert source.read(np.int64(row)).shape == image.shape  # type: ignore[arg-type]  # rows from arrays
    assert source.notes == NOTES


def test_layout_is_pixels_index_notes_trailer(store, images):
    content = store.read_bytes()
    assert content.startswith(b"".join(image.tobytes() for image in images))
    assert content.endswith(b"kgcvpak1")
    assert PackedImages(store).entries.tolist() == [(0, 2, 3), (0, 0, 0), (18, 5, 4), (78, 1, 1)]


def test_reading_is_a_view_into_the_mapped_file(store):
    source = PackedImages(store)
    first = source.read(0)
    assert not first.flags.owndata
    assert not first.flags.writeable
    assert np.shares_memory(first, source.read(0))
    with store.open("r+b") as stream:
        stream.write(bytes([first[0, 0, 0] ^ 0xFF]))
    assert first[0, 0, 0] == store.read_bytes()[0]


def test_a_row_that_was_left_out_is_an_error(store):
    with pytest.raises(DataError, match="row 1 was left out when the store was made"):
        PackedImages(store).read(1)


def test_nothing_has_the_final_name_before_the_end(tmp_path, images):
    path = tmp_path / "deep" / "train-8.packed"
    writer = PackedWriter(path, 3, read=lambda original: images[0])
    writer.resume(np.zeros(1, ENTRY))
    writer.place(0, writer.prepare(0))
    writer.flush()
    writer.close()
    assert [file.name for file in path.parent.iterdir()] == ["train-8.packed.part"]


def test_an_empty_store(tmp_path):
    write_store(tmp_path / "a.packed", [])
    assert len(PackedImages(tmp_path / "a.packed")) == 0


def test_resume_keeps_what_is_known_and_there_and_cuts_off_the_rest(tmp_path):
    path = tmp_path / "a.packed"
    (tmp_path / "a.packed.part").write_bytes(b"x" * 100)
    entries = np.array([(0, 2, 3), (0, 0, 0), (18, 5, 4), (90, 2, 2)], ENTRY)  # the last would end at 102
    writer = PackedWriter(path, 3, read=lambda original: np.zeros((1, 1, 3), np.uint8))
    assert writer.resume(entries).tolist() == [True, False, True, False]
    assert writer.place(3, np.ones((1, 1, 3), np.uint8)) == (78, 1, 1)
    writer.flush()
    writer.close()
    assert (tmp_path / "a.packed.part").read_bytes() == b"x" * 78 + b"\1\1\1"


class TestBadFiles:
    def test_missing(self, tmp_path):
        with pytest.raises(DataError, match="no packed store"):
            PackedImages(tmp_path / "a.packed")

    def test_empty_file(self, tmp_path):
        (tmp_path / "a.packed").touch()
        with pytest.raises(DataError, match="no packed store"):
            PackedImages(tmp_path / "a.packed")

    @pytest.mark.parametrize("length", [1, 20, -1])
    def test_truncated(self, store, length):
        os.truncate(store, length if length > 0 else store.stat().st_size - 1)
        with pytest.raises(DataError, match="not a complete packed store"):
            PackedImages(store)

    def test_too_short_for_its_index(self, store):
        store.write_bytes(store.read_bytes()[-40:])
        with pytest.raises(DataError, match="damaged"):
            PackedImages(store)

    def test_pixels_missing_in_front(self, store):
        store.write_bytes(store.read_bytes()[1:])
        with pytest.raises(DataError, match="damaged"):
            PackedImages(store)


def test_squares_of_many_images_are_those_of_each(tmp_path):
    random = np.random.default_rng(3)
    shapes = [(4, 4), (4, 9), (7, 4), (4, 5), (12, 4)]
    images = [random.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes]
    write_store(tmp_path / "a.packed", list(images))
    source = PackedImages(tmp_path / "a.packed")
    rows, offsets = random.integers(0, 5, 200), random.random(200)
    offsets[:10] = [0, 0.5, 1, 0.1, 0.3, 0.7, 0.9, 0.5, 0.5, 0.25]
    squares = source.cut_squares(rows, 4, offsets)
    assert squares is not None
    expected = [cut_square(images[row], 4, offset) for row, offset in zip(rows, offsets, strict=True)]
    assert (squares == np.stack(expected)).all()
    assert squares.flags.writeable
    assert squares.flags.c_contiguous


def test_the_last_pixels_of_a_store_are_within_reach(tmp_path):
    """Nothing lies behind them but the index."""
    image = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    write_store(tmp_path / "a.packed", [image])
    squares = PackedImages(tmp_path / "a.packed").cut_squares(np.array([0]), 4, np.array([1.0]))
    assert squares is not None
    assert (squares[0] == image[:, 2:]).all()


def test_squares_that_must_be_scaled_are_not_cut_at_once(tmp_path, images):
    write_store(tmp_path / "a.packed", [images[0], None, images[1]])
    source = PackedImages(tmp_path / "a.packed")
    assert source.cut_squares(np.array([0]), 2, np.array([0.5])) is not None
    for rows in ([0, 2], [1], [2]):  # one of another size, one left out
        assert source.cut_squares(np.array(rows), 2, np.full(len(rows), 0.5)) is None
