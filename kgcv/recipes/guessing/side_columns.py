"""Columns beside ids and labels: groups that must stay together, answers in disguise, what kgcv does not read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from kgcv.data.csv_table import CsvTable
from kgcv.data.survey import Survey
from kgcv.errors import DataError
from kgcv.files import read_json
from kgcv.recipes.guessing.guess import Guess, Instead, quoted_some
from kgcv.recipes.guessing.label_columns import number_in

_OF_GROUPS = frozenset(
    {"patient", "patientid", "subject", "person", "individual", "group", "study", "series", "case", "site"}
    | {"author", "user", "device", "camera", "location", "sequence", "session", "scene", "lesion", "well", "slide"}
)
"""Words for what has many images: they look alike, so that one in training tells the answer of another."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

ROWS_A_GROUP = 1.5
"""On average at least; otherwise nothing is to be kept together."""

FEW_GROUPS = 8
"""A column without a telling name and with fewer values is a kind (sex, site), not a group."""


def guess_groups(table: CsvTable, used: Sequence[str]) -> Guess:
    """The column whose rows have to stay on one side of the split, by its name; others as a possibility.

    Args:
        table: the file with the labels.
        used: its columns with ids and labels.
    """
    columns = [name for name in table.names if name not in used and _may_group(table.column(name))]
    named = [name for name in columns if _words(name) & _OF_GROUPS]
    others = [name for name in columns if name not in named and _are_texts(table.column(name))]
    possible = tuple(Instead(name, f"{_counts(table, name)}; if they look alike") for name in (*named[1:], *others))
    if not named:
        return Guess("split.group_column", instead=possible)
    because = f"{_counts(table, named[0])}, which stay on one side"
    return Guess("split.group_column", named[0], because, possible)


def unread_columns(table: CsvTable, used: Iterable[str], test: CsvTable | None) -> str:
    """What becomes of the other columns; empty if there are none."""
    names = [name for name in table.names if name not in set(used)]
    if not names:
        return ""
    if test is None:
        return f"kgcv reads images alone, not {quoted_some(names, 8)}"
    leaks = [name for name in names if name not in test.names]
    plain = [name for name in names if name in test.names]
    texts = [f"{quoted_some(leaks, 8)}: not in {test.path.name}, so they may tell the answer"] if leaks else []
    texts += [f"kgcv reads images alone, not {quoted_some(plain, 8)}"] if plain else []
    return "; ".join(texts)


def dates_remark(table: CsvTable, used: Sequence[str]) -> str:
    """That images have dates, by which kgcv does not split of itself; empty if they have none."""
    dated = [name for name in table.names if name not in used and all(map(_DATE.match, table.column(name)))]
    if not dated:
        return ""
    return (
        f"{dated[0]} has dates: if the images to predict are later, mark the last ones in a column of their own, and "
        "let it decide with kind: column"
    )


def find_class_names(survey: Survey, class_names: Sequence[str]) -> str:
    """What a JSON file has for numbered classes, as a remark; empty if none has anything for each of them."""
    if not all(name.isdecimal() for name in class_names):
        return ""
    for file in survey.others:
        try:
            told = read_json(survey.root / file)
        except DataError:
            continue
        if isinstance(told, dict) and set(class_names) <= told.keys():
            return f"{file} names the classes: {quoted_some([f'{name} {told[name]}' for name in class_names])}"
    return ""


def _may_group(cells: Sequence[str]) -> bool:
    distinct = set(cells)
    return "" not in distinct and 2 < len(distinct) * ROWS_A_GROUP <= len(cells)


def _are_texts(cells: Sequence[str]) -> bool:
    distinct = set(cells)
    return len(distinct) >= FEW_GROUPS and any(number_in(cell) != number_in(cell) for cell in distinct)


def _words(name: str) -> set[str]:
    """`patient_id`, `PatientID` and `patient` speak of patients."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)} | {name.lower()}


def _counts(table: CsvTable, name: str) -> str:
    cells = table.column(name)
    return f"{len(set(cells)):,} values for {len(cells):,} images"
