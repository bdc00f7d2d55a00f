"""How large curves are drawn on standard output, and of which characters."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TextIO

from kgcv.report.terminal import Canvas

_BESIDE = 24
"""Columns beside a plot: the labels of its axis on the left, the name and last value of a curve on the right."""
_WIDTHS = (16, 100)
"""Narrower, a curve shows nothing; wider, an eye loses its place."""


def text_canvas(height: int = 8) -> Canvas:
    """A canvas for a command's result, as wide as the terminal allows; 80 columns where there is none."""
    return canvas_for(shutil.get_terminal_size().columns, height, sys.stdout)


def canvas_for(columns: int, height: int, stream: TextIO) -> Canvas:
    """A canvas that leaves room beside it in `columns`; of braille characters where `stream` can show them."""
    return Canvas(min(max(columns - _BESIDE, _WIDTHS[0]), _WIDTHS[1]), height, has_braille(stream))


def has_braille(stream: TextIO) -> bool:
    """Whether braille can be written there: an encoding that has it, and no terminal known to lack such a font."""
    try:
        "\u2800".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return os.environ.get("TERM") not in ("linux", "dumb")
