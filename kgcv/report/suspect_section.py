"""The section of labels that are probably wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kgcv.recipes.report_answers import Answers
from kgcv.recipes.report_suspects import FILE_NAME, Suspect, doubted_share
from kgcv.report.page import Block, Folded, Section, Table, Text, Tile, Tiles
from kgcv.report.photos import Photos

_NUM_TILES = 24
_NUM_ROWS = 100

_METHOD = (
    "Confident learning (Northcutt, Jiang and Chuang, 2021): a label is suspect where the model that did not see the "
    "sample gives another answer at least the probability that this answer gets on average where it is the label. "
    "Ranked by the probability of the given label, lowest first. A suspect may be a wrong label, or a right one of "
    "an unusual sample: look before you change it."
)


def suspect_section(answers: Answers, suspects: Sequence[Suspect], photos: Photos) -> Iterator[Section]:
    """The most doubtful labels; no section for numbers, whose largest errors tell the same."""
    if answers.task == "regression":
        return
    share = doubted_share(list(suspects), answers.validated)
    found = f"{len(suspects):,} suspects, {share:.1%} of the samples, among {answers.validated.basis}"
    blocks: list[Block | Section] = [
        Text(_METHOD),
        Text(f"{found}. All of them stand in {FILE_NAME}, beside this page."),
    ]
    if suspects:
        shown = suspects[:_NUM_TILES]
        caption = f"The {len(shown)} most doubtful labels, by {answers.validated.basis}."
        if photos.paths:
            blocks.append(Tiles(tuple(_tile(each, photos) for each in shown), caption))
        blocks.append(_table(suspects, answers, is_folded=bool(photos.paths)))
    yield Section("suspects", "Labels that may be wrong", tuple(blocks))


def _tile(each: Suspect, photos: Photos) -> Tile:
    lines = (
        f"given: {each.given} {each.probability_given:.3f}",
        f"rather: {each.suggested} {each.probability_suggested:.3f}",
    )
    return photos.tile(each.row, each.id, lines)


def _table(suspects: Sequence[Suspect], answers: Answers, is_folded: bool) -> Table | Folded:
    rows = tuple(
        (
            each.id,
            each.given,
            each.suggested,
            f"{each.probability_given:.3f}",
            f"{each.probability_suggested:.3f}",
            str(each.fold),
        )
        for each in suspects[:_NUM_ROWS]
    )
    header = ("id", "given", "rather", "probability of given", "of the other", "fold")
    caption = f"Suspects, the most doubtful first, at most {_NUM_ROWS}, by {answers.validated.basis}"
    table = Table(header, rows, caption, num_left=3)
    return Folded(f"The first {len(rows)} suspects as a table", (table,)) if is_folded else table
