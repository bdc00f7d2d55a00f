"""Samples as tiles: a small copy of the image, read when it is shown and not before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kgcv.data.images import Scaling, encode_jpeg, read_image
from kgcv.errors import DataError
from kgcv.recipes.report_looks import as_shown
from kgcv.report.page import Tile

_EDGE = 144
"""Shortest edge of a small copy, in pixels: a tile's width on most screens."""
_QUALITY = 80
"""About 6 kB of a photo of that size."""


@dataclass(frozen=True, slots=True)
class Photos:
    """The images of some samples, by row; without paths they are no images."""

    paths: Sequence[Path]
    channels: int

    def tile(self, row: int, title: str, lines: Sequence[str]) -> Tile:
        """The tile of a sample; where its image cannot be read, it says why."""
        if not self.paths:
            return Tile(title, tuple(lines))
        path = self.paths[row]
        try:
            photo = encode_jpeg(as_shown(read_image(path, self.channels, Scaling(_EDGE, enlarge=False))), _QUALITY)
        except DataError as error:
            reason = str(error).removeprefix(f"{path}: ")
            return Tile(title, tuple(lines), missing=f"no image: {path}: {reason}")
        return Tile(title, tuple(lines), photo)
