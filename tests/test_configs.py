"""The shipped configs load, and no key of the schema is one that nothing reads."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import kgcv
from kgcv.config.keys import keys_of, sections_in
from kgcv.config.load import dump_config, load_config
from kgcv.config.schema import Config

pytestmark = pytest.mark.no_cover  # what loading does is measured in tests/config

CONFIGS = Path(__file__).parents[1] / "configs"
SHIPPED = sorted(CONFIGS.rglob("*.yaml"))
PACKAGE = Path(kgcv.__file__).parent


def test_there_are_shipped_configs_and_nothing_else() -> None:
    assert {path.name for path in SHIPPED} >= {
        "fashion.yaml",
        "dogs-vs-cats.yaml",
        "dogs-vs-cats-lite.yaml",
        "dogs-vs-cats-keras.yaml",
        "planet.yaml",
        "satellite.yaml",
        "movie-posters.yaml",
        "rossmann.yaml",
    }
    assert sorted(path for path in CONFIGS.rglob("*") if path.is_file()) == SHIPPED


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_config_loads_and_its_dump_loads_to_the_same(path: Path, tmp_path: Path) -> None:
    config = load_config(path)
    (tmp_path / "dump.yaml").write_text(dump_config(config))
    assert load_config(tmp_path / "dump.yaml") == config


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_config_opens_with_what_a_reader_needs(path: Path) -> None:
    lines = path.read_text().splitlines()
    opening = [line for line in lines[: lines.index("")] if line.startswith("#")]
    for word in ("Assumes", "Run", "Override", "Expect"):
        assert any(line.startswith(f"# {word} ") for line in opening), word
    assert any("kgcv train" in line for line in opening)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_overrides_a_shipped_config_names_work(path: Path) -> None:
    comments = " ".join(line[1:] for line in path.read_text().splitlines() if line.startswith("#"))
    words = comments.split("--set ")[1:]
    overrides = [word.split("'")[1] if word.startswith("'") else word.split()[0] for word in words]
    assert overrides
    for override in overrides:
        load_config(path, [override])


def _sections(section: type[Any] = Config) -> Iterator[type[Any]]:
    yield section
    for kind in keys_of(section).values():
        for inner in sections_in(kind):
            yield from _sections(inner)


def _names_read(files: Iterable[Path]) -> set[str]:
    """Every attribute name that the code in `files` reads."""
    return {
        node.attr
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }


READ_BY_RULES = {"may_shrink"}
"""Permissions, whose whole effect is that a rule of the config lets something pass."""


def test_every_key_of_the_schema_is_read_by_code() -> None:
    read = _names_read(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE / "config")
    unread = {
        f"{section.__name__}.{field.name}"
        for section in _sections()
        for field in dataclasses.fields(section)
        if field.name not in read | READ_BY_RULES
    }
    assert unread == set()


def test_permissions_are_read_by_the_rules() -> None:
    assert _names_read([PACKAGE / "config" / "rules.py"]) >= READ_BY_RULES
