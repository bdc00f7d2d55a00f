"""Pictures in a terminal: two pixels a character, in the colours that it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from rich.text import Text

_GAP = "  "
_MIN_COLUMNS = 8
_MAX_COLUMNS = 48
"""Wide enough to know what one sees, low enough (24 rows) for three images on a screen."""


def shows_pictures() -> bool:
    """Whether stdout is a terminal with at least 256 colours, and nobody forbade them (NO_COLOR)."""
    from rich.console import Console

    console = Console()
    return console.is_terminal and not console.no_color and console.color_system in ("256", "truecolor")


def print_pictures(pictures: Mapping[str, np.ndarray]) -> None:
    """Print `(S, S, 3)` float pictures in [0, 1] below their titles, side by side, as wide as the terminal allows."""
    from rich.console import Console
    from rich.text import Text

    from kgcv.report.heat import shrink

    console = Console(highlight=False)
    room = (console.width + len(_GAP)) // len(pictures) - len(_GAP)
    width = max(_MIN_COLUMNS, min(_MAX_COLUMNS, room) // 2 * 2)
    console.print(Text(_GAP.join(title[:width].ljust(width) for title in pictures)), no_wrap=True, crop=True)
    cells = [(255 * shrink(picture, width, width)).round().astype(int) for picture in pictures.values()]
    for row in range(0, width, 2):
        line = Text(_GAP).join(_half_blocks(each[row], each[row + 1]) for each in cells)
        console.print(line, no_wrap=True, crop=True)


def _half_blocks(upper: np.ndarray, lower: np.ndarray) -> Text:
    """Two rows of pixels `(W, 3)` as one row of characters."""
    from rich.text import Text

    return Text.assemble(
        *(
            ("\N{UPPER HALF BLOCK}", f"rgb({r},{g},{b}) on rgb({x},{y},{z})")
            for (r, g, b), (x, y, z) in zip(upper.tolist(), lower.tolist(), strict=True)
        )
    )
