"""The steps of `features` that join tables and work on texts and on rows, key by key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import MinLen

from kgcv.config.bounds import STRICT, WrongKeysError
from kgcv.config.conditions import Conditions, wrong_conditions

ROWS = "rows"
"""The table that is learned from and predicted: `train` and `test` below each other."""

Columns = Annotated[tuple[str, ...], MinLen(1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinStep:
    """Columns of another table, by equal keys: a left join. A missing key meets nothing."""

    __pydantic_config__ = STRICT

    step: Literal["join"]
    """Names the step."""
    table: str = ROWS
    """Table that gets the columns."""
    right: str
    """Table that gives them; each of its keys may stand there once."""
    on: tuple[str, ...] = ()
    """Key columns, where they have the same names in both tables."""
    left_on: tuple[str, ...] = ()
    """Key columns in `table`, where the names differ."""
    right_on: tuple[str, ...] = ()
    """Key columns in `right`, one for each in `left_on`."""
    columns: tuple[str, ...] = ()
    """Columns to take; all but the keys if not given."""
    suffix: str = ""
    """What is put after the name of each column taken."""
    unmatched: Literal["allow", "error"] = "allow"
    """Rows whose key `right` lacks: `allow` counts them and leaves their cells missing."""

    def __post_init__(self) -> None:
        problems = []
        if bool(self.on) == bool(self.left_on or self.right_on):
            problems.append(("on", "give the key columns by on, or by left_on and right_on"))
        elif len(self.left_on) != len(self.right_on):
            problems.append(("right_on", f"must have as many columns as left_on ({len(self.left_on)})"))
        if self.table == self.right:
            problems.append(("right", f"is the table itself ({self.right})"))
        if problems:
            raise WrongKeysError(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepStep:
    """Only some rows of a table other than `rows`."""

    __pydantic_config__ = STRICT

    step: Literal["keep"]
    """Names the step."""
    table: str
    """Table that loses the others."""
    where: Conditions
    """What must hold for the rows that stay; of several conditions all."""

    def __post_init__(self) -> None:
        problems = list(wrong_conditions("where", self.where))
        if self.table == ROWS:
            problems.append(("table", "rows keeps all its rows; leave some out of training with rows.keep_where"))
        if problems:
            raise WrongKeysError(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class DropStep:
    """A table without some columns."""

    __pydantic_config__ = STRICT

    step: Literal["drop"]
    """Names the step."""
    table: str = ROWS
    """Table with the columns."""
    columns: Columns
    """Columns that go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapStep:
    """Texts become others, in place."""

    __pydantic_config__ = STRICT

    step: Literal["map"]
    """Names the step."""
    table: str = ROWS
    """Table with the column."""
    column: str
    """Column with text."""
    values: Annotated[dict[str, str], MinLen(1)]
    """The new text of each old one; an old one that does not occur is an error."""
    others: Literal["keep", "missing"] = "keep"
    """What becomes of texts without a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractStep:
    """Parts of a text, by a regular expression; each becomes text, a number or a date as a cell of a file does."""

    __pydantic_config__ = STRICT

    step: Literal["extract"]
    """Names the step."""
    table: str = ROWS
    """Table with the column."""
    column: str
    """Column with text."""
    pattern: str
    """Searched in each text; every group with a name, `(?P<State>..)`, makes a column of that name."""
    unmatched: Literal["error", "allow"] = "error"
    """Texts that it is not found in: `allow` leaves their cells missing."""

    def __post_init__(self) -> None:
        try:
            groups = re.compile(self.pattern).groupindex
        except (re.error, OverflowError, RecursionError) as error:
            raise WrongKeysError([("pattern", f"not a regular expression: {error}")]) from error
        if not groups:
            raise WrongKeysError([("pattern", "needs a group with a name, such as (?P<State>[A-Z]{2})")])
