"""The section of groups that score worse than others, and of how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kgcv.recipes.report_answers import Answers
from kgcv.recipes.report_groups import GroupCosts
from kgcv.report.page import Block, Folded, Section, Table, Text
from kgcv.report.wording import format_number
from kgcv.scoring.group_means import CONFIDENCE

_NUM_WORST = 20
_NUM_ROWS = 40
"""Rows of a single grouping's table, the worst first."""

_VERDICTS = {1: "worse", -1: "better", 0: "no difference to be seen"}


def group_section(answers: Answers, groups: Sequence[GroupCosts], notes: Sequence[str]) -> Section:
    """The groups that are worse than all samples for sure, and every grouping, folded."""
    num_groups = sum(int((each.means.counts > 0).sum()) for each in groups)
    overall = float(answers.costs.mean())
    told = (
        f"Of all samples the {answers.cost_name} is {format_number(overall)}. Each group has an interval in which its "
        f"true mean lies; all {num_groups} together hold with {CONFIDENCE:.0%}, so they are wide, above all of small "
        "groups. A group is called worse only where its whole interval is above the mean of all samples: other "
        "differences may be chance."
    )
    blocks: list[Block | Section] = [Text(told), *(Text(note) for note in notes)]
    blocks.append(_worst(answers, groups))
    with_worse = [each for each in groups if (each.means.stands_out == 1).any()]
    rest = [each for each in groups if each not in with_worse]
    blocks += [_folded(answers, each) for each in with_worse]
    if rest:
        blocks.append(Folded(f"{len(rest)} ways of grouping without a group that is worse", _all(answers, rest)))
    return Section("groups", "Groups that score badly", tuple(blocks))


def _all(answers: Answers, groups: Sequence[GroupCosts]) -> tuple[Folded, ...]:
    return tuple(_folded(answers, each) for each in groups)


def _worst(answers: Answers, groups: Sequence[GroupCosts]) -> Table | Text:
    found = [(each, at) for each in groups for at in np.flatnonzero(each.means.stands_out == 1).tolist()]
    if not found:
        return Text(f"No group is worse than all samples beyond chance ({answers.validated.basis}).")
    found.sort(key=lambda item: -float(item[0].means.lows[item[1]]))
    rows = tuple((each.title, *_cells(each, at)) for each, at in found[:_NUM_WORST])
    more = f", the first {_NUM_WORST} of {len(found)}" if len(found) > _NUM_WORST else ""
    caption = f"Groups worse than all samples beyond chance{more}, by {answers.validated.basis}"
    return Table(("by", *_header(answers)), rows, caption, num_left=2)


def _folded(answers: Answers, each: GroupCosts) -> Folded:
    means = np.where(each.means.counts > 0, each.means.means, -np.inf)
    # By what it is at least: a large group that is bad comes before a tiny one that looks worse.
    order = np.argsort(-np.nan_to_num(each.means.lows, nan=-np.inf), kind="stable")
    order = order[np.isfinite(means[order])]
    rows = tuple(_cells(each, at) for at in order[:_NUM_ROWS].tolist())
    more = f"; {_NUM_ROWS} of {len(order)} groups" if len(order) > _NUM_ROWS else ""
    caption = f"By {each.title}, the worst first (by the lower end of the interval){more}, on {answers.validated.basis}"
    title = f"By {each.title}: {len(order)} groups, {int((each.means.stands_out == 1).sum())} worse"
    return Folded(title, (Table(_header(answers), rows, caption),))


def _header(answers: Answers) -> tuple[str, ...]:
    return ("group", "samples", answers.cost_name, "at least", "at most", "against all")


def _cells(each: GroupCosts, at: int) -> tuple[str, ...]:
    means = each.means
    numbers = (float(means.means[at]), float(means.lows[at]), float(means.highs[at]))
    known = np.isfinite(numbers[1])
    verdict = _VERDICTS[int(means.stands_out[at])] if known else "too small to say"
    return (each.names[at], f"{means.counts[at]:,}", *(format_number(number) for number in numbers), verdict)
