"""Which samples validate: drawn, told by a folder, or read from a column; kept as a file in the run folder.

Two draws. The stratified one keeps the share of each class (or tag); a class with a single sample always
trains, since a model cannot be scored on what it never saw. The other is the course's: a permutation of all
rows, cut into blocks. Numbers to predict have no shares to keep, so regression always takes the second.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgcv.config.schema import SplitConfig
from kgcv.data.csv_table import read_csv_table
from kgcv.data.labels import LabelSet
from kgcv.data.samples import SampleTable, match_rows
from kgcv.errors import DataError, listed
from kgcv.files import write_text

FOLD_COLUMN = "fold"
"""A column of this name always holds fold numbers, so that a stored 0 is never taken for a mark."""

_VALID_MARKS = frozenset({"1", "true", "yes", "valid"})
_TRAIN_MARKS = frozenset({"0", "false", "no", "train", ""})


@dataclass(frozen=True, slots=True)
class Split:
    """The fold in which each of N samples validates."""

    folds: np.ndarray
    """`(N,)` int64 in [-1, num_folds): -1 trains in every fold."""
    num_folds: int
    """1 unless there are several."""

    def train_rows(self, fold: int) -> np.ndarray:
        """Rows that train in `fold`, `(M,)` int64, ascending.

        Raises:
            DataError: there is no such fold.
        """
        return np.flatnonzero(self.folds != self._known(fold))

    def valid_rows(self, fold: int) -> np.ndarray:
        """Rows that validate in `fold`, `(M,)` int64, ascending.

        Raises:
            DataError: there is no such fold.
        """
        return np.flatnonzero(self.folds == self._known(fold))

    def _known(self, fold: int) -> int:
        if not 0 <= fold < self.num_folds:
            raise DataError(f"fold {fold} does not exist; the split has {self.num_folds}, numbered from 0")
        return fold


def make_split(samples: SampleTable, labels: LabelSet, config: SplitConfig) -> Split:
    """Decide which samples validate, as `config` says. Equal arguments give equal splits.

    Raises:
        DataError: a fold would have no training or no validation samples, there are too few samples to
            stratify, or the split column holds something else than marks or fold numbers.
    """
    split = _unchecked_split(samples, labels, config)
    for fold in range(split.num_folds):
        for part, rows in (("training", split.train_rows(fold)), ("validation", split.valid_rows(fold))):
            if not len(rows):
                where = f"split.kind: {config.kind} leaves fold {fold} without {part} samples"
                raise DataError(f"{where}; there are {len(samples)} samples and {split.num_folds} folds")
    return split


def draw_course_rows(num_samples: int, fold: int, num_valid: int, seed: int) -> np.ndarray:
    """Rows that validate in `fold` by the course's rule: block `fold`, `num_valid` long, of a permutation.

    fastai 0.7's `get_cv_idxs` seeds NumPy's global generator; an own generator with that seed draws the same.
    """
    permutation = np.random.RandomState(seed).permutation(num_samples)
    return permutation[fold * num_valid : (fold + 1) * num_valid]


def write_split(path: Path, ids: Sequence[str], split: Split) -> None:
    """Write `split` as CSV with the columns `id` and `fold`, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", FOLD_COLUMN])
    writer.writerows(zip(ids, split.folds.tolist(), strict=True))
    write_text(path, text.getvalue())


def read_split(path: Path, ids: Sequence[str]) -> Split:
    """The split of `write_split`, for samples `ids` in their order.

    Raises:
        DataError: the file is missing or damaged, or holds other ids.
    """
    return _numbered(match_rows(read_csv_table(path), "id", FOLD_COLUMN, ids), FOLD_COLUMN)


def _unchecked_split(samples: SampleTable, labels: LabelSet, config: SplitConfig) -> Split:
    if config.kind == "folder":
        return _marked(_split_marks(samples), "split.folder")
    if config.kind == "column":
        return _read_column(_split_marks(samples), config.column)
    is_stratified = config.stratify and labels.task != "regression"
    if config.kind == "folds":
        draw_folds = _stratified_folds if is_stratified else _course_folds
        return Split(draw_folds(labels, config), config.num_folds)
    draw_rows = _stratified_holdout if is_stratified else _course_holdout
    folds = np.full(len(samples), -1, dtype=np.int64)
    folds[draw_rows(labels, config)] = 0
    return Split(folds, 1)


def _split_marks(samples: SampleTable) -> tuple[str, ...]:
    assert samples.split_marks is not None, "read the samples with the same split settings"
    return samples.split_marks


def _read_column(texts: Sequence[str], column: str) -> Split:
    """Fold numbers if the column is called `fold` or a value is -1 or at least 2; marks otherwise."""
    numbers = [int(text) for text in texts if _is_whole(text)]
    if column == FOLD_COLUMN or any(number == -1 or number >= 2 for number in numbers):
        return _numbered(texts, column)
    return _marked(texts, column)


def _is_whole(text: str) -> bool:
    return re.fullmatch(r"-?\d+", text) is not None


def _numbered(texts: Sequence[str], column: str) -> Split:
    strays = sorted({repr(text) for text in texts if not _is_whole(text) or int(text) < -1})
    if strays:
        raise DataError(f"column {column!r}: folds count from 0, and -1 always trains; found {listed(strays)}")
    folds = np.array([int(text) for text in texts], dtype=np.int64)
    return Split(folds, max(int(folds.max()) + 1, 1))


def _marked(texts: Sequence[str], column: str) -> Split:
    marks = [text.lower() for text in texts]
    strays = sorted({repr(mark) for mark in marks if mark not in _VALID_MARKS | _TRAIN_MARKS})
    if strays:
        raise DataError(
            f"column {column!r}: 1, true, yes or valid marks validation rows; 0, false, no, train or nothing "
            f"marks the others; found {listed(strays)}"
        )
    return Split(np.array([0 if mark in _VALID_MARKS else -1 for mark in marks], dtype=np.int64), 1)


def _course_holdout(labels: LabelSet, config: SplitConfig) -> np.ndarray:
    num_samples = len(labels.targets)
    return draw_course_rows(num_samples, 0, int(config.valid_fraction * num_samples), config.seed)


def _course_folds(labels: LabelSet, config: SplitConfig) -> np.ndarray:
    """As in the course, folds are equally large; the remainder, fewer rows than folds, never validates."""
    num_samples = len(labels.targets)
    folds = np.full(num_samples, -1, dtype=np.int64)
    for fold in range(config.num_folds):
        folds[draw_course_rows(num_samples, fold, num_samples // config.num_folds, config.seed)] = fold
    return folds


def _strata(labels: LabelSet) -> np.ndarray:
    """One class number a sample, or the `(N, C)` tags; a single tag is as good as two classes."""
    return labels.targets[:, 0] if labels.targets.shape[1:] == (1,) else labels.targets


def _stratified_holdout(labels: LabelSet, config: SplitConfig) -> np.ndarray:
    """Rows that validate: `round(valid_fraction * N)` of the N rows whose class has more than one."""
    strata = _strata(labels)
    if strata.ndim == 2:
        return _tag_holdout(strata, config)
    from sklearn.model_selection import train_test_split

    rows, classes = _shared_classes(strata)
    num_valid, num_classes = round(config.valid_fraction * len(rows)), len(np.unique(classes))
    if not num_classes <= num_valid <= len(rows) - num_classes:
        raise DataError(
            f"split.stratify: {num_valid} validation and {len(rows) - num_valid} training samples cannot "
            f"both hold all {num_classes} classes; change split.valid_fraction or set split.stratify: false"
        )
    _, valid = train_test_split(rows, test_size=num_valid, stratify=classes, random_state=config.seed)
    return np.asarray(valid)


def _tag_holdout(tags: np.ndarray, config: SplitConfig) -> np.ndarray:
    from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit

    splitter = MultilabelStratifiedShuffleSplit(1, test_size=config.valid_fraction, random_state=config.seed)
    _, valid = next(splitter.split(tags, tags))
    return np.asarray(valid)


def _stratified_folds(labels: LabelSet, config: SplitConfig) -> np.ndarray:
    strata = _strata(labels)
    folds = np.full(len(strata), -1, dtype=np.int64)
    if strata.ndim == 2:
        rows, parts = np.arange(len(strata)), _tag_folds(strata, config)
    else:
        rows, classes = _shared_classes(strata)
        parts = _class_folds(classes, config)
    for fold, chosen in enumerate(parts):
        folds[rows[chosen]] = fold
    return folds


def _class_folds(classes: np.ndarray, config: SplitConfig) -> list[np.ndarray]:
    """Row numbers of each fold."""
    from sklearn.model_selection import StratifiedKFold

    largest = int(np.unique(classes, return_counts=True)[1].max())
    if largest < config.num_folds:
        raise DataError(f"split.num_folds: {config.num_folds} is more than the {largest} samples of any class")
    splitter = StratifiedKFold(config.num_folds, shuffle=True, random_state=config.seed)
    with warnings.catch_warnings():
        # A class with fewer samples than folds validates in some of them only; nothing else can be done.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        return [valid for _, valid in splitter.split(classes, classes)]


def _tag_folds(tags: np.ndarray, config: SplitConfig) -> list[np.ndarray]:
    """Row numbers of each fold."""
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

    splitter = MultilabelStratifiedKFold(config.num_folds, shuffle=True, random_state=config.seed)
    return [valid for _, valid in splitter.split(tags, tags)]


def _shared_classes(classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose class has more than one sample, and their classes.

    Raises:
        DataError: there are none.
    """
    _, codes, counts = np.unique(classes, return_inverse=True, return_counts=True)
    rows = np.flatnonzero(counts[codes] > 1)
    if not len(rows):
        raise DataError("split.stratify: no class has two samples, so none can validate; set it to false")
    return rows, classes[rows]
