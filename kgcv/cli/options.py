"""Arguments and options that several commands share."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

RUN_FOLDER = "kgcv.run_folder"
"""Key of the click context's `meta` with the run folder, where an unexpected error is logged."""


def _note_run(context: click.Context, _parameter: click.Parameter, run: Path) -> Path:
    context.meta[RUN_FOLDER] = run
    return run


config_argument = click.argument(
    "config_path", metavar="CONFIG", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
"""The YAML file, as `config_path: Path`."""

run_argument = click.argument(
    "run",
    metavar="RUN",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    callback=_note_run,
)
"""A run folder, as `run: Path`."""


def complete_key(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The keys of the schema that begin with `incomplete`; what stands behind `=` is not known here."""
    from kgcv.config.keys import value_paths
    from kgcv.config.yaml_source import dotted

    number = re.search(r"\.(\d+)\.", incomplete)
    entry = number[1] if number else "0"
    keys = dict.fromkeys(dotted(tuple(entry if part == 0 else part for part in path)) for path in value_paths())
    return [f"{key}=" for key in keys if key.startswith(incomplete)]


set_option = click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    envvar="KGCV_SET",
    shell_complete=complete_key,
    help="Override a key of the config, such as stages.0.lr=[0.1]. Repeatable.",
)
"""Overrides, as `overrides: tuple[str, ...]`."""

json_option = click.option("--json", "as_json", is_flag=True, envvar="KGCV_JSON", help="Print the result as JSON.")
"""Whether to print JSON, as `as_json: bool`."""

progress_option = click.option(
    "--progress",
    type=click.Choice(["auto", "rich", "plain", "none"]),
    default="auto",
    show_default=True,
    envvar="KGCV_PROGRESS",
    help="Progress on stderr. auto: a bar on a terminal, plain lines elsewhere.",
)
"""How to show progress, as `progress: str`."""

ledger_option = click.option(
    "--ledger",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("runs/submissions.jsonl"),
    show_default=True,
    envvar="KGCV_LEDGER",
    help="The file with a line for each submission.",
)
"""The ledger, as `ledger: Path`."""


def _forbid_hub(_context: click.Context, _parameter: click.Parameter, is_offline: bool) -> None:
    if is_offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # the hub's client reads it when it is loaded, which is later


offline_option = click.option(
    "--offline",
    is_flag=True,
    envvar="KGCV_OFFLINE",
    expose_value=False,
    callback=_forbid_hub,
    help="Open no connection: pretrained weights that are not on this machine yet are an error.",
)
"""No hub; nothing is passed on."""
