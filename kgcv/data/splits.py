"""Which samples validate: drawn, told by a folder, a column or dates; kept as a file in the run folder.

Images that are the same byte for byte stay on one side, whatever decides, unless the user insists.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kgcv.config.schema import SplitConfig
from kgcv.data.balance import join_groups
from kgcv.data.columns import match_rows
from kgcv.data.csv_table import read_csv_table
from kgcv.data.draws import draw_folds, draw_holdout
from kgcv.data.labels import LabelSet
from kgcv.data.samples import SampleTable
from kgcv.data.time_folds import deal_days
from kgcv.errors import DataError, listed
from kgcv.files import write_text

TRAINS_COLUMN = "trains_from"
"""Column of a stored split that goes forward in time."""

FOLD_COLUMN = "fold"
"""A column of this name always holds fold numbers, so that a stored 0 is never taken for a mark."""

NUM_PARTS = 5
"""Parts for cross-fitting where there is one fold; as many as folds usually are."""

_VALID_MARKS = frozenset({"1", "true", "yes", "valid"})
_TRAIN_MARKS = frozenset({"0", "false", "no", "train", ""})


@dataclass(frozen=True, slots=True)
class Split:
    """The fold in which each of N samples validates."""

    folds: np.ndarray
    """`(N,)` int64 in [-1, num_folds): -1 trains in every fold."""
    num_folds: int
    """1 unless there are several."""
    trains_from: np.ndarray | None = None
    """`(N,)` int64 in [0, num_folds]: the first fold in which each sample trains, and it trains in all that follow;
    num_folds: in none. Without it, samples train in every fold that they do not validate in."""

    def train_rows(self, fold: int) -> np.ndarray:
        """Rows that train in `fold`, `(M,)` int64, ascending.

        Raises:
            DataError: there is no such fold.
        """
        is_training = self.folds != self._known(fold)
        return np.flatnonzero(is_training if self.trains_from is None else is_training & (self.trains_from <= fold))

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


def parts_of_folds(folds: np.ndarray) -> np.ndarray:
    """Parts for cross-fitting, `(N,)` int64: the folds, or the position modulo five where there is one fold."""
    return folds if len(np.unique(folds)) > 1 else np.arange(len(folds)) % NUM_PARTS


def make_split(
    samples: SampleTable, labels: LabelSet, config: SplitConfig, twins: Sequence[tuple[int, ...]] = ()
) -> Split:
    """Decide which samples validate, as `config` says. Equal arguments give equal splits.

    Args:
        samples: read with the same split settings.
        labels: what stratified draws balance.
        config: how to split.
        twins: row numbers of images that are the same byte for byte, ascending. Drawn, they follow the first
            of their kind, or join their groups where there are groups. With `allow_twins` they do not count.

    Raises:
        DataError: a fold would have no training or no validation samples, there are too few samples to
            stratify, the split column holds something else than marks or fold numbers, or a folder or column
            puts twins on both sides.
    """
    if config.train_on_all:
        return Split(np.full(len(samples), -1, dtype=np.int64), 1)
    links = () if config.allow_twins else twins
    if config.kind in ("last_days", "forward"):
        assert samples.dates is not None, "the config's rules see to it"
        split = Split(*deal_days(samples.dates, config))
    else:
        split = _told_split(samples, config, links) or _drawn_split(samples, labels, config, links)
    for fold in range(split.num_folds):
        for part, rows in (("training", split.train_rows(fold)), ("validation", split.valid_rows(fold))):
            if not len(rows):
                where = f"split.kind: {config.kind} leaves fold {fold} without {part} samples"
                raise DataError(f"{where}; there are {_describe_amount(samples, split)}")
    return split


def _describe_amount(samples: SampleTable, split: Split) -> str:
    amounts = [f"{len(samples)} samples", f"{split.num_folds} folds"]
    if samples.groups is not None:
        amounts.insert(1, f"{len(set(samples.groups))} groups")
    return f"{', '.join(amounts[:-1])} and {amounts[-1]}"


def write_split(path: Path, ids: Sequence[str], split: Split) -> None:
    """Write `split` as CSV with the columns `id` and `fold` (and `trains_from`), whole or not at all."""
    columns = {"id": ids, FOLD_COLUMN: split.folds.tolist()}
    if split.trains_from is not None:
        columns[TRAINS_COLUMN] = split.trains_from.tolist()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    write_text(path, text.getvalue())


def read_split(path: Path, ids: Sequence[str]) -> Split:
    """The split of `write_split`, for samples `ids` in their order.

    Raises:
        DataError: the file is missing or damaged, or holds other ids.
    """
    table = read_csv_table(path)
    split = _numbered(match_rows(table, "id", FOLD_COLUMN, ids), FOLD_COLUMN)
    if TRAINS_COLUMN not in table.names:
        return split
    return replace(split, trains_from=_numbered(match_rows(table, "id", TRAINS_COLUMN, ids), TRAINS_COLUMN).folds)


def read_folds(path: Path, ids: Sequence[str]) -> np.ndarray:
    """The fold of each of some samples of a split, `(N,)` int64.

    Raises:
        DataError: the file is missing or damaged, or lacks an id.
    """
    table = read_csv_table(path)
    fold_of = dict(zip(table.column("id"), table.column(FOLD_COLUMN), strict=True))
    if missing := [name for name in ids if name not in fold_of]:
        raise DataError(f"{path}: {len(missing)} ids are missing: {listed(missing)}")
    return _numbered([fold_of[name] for name in ids], FOLD_COLUMN).folds


def count_folds(path: Path) -> int:
    """How many folds the split in `path` has.

    Raises:
        DataError: the file is missing or damaged.
    """
    return _numbered(read_csv_table(path).column(FOLD_COLUMN), FOLD_COLUMN).num_folds


def _told_split(samples: SampleTable, config: SplitConfig, twins: Sequence[tuple[int, ...]]) -> Split | None:
    """The split that a folder or a column tells; None if it is to be drawn."""
    if config.kind == "folder":
        split = _marked(_split_marks(samples), "split.folder")
    elif config.kind == "column":
        split = _read_column(_split_marks(samples), config.column)
    else:
        return None
    torn = [group for group in twins if len(np.unique(split.folds[list(group)])) > 1]
    if torn:
        shown = listed(" = ".join(samples.ids[row] for row in group) for group in torn)
        raise DataError(
            f"split.kind: {config.kind} puts identical images on both sides ({len(torn)}): {shown}; "
            f"move them to one side, or set split.allow_twins: true"
        )
    return split


def _drawn_split(
    samples: SampleTable, labels: LabelSet, config: SplitConfig, twins: Sequence[tuple[int, ...]]
) -> Split:
    """A draw on all rows, after which twins follow the first of their kind; groups hold their twins beforehand."""
    groups = None if samples.groups is None else join_groups(samples.groups, twins)
    draw, num_folds = (draw_folds, config.num_folds) if config.kind == "folds" else (draw_holdout, 1)
    folds = draw(labels, groups, config)
    for first, *others in twins if groups is None else ():
        folds[others] = folds[first]
    return Split(folds, num_folds)


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
    return re.fullmatch(r"-?[0-9]{1,9}", text) is not None  # more digits than any number of folds has


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
