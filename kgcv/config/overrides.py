"""`--set stages.0.lr=[0.1]`: values from the command line put over those of the file."""

from __future__ import annotations

from typing import Any

from kgcv.config.yaml_source import KeyPath, Place, Problem, Source, dotted, read_yaml
from kgcv.errors import ConfigError


def apply_override(source: Source, override: str) -> None:
    """Put `override` (`KEY=VALUE`, the value in YAML) into `source`; sections that are missing are made.

    Whether the schema knows the key is not looked at here.

    Raises:
        ConfigError: no `=`, no key, a value that is no YAML, or a key that leads through something else than
            sections and the entries of lists.
    """
    place = Place(0, 0, f"--set {override}")
    if not override.isprintable() and any("\ud800" <= character <= "\udfff" for character in override):
        raise ConfigError([f"{place}: is not UTF-8 text"])  # what Python makes of other bytes
    key, equals, text = override.partition("=")
    path = tuple(key.strip().split("."))
    if not equals or not all(path):
        raise ConfigError([f"{place}: must be KEY=VALUE, such as stages.0.lr=[0.1]"])
    value = read_yaml(text, lambda _line, _column: place)
    parent, steps = _parent(source, path, place)
    _forget(source, steps)
    parent[steps[-1]] = value.tree
    for depth in range(1, len(steps)):
        source.places.setdefault(steps[:depth], place)
    source.places.update({(*steps, *below): place for below in value.places})
    source.problems += [Problem(place, (*steps, *found.path), found.text) for found in value.problems]


def _parent(source: Source, path: tuple[str, ...], place: Place) -> tuple[Any, KeyPath]:
    """The section or list that holds the last step of `path`, and `path` with its indexes as numbers."""
    current = source.tree
    steps: KeyPath = ()
    for part in path:
        step = _step(current, part, f"{place}: {dotted(steps)}")
        steps = (*steps, step)
        if len(steps) < len(path):
            current = current.setdefault(step, {}) if isinstance(current, dict) else current[step]
    return current, steps


def _step(current: Any, part: str, where: str) -> str | int:
    if isinstance(current, dict):
        return part
    if not isinstance(current, list):
        raise ConfigError([f"{where}: is not a section, so it has no key {part!r}"])
    if not (part.isascii() and part.isdigit() and int(part[:9]) < len(current)):
        known = f"0 to {len(current) - 1}" if current else "none, it is empty"
        raise ConfigError([f"{where}: has no entry {part}; its entries are {known}"])
    return int(part)


def _forget(source: Source, path: KeyPath) -> None:
    """Drop the places and problems of a value that is replaced."""
    source.places = {known: place for known, place in source.places.items() if known[: len(path)] != path}
    source.problems = [found for found in source.problems if found.path[: len(path)] != path]
