from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from kgcv.data.images import Scaling, read_image
from kgcv.data.loader import READ_AHEAD, BatchRequest, cut_square, read_batch, read_batches
from kgcv.errors import DataError

MIDDLE = 0.5


def stripes(height: int, width: int) -> np.ndarray:
    """`(height, width, 2)`: the first channel counts rows, the second columns."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns], axis=2).astype(np.uint8)


def corner(square: np.ndarray) -> tuple[int, int]:
    """Row and column of the original where a square of `stripes` begins."""
    return int(square[0, 0, 0]), int(square[0, 0, 1])


@dataclass
class Source:
    """Images of one colour, the row's number; a row in `broken` cannot be read, reading may take a while."""

    num: int
    broken: frozenset[int] = frozenset()
    delays: dict[int, float] = field(default_factory=dict)
    reads: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return self.num

    def read(self, row: int) -> np.ndarray:
        self.reads.append(row)
        time.sleep(self.delays.get(row, 0))
        if row in self.broken:
            raise DataError(f"photos/{row}.jpg: image file is truncated")
        return np.full((4, 4 + row % 3, 3), row, np.uint8)


def requests_of(*batches: list[int]) -> list[BatchRequest]:
    return [BatchRequest(np.array(rows), np.full(len(rows), MIDDLE)) for rows in batches]


@pytest.mark.parametrize(
    ("shape", "offset", "expected"),
    [
        ((4, 10), 0.0, (0, 0)),
        ((4, 10), 0.5, (0, 3)),
        ((4, 10), 1.0, (0, 6)),
        ((9, 4), 0.0, (0, 0)),
        ((9, 4), 0.25, (1, 0)),  # 5 * 0.25 = 1.25
        ((9, 4), 1.0, (5, 0)),
        ((4, 5), 0.6, (0, 1)),  # rounded to the nearest
        ((4, 4), 0.7, (0, 0)),
    ],
)
def test_the_square_is_cut_along_the_longer_side(shape, offset, expected):
    image = stripes(*shape)
    square = cut_square(image, 4, offset)
    assert square.shape == (4, 4, 2)
    assert corner(square) == expected
    assert corner(square[3:, 3:]) == (expected[0] + 3, expected[1] + 3)
    assert np.shares_memory(square, image)


@pytest.mark.parametrize(("shape", "edge"), [((2, 3), 4), ((3, 2), 4), ((12, 16), 6), ((5, 7), 6)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])
def test_an_image_of_another_size_is_scaled_first(shape, edge, channels):
    image = np.full((*shape, channels), 77, np.uint8)
    square = cut_square(image, edge, 1.0)
    assert square.shape == (edge, edge, channels)
    assert square.dtype == np.uint8
    assert (square == 77).all()


def test_a_scaled_image_keeps_its_aspect_and_its_orientation():
    image = np.zeros((2, 6, 1), np.uint8)
    image[:, 3:] = 200  # the right half is bright
    left, middle, right = (cut_square(image, 4, offset)[:, :, 0] for offset in (0.0, 0.5, 1.0))
    assert (left == 0).all()  # 4 x 12: the left third is dark, the right third bright
    assert (right == 200).all()
    assert (middle[:, 0] == 0).all()
    assert (middle[:, 3] == 200).all()


def test_scaling_down_takes_all_pixels_into_account():
    image = np.zeros((8, 8, 1), np.uint8)
    image[::4] = 200  # rows 0 and 4; plain bilinear sampling at 1.5 and 5.5 would miss both
    square = cut_square(image, 2, MIDDLE)
    # A triangle of half-width 4 about row 2.0: weights 0.625 and 0.375 of 3.5 in all.
    assert square[0].flatten().tolist() == [pytest.approx(200 / 3.5, abs=1)] * 2


def test_read_only_images_are_scaled_without_a_warning():
    image = stripes(2, 3)
    image.setflags(write=False)  # as from a memory map
    torch.set_warn_always(True)  # otherwise the warning comes once a process
    try:
        assert cut_square(image, 4, MIDDLE).shape == (4, 4, 2)
    finally:
        torch.set_warn_always(False)


def test_a_batch_has_its_rows_and_offsets_in_order():
    @dataclass
    class Stripes:
        def __len__(self) -> int:
            return 3

        def read(self, row: int) -> np.ndarray:
            return stripes(4, 4 + row)

    batch = read_batch(Stripes(), 4, BatchRequest(np.array([2, 0, 2]), np.array([1.0, 1.0, 0.0])))
    assert batch.dtype == torch.uint8
    assert batch.shape == (3, 2, 4, 4)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert batch[:, 1, 0, 0].tolist() == [2, 0, 0]
    assert batch[0, 0, :, 0].tolist() == [0, 1, 2, 3]  # rows go down


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_batches_keep_their_order_whichever_is_read_first(workers):
    source = Source(40, delays={0: 0.05, 3: 0.03, 11: 0.02})
    rows = [list(range(start, start + 3)) for start in range(0, 36, 3)]
    batches = list(read_batches(source, 4, requests_of(*rows, [39]), workers))
    assert [batch[:, 0, 0, 0].tolist() for batch in batches] == [*rows, [39]]


def test_the_number_of_workers_changes_nothing():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (4 + i % 2, 5 + i % 4, 3), dtype=np.uint8) for i in range(20)]

    class Images:
        def __len__(self) -> int:
            return 20

        def read(self, row: int) -> np.ndarray:
            return images[row]

    requests = [BatchRequest(rng.permutation(20)[:6], rng.random(6)) for _ in range(8)]
    one, four = (list(read_batches(Images(), 4, requests, workers)) for workers in (1, 4))
    assert len(one) == 8
    assert all(torch.equal(a, b) for a, b in zip(one, four, strict=True))


def test_no_requests_give_no_batches():
    assert list(read_batches(Source(1), 4, [], 2)) == []


def test_reading_ahead_is_bounded():
    asked = []

    def endless():
        for number in range(10**9):
            asked.append(number)
            yield requests_of([number % 5])[0]

    batches = read_batches(Source(5), 4, endless(), workers=2)
    next(batches)
    assert len(asked) == 2 * READ_AHEAD + 1
    next(batches)
    assert len(asked) == 2 * READ_AHEAD + 2
    batches.close()  # type: ignore[attr-defined]  # a generator


@pytest.mark.parametrize("workers", [1, 4])
def test_an_error_in_a_thread_names_the_file_and_ends_the_reading(workers):
    threads = threading.active_count()
    batches = read_batches(Source(400, broken=frozenset({7})), 4, requests_of(*([i] for i in range(400))), workers)
    seen = []
    with pytest.raises(DataError, match=r"photos/7\.jpg: image file is truncated"):
        for batch in batches:
            seen.append(int(batch[0, 0, 0, 0]))
    assert seen == [0, 1, 2, 3, 4, 5, 6]
    assert threading.active_count() == threads


def test_an_unreadable_file_is_named(tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"no image")

    class Files:
        def __len__(self) -> int:
            return 1

        def read(self, row: int) -> np.ndarray:
            return read_image(Path(path), 3, Scaling(4))

    with pytest.raises(DataError, match=r"broken\.jpg"):
        list(read_batches(Files(), 4, requests_of([0]), 1))


def test_a_reader_closed_early_leaves_no_threads_and_reads_no_further():
    before = set(threading.enumerate())  # others, of tests before, may end meanwhile
    source = Source(1000)
    batches = read_batches(source, 4, requests_of(*([i] for i in range(1000))), workers=3)
    next(batches)
    assert set(threading.enumerate()) - before
    batches.close()  # type: ignore[attr-defined]  # a generator
    assert not set(threading.enumerate()) - before
    assert len(source.reads) <= 3 * READ_AHEAD + 1


def test_a_reader_closed_early_drops_what_no_thread_has_begun():
    source = Source(9, delays=dict.fromkeys(range(1, 9), 0.1))
    batches = read_batches(source, 4, requests_of(*([i] for i in range(9))), workers=1)
    next(batches)
    batches.close()  # type: ignore[attr-defined]  # a generator
    assert source.reads in ([0], [0, 1])
