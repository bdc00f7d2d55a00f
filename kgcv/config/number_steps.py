"""The steps of `features` that reckon with numbers, key by key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kgcv.config.bounds import STRICT, Positive, WrongKeysError
from kgcv.config.conditions import Conditions, wrong_conditions
from kgcv.config.table_steps import ROWS, Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceStep:
    """One column minus another: numbers, or dates, whose difference counts days."""

    __pydantic_config__ = STRICT

    step: Literal["difference"]
    """Names the step."""
    table: str = ROWS
    """Table with the columns."""
    of: str
    """Column that is taken from."""
    minus: str
    """Column that is taken away."""
    name: str
    """Column that is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DivideStep:
    """A column divided by a number."""

    __pydantic_config__ = STRICT

    step: Literal["divide"]
    """Names the step."""
    table: str = ROWS
    """Table with the column."""
    column: str
    """Column with numbers."""
    by: Positive
    """Divisor; 30 makes months of days, 7 weeks."""
    floor: bool = False
    """Round down to whole numbers."""
    name: str
    """Column that is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipStep:
    """Numbers beyond a limit become that limit; missing ones stay missing."""

    __pydantic_config__ = STRICT

    step: Literal["clip"]
    """Names the step."""
    table: str = ROWS
    """Table with the columns."""
    columns: Columns
    """Columns that are replaced."""
    least: float | None = None
    """Lower limit; none if not given."""
    most: float | None = None
    """Upper limit; none if not given."""

    def __post_init__(self) -> None:
        if self.least is None and self.most is None:
            raise WrongKeysError([("least", "give least, most or both")])
        if self.least is not None and self.most is not None and self.least > self.most:
            raise WrongKeysError([("most", f"must be at least least ({self.least:g}), got {self.most:g}")])


@dataclass(frozen=True, slots=True, kw_only=True)
class FillStep:
    """Missing values get one, and if wanted a column that tells where it was."""

    __pydantic_config__ = STRICT

    step: Literal["fill"]
    """Names the step."""
    table: str = ROWS
    """Table with the columns."""
    columns: Columns
    """Columns that are replaced."""
    value: float | None = None
    """The number for them all."""
    text: str | None = None
    """The text for them all."""
    by: Literal["mean", "median"] | None = None
    """The number for each: of its column's rows of `train`, never of `test`."""
    flag: bool = False
    """Also make `COLUMN_na`: 1 where a value was missing, else 0."""

    def __post_init__(self) -> None:
        if sum(choice is not None for choice in (self.value, self.text, self.by)) != 1:
            raise WrongKeysError([("value", "give one of value, text and by")])


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStep:
    """The natural logarithm of 1 + the value, in place; for what spreads over powers of ten."""

    __pydantic_config__ = STRICT

    step: Literal["log"]
    """Names the step."""
    table: str = ROWS
    """Table with the columns."""
    columns: Columns
    """Columns that are replaced; none of their numbers may be -1 or less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagStep:
    """1 where conditions hold, else 0; a missing value meets no condition."""

    __pydantic_config__ = STRICT

    step: Literal["flag"]
    """Names the step."""
    table: str = ROWS
    """Table with the columns."""
    where: Conditions
    """Conditions such as `StateHoliday != '0'`; of several all must hold."""
    name: str
    """Column that is made."""

    def __post_init__(self) -> None:
        if problems := list(wrong_conditions("where", self.where)):
            raise WrongKeysError(problems)
