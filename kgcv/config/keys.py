"""What the schema has at a path: its section, its list or its values."""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Hashable, Iterator
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from kgcv.config.schema import Config
from kgcv.config.yaml_source import KeyPath


def keys_of(section: type[Any]) -> dict[str, Any]:
    """Keys of a section of the schema, with the type of each: a section, `tuple[X, ...]` or a plain type."""
    return _resolved(cast("Hashable", section))  # as all classes are


@functools.cache  # to resolve the annotations each time takes a third of the time of reading a config
def _resolved(section: Hashable) -> dict[str, Any]:
    assert isinstance(section, type)
    hints = get_type_hints(section, include_extras=True)
    return {field.name: _bare(hints[field.name]) for field in dataclasses.fields(section)}


def _bare(hint: Any) -> Any:
    """`hint` without its bounds and without `| None`."""
    if get_origin(hint) is Annotated:
        return _bare(get_args(hint)[0])
    if types.NoneType in get_args(hint):
        (hint,) = (part for part in get_args(hint) if part is not types.NoneType)
        return _bare(hint)
    return hint


def is_section(kind: Any) -> bool:
    """Whether a type of the schema is a section with keys of its own."""
    return dataclasses.is_dataclass(kind)


def is_list(kind: Any) -> bool:
    """Whether a type of the schema is a list (`tuple[X, ...]`)."""
    return get_origin(kind) is tuple


def is_union(kind: Any) -> bool:
    """Whether a type of the schema is one of several sections, which `step` tells apart."""
    return get_origin(kind) in (Union, types.UnionType) and all(map(is_section, get_args(kind)))


def item_type(kind: Any) -> Any:
    """The type of the items of a list."""
    return _bare(get_args(kind)[0])


def members(union: Any) -> dict[str, Any]:
    """The sections that a union is made of, by the word in `step` that chooses each."""
    return {choices(keys_of(section)["step"])[0]: section for section in get_args(union)}


def sections_in(kind: Any) -> Iterator[type[Any]]:
    """The sections that stand at a key of type `kind`: it or its items, or what they may be."""
    inner = item_type(kind) if is_list(kind) else kind
    if is_union(inner):
        yield from members(inner).values()
    elif is_section(inner):
        yield inner


def type_at(path: KeyPath) -> Any:
    """The schema's type at `path`, which must exist; the numbers in it are not looked at.

    Behind the number of an entry that may be one of several sections stands the word that chooses it.
    """
    kind: Any = Config
    for part in path:
        kind = _below(kind, part)
    return kind


def without_words(path: KeyPath) -> KeyPath:
    """`path` without the words that choose sections, which are no keys."""
    kind: Any = Config
    kept: KeyPath = ()
    for part in path:
        kept = kept if is_union(kind) else (*kept, part)
        kind = _below(kind, part) if is_list(kind) or is_union(kind) or is_section(kind) else None
    return kept


def _below(kind: Any, part: str | int) -> Any:
    """The type at the key or entry `part` of `kind`; None for a key that it does not have."""
    if is_list(kind):
        return item_type(kind)
    return (members(kind) if is_union(kind) else keys_of(kind)).get(str(part))


def choices(kind: Any) -> tuple[str, ...]:
    """The words a key may hold; empty if it holds something else."""
    return get_args(kind) if get_origin(kind) is Literal else ()


def paths_of(name: str, section: type[Any] = Config, above: KeyPath = ()) -> Iterator[KeyPath]:
    """Every path in the schema that ends in `name`, lists given by their first entry."""
    for key, kind in keys_of(section).items():
        here: KeyPath = (*above, key)
        if key == name:
            yield here
        inner = item_type(kind) if is_list(kind) else kind
        if is_section(inner):
            yield from paths_of(name, inner, (*here, 0) if is_list(kind) else here)


def value_paths(section: type[Any] = Config, above: KeyPath = ()) -> Iterator[KeyPath]:
    """Every path in the schema at which values stand, and not sections; lists of sections given by their first entry.

    A key that several kinds of an entry share comes once for each.
    """
    for key, kind in keys_of(section).items():
        here: KeyPath = (*above, key)
        below = list(sections_in(kind))
        for inner in below:
            yield from value_paths(inner, (*here, 0) if is_list(kind) else here)
        if not below:
            yield here


def wrap_single_values(tree: Any, kind: Any = Config) -> Any:
    """`tree` with a list of one wherever the schema has a list and a single value is written: `lr: 0.1`.

    A plain list where the schema has a list of lists is its only entry: `exclusive: [clear, haze]` is one group.
    """
    if is_list(kind):
        return _wrap_list(tree, item_type(kind))
    if isinstance(tree, dict) and is_union(kind):
        kind = members(kind).get(str(tree.get("step")))
    if isinstance(tree, dict) and is_section(kind):
        known = keys_of(kind)
        return {key: wrap_single_values(value, known[key]) if key in known else value for key, value in tree.items()}
    return tree


def _wrap_list(tree: Any, item: Any) -> Any:
    if isinstance(tree, dict) or tree is None:
        return tree
    is_plain = isinstance(tree, list) and not any(isinstance(entry, list) for entry in tree)
    if not isinstance(tree, list) or (is_list(item) and is_plain and tree):
        tree = [tree]
    return [wrap_single_values(entry, item) for entry in tree]
