"""The sections `columns`, `target` and `rows` of a table: what the network sees and learns, and from which rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from kgcv.config.bounds import STRICT, AtLeastOne, NonNegative, WrongKeysError
from kgcv.config.conditions import Conditions, wrong_conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnsConfig:
    """Which columns the network sees."""

    __pydantic_config__ = STRICT

    categories: tuple[str, ...] = ()
    """Columns whose values are kinds, also where they are numbers: each kind has an embedding. Missing, and what
    the fold's training rows do not have, is kind 0."""
    numbers: tuple[str, ...] = ()
    """Columns whose values are amounts; standardised with mean and deviation of the fold's training rows."""
    missing_numbers: Literal["error", "mean"] = "error"
    """What becomes of missing values in `numbers`. `error`: named, for a step `fill` to see to; `mean`: that of the
    fold's training rows."""
    embedding_rule: Literal["course", "fastai"] = "course"
    """Numbers an embedding has for c kinds, kind 0 included. `course`: min(50, (c + 1) // 2); `fastai`:
    min(600, round(1.6 c^0.56)), as in its version 2."""
    embedding_sizes: dict[str, AtLeastOne] = field(default_factory=dict)
    """Numbers of the embeddings that do not follow the rule, by column."""

    def __post_init__(self) -> None:
        problems = []
        for key, names in (("categories", self.categories), ("numbers", self.numbers)):
            doubled = sorted({name for name in names if names.count(name) > 1})
            problems += [(key, f"names {name!r} twice") for name in doubled]
        shared = [name for name in self.numbers if name in self.categories]
        problems += [("numbers", f"{name!r} is among the categories, too") for name in shared]
        strays = [name for name in self.embedding_sizes if name not in self.categories]
        problems += [("embedding_sizes", f"{name!r} is not among the categories") for name in strays]
        if problems:
            raise WrongKeysError(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetConfig:
    """In what form the target is learned."""

    __pydantic_config__ = STRICT

    log: bool = False
    """Learn its natural logarithm, for errors that count in percent; predictions and scores are of the target."""
    y_range: tuple[float, ...] = ()
    """Least and greatest number that the network can give, kept by a sigmoid; in the form that is learned, with `log`
    that of logarithms."""
    y_range_margin: NonNegative | None = None
    """In place of `y_range`: the range of the fold's training targets, wider at either end by this part of it."""

    def __post_init__(self) -> None:
        problems = []
        if self.y_range and (len(self.y_range) != 2 or self.y_range[0] >= self.y_range[1]):
            problems.append(("y_range", f"needs two numbers, the smaller one first, got {list(self.y_range)}"))
        if self.y_range and self.y_range_margin is not None:
            problems.append(("y_range_margin", "give y_range or y_range_margin, not both"))
        if problems:
            raise WrongKeysError(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAnswerConfig:
    """Rows whose answer is known without the network."""

    __pydantic_config__ = STRICT

    where: Conditions
    """Conditions of these rows, such as `Open == 0`; of several all must hold."""
    value: float
    """Their answer."""

    def __post_init__(self) -> None:
        if problems := list(wrong_conditions("where", self.where)):
            raise WrongKeysError(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsConfig:
    """Which rows are learned from, and which are answered by a rule."""

    __pydantic_config__ = STRICT

    keep_where: tuple[str, ...] = ()
    """Conditions of the labelled rows that train and are scored, such as `Sales > 0`; of several all must hold. The
    steps of `features` see the others, too."""
    predict: tuple[KnownAnswerConfig, ...] = ()
    """Rows to predict whose answer is known; of several rules that fit, the first one counts."""

    def __post_init__(self) -> None:
        if problems := list(wrong_conditions("keep_where", self.keep_where)):
            raise WrongKeysError(problems)
