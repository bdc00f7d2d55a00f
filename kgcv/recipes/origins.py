"""What a file of predictions was made from, noted beside it, so that a file is known by that and not by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from kgcv.data.predictions import Predictions, write_predictions
from kgcv.errors import DataError
from kgcv.files import as_written, hash_file, read_json, write_json
from kgcv.recipes.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Origin:
    """Everything that decides predictions."""

    weights: str
    """SHA-256 of the weights file."""
    samples: str
    """Hash of the samples: their ids, their files and how these are read."""
    views: tuple[str, ...]
    """Names, the plain one first."""
    view_weights: tuple[float, ...]
    details: str
    """Hash of what the views show."""


def _note_file(file: Path) -> Path:
    return file.with_suffix(".json")


def write_with_origin(file: Path, predictions: Predictions, origin: Origin) -> None:
    """Write `predictions` to `file` and what they were made from beside it."""
    write_predictions(file, predictions)
    write_json(_note_file(file), {"sha256": hash_file(file), **asdict(origin)})


def read_origin(file: Path) -> Origin | None:
    """What `file` was made from; None where nothing was noted, or for other bytes than those in it now."""
    if not file.is_file() or not _note_file(file).is_file():
        return None
    try:
        with as_written(_note_file(file)):
            note = read_json(_note_file(file))
            if note.pop("sha256") != hash_file(file):
                return None
            return Origin(**{**note, "views": tuple(note["views"]), "view_weights": tuple(note["view_weights"])})
    except DataError:  # a damaged note tells nothing
        return None


def is_current(file: Path, origin: Origin) -> bool:
    """Whether `file` holds predictions made from just this."""
    return read_origin(file) == origin


Averaged = tuple[tuple[str, ...], tuple[float, ...]]
"""Names of views and their weights."""


def views_behind(run: RunFolder, part: str, folds: Sequence[int]) -> list[Averaged]:
    """The different views behind the folds' `valid.npz` or `test.npz`; one entry where all folds are alike.

    Predictions without a note are those of training, which looks at the plain view alone.
    """
    origins = (read_origin(run.fold_path(fold) / f"{part}.npz") for fold in folds)
    return list(dict.fromkeys((("plain",), (1.0,)) if o is None else (o.views, o.view_weights) for o in origins))
