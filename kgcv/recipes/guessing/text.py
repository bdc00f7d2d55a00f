"""A sheet of guesses as the text of a config, each reason beside its key."""

from __future__ import annotations

from collections.abc import Iterator

from kgcv.config.commented import idle, keyed, remark, section_lines, todo
from kgcv.recipes.guessing.guess import Guess, Sheet


def config_text(sheet: Sheet, opening: str) -> str:
    """The config, after `opening`, which tells where it comes from and what to do with it."""
    lines = [*remark(opening), ""]
    before: list[str] = []
    for guess in sheet.guesses:
        path = guess.key.split(".")
        lines += section_lines(path, before)
        lines += _guess_lines(guess, path[-1], 2 * (len(path) - 1))
        before = path
    return "\n".join(lines) + "\n"


def _guess_lines(guess: Guess, name: str, indent: int) -> Iterator[str]:
    if guess.value is not None:
        yield from keyed(name, guess.value, guess.because, indent)
    elif guess.because:
        yield from remark(guess.because, indent)
    if guess.todo:
        yield todo(name, guess.todo, indent)
    for other in guess.instead:
        yield from idle(other.key or name, other.value, other.because, indent)
