"""What a report is made from: everything that a run folder tells, read once, without torch and without the data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kgcv.config.schema import Config
from kgcv.data.predictions import Predictions, as_targets, read_predictions
from kgcv.data.splits import Split, read_folds, read_split
from kgcv.errors import CheckpointError, listed
from kgcv.kaggle.ledger import Entry, Ledger
from kgcv.recipes.oof import folds_with_valid, join_folds
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.runs import RunSummary, summarize_run


@dataclass(frozen=True, slots=True, eq=False)
class Validated:
    """N samples that were predicted by models which had not seen them, with what is true."""

    predictions: Predictions
    targets: np.ndarray
    """`(N,)` int64 class numbers (`single`), or `(N, C)` float32: 0 and 1 (`multi`), numbers (`regression`)."""
    folds: np.ndarray
    """`(N,)` int64: the fold in which each sample validates; 0 where no split is known."""
    basis: str
    """What these samples are, to stand beside every number made from them: `320 validation samples (oof.npz)`."""


@dataclass(frozen=True, slots=True, eq=False)
class ReportData:
    """One run, as its folder tells of it."""

    run: RunFolder
    summary: RunSummary
    config: Config | None
    """None: a blend whose members had none."""
    scores: dict[str, Any]
    """`scores.json`: under `valid` by fold and metric, under `oof` and `in_sample` (blends) by metric."""
    truth: Predictions | None
    """The labels of all labelled samples, in the form of predictions; None where the folder has none."""
    split: Split | None
    """Of the samples in `truth`, in their order; None where the folder has none."""
    validated: Validated | None
    """None where nothing has been predicted yet, nothing validates, or no labels are known."""
    submissions: tuple[Entry, ...] = ()
    """What the ledger tells of this run, the oldest first."""


def read_report_data(path: Path, ledger: Path | None = None) -> ReportData:
    """Read the run folder `path`.

    Args:
        path: the run folder.
        ledger: the file with a line for each submission; it need not exist.

    Raises:
        CheckpointError: it is no run folder, or its files are damaged.
        ConfigError: its config has keys that this version does not know.
        DataError: predictions, labels and split do not belong together, or the ledger cannot be read.
    """
    run, summary = RunFolder(path), summarize_run(path)
    if summary.state == "unreadable":
        raise CheckpointError(f"{path}: {summary.note}")
    truth = read_predictions(run.labels_file) if run.labels_file.is_file() else None
    has_split = truth is not None and run.split_file.is_file()
    split = read_split(run.split_file, truth.ids) if truth is not None and has_split else None
    return ReportData(
        run=run,
        summary=summary,
        config=run.read_config() if run.config_file.is_file() else None,
        scores=run.read_scores(),
        truth=truth,
        split=split,
        validated=None if truth is None else _read_validated(run, truth, split),
        submissions=() if ledger is None else _read_submissions(ledger, summary.name),
    )


def _read_submissions(ledger: Path, name: str) -> tuple[Entry, ...]:
    """Entries of the run called `name`, which is all that the ledger knows of it."""
    return tuple(entry for entry in Ledger(ledger).read() if entry.run == name)


def _read_validated(run: RunFolder, truth: Predictions, split: Split | None) -> Validated | None:
    """All out-of-fold predictions, or those of the folds that have been trained so far."""
    found = _read_predictions(run, truth, split)
    if found is None:
        return None
    predictions, source = found
    predictions = predictions.checked(source)
    aligned = truth.aligned(predictions.ids, predictions.class_names, str(run.labels_file))
    folds = np.zeros(len(predictions.ids), dtype=np.int64)
    if run.split_file.is_file():
        folds = read_folds(run.split_file, predictions.ids)
    basis = f"{len(predictions.ids):,} validation samples ({source})"
    return Validated(predictions, as_targets(aligned), folds, basis)


def _read_predictions(run: RunFolder, truth: Predictions, split: Split | None) -> tuple[Predictions, str] | None:
    """Predictions with the columns of `truth`, and where they stand."""
    file = run.predictions("oof")
    if file.is_file():
        oof = read_predictions(file)
        return oof.aligned(oof.ids, truth.class_names, str(file)), file.name
    done = [] if split is None else folds_with_valid(run, split)
    if split is None or not done:
        return None
    return join_folds(
        run, truth, split, done
    ), f"fold{'s' * (len(done) > 1)} {listed(map(str, done))} of {split.num_folds}"
