"""The section of contact sheets: samples chosen by one rule each."""

from __future__ import annotations

from collections.abc import Sequence

from kgcv.recipes.report_answers import Answers
from kgcv.recipes.report_samples import Choice, choose_samples
from kgcv.report.page import Block, Folded, Section, Table, Text, Tiles
from kgcv.report.photos import Photos

_FOLDED = "right"
"""The sheet that is opened on demand."""


def sheet_section(answers: Answers, photos: Photos, names: Sequence[str] = ()) -> Section:
    """The most wrong, the most uncertain and the most right samples, with what is true and what was predicted.

    Args:
        answers: of the validation samples.
        photos: of the same.
        names: where they are rows of a table, what tells each from the others.
    """
    blocks: list[Block | Section] = []
    for choice in choose_samples(answers):
        sheet = _sheet(answers, choice, photos, names)
        title = f"{choice.title} ({len(choice.rows)})"
        inner = (sheet,)
        is_folded = choice.anchor == _FOLDED
        blocks.append(Folded(title, inner) if is_folded else Section(f"samples-{choice.anchor}", title, inner))
    told = f"Each sample with its id, what is true and what was predicted, by the {answers.validated.basis}."
    return Section("samples", "Samples", (Text(told), *blocks))


def _sheet(answers: Answers, choice: Choice, photos: Photos, names: Sequence[str]) -> Tiles | Table:
    caption = f"{choice.title}: {choice.rule}. From the {answers.validated.basis}."
    chosen = list(zip(choice.rows.tolist(), choice.scores.tolist(), strict=True))
    if photos.paths:
        tiles = [
            photos.tile(row, answers.ids[row], (*answers.describe(row), f"{choice.score_name}: {score:.4g}"))
            for row, score in chosen
        ]
        return Tiles(tuple(tiles), caption)
    rows = tuple(
        (answers.ids[row], names[row] if names else "", "; ".join(answers.describe(row)), f"{score:.4g}")
        for row, score in chosen
    )
    return Table(("id", "row", "label and prediction", choice.score_name), rows, caption, num_left=3)
