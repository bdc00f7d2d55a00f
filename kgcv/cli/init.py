"""`kgcv init`: a config for downloaded data, guessed from the files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgcv.cli.console import print_result
from kgcv.cli.options import json_option
from kgcv.cli.text_table import table_lines

if TYPE_CHECKING:
    from kgcv.recipes.init import InitResult

_SHOWN = ("data", "split", "train.metric", "target", "rows", "submission")
"""Sections of guesses that are worth a line on the terminal; the file has all."""


@click.command()
@click.argument("folder", metavar="COMPETITION_DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file [COMPETITION_DIR.yaml]."
)
@json_option
def init(folder: Path, output: Path | None, as_json: bool) -> None:
    """Look at the files in COMPETITION_DIR and write a config for them, with the reason for each guess.

    Finds images, labels, task, ids, the form of the submission, groups, sizes; of tables the target, joins, kinds of
    columns, dates. What the files leave open is commented out beside it, or a TODO. A file is never overwritten.

    \b
    Examples:
      kgcv init data/dogs-vs-cats
      kgcv init data/planet -o configs/my-planet.yaml
      kgcv init data/planet -o configs/again.yaml --json
    """
    from kgcv.recipes.init import init as guess_config

    result = guess_config(folder, output)
    print_result(as_json, _as_value(result), describe(result))


def _as_value(result: InitResult) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        **asdict(result),
        "path": str(result.path),
        "guesses": [asdict(guess) for guess in result.guesses],
        "next": _next_command(result),
    }


def describe(result: InitResult) -> str:
    """The result as text for people: the guesses that decide most, what is left to do, and what to run next."""
    rows = [
        (guess.key, _shown(guess.value)) for guess in result.guesses if guess.value and guess.key.startswith(_SHOWN)
    ]
    return "\n".join(
        [
            *table_lines(rows, num_left=2),
            *(f"TODO     {todo}" for todo in result.todos),
            *(f"problem  {problem}" for problem in result.problems),
            f"{result.path}: written; kgcv reads {result.num_train:,} labelled samples, {result.num_test:,} to predict",
            f"next: {_next_command(result)}",
        ]
    )


def _shown(value: object) -> str:
    from kgcv.config.commented import flow

    return flow(value)


def _next_command(result: InitResult) -> str:
    return f"kgcv check {result.path}"
