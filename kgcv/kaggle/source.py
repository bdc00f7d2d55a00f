"""Where a file comes from, and what came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kgcv.kaggle.web import Request


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file comes from."""

    label: str
    """For people; nothing secret."""
    locate: Callable[[], Request] = field(repr=False)
    """Gives the address; asked anew at each attempt, because signed ones end."""
    stamp: str = ""
    """The version; what was begun of another is not gone on with."""
    known: str = ""
    """The validator of what is there already: if the server still has that, nothing is fetched."""
    is_signed: bool = False
    """Whether a refusal may mean that the address has ended, which a new one mends."""


def in_units(size: int) -> str:
    """A number of bytes for people: `17 bytes`, `9.1 kB`, `300.0 MB`."""
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1e3:.1f} kB" if size < 1_000_000 else f"{size / 1e6:.1f} MB"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is complete."""

    path: Path
    size: int
    """Bytes."""
    sha256: str
    validator: str
    """The server's mark of this content; empty if there is none."""
    was_resumed: bool
    num_received: int
    """Bytes that came over the line in this call."""
