"""Splits a command as bash would, as far as browsers use it; whatever would make bash do something is refused."""

from __future__ import annotations

import re

from kgcv.errors import ConfigError

# One piece at a time, from the place where the last one ended. Of pieces that stand together a word is made.
_PIECE = re.compile(
    r"""
      (?P<space>(?:[ \t\r\n]|\\\r?\n)+)
    | \$'(?P<ansi>(?:[^'\\]|\\.)*)'
    | '(?P<single>[^']*)'
    | "(?P<double>(?:[^"\\$`]|\\.)*)"
    | \\(?P<escaped>.)
    | (?P<plain>[^\s'"\\$`;&|<>()#!*?{}\[\]~^]+ | (?<=\S)[#~?*!\[\]{}^]+)
    """,
    re.VERBOSE | re.DOTALL,
)

_ANSI_ESCAPE = re.compile(
    r"\\(?:u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))", re.DOTALL
)

_ANSI_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}


def split_words(command: str) -> list[str]:
    """The words of one simple command.

    Raises:
        ConfigError: a quote is not closed, or there is more than plain words: a second command, a pipe, a variable.
            The text shows the character at fault and no more.
    """
    words: list[str] = []
    at, is_open = 0, False
    command = command.strip()
    while at < len(command):
        piece = _PIECE.match(command, at)
        if piece is None:
            raise ConfigError([_refusal(command, at)])
        at = piece.end()
        if piece["space"] is not None:
            is_open = False
            continue
        if not is_open:
            words.append("")
        is_open = True
        words[-1] += _value(piece)
    return words


def _refusal(command: str, at: int) -> str:
    if command[at] in "'\"" or command[at : at + 2] == "$'":
        return "the command stops within a quoted text; copy all of it"
    if command[at] in ";&":
        return "there is more than one command; copy the one request that gives the file"
    return f"the character {command[at]!r} outside quotes is nothing a browser copies, and nothing is executed here"


def _value(piece: re.Match[str]) -> str:
    match piece.lastgroup:
        case "ansi":
            return _ANSI_ESCAPE.sub(_unescape, piece["ansi"])
        case "double":
            # Within double quotes a backslash stands for itself before all but these.
            return re.sub(r'\\(\n|[\\"$`])', lambda found: found[1].replace("\n", ""), piece["double"])
        case group:
            return piece[group or 0]


def _unescape(found: re.Match[str]) -> str:
    for digits, base in ((found[1], 16), (found[2], 16), (found[3], 16), (found[4], 8)):
        if digits is not None:
            return chr(int(digits, base))
    return _ANSI_LETTERS.get(found[5], found[5])
