"""One HTML page from sections of text, tables and pictures: a single file that needs no network and no script.

Whoever makes the sections knows nothing of HTML; whatever they hold is escaped here.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Literal

PictureKind = Literal["png", "jpeg", "svg"]

_MEDIA_TYPES: dict[PictureKind, str] = {"png": "image/png", "jpeg": "image/jpeg", "svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing or a photo."""

    content: bytes
    """The file's bytes; of an SVG its UTF-8 text."""
    kind: PictureKind
    alt: str
    """What it shows, for those who cannot see it."""
    caption: str
    """What it shows and what that was computed on; stands below it."""
    is_wide: bool = False
    """Takes the whole width of the page; others stand side by side where there is room."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text; the first cell of each names the row."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """Each as long as `header`."""
    caption: str
    """What stands in it and what that was computed on."""
    num_left: int = 1
    """The first columns, which are words and stand left; the others are numbers and stand right."""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    paragraph: str


@dataclass(frozen=True, slots=True)
class Tile:
    """A sample in small, with a few lines on it."""

    title: str
    """Its id."""
    lines: tuple[str, ...]
    photo: bytes | None = None
    """The bytes of a JPEG."""
    missing: str = ""
    """Why there is no photo; empty where a sample has none by nature."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """Samples side by side, as many in a row as there is room for."""

    tiles: tuple[Tile, ...]
    caption: str
    """What they are and how they were chosen."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What is shown only when its title is opened, and always on paper."""

    title: str
    blocks: tuple[Block | Section, ...]


Block = Picture | Table | Tiles | Text | Folded


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with a heading of its own."""

    anchor: str
    """Its address on the page, such as `summary`; unique, without spaces."""
    title: str
    blocks: tuple[Block | Section, ...]


def render_page(title: str, sections: Sequence[Section]) -> str:
    """The whole page as HTML text.

    Args:
        title: of the page; text, as everything in the sections is.
        sections: in their order, with anchors that differ.
    """
    links = "\n".join(f'<li><a href="#{escape(each.anchor)}">{escape(each.title)}</a></li>' for each in sections)
    body = "\n".join(_section(each, 2) for each in sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{_style()}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header><h1>{escape(title)}</h1></header>
<nav aria-label="Sections"><ul>
{links}
</ul></nav>
<main id="content" tabindex="-1">
{body}
</main>
</body>
</html>
"""


def _style() -> str:
    return files("kgcv.report").joinpath("page.css").read_text(encoding="utf-8")


def _section(section: Section, level: int) -> str:
    """The section with a heading of `level`, 2 to 6."""
    anchor, heading = escape(section.anchor), f"h{min(level, 6)}"
    title = f'<{heading} id="{anchor}-title">{escape(section.title)}</{heading}>'
    content = "\n".join(_blocks(section.blocks, level))
    return f'<section id="{anchor}" aria-labelledby="{anchor}-title">\n{title}\n{content}\n</section>'


def _blocks(blocks: Sequence[Block | Section], level: int) -> Iterator[str]:
    """HTML of `blocks`; pictures that follow each other share a grid."""
    for is_picture, some in itertools.groupby(blocks, key=lambda block: isinstance(block, Picture)):
        rendered = "\n".join(_block(block, level) for block in some)
        yield f'<div class="pictures">\n{rendered}\n</div>' if is_picture else rendered


def _block(block: Block | Section, level: int) -> str:
    match block:
        case Picture():
            return _picture(block)
        case Table():
            return _table(block)
        case Tiles():
            return _tiles(block)
        case Text():
            return f"<p>{escape(block.paragraph)}</p>"
        case Folded():
            content = "\n".join(_blocks(block.blocks, level))
            return f"<details>\n<summary>{escape(block.title)}</summary>\n{content}\n</details>"
        case Section():
            return _section(block, level + 1)


def _picture(picture: Picture) -> str:
    # An SVG too is an image of its own: its ids do not meet those of the next, and no script in it runs.
    data = base64.b64encode(picture.content).decode("ascii")
    source = f"data:{_MEDIA_TYPES[picture.kind]};base64,{data}"
    image = f'<img src="{source}" alt="{escape(picture.alt)}">'
    caption = f"\n<figcaption>{escape(picture.caption)}</figcaption>" if picture.caption else ""
    if not picture.is_wide:
        return f"<figure>\n{image}{caption}\n</figure>"
    # On a narrow screen it moves within its frame rather than shrink until nothing can be read.
    label = escape(picture.caption or picture.alt)
    frame = f'<div class="frame" role="region" tabindex="0" aria-label="{label}">{image}</div>'
    return f'<figure class="wide">\n{frame}{caption}\n</figure>'


def _tiles(tiles: Tiles) -> str:
    items = "\n".join(_tile(tile) for tile in tiles.tiles)
    return f'<figure class="sheet">\n<figcaption>{escape(tiles.caption)}</figcaption>\n<ul>\n{items}\n</ul>\n</figure>'


def _tile(tile: Tile) -> str:
    photo = ""
    if tile.photo is not None:
        data = base64.b64encode(tile.photo).decode("ascii")
        photo = f'<img src="data:image/jpeg;base64,{data}" alt="image of {escape(tile.title)}">'
    elif tile.missing:
        photo = f'<span class="missing">{escape(tile.missing)}</span>'
    lines = "".join(f"<span>{escape(line)}</span>" for line in tile.lines)
    return f"<li>{photo}<strong>{escape(tile.title)}</strong>{lines}</li>"


def _table(table: Table) -> str:
    def side(column: int) -> str:
        return ' class="left"' if column < table.num_left else ""

    header = "".join(f'<th scope="col"{side(column)}>{escape(name)}</th>' for column, name in enumerate(table.header))
    rows = "\n".join(
        "<tr>"
        + "".join(
            f'<th scope="row"{side(0)}>{escape(cell)}</th>' if column == 0 else f"<td{side(column)}>{escape(cell)}</td>"
            for column, cell in enumerate(row)
        )
        + "</tr>"
        for row in table.rows
    )
    # A wide table moves within its frame, by keys too, and the page stays as wide as the screen.
    return (
        f'<figure class="table">\n<figcaption>{escape(table.caption)}</figcaption>\n'
        f'<div class="frame" role="region" tabindex="0" aria-label="{escape(table.caption)}">\n<table>\n'
        f"<thead><tr>{header}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n</div>\n</figure>"
    )
