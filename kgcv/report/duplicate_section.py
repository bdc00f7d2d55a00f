"""The section of images that are nearly the same and have different labels."""

from __future__ import annotations

import numpy as np

from kgcv.data.predictions import Predictions
from kgcv.recipes.report_data import ReportData
from kgcv.recipes.report_duplicates import NEAREST, NearDuplicates, NearPair
from kgcv.report.page import Block, Folded, Section, Table, Text, Tile, Tiles
from kgcv.report.photos import Photos

_NUM_SHOWN = 12
_NUM_ROWS = 100


def duplicate_section(found: NearDuplicates, source: str, data: ReportData, photos: Photos) -> Section:
    """The pairs that disagree, the most alike first.

    Args:
        found: among all labelled samples.
        source: what was compared.
        data: the run.
        photos: of all labelled samples.
    """
    blocks: list[Block | Section] = [Text(_told(found, source))]
    if found.num_torn:
        blocks.append(
            Text(
                f"{found.num_torn:,} pairs with equal labels stand in different parts of the split: there a model is "
                "scored on an image much like one it was trained on, and scores a little too well."
            )
        )
    blocks += [Tiles(_pair(pair, data, photos), _caption(pair, data)) for pair in found.disagreeing[:_NUM_SHOWN]]
    if len(found.disagreeing) > _NUM_SHOWN:
        blocks.append(_table(found, data))
    return Section("duplicates", "Near-duplicates that disagree", tuple(blocks))


def _told(found: NearDuplicates, source: str) -> str:
    return (
        f"{found.num_images:,} labelled images were compared by small copies of their colours, from {source}: "
        f"{found.num_pairs:,} pairs are nearly the same, {len(found.disagreeing):,} of them with different labels. "
        "Other sizes, other compression and borders cut off by up to 4 % are seen through; turned or mirrored copies "
        f"are not. Likeness is 1 for equal copies, and counts from {NEAREST}. Where all images look alike, so do "
        "different ones."
    )


def _pair(pair: NearPair, data: ReportData, photos: Photos) -> tuple[Tile, ...]:
    assert data.truth is not None, "there are labelled samples"
    return tuple(
        photos.tile(row, data.truth.ids[row], (f"label: {_label(data.truth, row)}", _part(data, row)))
        for row in (pair.first, pair.second)
    )


def _caption(pair: NearPair, data: ReportData) -> str:
    return f"Likeness {pair.likeness:.3f}, {_where(pair, data)}."


def _where(pair: NearPair, data: ReportData) -> str:
    if data.split is None:
        return "split not known"
    return "in the same part" if data.split.folds[pair.first] == data.split.folds[pair.second] else "in different parts"


def _part(data: ReportData, row: int) -> str:
    if data.split is None:
        return ""
    fold = int(data.split.folds[row])
    return "always trains" if fold < 0 else f"validates in fold {fold}"


def _label(truth: Predictions, row: int) -> str:
    values = truth.values[row]
    if truth.task == "regression":
        return ", ".join(f"{value:.6g}" for value in values)
    return ", ".join(truth.class_names[at] for at in np.flatnonzero(values > 0)) or "-"


def _table(found: NearDuplicates, data: ReportData) -> Folded:
    assert data.truth is not None, "there are labelled samples"
    truth = data.truth
    rows = tuple(
        (
            truth.ids[pair.first],
            truth.ids[pair.second],
            _label(truth, pair.first),
            _label(truth, pair.second),
            _where(pair, data),
            f"{pair.likeness:.3f}",
        )
        for pair in found.disagreeing[:_NUM_ROWS]
    )
    header = ("id", "and", "label", "and label", "split", "likeness")
    caption = f"Near-duplicates with different labels, the most alike first, at most {_NUM_ROWS}"
    return Folded(f"The first {len(rows)} pairs as a table", (Table(header, rows, caption, num_left=5),))
