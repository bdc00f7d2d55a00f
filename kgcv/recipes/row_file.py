"""Rows of a table that a person hands over as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from kgcv.errors import DataError
from kgcv.files import read_text


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The row, or the list of rows, in a JSON file; `-` is standard input.

    Raises:
        DataError: it cannot be read, or is no object of cells, nor a list of such.
    """
    name = "standard input" if str(path) == "-" else str(path)
    try:
        text = sys.stdin.read() if str(path) == "-" else read_text(path)
        found = json.loads(text)
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: is no JSON: {error}") from error
    rows = found if isinstance(found, list) else [found]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise DataError(f'{name}: must hold a row such as {{"Store": 1, "Promo": 0}}, or a list of rows')
    return rows
