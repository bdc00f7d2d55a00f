"""The embeddings that a run on tables has learned, as CSV files: for tree models, and to look at."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgcv.data.tables.encode import Vocabulary
from kgcv.errors import ConfigError
from kgcv.files import write_text
from kgcv.model.tabular import TabularModel
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.trained_model import load_trained
from kgcv.recipes.tta_samples import trained_folds

UNKNOWN = ""
"""The value of code 0 in a file: missing, or in no row that trained."""


@dataclass(frozen=True, slots=True)
class EmbeddingFile:
    """The vectors of a category."""

    name: str
    """The column."""
    path: Path
    num_values: int
    """Rows of the file: the values learned, and the one for all others."""
    size: int
    """Numbers that stand for a value."""


def export_embeddings(run: RunFolder, fold: int, folder: Path | None = None) -> tuple[EmbeddingFile, ...]:
    """Write `CATEGORY.csv` for each category: the value, then its numbers `e0`, `e1`, ...; code 0 comes first.

    Folds learn spaces of their own, so their vectors cannot be averaged.

    Args:
        run: a trained run on tables.
        fold: whose best weights.
        folder: where to; `foldN/embeddings` in the run if not given.

    Raises:
        ConfigError: the run is of images, has no categories, or no such fold.
        CheckpointError: the fold has no usable weights.
    """
    tables = learned_embeddings(run, fold)
    target = folder or run.fold_path(fold) / "embeddings"
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for vocabulary, table in tables:
        path = target / f"{vocabulary.name.replace('/', '_')}.csv"
        write_text(path, _as_csv(vocabulary, table))
        written.append(EmbeddingFile(vocabulary.name, path, len(table), table.shape[1]))
    return tuple(written)


def learned_embeddings(run: RunFolder, fold: int) -> list[tuple[Vocabulary, np.ndarray]]:
    """The vectors of each category in the best weights of a fold, `(num_codes, size)` float32, by code.

    Raises:
        ConfigError: the run is of images, has no categories, or no such fold.
        CheckpointError: the fold has no usable weights.
    """
    if run.read_config().data.kind != "table":
        raise ConfigError([f"{run.path}: is a run on images, which have no embeddings"])
    trained_folds(run, fold)
    trained = load_trained(run, fold)
    assert isinstance(trained.model, TabularModel), "the run is of tables"
    assert trained.encoding is not None, "the run is of tables"
    if not trained.encoding.categories:
        raise ConfigError([f"{run.path}: columns.categories is empty, so there are no embeddings"])
    return list(zip(trained.encoding.categories, trained.model.embedding_tables(), strict=True))


def _as_csv(vocabulary: Vocabulary, table: np.ndarray) -> str:
    """`table` `(num_codes, size)` float32 with the values that its rows stand for."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow([vocabulary.name, *(f"e{place}" for place in range(table.shape[1]))])
    for value, vector in zip((UNKNOWN, *vocabulary.values), table.tolist(), strict=True):
        rows.writerow([value, *(f"{number:.7g}" for number in vector)])
    return text.getvalue()
