"""Predictions over all folds: out-of-fold ones for the labelled samples, the mean of the folds for the test samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from kgcv.data.predictions import Predictions, as_targets, read_predictions, write_predictions
from kgcv.data.splits import Split, count_folds, parts_of_folds, read_folds, read_split
from kgcv.errors import DataError, listed
from kgcv.recipes.run_folder import RunFolder


def gather_oof(run: RunFolder) -> Predictions | None:
    """Join the folds' validation predictions, each sample by the fold that did not see it; write `oof.npz`.

    Samples that never validate, and unreadable ones that were left out, are not in it.

    Returns:
        Predictions in the order of the labelled samples; None, and nothing written, while a fold has none.

    Raises:
        DataError: a file is damaged, or holds ids of another fold.
    """
    truth = read_predictions(run.labels_file)
    split = read_split(run.split_file, truth.ids)
    folds = range(split.num_folds)
    if folds_with_valid(run, split) != list(folds):
        return None
    oof = join_folds(run, truth, split, folds)
    write_predictions(run.predictions("oof"), oof)
    return oof


def folds_with_valid(run: RunFolder, split: Split) -> list[int]:
    """Folds whose validation samples have been predicted, ascending."""
    return [fold for fold in range(split.num_folds) if _valid_file(run, fold).is_file()]


def join_folds(run: RunFolder, truth: Predictions, split: Split, folds: Iterable[int]) -> Predictions:
    """The validation predictions of `folds`, of which there is at least one, in the order of `truth`.

    Raises:
        DataError: a file is damaged, or holds ids of another fold.
    """
    fold_of = dict(zip(truth.ids, split.folds.tolist(), strict=True))
    parts = [_read_part(_valid_file(run, fold), fold, fold_of, truth.class_names) for fold in folds]
    joined = Predictions(
        ids=tuple(name for part in parts for name in part.ids),
        class_names=truth.class_names,
        values=np.concatenate([part.values for part in parts]),
        task=truth.task,
    )
    known = set(joined.ids)
    return joined.aligned([name for name in truth.ids if name in known], truth.class_names, str(run.path))


def _valid_file(run: RunFolder, fold: int) -> Path:
    return run.fold_path(fold) / "valid.npz"


def _read_part(file: Path, fold: int, fold_of: Mapping[str, int], class_names: Sequence[str]) -> Predictions:
    """A fold's validation predictions; an id of another fold would be one that its model was trained on."""
    part = read_predictions(file)
    if strays := [name for name in part.ids if fold_of.get(name) != fold]:
        raise DataError(f"{file}: has ids that do not validate in fold {fold}: {listed(strays)}")
    return part.aligned(part.ids, class_names, str(file))


def gather_test(run: RunFolder) -> Path | None:
    """Write `test.npz`, the mean of the folds' test predictions; None, and nothing written, while a fold has none.

    Raises:
        DataError: a file is damaged, or the folds predicted other ids.
    """
    num_folds = count_folds(run.split_file)
    files = [run.fold_path(fold) / "test.npz" for fold in range(num_folds)]
    if not all(file.is_file() for file in files):
        return None
    first = read_predictions(files[0])
    total = np.zeros(first.values.shape, dtype=np.float64)
    for file in files:
        part = read_predictions(file)
        if extra := set(part.ids) - set(first.ids):
            raise DataError(f"{file}: has ids that {files[0]} has not: {listed(sorted(extra))}")
        total += part.aligned(first.ids, first.class_names, str(file)).values
    mean = Predictions(first.ids, first.class_names, (total / num_folds).astype(np.float32), first.task)
    write_predictions(run.predictions("test"), mean)
    return run.predictions("test")


def targets_of(run: RunFolder, predictions: Predictions) -> np.ndarray:
    """The true targets of the samples in `predictions`, in their order: `(N,)` int64 or `(N, C)` float32."""
    truth = read_predictions(run.labels_file)
    return as_targets(truth.aligned(predictions.ids, predictions.class_names, str(run.labels_file)))


def read_parts(split_file: Path | None, ids: Sequence[str]) -> np.ndarray:
    """The part of each sample for cross-fitting, `(N,)` int64: its fold, or its position modulo five.

    Args:
        split_file: None where there is no split.
        ids: of the N samples.

    Raises:
        DataError: the split lacks an id, or there are fewer than two samples.
    """
    if len(ids) < 2:
        raise DataError(f"cross-fitting needs at least two samples, and there are {len(ids)}")
    return parts_of_folds(np.zeros(len(ids), dtype=np.int64) if split_file is None else read_folds(split_file, ids))
