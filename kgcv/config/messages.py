"""What pydantic found, in plain words."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from kgcv.config.bounds import WrongKeysError
from kgcv.config.keys import choices, is_union, keys_of, members, paths_of, type_at, without_words
from kgcv.config.yaml_source import KeyPath, dotted
from kgcv.errors import listed

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_WANTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "dict_type": "names, each with its value",
    "dataclass_type": "a section with keys",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_SWITCH_WORDS = {"on", "yes", "y", "true", "off", "no", "n", "false"}


def explained(found: ErrorDetails) -> Iterator[tuple[KeyPath, str]]:
    """The path and the text of each problem in one of pydantic's errors."""
    yield from ((without_words(path), text) for path, text in _explained(found))


def _explained(found: ErrorDetails) -> Iterator[tuple[KeyPath, str]]:
    path, value, context = found["loc"], found["input"], found.get("ctx", {})
    match found["type"]:
        case "value_error" if isinstance(context["error"], WrongKeysError):
            yield from (((*path, key), text) for key, text in context["error"].problems)
        case "unexpected_keyword_argument":
            yield path, _unknown_key(path)
        case "missing":
            yield path, "required, but not given"
        case "literal_error" | "union_tag_not_found" | "union_tag_invalid":
            yield _unknown_choice(path, value)
        # Pydantic counts only entries without problems of their own, which are reported anyway.
        case "too_short" | "string_too_short":
            if not value:
                yield path, "must not be empty"
        case kind if kind in _BOUNDS:
            bound, words = _BOUNDS[kind]
            yield path, f"must be {words} {context[bound]:g}, got {_shown(value)}"
        case kind if kind in _WANTED:
            yield path, _unfit(kind, value)
        case "batch_size":
            yield path, f"{found['msg']}, got {_shown(value)}"
        case _:
            yield path, found["msg"]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1)
    return close[0] if close else None


def _unknown_key(path: KeyPath) -> str:
    name = str(path[-1])
    known = keys_of(type_at(path[:-1]))
    if guess := nearest(name, known):
        return f"unknown key; did you mean {guess!r}?"
    if elsewhere := sorted(paths_of(name), key=len):
        return f"unknown key here; did you mean {' or '.join(map(dotted, elsewhere))}?"
    return f"unknown key; known here: {listed(known, limit=25)}"


def _unknown_word(known: tuple[str, ...], value: Any) -> str:
    guess = nearest(value, known) if isinstance(value, str) else None
    advice = f"; did you mean {guess!r}?" if guess else ""
    return f"must be one of {', '.join(known)}, got {_shown(value)}{advice}"


def _unknown_choice(path: KeyPath, value: Any) -> tuple[KeyPath, str]:
    """What is wrong with a word that is none of those allowed, or with a section whose word is."""
    kind = type_at(path)
    if not is_union(kind):
        return path, _unknown_word(choices(kind), value)
    known = tuple(members(kind))
    if "step" not in value:
        return path, f"has no step; it must be one of {', '.join(known)}"
    return (*path, "-", "step"), _unknown_word(known, value["step"])


def _unfit(kind: str, value: Any) -> str:
    text = f"must be {_WANTED[kind]}, got {_shown(value)}"
    if kind == "bool_type" and isinstance(value, str) and value.lower() in _SWITCH_WORDS:
        return f"{text}; only true and false, unquoted and in small letters, are switches"
    if kind == "string_type" and isinstance(value, int | float):
        return f"{text}; put it in quotes"
    if value is None:
        return f"{text}; leave the key out to have its default"
    return text


def _shown(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case list():
            return "a list"
        case dict():
            return "a section"
        case str():
            return f"the text {value!r}"
        case _:
            return json.dumps(value)
