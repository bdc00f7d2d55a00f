"""Builds `kgcv/samples/fashion.zip` from the four files of Fashion-MNIST; the same files give the same bytes.

    python tests/tools/make_fashion_archive.py FOLDER kgcv/samples/fashion.zip

FOLDER holds `{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz`, as Debian's package `dataset-fashion-mnist`
installs them. 200 training images and 50 test images of each class are drawn and numbered in random order, so
that neither an id nor the order of the files tells the class. The labels of the test images are left out.
"""

from __future__ import annotations

import gzip
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
TRAIN_PER_CLASS, TEST_PER_CLASS = 200, 50
SEED = 2017
LICENSE = Path(__file__).parents[2] / "kgcv" / "samples" / "LICENSE.fashion.txt"


def read_idx(path: Path) -> np.ndarray:
    """The array of an idx file with unsigned bytes: (N, 28, 28) images or (N,) labels."""
    content = gzip.decompress(path.read_bytes())
    num_dimensions = content[3]
    shape = np.frombuffer(content, ">i4", num_dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * num_dimensions).reshape(shape)


def draw_rows(labels: np.ndarray, per_class: int, generator: np.random.Generator) -> np.ndarray:
    """`per_class` rows of each class, all in random order."""
    rows = [generator.choice(np.flatnonzero(labels == label), per_class, replace=False) for label in range(10)]
    return generator.permutation(np.concatenate(rows))


def encode_png(image: np.ndarray) -> bytes:
    """`image` as the smallest PNG that pillow makes."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "png", optimize=True)
    return stream.getvalue()


def collect_members(folder: Path) -> dict[str, bytes]:
    """File names and contents of the archive."""
    generator = np.random.default_rng(SEED)
    members = {"LICENSE": LICENSE.read_bytes()}
    tables = {"train": "id,label\n", "test": "id,label\n"}
    first = 0
    for part, prefix, per_class in (("train", "train", TRAIN_PER_CLASS), ("test", "t10k", TEST_PER_CLASS)):
        images = read_idx(folder / f"{prefix}-images-idx3-ubyte.gz")
        labels = read_idx(folder / f"{prefix}-labels-idx1-ubyte.gz")
        rows = draw_rows(labels, per_class, generator)
        for number, row in enumerate(rows, start=first):
            members[f"{part}/{number:04d}.png"] = encode_png(images[row])
            label = CLASS_NAMES[labels[row]] if part == "train" else CLASS_NAMES[0]
            tables[part] += f"{number:04d},{label}\n"
        first += len(rows)
    return {
        **members,
        "train.csv": tables["train"].encode(),
        "sample_submission.csv": tables["test"].encode(),
    }


def main(folder: Path, archive: Path) -> None:
    """Write the archive; every member has the same date and mode."""
    with zipfile.ZipFile(archive, "w") as content:
        for name, data in sorted(collect_members(folder).items()):
            member = zipfile.ZipInfo(name, date_time=(2017, 8, 25, 0, 0, 0))
            member.external_attr = 0o644 << 16
            compression = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            content.writestr(member, data, compression)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
