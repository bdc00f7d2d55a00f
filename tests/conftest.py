"""Fixtures for every room."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def tiny_images() -> Callable[..., list[Path]]:
    """Writes small images that all differ: `tiny_images(folder, 4)`, `tiny_images(folder, ["a", "b"])`."""

    def write(
        folder: Path,
        images: int | Sequence[str],
        suffix: str = ".png",
        size: tuple[int, int] = (12, 10),
        mode: str = "RGB",
    ) -> list[Path]:
        names = [f"{number:03d}" for number in range(images)] if isinstance(images, int) else images
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for number, name in enumerate(names):
            pixels = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
            paths.append(folder / f"{name}{suffix}")
            Image.fromarray(pixels).convert(mode).save(paths[-1])
        return paths

    return write
