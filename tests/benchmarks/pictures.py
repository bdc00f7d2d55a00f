"""Photos to measure with: drawn, but with the spectrum of real ones, and the same on each machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

QUALITY = 90
NUM_PHOTOS = 1000


def photos(folder: Path) -> Path:
    """Where `prepare_photos` writes."""
    return folder / "photos-500x375"


def prepare_photos(folder: Path) -> None:
    """The photos that most rows share: NUM_PHOTOS of 500 x 375 in two classes."""
    write_photos(photos(folder), NUM_PHOTOS, (500, 375))


def draw_photo(width: int, height: int, seed: int) -> Image.Image:
    """A picture whose amplitudes fall as 1 / frequency, as those of photos do, with edges that tell its class."""
    random = np.random.default_rng(seed)
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    amplitude = 1 / np.maximum(np.hypot(rows, columns), 1 / max(width, height))
    phases = random.uniform(0, 2 * np.pi, (3, *amplitude.shape))
    shared = amplitude * np.exp(1j * phases[0])
    planes = [np.fft.irfft2(shared + 0.3 * amplitude * np.exp(1j * phase), (height, width)) for phase in phases]
    pixels = np.stack(planes, axis=2)
    pixels = 128 + 45 * (pixels - pixels.mean()) / pixels.std()
    y, x = np.mgrid[:height, :width]
    for _ in range(6):
        across, down, size = random.uniform(0, width), random.uniform(0, height), random.uniform(0.05, 0.3) * height
        # Even numbers are the class of discs, odd ones that of squares.
        distance = np.maximum(abs(x - across), abs(y - down)) if seed % 2 else np.hypot(x - across, y - down)
        pixels[distance < size] += random.normal(0, 30, 3)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def write_photos(folder: Path, number: int, size: tuple[int, int], num_classes: int = 2) -> None:
    """`number` JPEGs of `size` (width, height) in folders by class; what is there already stays.

    At most 200 are drawn; the others are mirrored copies of them, encoded anew.
    """
    for index in range(number):
        path = folder / f"class{index % num_classes}" / f"{index:06}.jpg"
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        master = folder.parent / f"masters-{size[0]}x{size[1]}" / f"{index % 200}.png"
        if not master.exists():
            master.parent.mkdir(parents=True, exist_ok=True)
            draw_photo(*size, seed=index % 200).save(master)
        image = Image.open(master).convert("RGB")
        if index // 200 % 2:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        image.save(path, quality=QUALITY - index // 400 % 5)
