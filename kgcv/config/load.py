"""A YAML file and overrides become a `Config`, or every problem at its place; and back again."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import operator
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from kgcv.config.keys import wrap_single_values
from kgcv.config.messages import explained
from kgcv.config.overrides import apply_override
from kgcv.config.rules import contradictions
from kgcv.config.schema import Config
from kgcv.config.scopes import Finding, idle_keys
from kgcv.config.yaml_source import KeyPath, Place, Problem, Source, read_yaml, write_yaml
from kgcv.errors import ConfigError
from kgcv.files import open_file

MAX_BYTES = 1 << 20
"""Of a config file: a thousand times that of a usual one."""

MAX_PROBLEMS = 200
"""Of one file that are told one by one: more nobody reads, and to look for the nearest names takes its time."""

# So that the rules can look at the sound sections of a config whose required ones have problems.
_STAND_INS = {"data": {"root": "."}, "model": {"name": "-"}, "stages": [{"image_size": 1, "lr": [1]}]}


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read the config in `path`, with `overrides` (`stages.0.lr=[0.1]`) put over it; the later one wins.

    Raises:
        ConfigError: one line for every problem of the file and the overrides, in the order of the file:
            `file:line:column: key: what is wrong`, or `--set KEY=VALUE: key: what is wrong`.
    """
    source = read_yaml(_read_text(path), lambda line, column: Place(line, column, str(path)))
    if not isinstance(source.tree, dict):
        state = "is empty" if source.tree is None else "holds no keys"
        raise ConfigError([f"{source.places[()]}: the file {state}; a config needs data, model and stages"])
    source.tree = wrap_single_values(source.tree)
    refused = list(_refused_overrides(source, overrides))
    source.tree = wrap_single_values(source.tree)
    config, found = _validate(source)
    if found or refused or source.problems:
        in_order = sorted(found + source.problems, key=lambda problem: (problem.place.line == 0, problem.place))
        raise ConfigError([*map(str, in_order), *refused])
    return config


def dump_config(config: Config) -> str:
    """The resolved config as YAML, without the keys that do nothing in it; loads back to the same config."""
    return write_yaml(resolved(config))


def resolved(config: Config) -> dict[str, Any]:
    """The resolved config as JSON has it, without keys that do nothing in it and those that are not given."""
    tree = json.loads(json.dumps(dataclasses.asdict(config)))
    for path, _ in idle_keys(config):
        section = functools.reduce(operator.getitem, path[:-1], tree)
        del section[path[-1]]
    given: dict[str, Any] = _without_gaps(tree)
    return given


def config_json_schema() -> dict[str, Any]:
    """The JSON schema of a config file, for editors: every key with its type, range, default and meaning."""
    schema: dict[str, Any] = _with_single_values(_adapter().json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


@functools.cache
def _adapter() -> TypeAdapter[Config]:
    return TypeAdapter(Config)


def _read_text(path: Path) -> str:
    try:
        with open_file(path) as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ConfigError([f"{path}: is larger than {MAX_BYTES >> 20} MB, which no config is"])
        return content.decode("utf-8")
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path}:{line}: not UTF-8 text: byte 0x{error.object[error.start]:02x}"]) from error


def _refused_overrides(source: Source, overrides: Sequence[str]) -> Iterator[str]:
    for override in overrides:
        try:
            apply_override(source, override)
        except ConfigError as error:
            yield from error.problems


def _validate(source: Source) -> tuple[Config, list[Problem]]:
    """The config in `source`, and what is wrong with it; stand-ins take the place of required sections."""
    found: list[Finding] = []
    broken: set[str] = set()
    try:
        config = _adapter().validate_json(json.dumps(source.tree))
    except ValidationError as error:
        details = error.errors(include_url=False)
        found += [problem for detail in details[:MAX_PROBLEMS] for problem in explained(detail)]
        if len(details) > MAX_PROBLEMS:
            found.append(((), f"{len(details) - MAX_PROBLEMS} more problems like these"))
        broken = {str(detail["loc"][0]) for detail in details}
        sound = {name: section for name, section in source.tree.items() if name not in broken}
        config = _adapter().validate_json(json.dumps(_STAND_INS | sound))
    found += ((path, text) for path, text in idle_keys(config, broken) if path in source.places)
    found += contradictions(config, broken)
    return config, list(_placed(source, found))


def _placed(source: Source, found: Iterable[Finding]) -> Iterator[Problem]:
    unreadable = {problem.path for problem in source.problems}
    for path, text in found:
        shown = _as_written(path, source.places)
        if shown not in unreadable:
            yield Problem(source.place(shown), shown, text)


def _as_written(path: KeyPath, places: Container[KeyPath]) -> KeyPath:
    """`path` without the entries 0 that the file does not have, since a single value there stands for a list."""
    zeros = [depth for depth in reversed(range(len(path))) if path[depth] == 0]
    for count in range(len(zeros) + 1):
        for left_out in itertools.combinations(zeros, count):
            shown = tuple(part for depth, part in enumerate(path) if depth not in left_out)
            if shown in places:
                return shown
    return path


def _without_gaps(tree: Any) -> Any:
    if isinstance(tree, dict):
        filled = {key: _without_gaps(value) for key, value in tree.items()}
        return {key: value for key, value in filled.items() if value is not None and value != {}}
    return [_without_gaps(item) for item in tree] if isinstance(tree, list) else tree


def _with_single_values(schema: Any) -> Any:
    """`schema` with a single value allowed wherever a list of plain values is: `lr: 0.1`."""
    if isinstance(schema, list):
        return [_with_single_values(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "array" and not {"$ref", "oneOf"} & schema["items"].keys():
        array = {key: schema[key] for key in ("type", "items", "minItems") if key in schema}
        rest = {key: value for key, value in schema.items() if key not in array}
        return {"anyOf": [schema["items"], array], **rest}
    return {key: _with_single_values(value) for key, value in schema.items()}
