"""Smaller JPEG copies of photos, whole processes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.pictures import write_photos
from tests.benchmarks.row import Row, kgcv_command, timed_command

CONFIG = """
data: {{root: {root}, train: {{images: {images}}}}}
resize: {{ratio: 1, folder: {cache}, store: jpeg}}
model: {{name: resnet18, pretrained: false}}
stages: [{{image_size: {edge}, lr: 0.1}}]
"""

PILLOW = """
import sys
from pathlib import Path
from PIL import Image
source, target, edge = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
for path in sorted(source.rglob("*.jpg")):
    image = Image.open(path).convert("RGB")
    scale = edge / min(image.size)
    copy = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BILINEAR)
    (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
    copy.save(target / path.relative_to(source), quality=92)
"""

FASTAI = """
import sys
from pathlib import Path
from fastai.vision.utils import resize_images
if __name__ == "__main__":
    resize_images(sys.argv[1], max_workers=2, max_size=int(sys.argv[3]), recurse=True, dest=Path(sys.argv[2]))
"""


def _row(name: str, photos: tuple[str, int, tuple[int, int]], edge: int, targets: dict[str, float]) -> Row:
    stem, number, size = photos

    def source(folder: Path) -> Path:
        return folder / stem

    def target(folder: Path) -> Path:
        """An empty folder."""
        made = folder / f"made-{name}"
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        return made

    def kgcv(folder: Path) -> float:
        made = target(folder)
        config = made / "config.yaml"
        config.write_text(CONFIG.format(root=folder, images=stem, cache=made / "cache", edge=edge))
        return timed_command(kgcv_command("resize", str(config), "--progress", "none"), folder)

    def script(text: str) -> Callable[[Path], float]:
        def run(folder: Path) -> float:
            file = folder / f"script-{name}.py"
            file.write_text(text)
            # fastai bounds the longer side.
            side = edge if "fastai" not in text else edge * max(size) // min(size)
            command = [sys.executable, str(file), str(source(folder)), str(target(folder)), str(side)]
            return timed_command(command, folder)

        return run

    def vips(folder: Path) -> float:
        if shutil.which("vipsthumbnail") is None:
            raise ImportError("vipsthumbnail")
        made = target(folder)
        box = f"{edge * max(size) // min(size) + 1}x{edge}"
        text = (
            f"find {source(folder)} -name '*.jpg' | xargs -P 2 -n 50 vipsthumbnail --size {box} -o {made}/%s.jpg[Q=92]"
        )
        return timed_command(["bash", "-c", text], folder)

    return Row(
        name=name,
        work=f"JPEG copies of {number} photos of {size[0]} x {size[1]}, shorter side {edge}, whole process, two cores",
        contenders={"kgcv": kgcv, "fastai": script(FASTAI), "pillow script": script(PILLOW), "vipsthumbnail": vips},
        targets=targets,
        prepare=lambda folder: write_photos(folder / stem, number, size),
        amount=number,
        unit="images/s",
        note=lambda folder: describe_quality(source(folder), edge),
    )


def describe_quality(photos: Path, edge: int) -> str:
    """How near kgcv's pixels come to those of Lanczos from the full image."""
    import numpy as np
    from PIL import Image

    from kgcv.data.images import Scaling, read_image

    found = []
    for path in sorted(photos.rglob("*.jpg"))[:100]:
        own = read_image(path, 3, Scaling(edge))
        full = Image.open(path).convert("RGB")
        best = np.asarray(full.resize((own.shape[1], own.shape[0]), Image.Resampling.LANCZOS))
        found.append(10 * np.log10(255**2 / np.mean((own.astype(float) - best) ** 2)))
    return f"kgcv's pixels against Lanczos: mean {np.mean(found):.1f} dB, least {min(found):.1f}; meant to be 43"


ROWS = (
    _row(
        "resize-500",
        ("photos-500x375", 1000, (500, 375)),
        166,
        {"fastai": 4, "pillow script": 2.2, "vipsthumbnail": 2.5},
    ),
    _row(
        "resize-1600",
        ("photos-1600x1200", 200, (1600, 1200)),
        256,
        {"fastai": 8, "pillow script": 2.8, "vipsthumbnail": 1.4},
    ),
)
