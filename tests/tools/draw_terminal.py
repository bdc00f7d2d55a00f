"""Draws what stands on a terminal as an SVG picture, as README shows it.

    tmux capture-pane -ep | python tests/tools/draw_terminal.py tests/pictures/training.svg

Reads text with its colours (ANSI sequences) from stdin. The picture names no font that would have to be fetched: any
fixed-width font of the reader's machine is stretched to the columns.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

TITLE = "kgcv"
PICTURE = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def draw(screen: str) -> str:
    """The picture of `screen`, without the empty lines at its end; as wide as its longest line."""
    lines = [Text.from_ansi(line.rstrip()) for line in screen.rstrip().splitlines()]
    console = Console(record=True, file=io.StringIO(), width=max(line.cell_len for line in lines) + 1)
    for line in lines:
        console.print(line, no_wrap=True, crop=False)
    # The name in classes and ids is fixed, so that the same screen gives the same bytes.
    return console.export_svg(title=TITLE, theme=MONOKAI, code_format=PICTURE, unique_id="kgcv")


def main(target: Path) -> None:
    """Draw stdin into `target`."""
    picture = re.sub(r"[ \t]+\n", "\n", draw(sys.stdin.read()))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
