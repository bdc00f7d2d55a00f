from __future__ import annotations

import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kgcv.data import images
from kgcv.data.images import (
    IMAGE_SUFFIXES,
    ImageFacts,
    Scaling,
    inspect_image,
    read_image,
    write_jpeg,
)
from kgcv.errors import DataError

# Luma of pure red: (255 * 19595 + 32768) >> 16, Pillow's rounding of 0.299 * 255.
RED_LUMA = 76

ORIENTED = {  # the upright picture [[1, 2, 3], [4, 5, 6]] as each orientation stores it
    1: [[1, 2, 3], [4, 5, 6]],
    2: [[3, 2, 1], [6, 5, 4]],
    3: [[6, 5, 4], [3, 2, 1]],
    4: [[4, 5, 6], [1, 2, 3]],
    5: [[1, 4], [2, 5], [3, 6]],
    6: [[3, 6], [2, 5], [1, 4]],
    7: [[6, 3], [5, 2], [4, 1]],
    8: [[4, 1], [5, 2], [6, 3]],
}


def size_of(path):
    """Width and height after orientation."""
    facts = inspect_image(path)
    return facts.width, facts.height


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]  # options differ by format
    return path


def grey(rows: list[list[int]]) -> Image.Image:
    return Image.fromarray(np.array(rows, np.uint8))


def pixels(path: Path, channels: int) -> list[int]:
    """The first pixel."""
    return [int(value) for value in read_image(path, channels)[0, 0]]


def natural_photo(width: int, height: int) -> Image.Image:
    """Smooth shapes with fine texture on them, somewhat like a photo; the same in every run."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(float)
    texture = rng.normal(0, 6, (height, width, 1))
    return Image.fromarray(np.clip(smooth + texture, 0, 255).astype(np.uint8))


def psnr(image: np.ndarray, reference: np.ndarray) -> float:
    error = (image.astype(float) - reference.astype(float)) ** 2
    return 10 * math.log10(255**2 / error.mean())


class TestScaledSize:
    @pytest.mark.parametrize(
        ("size", "edge", "expected"),
        [
            ((500, 375), 83, (110, 83)),  # 500 * 83 / 375 = 110.67
            ((375, 500), 83, (83, 110)),
            ((500, 375), 166, (221, 166)),  # 221.33
            ((100, 100), 83, (83, 83)),
            ((83, 1000), 83, (83, 1000)),
            ((3, 100000), 2, (2, 66666)),
        ],
    )
    def test_floors_the_longer_side(self, size, edge, expected):
        assert Scaling(edge, enlarge=False).size(*size) == expected

    def test_keeps_small_images_unless_told_to_enlarge(self):
        assert Scaling(83, enlarge=False).size(50, 40) == (50, 40)
        assert Scaling(83).size(50, 40) == (103, 83)  # 50 * 83 / 40 = 103.75


class TestModes:
    def test_grey_fills_all_colours(self, tmp_path):
        path = save(tmp_path / "a.png", grey([[7, 9]]))
        assert read_image(path, 3).tolist() == [[[7, 7, 7], [9, 9, 9]]]
        assert read_image(path, 1).tolist() == [[[7], [9]]]
        assert read_image(path, 2).tolist() == [[[7, 255], [9, 255]]]
        assert read_image(path, 4).tolist() == [[[7, 7, 7, 255], [9, 9, 9, 255]]]

    def test_colour_becomes_luma(self, tmp_path):
        path = save(tmp_path / "a.png", Image.new("RGB", (1, 1), (255, 0, 0)))
        assert pixels(path, 1) == [RED_LUMA]
        assert pixels(path, 2) == [RED_LUMA, 255]
        assert pixels(path, 3) == [255, 0, 0]
        assert pixels(path, 4) == [255, 0, 0, 255]

    def test_alpha_is_dropped_and_the_colour_below_stays(self, tmp_path):
        path = save(tmp_path / "a.png", Image.new("RGBA", (1, 1), (255, 0, 0, 0)))
        assert pixels(path, 1) == [RED_LUMA]
        assert pixels(path, 2) == [RED_LUMA, 0]
        assert pixels(path, 3) == [255, 0, 0]
        assert pixels(path, 4) == [255, 0, 0, 0]

    def test_grey_with_alpha(self, tmp_path):
        path = save(tmp_path / "a.png", Image.new("LA", (1, 1), (9, 100)))
        assert [pixels(path, channels) for channels in (1, 2, 3, 4)] == [
            [9],
            [9, 100],
            [9, 9, 9],
            [9, 9, 9, 100],
        ]

    @pytest.mark.parametrize("transparency", [None, 1, b"\xff\x00"])
    def test_palette(self, tmp_path, transparency):
        image = Image.new("P", (2, 1))
        image.putpalette([0, 0, 255, 255, 0, 0])
        image.putpixel((1, 0), 1)
        options = {} if transparency is None else {"transparency": transparency}
        path = save(tmp_path / "a.png", image, **options)
        assert read_image(path, 3).tolist() == [[[0, 0, 255], [255, 0, 0]]]
        alpha = 255 if transparency is None else 0
        assert read_image(path, 4).tolist() == [[[0, 0, 255, 255], [255, 0, 0, alpha]]]
        assert read_image(path, 2)[0, 1].tolist() == [RED_LUMA, alpha]

    def test_transparent_colour_of_a_png(self, tmp_path):
        path = save(tmp_path / "a.png", Image.new("RGB", (1, 1), (1, 2, 3)), transparency=(1, 2, 3))
        assert pixels(path, 3) == [1, 2, 3]
        assert pixels(path, 4) == [1, 2, 3, 0]

    def test_one_bit_is_black_and_white(self, tmp_path):
        image = Image.new("1", (2, 1))
        image.putpixel((1, 0), 1)
        assert read_image(save(tmp_path / "a.png", image), 1).tolist() == [[[0], [255]]]

    @pytest.mark.parametrize("suffix", ["png", "tif", "pgm", "jp2"])
    def test_sixteen_bits_keep_the_high_byte(self, tmp_path, suffix):
        values = np.array([[0, 255, 256, 0x1234, 0xFFFF] * 4] * 20, np.uint16)
        options = {"irreversible": False} if suffix == "jp2" else {}
        path = save(tmp_path / f"a.{suffix}", Image.fromarray(values), **options)
        assert read_image(path, 1)[0, :5, 0].tolist() == [0, 0, 1, 0x12, 0xFF]
        assert read_image(path, 3)[0, 3].tolist() == [0x12] * 3

    def test_sixteen_bit_big_endian_tiff(self, tmp_path):
        image = Image.frombytes("I;16B", (1, 1), b"\x12\x34")
        assert pixels(save(tmp_path / "a.tif", image), 1) == [0x12]

    def test_cmyk_and_ycck(self, tmp_path):
        cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
        path = save(tmp_path / "a.tif", cyan)
        assert pixels(path, 3) == [0, 255, 255]
        assert pixels(path, 4) == [0, 255, 255, 255]
        jpeg = read_image(save(tmp_path / "a.jpg", cyan, quality=100), 3)[0, 0].astype(int)
        assert np.abs(jpeg - [0, 255, 255]).max() <= 2

    @pytest.mark.parametrize(("mode", "kind"), [("I", "32-bit integers"), ("F", "32-bit floats")])
    def test_numbers_without_a_range_are_refused(self, tmp_path, mode, kind):
        path = save(tmp_path / "a.tif", Image.new(mode, (2, 2)))
        for read in (lambda: read_image(path, 3), lambda: inspect_image(path)):
            with pytest.raises(DataError, match=f"{kind}, whose range is unknown; convert it"):
                read()

    def test_animation_is_its_first_frame(self, tmp_path):
        frames = [Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 0, 255))]
        for suffix in ("gif", "webp", "png"):
            path = save(
                tmp_path / f"a.{suffix}",
                frames[0],
                save_all=True,
                append_images=frames[1:],
                **_lossless(suffix),
            )
            assert pixels(path, 3) == [255, 0, 0]
            assert inspect_image(path).num_pages == 2


def _lossless(suffix: str) -> dict[str, bool]:
    return {"lossless": True} if suffix == "webp" else {}


class TestPages:
    def test_each_page_is_a_channel(self, tmp_path):
        pages = [Image.new("L", (3, 2), value) for value in (10, 20, 30, 40)]
        colour = Image.new("RGB", (3, 2), (255, 0, 0))
        path = save(tmp_path / "a.tif", pages[0], save_all=True, append_images=[*pages[1:], colour])
        image = read_image(path, 5)
        assert image.shape == (2, 3, 5)
        assert image[1, 2].tolist() == [10, 20, 30, 40, RED_LUMA]
        assert read_image(path, 3)[0, 0].tolist() == [10, 10, 10]
        assert read_image(path, 5, Scaling(1)).shape == (1, 1, 5)

    def test_another_number_of_pages_is_an_error(self, tmp_path):
        path = save(tmp_path / "a.png", grey([[1]]))
        with pytest.raises(DataError, match="5 channels need exactly 5 pages, this file has 1"):
            read_image(path, 5)

    def test_pages_of_different_sizes_are_an_error(self, tmp_path):
        pages = [Image.new("L", (size, 2)) for size in (3, 3, 3, 3, 4)]
        path = save(tmp_path / "a.tif", pages[0], save_all=True, append_images=pages[1:])
        with pytest.raises(DataError, match="different sizes: 3 x 2, 4 x 2"):
            read_image(path, 5)


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
    def test_every_orientation_is_turned_upright(self, tmp_path, suffix, orientation):
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = np.array(ORIENTED[orientation], np.uint8) * 40
        path = save(tmp_path / f"a.{suffix}", Image.fromarray(stored), exif=exif, **_lossless(suffix))
        assert (read_image(path, 1)[..., 0] // 40).tolist() == [[1, 2, 3], [4, 5, 6]]
        assert size_of(path) == (3, 2)
        facts = inspect_image(path)
        assert (facts.width, facts.height, facts.is_rotated) == (3, 2, orientation != 1)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_scaled_jpeg_decoding_turns_too(self, tmp_path, orientation):
        exif = Image.Exif()
        exif[0x0112] = orientation
        blocks = np.kron(np.array(ORIENTED[orientation], np.uint8) * 40, np.ones((160, 160), np.uint8))
        path = save(tmp_path / "a.jpg", Image.fromarray(blocks), exif=exif, quality=95)
        image = read_image(path, 1, Scaling(20))
        assert image.shape == (20, 30, 1)
        assert np.abs(image[5::10, 5::10, 0].astype(int) - [[40, 80, 120], [160, 200, 240]]).max() <= 3
        assert size_of(path) == (480, 320)

    def test_orientation_after_the_pixels_of_a_png(self, tmp_path):
        # ImageMagick writes the eXIf chunk behind the pixels.
        path = save(tmp_path / "a.png", grey(ORIENTED[6]))
        exif = Image.Exif()
        exif[0x0112] = 6
        data = exif.tobytes().removeprefix(b"Exif\0\0")
        chunk = struct.pack(">I", len(data)) + b"eXIf" + data + struct.pack(">I", zlib.crc32(b"eXIf" + data))
        content = path.read_bytes()
        path.write_bytes(content[:-12] + chunk + content[-12:])
        assert size_of(path) == (3, 2)
        assert read_image(path, 1)[..., 0].tolist() == [[1, 2, 3], [4, 5, 6]]


class TestScaling:
    def test_shortest_edge(self, tmp_path):
        path = save(tmp_path / "a.jpg", natural_photo(500, 375))
        assert read_image(path, 3, Scaling(83)).shape == (83, 110, 3)
        assert read_image(path, 1, Scaling(166)).shape == (166, 221, 1)
        assert read_image(path, 3).shape == (375, 500, 3)

    def test_small_images(self, tmp_path):
        path = save(tmp_path / "a.png", natural_photo(50, 40))
        assert read_image(path, 3, Scaling(83, enlarge=False)).shape == (40, 50, 3)
        assert read_image(path, 3, Scaling(83)).shape == (83, 103, 3)

    @pytest.mark.parametrize("size", [(500, 375), (1600, 1200)])
    def test_close_to_lanczos_of_the_full_image(self, tmp_path, size):
        path = save(tmp_path / "a.jpg", natural_photo(*size), quality=90)
        with Image.open(path) as full:
            reference = np.asarray(full.resize(Scaling(166).size(*size), Image.Resampling.LANCZOS))
        assert psnr(read_image(path, 3, Scaling(166)), reference) >= 43

    def test_a_jpeg_is_decoded_at_the_smallest_scale_that_keeps_twice_the_size(self, tmp_path, monkeypatch):
        loaded = []
        resize = images._resize

        def note(image, size):
            loaded.append(image.size)
            return resize(image, size)

        monkeypatch.setattr(images, "_resize", note)
        path = save(tmp_path / "a.jpg", Image.new("RGB", (800, 600)))
        for edge in (300, 150, 76, 75, 30):
            read_image(path, 3, Scaling(edge))
        assert loaded == [(800, 600), (400, 300), (400, 300), (200, 150), (100, 75)]

    def test_transparency_does_not_fade_colours(self, tmp_path):
        image = np.full((8, 8, 4), 200, np.uint8)
        image[:, ::2, 3] = 0
        small = read_image(save(tmp_path / "a.png", Image.fromarray(image)), 4, Scaling(4))
        assert (small[..., :3] == 200).all()
        assert small[..., 3].max() < 200

    def test_result_is_writable_and_contiguous(self, tmp_path):
        image = read_image(save(tmp_path / "a.png", grey([[1, 2]])), 1)
        assert image.flags.writeable
        assert image.flags.c_contiguous


class TestBadFiles:
    def test_missing(self, tmp_path):
        with pytest.raises(DataError, match=r"a\.jpg: cannot be decoded: No such file"):
            read_image(tmp_path / "a.jpg", 3)

    def test_empty(self, tmp_path):
        (tmp_path / "a.jpg").touch()
        with pytest.raises(DataError, match=r"a\.jpg: the file is empty"):
            read_image(tmp_path / "a.jpg", 3)

    def test_a_pipe_is_refused_at_once(self, tmp_path):
        os.mkfifo(tmp_path / "a.jpg")
        with pytest.raises(DataError, match=r"a\.jpg: cannot be decoded: is no regular file$"):
            read_image(tmp_path / "a.jpg", 3)

    def test_an_odd_name_makes_no_second_line(self, tmp_path):
        (tmp_path / "new\nline\x1b[31m.jpg").write_bytes(b"no image")
        with pytest.raises(DataError) as caught:
            read_image(tmp_path / "new\nline\x1b[31m.jpg", 3)
        assert str(caught.value).startswith(rf"{tmp_path}/new\nline\x1b[31m.jpg: is not an image")

    def test_no_image(self, tmp_path):
        (tmp_path / "a.jpg").write_text("<html>not found</html>")
        with pytest.raises(DataError, match="is not an image of a known format"):
            size_of(tmp_path / "a.jpg")

    def test_formats_that_are_no_photos_stay_closed(self, tmp_path):
        Image.new("RGB", (2, 2)).save(tmp_path / "a.pcx")
        with pytest.raises(DataError, match="not an image of a known format"):
            read_image(tmp_path / "a.pcx", 3)

    @pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "bmp", "tif", "webp", "ppm", "jp2"])
    @pytest.mark.parametrize("scaling", [None, Scaling(20)])
    def test_truncated(self, tmp_path, suffix, scaling):
        path = save(tmp_path / f"a.{suffix}", natural_photo(200, 150))
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * 2 // 3])
        with pytest.raises(DataError, match=rf"a\.{suffix}: cannot be decoded: "):
            read_image(path, 3, scaling)
        with pytest.raises(DataError):
            inspect_image(path)

    def test_bombs(self, tmp_path, monkeypatch):
        path = save(tmp_path / "a.png", Image.new("L", (40, 40)))
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1600)
        assert size_of(path) == (40, 40)
        for limit in (1599, 799):  # Pillow warns above the limit and raises above twice the limit
            monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
            with pytest.raises(DataError, match="decompression bomb"):
                size_of(path)

    @pytest.mark.filterwarnings("ignore:Image size")
    def test_bombs_where_warnings_are_only_warnings(self, tmp_path, monkeypatch):
        path = save(tmp_path / "a.png", Image.new("L", (40, 40)))
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1599)
        with pytest.raises(DataError, match="40 x 40 pixels are more than Pillow's limit of 1599"):
            read_image(path, 3)

    def test_the_content_decides_not_the_suffix(self, tmp_path):
        path = save(tmp_path / "a.jpg", grey([[5]]), format="PNG")
        assert pixels(path, 1) == [5]


def test_facts(tmp_path):
    path = save(tmp_path / "a.png", Image.new("RGBA", (5, 4)))
    assert inspect_image(path) == ImageFacts(5, 4, "RGBA", is_rotated=False, num_pages=1)
    with pytest.raises(DataError, match="5 channels need exactly 5 pages"):
        inspect_image(path, channels=5)


def test_suffixes():
    assert {".jpg", ".jpeg", ".png", ".tif", ".webp"} <= IMAGE_SUFFIXES
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in IMAGE_SUFFIXES)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_writing(tmp_path, channels):
    image = np.full((8, 12, channels), 100, np.uint8)
    write_jpeg(tmp_path / "deep" / "a.jpg", image)
    assert (read_image(tmp_path / "deep" / "a.jpg", channels) == image).all()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.jpg"]
