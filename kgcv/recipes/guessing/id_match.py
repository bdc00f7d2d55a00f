"""Which column of a CSV file names the images of which folder, and what has to follow the id in the file name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kgcv.data.csv_table import CsvTable
from kgcv.data.survey import ImageFolder, suffix_of

ENOUGH = 0.5
"""Part of a column's cells that must be images: the rest may have been lost on the way, which `kgcv check` tells."""

_LOSSY = (".jpg", ".jpeg", ".png")
"""Suffixes that people mean where the same images lie there in several forms; satellite TIFFs have more channels."""


_OTHER_PIXELS = re.compile("mask|segment|annot|depth")
"""In the names of folders whose pixels are answers to another question."""


@dataclass(frozen=True, slots=True)
class IdMatch:
    """Cells of a column that are ids of images of a folder."""

    folder: ImageFolder
    suffix: str
    table: CsvTable
    column: str
    ids: frozenset[str]
    """The cells that have an image."""
    num_cells: int
    """Different cells of the column."""

    @property
    def is_whole(self) -> bool:
        """Whether every row has an image of its own."""
        return len(self.ids) == self.num_cells == len(self.table.column(self.column))


def find_matches(tables: Iterable[CsvTable], folders: Sequence[ImageFolder], enough: float = ENOUGH) -> list[IdMatch]:
    """For each table and folder the column and the suffix that name the most images, at least one.

    Args:
        tables: CSV files.
        folders: folders with images.
        enough: part of a column's different cells that must be images.
    """
    found = (_best(table, folder, enough) for table in tables for folder in folders)
    return [match for match in found if match is not None]


def best_first(matches: Iterable[IdMatch]) -> list[IdMatch]:
    """The matches with most images first; of equal ones photos before masks and TIFFs, and short names before long."""
    return sorted(
        matches,
        key=lambda match: (
            -len(match.ids),
            _OTHER_PIXELS.search(match.folder.name.lower()) is not None,
            match.folder.suffixes[0].lower() not in _LOSSY,
            len(match.folder.name),
            match.folder.name,
        ),
    )


def _best(table: CsvTable, folder: ImageFolder, enough: float) -> IdMatch | None:
    matches = [match for match in _matches(table, folder) if len(match.ids) >= enough * match.num_cells]
    return max(matches, key=lambda match: len(match.ids), default=None)


def _matches(table: CsvTable, folder: ImageFolder) -> Iterator[IdMatch]:
    for suffix in ("", *folder.suffixes):
        names = {file.removesuffix(suffix) for file in folder.files if file.endswith(suffix)}
        for column in table.names:
            cells = frozenset(table.column(column)) - {""}
            ids = cells & names
            if ids:
                yield IdMatch(folder, suffix, table, column, ids, len(cells))


def nested_name(table: CsvTable, folder: ImageFolder) -> tuple[str, str] | None:
    """A cell and the file in a deeper folder that it seems to mean by its last part alone; None if there is none."""
    deeper = {file.rsplit("/", 1)[1].removesuffix(suffix_of(file)): file for file in folder.files if "/" in file}
    for column in table.names:
        cells = frozenset(table.column(column)) & deeper.keys()
        if len(cells) >= ENOUGH * len(set(table.column(column))):
            cell = min(cells)
            return cell, deeper[cell]
    return None
