from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kgcv.config.load import load_config
from kgcv.config.schema import Config
from kgcv.errors import ConfigError

MINIMAL = """\
data: {root: d}
model: {name: resnet34}
stages:
  - {image_size: 64, lr: 0.1}
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Config]:
    """Loads a text as the file `c.yaml`, with overrides; without a text a minimal config."""
    monkeypatch.chdir(tmp_path)

    def load_text(*overrides: str, text: str = MINIMAL) -> Config:
        Path("c.yaml").write_text(text, encoding="utf-8")
        return load_config(Path("c.yaml"), overrides)

    return load_text


@pytest.fixture
def complaints(load: Callable[..., Config]) -> Callable[..., list[str]]:
    """The problems of a text and overrides, one a line; empty when all is well."""

    def complaints_of(*overrides: str, text: str = MINIMAL) -> list[str]:
        try:
            load(*overrides, text=text)
        except ConfigError as error:
            return list(error.problems)
        return []

    return complaints_of
