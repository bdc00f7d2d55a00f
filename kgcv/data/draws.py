"""Samples drawn for validation: stratified, grouped, both at once, or exactly as the course did.

Stratified draws keep the share of each class (or tag), and of numbers the share of each decile. The course's
draw is a permutation of all rows, cut into blocks. Folds hold every sample exactly once; in a hold-out a class
with a single sample trains, since a model cannot be scored on what it never saw.
"""

from __future__ import annotations

import warnings

import numpy as np

from kgcv.config.schema import SplitConfig
from kgcv.data.balance import deal_groups
from kgcv.data.labels import LabelSet
from kgcv.errors import DataError

_DECILES = np.arange(1, 10) / 10
"""Where numbers are cut into strata, as parts of the sorted numbers."""


def draw_course_rows(num_samples: int, fold: int, num_valid: int, seed: int) -> np.ndarray:
    """Rows that validate in `fold` by the course's rule: block `fold`, `num_valid` long, of a permutation.

    fastai 0.7's `get_cv_idxs` seeds NumPy's global generator; an own generator with that seed draws the same.
    """
    permutation = np.random.RandomState(seed).permutation(num_samples)
    return permutation[fold * num_valid : (fold + 1) * num_valid]


def draw_folds(labels: LabelSet, groups: np.ndarray | None, config: SplitConfig) -> np.ndarray:
    """The fold in which each of N samples validates, `(N,)` int64 in [0, num_folds).

    Args:
        labels: what is to be balanced.
        groups: `(N,)` group numbers from 0 without gaps; None where each sample stands for itself.
        config: number of folds, seed, and whether to stratify.

    Raises:
        DataError: there are more folds than groups, or than samples of any class.
    """
    strata = _strata(labels, config)
    if groups is not None:
        return _group_folds(groups, strata, config)
    if strata is None:
        return _course_folds(len(labels.targets), config)
    return _stratified_folds(strata, config, _stratum_noun(labels))


def draw_holdout(labels: LabelSet, groups: np.ndarray | None, config: SplitConfig) -> np.ndarray:
    """0 for each sample that validates and -1 for each that trains, `(N,)` int64.

    Arguments are those of `draw_folds`.

    Raises:
        DataError: the two parts cannot both hold all classes.
    """
    strata, num_samples = _strata(labels, config), len(labels.targets)
    if groups is not None:
        return -deal_groups(groups, strata, (config.valid_fraction, 1 - config.valid_fraction), config.seed)
    if strata is None:
        rows = draw_course_rows(num_samples, 0, int(config.valid_fraction * num_samples), config.seed)
    elif strata.ndim == 2:
        rows = _tag_holdout(strata, config)
    else:
        rows = _class_holdout(strata, config, _stratum_noun(labels))
    folds = np.full(num_samples, -1, dtype=np.int64)
    folds[rows] = 0
    return folds


def _strata(labels: LabelSet, config: SplitConfig) -> np.ndarray | None:
    """One class number a sample, or `(N, C)` int64 of 0 and 1; None where nothing is to be balanced."""
    if config.stratify == "no" or (config.stratify == "auto" and labels.task == "regression"):
        return None
    targets = _deciles(labels.targets) if labels.task == "regression" else labels.targets.astype(np.int64)
    # A single column is as good as class numbers.
    return targets[:, 0] if targets.shape[1:] == (1,) else targets


def _deciles(numbers: np.ndarray) -> np.ndarray:
    """The decile of each number in its column, `(N, 1)`, or an indicator a decile of several columns."""
    cuts = np.quantile(numbers, _DECILES, axis=0)
    deciles = np.stack([np.searchsorted(cuts[:, row], numbers[:, row]) for row in range(numbers.shape[1])], axis=1)
    if deciles.shape[1] == 1:
        return deciles
    return np.eye(len(_DECILES) + 1, dtype=np.int64)[deciles].reshape(len(numbers), -1)


def _stratum_noun(labels: LabelSet) -> str:
    return "decile" if labels.task == "regression" else "class"


def _group_folds(groups: np.ndarray, strata: np.ndarray | None, config: SplitConfig) -> np.ndarray:
    num_groups = int(groups.max()) + 1
    if num_groups < config.num_folds:
        raise DataError(f"split.num_folds: {config.num_folds} is more than the {num_groups} groups that there are")
    return deal_groups(groups, strata, [1 / config.num_folds] * config.num_folds, config.seed)


def _course_folds(num_samples: int, config: SplitConfig) -> np.ndarray:
    """Equally large folds as in the course; the remainder, which validated nowhere there, goes to the first ones."""
    size, num_left = divmod(num_samples, config.num_folds)
    order = draw_course_rows(num_samples, 0, num_samples, config.seed)
    folds = np.empty(num_samples, dtype=np.int64)
    folds[order] = np.concatenate([np.repeat(np.arange(config.num_folds), size), np.arange(num_left)])
    return folds


def _stratified_folds(strata: np.ndarray, config: SplitConfig, noun: str) -> np.ndarray:
    parts = _tag_folds(strata, config) if strata.ndim == 2 else _class_folds(strata, config, noun)
    folds = np.empty(len(strata), dtype=np.int64)
    for fold, rows in enumerate(parts):
        folds[rows] = fold
    return folds


def _class_folds(classes: np.ndarray, config: SplitConfig, noun: str) -> list[np.ndarray]:
    """Row numbers of each fold."""
    from sklearn.model_selection import StratifiedKFold

    largest = int(np.unique(classes, return_counts=True)[1].max())
    if largest < config.num_folds:
        raise DataError(f"split.num_folds: {config.num_folds} is more than the {largest} samples of any {noun}")
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


def _tag_holdout(tags: np.ndarray, config: SplitConfig) -> np.ndarray:
    """Rows that validate."""
    from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit

    splitter = MultilabelStratifiedShuffleSplit(1, test_size=config.valid_fraction, random_state=config.seed)
    _, valid = next(splitter.split(tags, tags))
    return np.asarray(valid)


def _class_holdout(classes: np.ndarray, config: SplitConfig, noun: str) -> np.ndarray:
    """Rows that validate: `round(valid_fraction * N)` of the N rows whose class has more than one."""
    from sklearn.model_selection import train_test_split

    rows, classes = _shared_classes(classes, noun)
    num_valid, num_classes = round(config.valid_fraction * len(rows)), len(np.unique(classes))
    if not num_classes <= num_valid <= len(rows) - num_classes:
        raise DataError(
            f"split.stratify: {num_valid} validation and {len(rows) - num_valid} training samples cannot both hold "
            f"every {noun} ({num_classes}); change split.valid_fraction or set split.stratify: no"
        )
    _, valid = train_test_split(rows, test_size=num_valid, stratify=classes, random_state=config.seed)
    return np.asarray(valid)


def _shared_classes(classes: np.ndarray, noun: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose class has more than one sample, and their classes.

    Raises:
        DataError: there are none.
    """
    _, codes, counts = np.unique(classes, return_inverse=True, return_counts=True)
    rows = np.flatnonzero(counts[codes] > 1)
    if not len(rows):
        raise DataError(f"split.stratify: no {noun} has two samples, so none can validate; set it to no")
    return rows, classes[rows]
