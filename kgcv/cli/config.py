"""`kgcv config`: look at config files."""

from __future__ import annotations

import json
from pathlib import Path

import click

from kgcv.cli.console import print_result
from kgcv.cli.options import config_argument, json_option, set_option


@click.group()
def config() -> None:
    """Check a config, show it with every default, or print the schema.

    \b
    Examples:
      kgcv config check configs/dogs-vs-cats.yaml
      kgcv config show configs/dogs-vs-cats.yaml --set stages.0.lr=[0.1]
      kgcv config schema > kgcv.schema.json
    """


@config.command()
@config_argument
@set_option
@json_option
def check(config_path: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Report every problem of CONFIG at its line, or say that it is sound; exit code 2 if there is any.

    Only the file is looked at, not the data; for that there is `kgcv check`. Lines that `kgcv init` left for a person
    (`# TODO`) are named; they are no errors.

    \b
    Examples:
      kgcv config check configs/fashion.yaml
      kgcv config check configs/fashion.yaml --set train.seed=7 --set 'split={kind: folds}'
    """
    from kgcv.config.commented import todos
    from kgcv.config.load import load_config

    num_stages = len(load_config(config_path, overrides).stages)
    left = [f"{config_path}:{line}: TODO {text}" for line, text in todos(config_path.read_text(encoding="utf-8"))]
    value = {"config": str(config_path), "num_stages": num_stages, "todos": left}
    print_result(as_json, value, "\n".join([f"{config_path}: sound, stages: {num_stages}", *left]))


@config.command()
@config_argument
@set_option
@json_option
def show(config_path: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Print CONFIG as a run would use it: defaults filled in, keys that do nothing left out.

    \b
    Examples:
      kgcv config show configs/fashion.yaml
      kgcv config show configs/fashion.yaml --set model.name=resnet34 > my.yaml
    """
    from kgcv.config.load import dump_config, load_config, resolved

    loaded = load_config(config_path, overrides)
    print_result(as_json, resolved(loaded), dump_config(loaded).rstrip())


@config.command()
def schema() -> None:
    """Print the JSON schema of config files, with which an editor completes and explains keys.

    \b
    Examples:
      kgcv config schema > kgcv.schema.json
      kgcv config schema | python -m json.tool
    """
    from kgcv.config.load import config_json_schema

    click.echo(json.dumps(config_json_schema(), indent=2))
