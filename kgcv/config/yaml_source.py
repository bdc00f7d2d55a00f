"""Strict YAML in which every value knows where it stands.

Only what a config needs: mappings with text keys, lists, text, numbers, `true`, `false` and `null` (also `~`
or nothing). No anchors, aliases, merge keys, tags or further documents, so that a file holds what it shows.
The parser's events are read directly: nothing is ever constructed but these values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from kgcv.errors import ConfigError

KeyPath = tuple[str | int, ...]
"""The way to a value: ("stages", 0, "lr")."""

MAX_DEPTH = 20
"""Levels of nesting; a config has four."""

_KEY = "<key>"
"""Stands in a path for what is itself a key."""

_FOLLOWS = {"true": True, "false": False, "null": None, "~": None, "": None}
# Longer whole numbers stay text: no key has room for them, and Python itself refuses to read 4,300 digits.
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_REAL = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"([-+]?)\.(inf|nan)")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something is written: a file with line and column from 1, or an override (line 0)."""

    line: int
    column: int
    name: str

    def __str__(self) -> str:
        return f"{self.name}:{self.line}:{self.column}" if self.line else self.name


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a place."""

    place: Place
    path: KeyPath
    text: str

    def __str__(self) -> str:
        path = f"{dotted(self.path)}: " if self.path else ""
        return f"{self.place}: {path}{self.text}"


@dataclass(slots=True)
class Source:
    """What a YAML text holds, where each key stands, and what is wrong with it as YAML."""

    tree: Any = None
    places: dict[KeyPath, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: KeyPath) -> Place:
        """Where `path` is written, or else the nearest section around it."""
        while path not in self.places:
            path = path[:-1]
        return self.places[path]


def dotted(path: KeyPath) -> str:
    """The way to a value as `--set` takes it: `stages.0.lr`."""
    return ".".join(str(part) for part in path)


def read_yaml(text: str, locate: Callable[[int, int], Place]) -> Source:
    """Read `text`; `locate` makes a place of a line and a column, both from 1.

    Duplicate keys, anchors, aliases, tags and keys that are not text are gathered in the result's `problems`.

    Raises:
        ConfigError: `text` is no YAML, holds a second document or is nested too deeply; nothing can be read.
    """
    try:
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = locate(before.count("\n") + 1, error.position - before.rfind("\n"))
        what = f"the character U+{error.character:04X} is not allowed"
        raise ConfigError([f"{place}: not valid YAML: {what}"]) from error
    try:
        return _Reader(loader, locate).read()
    except yaml.MarkedYAMLError as error:
        place = _located(error.problem_mark, locate)
        raise ConfigError([f"{place}: not valid YAML: {_explained(error)}"]) from error
    except (ValueError, OverflowError) as error:  # PyYAML itself stumbles over an escape such as \\UFFFFFFFF
        place = _located(loader.get_mark(), locate)
        raise ConfigError([f"{place}: not valid YAML: an escape that stands for no character"]) from error


def read_written_yaml(text: str) -> Any:
    """The values in a text that `write_yaml` wrote, several times as fast as `read_yaml`: places are not kept.

    Raises:
        ConfigError: `text` is no YAML; where it is wrong is for `read_yaml` to say.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML may be built without libyaml
    try:
        return _Reader(loader(text), lambda line, column: Place(line, column, "")).read().tree
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise ConfigError(["not valid YAML"]) from error


def write_yaml(tree: dict[str, Any]) -> str:
    """`tree` as text that `read_yaml` reads back to the same values; lists of plain values on one line."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)


class _Dumper(yaml.SafeDumper):
    """Quotes also what only our reader takes for a number."""


def _represent_list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.Node:
    is_plain = not any(isinstance(item, dict | list) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=is_plain)


_Dumper.add_representer(list, _represent_list)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(_REAL.pattern + r"\Z"), list("-+.0123456789"))


def _located(mark: Any, locate: Callable[[int, int], Place]) -> Place:
    return locate(mark.line + 1, mark.column + 1)


def _explained(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem)
    if "\\t" in problem:
        return f"{problem}; indent with spaces"
    if "mapping values are not allowed" in problem:
        return f"{problem}; a text with ': ' in it needs quotes"
    return f"{error.context}: {problem}" if error.context else problem


def read_scalar(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar.

    Unlike YAML 1.1, `1e-3` is a number, and `on`, `yes`, `010`, `1_000`, `1:30` and dates are text.
    """
    if text in _FOLLOWS:
        return _FOLLOWS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _REAL.fullmatch(text):
        return float(text)
    if match := _NOT_FINITE.fullmatch(text):
        return float(match[1] + match[2])
    return text


class _Reader:
    """Turns the parser's events into values, noting places and problems on the way."""

    def __init__(self, loader: yaml.SafeLoader, locate: Callable[[int, int], Place]) -> None:
        self._loader = loader
        self._locate = locate
        self._source = Source(places={(): locate(1, 1)})

    def read(self) -> Source:
        """The only document of the stream."""
        self._next()  # the stream's start
        if not isinstance(self._next(), yaml.StreamEndEvent):
            self._source.tree = self._value(self._next(), ())
            self._next()  # the document's end
            further = self._next()
            if not isinstance(further, yaml.StreamEndEvent):
                raise ConfigError([f"{self._place(further)}: a second document starts here; keep one a file"])
        return self._source

    def _next(self) -> Any:
        return self._loader.get_event()  # type: ignore[no-untyped-call]  # the stubs leave it out

    def _place(self, event: Any) -> Place:
        return _located(event.start_mark, self._locate)

    def _complain(self, event: Any, path: KeyPath, text: str) -> None:
        shown = path[: path.index(_KEY)] if _KEY in path else path
        self._source.problems.append(Problem(self._place(event), shown, text))

    def _value(self, event: Any, path: KeyPath) -> Any:
        if len(path) > MAX_DEPTH:
            raise ConfigError([f"{self._place(event)}: nested more than {MAX_DEPTH} levels deep"])
        if _KEY not in path:
            self._source.places.setdefault(path, self._place(event))
        if isinstance(event, yaml.AliasEvent):
            self._complain(event, path, f"aliases (*{event.anchor}) are not allowed; write the value out")
            return None
        if event.anchor is not None:
            self._complain(event, path, f"anchors (&{event.anchor}) are not allowed; write the value out")
        if event.tag is not None:
            self._complain(event, path, f"tags ({event.tag}) are not allowed; write the plain value")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return list(self._items(path))
        return self._scalar(event, path)

    def _scalar(self, event: Any, path: KeyPath) -> Any:
        if any("\ud800" <= character <= "\udfff" for character in event.value):
            self._complain(event, path, "holds half of a character (an escape from \\ud800 to \\udfff)")
            return None
        return read_scalar(event.value) if event.implicit[0] else event.value

    def _items(self, path: KeyPath) -> Iterator[Any]:
        index = 0
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            yield self._value(event, (*path, index))
            index += 1

    def _mapping(self, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._value(event, (*path, _KEY))
            if isinstance(key, str):
                self._note_key(event, (*path, key), is_new=key not in found)
                found[key] = self._value(self._next(), (*path, key))
            else:
                shown = f", got {event.value or 'nothing'}" if isinstance(event, yaml.ScalarEvent) else ""
                self._complain(event, path, f"a key must be text{shown}")
                self._value(self._next(), (*path, _KEY))
        return found

    def _note_key(self, event: Any, path: KeyPath, is_new: bool) -> None:
        if not is_new:
            first = self._source.places[path]
            self._complain(event, path, f"given twice, first on line {first.line}" if first.line else "given twice")
        self._source.places[path] = self._place(event)
