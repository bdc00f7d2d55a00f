"""YAML text in which comments stand beside the keys: what `write_yaml` cannot do, and `read_yaml` reads back."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from typing import Any

from kgcv.config.yaml_source import read_scalar

WIDTH = 120
"""Columns of a line, as in the shipped configs; a comment that does not fit stands above its key."""

_PLAIN = re.compile(r"[A-Za-z0-9_./-]*[A-Za-z0-9_/-]")
_TODO = re.compile(r"\s*# TODO (.+)")


def flow(value: Any) -> str:
    """`value` on one line, in a form that `read_yaml` reads back to the same."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    """Plain where nothing else could be meant, in the simplest quotes that hold it elsewhere."""
    if _PLAIN.fullmatch(text) and not text.startswith("-") and isinstance(read_scalar(text), str):
        return text
    if "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False)


def keyed(name: str, value: Any, comment: str, indent: int) -> list[str]:
    """The lines of a key: `name: value   # comment`; lists of sections, and long lists, an entry a line."""
    margin = " " * indent
    entries = value if isinstance(value, list | tuple) else ()
    line = f"{margin}{name}: {flow(value)}"
    if any(isinstance(entry, dict) for entry in entries) or (entries and len(line) > WIDTH):
        items = [f"{margin}  - {flow(entry)}" for entry in entries]
        return [*_beside(f"{margin}{name}:", comment, indent), *items]
    return _beside(line, comment, indent)


def idle(name: str, value: Any, comment: str, indent: int) -> list[str]:
    """The lines of a key that is commented out."""
    return _beside(f"{' ' * indent}# {name}: {flow(value)}", comment, indent)


def todo(name: str, text: str, indent: int) -> str:
    """The line of a key that a person has to fill in; `todos` finds it."""
    return f"{' ' * indent}# TODO {name}: {_one_line(text)}"


def todos(text: str) -> list[tuple[int, str]]:
    """Number and text of each line that `todo` wrote, in the text of a config."""
    found = ((number, _TODO.fullmatch(line)) for number, line in enumerate(text.splitlines(), start=1))
    return [(number, match[1]) for number, match in found if match is not None]


def remark(text: str, indent: int = 0) -> list[str]:
    """`text` as lines of comments."""
    mark = f"{' ' * indent}# "
    return textwrap.wrap(_one_line(text), WIDTH, initial_indent=mark, subsequent_indent=mark, break_on_hyphens=False)


def _beside(line: str, comment: str, indent: int) -> list[str]:
    if not comment:
        return [line]
    beside = f"{line}  # {_one_line(comment)}"
    return [beside] if len(beside) <= WIDTH else [*remark(comment, indent), line]


def _one_line(text: str) -> str:
    """`text` without line breaks and characters that no YAML file may hold; a file's name may have any."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())


def section_lines(path: Sequence[str], before: Sequence[str]) -> list[str]:
    """The lines that open the sections on the way to a key that the key before it was not in."""
    shared = 0
    while shared < min(len(path), len(before)) - 1 and path[shared] == before[shared]:
        shared += 1
    return [f"{' ' * 2 * depth}{path[depth]}:" for depth in range(shared, len(path) - 1)]
