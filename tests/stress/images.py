"""Feeds kgcv a corpus of broken and hostile image files: as files to read, to train on, and to predict.

    python -m tests.stress.images [--folder FOLDER]

Each file is read in this process, within a limit of memory and seconds: it must give pixels or a DataError that names
it. Then, with each kind of store, all of them lie among good training images and among good validation images, where
`kgcv resize` must count every bad one in one error and `--skip-bad` must list exactly these, and among good test
images, where the error must name a bad one and the predictions of the good ones must stay as they were. Without a
store training and prediction must name a bad image and end. Prints a table; exit 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import resource
import shutil
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from kgcv.errors import printable

GIB = 1 << 30
MEMORY, SECONDS = 3 * GIB, 10.0
"""Most address space beyond what the imports take, and most time of the processor, for one file."""

CONFIG = """
data: {root: data, train: {images: train}, test: {images: [test]}, sample_submission: sample.csv}
split: {kind: folder, folder: valid, allow_twins: true}
resize: {ratio: 1, STORE}
model: {name: test_efficientnet, pretrained: false}
train: {batch_size: 8, precision: float32}
stages: [{image_size: 32, lr: 0.01}]
submission: {positive_class: b, format: probability}
"""


def photo(width: int = 48, height: int = 40, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


Files = dict[str, bytes | None]
"""Names and contents; None is a named pipe, which nobody writes to."""


def corpus() -> Files:
    """At least 300 files."""
    files: Files = {"pipe.jpg": None}
    for part in (cut_files(), flipped_files(), odd_kinds(), bombs(), odd_names()):
        for name, content in part:
            assert name not in files, name
            files[name] = content
    return files


def cut_files() -> Iterator[tuple[str, bytes]]:
    """Each format, cut at each of its markers and at places between."""
    image = photo()
    whole = {
        "baseline.jpg": encoded(image, "JPEG"),
        "progressive.jpg": encoded(image, "JPEG", progressive=True),
        "restart.jpg": encoded(image, "JPEG", restart_marker_rows=1),
        "png.png": encoded(image, "PNG"),
        "gif.gif": encoded(image.quantize(16), "GIF"),
        "bmp.bmp": encoded(image, "BMP"),
        "tiff.tif": encoded(image, "TIFF"),
        "lzw.tif": encoded(image, "TIFF", compression="tiff_lzw"),
        "webp.webp": encoded(image, "WEBP"),
        "ppm.ppm": encoded(image, "PPM"),
        "jpeg2000.jp2": encoded(image, "JPEG2000"),
    }
    for name, content in whole.items():
        stem, suffix = name.split(".")
        places = {len(content) * part // 8 for part in range(8)} | {len(content) - 1, 1, 2, 4}
        if suffix == "jpg":
            places |= {place for place in range(len(content) - 1) if content[place] == 0xFF and content[place + 1] > 1}
        if suffix == "png":
            places |= {content.index(chunk) for chunk in (b"IHDR", b"IDAT", b"IEND")}
        for place in sorted(places):
            yield f"cut-{stem}-{place}.{suffix}", content[:place]


def flipped_files() -> Iterator[tuple[str, bytes]]:
    """Each format with one byte changed, at many places."""
    draws, image = np.random.default_rng(0), photo(seed=1)
    for kind, suffix in (("JPEG", "jpg"), ("PNG", "png"), ("GIF", "gif"), ("TIFF", "tif"), ("WEBP", "webp")):
        content = encoded(image, kind)
        for place in draws.integers(0, min(len(content), 600), 20):
            changed = bytearray(content)
            changed[place] ^= int(draws.integers(1, 256))
            yield f"flip-{kind.lower()}-{place}-{changed[place]}.{suffix}", bytes(changed)


def odd_kinds() -> Iterator[tuple[str, bytes]]:
    """Right files that few programs expect, and things that are no images."""
    image = photo(seed=2)
    yield "png-as.jpg", encoded(image, "PNG")
    yield "jpeg-as.png", encoded(image, "JPEG")
    yield "webp-as.jpg", encoded(image, "WEBP")
    yield "cmyk.jpg", encoded(image.convert("CMYK"), "JPEG")
    yield "grey.jpg", encoded(image.convert("L"), "JPEG")
    yield "bits.png", encoded(image.convert("1"), "PNG")
    yield "palette.png", encoded(image.quantize(7), "PNG", transparency=2)
    yield "alpha.png", encoded(image.convert("RGBA"), "PNG")
    yield "16bit.png", encoded(Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50), "PNG")
    yield "float.tif", encoded(Image.fromarray(np.ones((20, 20), dtype=np.float32)), "TIFF")
    yield "int32.tif", encoded(Image.fromarray(np.ones((20, 20), dtype=np.int32)), "TIFF")
    frames = [photo(seed=seed) for seed in range(3)]
    yield "animated.gif", encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    yield "animated.webp", encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    yield "pages.tif", encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    for orientation in (*range(10), 255):
        exif = Image.Exif()
        exif[274] = orientation
        yield f"exif-{orientation}.jpg", encoded(image, "JPEG", exif=exif)
    yield "exif-damaged.jpg", encoded(image, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    yield "icc-damaged.jpg", encoded(image, "JPEG", icc_profile=b"no profile")
    for width, height in ((1, 1), (1, 2), (2, 1), (1, 60_000), (60_000, 1), (3, 9_000)):
        yield f"size-{width}x{height}.png", encoded(Image.new("RGB", (width, height), (9, 99, 199)), "PNG")
    for name, content in {
        "empty": b"",
        "text": b"hello",
        "html": b"<!DOCTYPE html><title>429 Too Many Requests</title>",
        "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n",
        "zeros": bytes(5000),
        "ones": b"\xff" * 5000,
        "zip": b"PK\x03\x04" + bytes(100),
        "pdf": b"%PDF-1.4\n" + bytes(100),
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'/>",
        "ico": b"\0\0\1\0\1\0" + bytes(100),
    }.items():
        yield f"no-image-{name}.jpg", content


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, data: bytes, extra: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bombs() -> Iterator[tuple[str, bytes]]:
    """Small files that claim, or unpack to, more than any memory holds."""
    zeros = zlib.compress(bytes(50_000_000), 9)
    for side in (13_000, 20_000, 60_000, 0x7FFFFFFF):
        yield f"bomb-{side}.png", png(side, side, zeros)
    yield "bomb-text.png", png(8, 8, zlib.compress(bytes(200)), chunk(b"zTXt", b"x\0\0" + zeros))
    yield "bomb-profile.png", png(8, 8, zlib.compress(bytes(200)), chunk(b"iCCP", b"x\0\0" + zeros))
    yield "bomb-more-data.png", png(8, 8, zeros)
    yield "no-size.png", png(0, 0, zlib.compress(b""))
    yield "bomb.gif", b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0;"
    yield (
        "bomb.bmp",
        b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 60_000, 60_000, 1, 24, *[0] * 6),
    )
    yield "bomb.ppm", b"P6 60000 60000 255\n" + bytes(100)
    entries = (
        (256, 4, 1, 60_000),
        (257, 4, 1, 60_000),
        (258, 3, 1, 8),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (279, 4, 1, 100),
    )
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    yield "bomb.tif", b"II*\0" + struct.pack("<I", 8) + directory + bytes(4)
    yield "loop.tif", b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", 8)
    jpeg = encoded(photo(), "JPEG")
    start = jpeg.index(b"\xff\xc0") + 5
    yield "bomb.jpg", jpeg[:start] + b"\xff\xff\xff\xff" + jpeg[start + 4 :]


def odd_names() -> Iterator[tuple[str, bytes]]:
    """Names that shells, markup and encodings trip over."""
    content = encoded(photo(seed=3), "JPEG")
    names = (
        "two words",
        "new\nline",
        "größer",
        "猫",
        "🐈",
        "-rf",
        "[bold]",
        "%s%n",
        "a;b",
        "quote\"'",
        "comma,",
        "tab\t",
        "x" * 240,
    )
    for name in names:
        yield f"{name}.jpg", content
        yield f"bad {name[:200]}.jpg", b"no image"
    yield "UPPER.JPG", content
    yield "dots.in.name.jpeg", content


def read_each(folder: Path) -> tuple[dict[str, bool], list[str]]:
    """Which files give pixels, and what went wrong; a DataError that names the file is right."""
    from kgcv.data.images import Scaling, read_image
    from kgcv.errors import DataError

    # What the process has mapped already does not count.
    mapped = int(
        next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmSize" in line).split()[1]
    )
    resource.setrlimit(resource.RLIMIT_AS, (mapped * 1024 + MEMORY, resource.RLIM_INFINITY))
    readable, faults = {}, []
    for path in sorted(folder.iterdir()):
        began = time.process_time()
        try:
            pixels = read_image(path, 3, Scaling(32))
            readable[path.name] = True
            if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or min(pixels.shape[:2]) < 1:
                faults.append(f"{path.name!r}: gives {pixels.dtype} {pixels.shape}")
        except DataError as error:
            readable[path.name] = False
            if printable(str(path)) not in str(error) or "\n" in str(error):
                faults.append(f"{path.name!r}: not one line that names it: {error}")
        except BaseException as error:
            faults.append(f"{path.name!r}: {type(error).__name__}: {error}")
        if time.process_time() - began > SECONDS:
            faults.append(f"{path.name!r}: took {time.process_time() - began:.1f} s")
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return readable, faults


def kgcv(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "KGCV_PROGRESS": "plain"}
    command = [sys.executable, "-m", "kgcv", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def write_all(folder: Path, files: Files) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if content is None:
            os.mkfifo(folder / name)
        else:
            (folder / name).write_bytes(content)
    return folder


def good_files(number: int, first: int) -> Files:
    return {f"good{index}.png": encoded(photo(seed=index), "PNG") for index in range(first, first + number)}


def lay_out(folder: Path, files: Files, store: str) -> None:
    """The corpus among training and validation images, half of it in either class; test images are good."""
    for part, first in (("train", 100), ("valid", 500)):
        for number, name in enumerate("ab"):
            mine = {file: files[file] for place, file in enumerate(sorted(files)) if place % 2 == number}
            write_all(folder / "data" / part / name, good_files(20, first + 100 * number) | mine)
    write_all(folder / "data/test", good_files(12, 900))
    rows = "".join(f"good{index}.png,0\n" for index in range(900, 912))
    (folder / "data/sample.csv").write_text(f"id,p\n{rows}")
    (folder / "config.yaml").write_text(
        CONFIG.replace("STORE", f"store: {store}" + ("" if store == "none" else ", folder: cache"))
    )


def expect_refusal(done: subprocess.CompletedProcess[str], what: str, bad: list[str]) -> list[str]:
    """What is wrong unless it is an error of one line that names a bad file."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("kgcv: ")]
    named = [name for name in bad if printable(name) in "".join(lines)]
    if done.returncode == 1 and len(lines) == 1 and named and "Traceback" not in done.stderr:
        return []
    return [f"{what}: exit {done.returncode}: {done.stderr[-300:]}"]


def expect_done(done: subprocess.CompletedProcess[str], what: str) -> list[str]:
    return [f"{what}: exit {done.returncode}: {done.stderr[-300:]}"] if done.returncode else []


def remove(folder: Path, names: list[str]) -> None:
    """Do what the error says: bad files go."""
    for name in names:
        for path in folder.rglob("*"):
            if path.name == name:
                path.unlink()


def among_training(folder: Path, store: str, bad: list[str]) -> list[str]:
    """What is wrong when the corpus is among the training and validation images of either class."""
    command, number = ("train config.yaml --run-dir refused", 1) if store == "none" else ("resize config.yaml", 2)
    refused = kgcv(folder, *command.split())
    faults = expect_refusal(refused, command, bad)
    if store == "none":
        remove(folder / "data", bad)
    else:
        if f"cannot read {number * len(bad)} of the" not in refused.stderr:
            faults.append(f"resize does not count {number * len(bad)}: {refused.stderr[-300:]}")
        faults += expect_done(kgcv(folder, "resize", "config.yaml", "--skip-bad"), "resize --skip-bad")
        lists = list((folder / "cache").rglob("*train*left_out.csv"))
        listed = Counter(
            Path(row["path"]).name
            for file in lists
            for row in csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"), newline=""))
        )
        if listed != Counter(bad * number):
            faults.append(f"--skip-bad lists wrongly: {sorted((listed - Counter(bad * number)).keys())[:5]}")
    return faults + expect_done(kgcv(folder, "train", "config.yaml", "--run-dir", "run"), "train")


def among_test(folder: Path, store: str, files: Files, bad: list[str]) -> list[str]:
    """What is wrong when the corpus is among the test images of the run."""
    from kgcv.data.predictions import read_predictions

    if faults := expect_done(kgcv(folder, "tta", "run", "--split", "test"), "tta of good images"):
        return faults
    before = read_predictions(folder / "run/test.npz")
    write_all(folder / "data/test", files)
    faults = expect_refusal(kgcv(folder, "tta", "run", "--split", "test"), "tta", bad)
    if store == "none":
        remove(folder / "data/test", bad)
    else:
        faults += expect_done(kgcv(folder, "resize", "config.yaml", "--skip-bad"), "resize --skip-bad")
    if wrong := expect_done(kgcv(folder, "tta", "run", "--split", "test"), "tta after that"):
        return faults + wrong
    after = read_predictions(folder / "run/test.npz")
    places = {id_: row for row, id_ in enumerate(after.ids)}
    worst = max(abs(after.values[places[id_]] - before.values[row]).max() for row, id_ in enumerate(before.ids))
    if worst > 1e-6:
        faults.append(f"predictions of good images changed by {worst}")
    wanted = {*before.ids, *(name for name in files if name not in bad)}
    if set(after.ids) != wanted or len(after.ids) != len(wanted):
        faults.append(f"predictions of other images: {sorted(set(after.ids) ^ wanted)[:5]}")
    sample = folder / "data/sample.csv"
    sample.write_text(f"{sample.read_text()}{bad[0]},0\n")
    return faults + expect_refusal(kgcv(folder, "submit", "run", "--check"), "submit", bad)


def main() -> None:
    """Make the corpus, feed it, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=Path("cache/stress-images"))
    folder = parser.parse_args().folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    files = corpus()
    corpus_folder = write_all(folder / "corpus", files)
    readable, faults = read_each(corpus_folder)
    bad = sorted(name for name, is_readable in readable.items() if not is_readable)
    print(f"{len(files)} files: {len(files) - len(bad)} read, {len(bad)} named in an error, {len(faults)} wrong")
    for store in ("packed", "jpeg", "none"):
        place = folder / store
        lay_out(place, files, store)
        for what, found in (
            ("training and validation images", among_training(place, store, bad)),
            ("test images", among_test(place, store, files, bad)),
        ):
            print(f"store {store}, among {what}: {len(found)} wrong", flush=True)
            faults += [f"store {store}: {fault}" for fault in found]
    for fault in faults:
        print(f"  {fault}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
