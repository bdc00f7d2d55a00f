"""Rows of texts as lines with aligned columns."""

from __future__ import annotations

from collections.abc import Sequence


def table_lines(rows: Sequence[Sequence[str]], num_left: int = 1) -> list[str]:
    """One line a row, all of one length in cells; the first `num_left` columns to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_padded(row, widths, num_left)).rstrip() for row in rows]


def _padded(row: Sequence[str], widths: Sequence[int], num_left: int) -> list[str]:
    sized = enumerate(zip(row, widths, strict=True))
    return [cell.ljust(width) if column < num_left else cell.rjust(width) for column, (cell, width) in sized]
