"""Class names that stand in the names of image files: `cat.0.jpg`, `great_pyrenees_12.jpg`, `0013-rose.jpg`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_SHAPES = (
    (re.compile(r"(?P<label>[^\W\d][^/]*?)(?P<rest>(?P<mark>[._ -])\d+)\.\w+"), r"^(?P<label>%s)%s\d+\."),
    (re.compile(r"(?P<rest>\d+(?P<mark>[._ -]))(?P<label>[^\W\d][^/]*?)\.\w+"), r"^\d+%s(?P<label>%s)\."),
)
"""How a name is taken apart, and the pattern for the config made of the labels and of the mark between."""

_MANY_NAMES = 12
"""Up to here the pattern lists the classes, which a reader can check."""


@dataclass(frozen=True, slots=True)
class NamePattern:
    """A regular expression for `data.train.pattern`."""

    pattern: str
    counts: Counter[str]
    """Images of each class."""
    examples: tuple[str, ...]
    """A file name of each class, the first few."""


def find_pattern(files: Sequence[str]) -> NamePattern | None:
    """The pattern that finds a class in every name; None if there is none with at least two classes of two images."""
    names = [file.rsplit("/", 1)[-1] for file in files]
    for number, (shape, _) in enumerate(_SHAPES):
        matches = [shape.fullmatch(name) for name in names]
        found = [match for match in matches if match is not None]
        marks = {match["mark"] for match in found}
        if len(found) == len(names) and len(marks) == 1:
            counts = Counter(match["label"] for match in found)
            if len(counts) > 1 and min(counts.values()) > 1:
                first = {match["label"]: match[0] for match in reversed(found)}
                pattern = _written(number, counts, marks.pop())
                return NamePattern(pattern, counts, tuple(first[label] for label in sorted(counts))[:3])
    return None


def _written(number: int, labels: Iterable[str], mark: str) -> str:
    known = sorted(labels)
    choice = "|".join(map(re.escape, known)) if len(known) <= _MANY_NAMES else ".+?"
    parts = (choice, re.escape(mark)) if number == 0 else (re.escape(mark), choice)
    return _SHAPES[number][1] % parts
