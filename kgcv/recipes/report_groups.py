"""Groups of samples, and which of them score worse than chance explains."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kgcv.config.schema import Config
from kgcv.data.columns import read_groups
from kgcv.recipes.report_answers import Answers
from kgcv.recipes.report_looks import Looks
from kgcv.scoring.group_means import GroupMeans, compare_groups

_NUM_PARTS = 4
_MOST_PAIRS = 60
"""Pairs of tags that are looked at, the most frequent ones; more looks make every interval wider."""
_SQUARE = (0.9, 1.1)
"""Width / height from and to which an image counts as square."""


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """One way to divide N samples into G groups."""

    title: str
    names: tuple[str, ...]
    members: np.ndarray
    """`(M, 2)` int64: row and group."""


@dataclass(frozen=True, slots=True, eq=False)
class GroupCosts:
    """How the groups of one grouping fare."""

    title: str
    names: tuple[str, ...]
    means: GroupMeans


def compare_all(answers: Answers, groupings: Sequence[Grouping]) -> list[GroupCosts]:
    """The costs of all groups, with intervals that hold together over all of them."""
    groupings = [grouping for grouping in groupings if len(np.unique(grouping.members[:, 1])) > 1]
    num_looks = sum(len(np.unique(grouping.members[:, 1])) for grouping in groupings)
    return [
        GroupCosts(each.title, each.names, compare_groups(answers.costs, each.members, len(each.names), num_looks))
        for each in groupings
    ]


def label_groupings(answers: Answers) -> Iterator[Grouping]:
    """By class, or by tag and by pair of tags."""
    names, targets = answers.class_names, answers.validated.targets
    if answers.task == "single":
        yield by_number("true class", targets, names)
    elif answers.task == "multi":
        yield Grouping("tag", names, np.argwhere(targets > 0))
        yield _tag_pairs(targets > 0, names)


def _tag_pairs(tags: np.ndarray, names: Sequence[str]) -> Grouping:
    counts = tags.astype(np.int64).T @ tags
    pairs = [pair for pair in itertools.combinations(range(len(names)), 2) if counts[pair] > 1]
    kept = sorted(pairs, key=lambda pair: -int(counts[pair]))[:_MOST_PAIRS]
    rows = [np.flatnonzero(tags[:, one] & tags[:, other]) for one, other in kept]
    numbers = np.repeat(np.arange(len(kept)), [len(some) for some in rows])
    members = np.stack([np.concatenate([*rows, np.zeros(0, dtype=np.int64)]), numbers], axis=1).astype(np.int64)
    return Grouping("two tags together", tuple(f"{names[one]} + {names[other]}" for one, other in kept), members)


def column_grouping(config: Config, ids: Sequence[str], rows: np.ndarray) -> Grouping | None:
    """By `split.group_column`; None where the config has none.

    Args:
        config: of a run on images.
        ids: of all labelled samples.
        rows: those that validate.

    Raises:
        DataError: the file with the column is missing, or other samples stand in it.
    """
    column = config.split.group_column
    if column is None:
        return None
    names, numbers = np.unique(read_groups(ids, config.data, config.split, column), return_inverse=True)
    return by_number(column, numbers[rows], names.tolist())


def look_groupings(looks: Looks, sizes: np.ndarray, rows: np.ndarray) -> Iterator[Grouping]:
    """By shape, brightness and size of the file.

    Args:
        looks: of all labelled samples.
        sizes: `(N,)` float64 bytes of their files, NaN where one is missing.
        rows: those that validate.
    """
    aspects = looks.aspects[rows]
    shapes = np.where(np.isnan(aspects), -1, np.searchsorted(_SQUARE, np.nan_to_num(aspects, nan=1.0)))
    yield by_number("shape", shapes, ("portrait", "about square", "landscape"))
    yield _quarters("brightness", looks.brightness[rows], "{:.2f}")
    yield _quarters("file size", sizes[rows] / 1024, "{:.3g} kB")


def by_number(title: str, numbers: np.ndarray, names: Sequence[str]) -> Grouping:
    """Each sample is in the group of its number, `(N,)`; in none where that is below 0."""
    rows = np.flatnonzero(numbers >= 0)
    return Grouping(title, tuple(names), np.stack([rows, numbers[rows]], axis=1))


def _quarters(title: str, values: np.ndarray, form: str) -> Grouping:
    """Four parts of equal size by `values`; equal ones stay together, NaN in none."""
    known = values[~np.isnan(values)]
    borders = np.unique(np.quantile(known, np.arange(1, _NUM_PARTS) / _NUM_PARTS)) if len(known) else np.zeros(0)
    parts = np.where(np.isnan(values), -1, np.searchsorted(borders, np.nan_to_num(values)))
    names = []
    for part in range(len(borders) + 1):
        inside = values[parts == part]
        ends = (form.format(inside.min()), form.format(inside.max())) if len(inside) else ("-", "-")
        names.append(f"{ends[0]} to {ends[1]}")
    return by_number(title, parts, names)
