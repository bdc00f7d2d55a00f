"""A guess at a key of a config, with the reason for it; and a sheet of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kgcv.errors import listed


@dataclass(frozen=True, slots=True)
class Instead:
    """Another value that the files leave possible."""

    value: Any
    because: str
    """When it is the right one."""
    key: str | None = None
    """Another key of the same section; that of the guess if not given."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A key and what it is taken to be."""

    key: str
    """The way to it, as `--set` takes it: `data.train.images`."""
    value: Any = None
    """None where the key stays out of the config and only `instead` or `todo` speaks of it."""
    because: str = ""
    """What in the files says so."""
    instead: tuple[Instead, ...] = ()
    todo: str = ""
    """What a person has to find out, where the files do not say it."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Guesses in the order of the config; those of a section stand together."""

    guesses: tuple[Guess, ...]

    @property
    def todos(self) -> tuple[str, ...]:
        """What is left for a person, a line each."""
        return tuple(f"{guess.key}: {guess.todo}" for guess in self.guesses if guess.todo)


def counted(number: int, noun: str) -> str:
    """`1 image`, `25,000 images`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def quoted_some(names: Sequence[str], limit: int = 3) -> str:
    """The first names and the count of the rest, as `errors.listed` has them."""
    return listed(names, limit=limit)
