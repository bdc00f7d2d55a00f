"""Conditions on one column, as the config spells them: `Sales > 0`, `StateHoliday != '0'`, `Date >= 2015-01-01`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, cast

from annotated_types import MinLen

from kgcv.config.yaml_source import read_scalar

Comparison = Literal["==", "!=", "<", "<=", ">", ">="]

Conditions = Annotated[tuple[str, ...], MinLen(1)]
"""Conditions as written, all of which must hold."""

_FORM = re.compile(r"(?P<column>\S.*?) (?P<comparison>==|!=|<=|>=|<|>) (?P<value>\S.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """What the values of a column must be; a missing value meets no condition."""

    column: str
    comparison: Comparison
    value: float | str
    """A number, or text: of a text column one of its values, of a date column a date."""

    def __str__(self) -> str:
        value = repr(self.value) if isinstance(self.value, str) else f"{self.value:g}"
        return f"{self.column} {self.comparison} {value}"


def parse_condition(text: str) -> Condition:
    """Read `COLUMN COMPARISON VALUE`, with a space on both sides of the comparison; text may stand in quotes.

    Raises:
        ValueError: `text` has another form; the message says which form it must have.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"must be a column, one of == != < <= > >= and a value, such as Sales > 0, got {text!r}")
    return Condition(match["column"], cast("Comparison", match["comparison"]), _value(match["value"]))


def wrong_conditions(key: str, texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The key and what is wrong, for each of `texts` that is no condition."""
    for text in texts:
        try:
            parse_condition(text)
        except ValueError as error:
            yield key, str(error)


def _value(text: str) -> float | str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    value = read_scalar(text)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else text
