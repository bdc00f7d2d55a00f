"""`kgcv embeddings`: what a run on tables has learned of its categories."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from kgcv.cli.console import print_result
from kgcv.cli.options import json_option, run_argument


@click.command()
@run_argument
@click.option("--fold", type=click.IntRange(min=0), default=0, show_default=True, help="The fold whose network to ask.")
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="Folder; default in the run.")
@json_option
def embeddings(run: Path, fold: int, output: Path | None, as_json: bool) -> None:
    """Write the embeddings of RUN (data.kind: table) as CSV files, one a category.

    A row is a value with its numbers; the first row, whose value is empty, stands for what is missing or was in no
    row that trained. Join them to a table by the value to give them to another model.

    \b
    Examples:
      kgcv embeddings runs/rossmann
      kgcv embeddings runs/rossmann --fold 1 -o embeddings
    """
    from kgcv.recipes.embeddings import export_embeddings
    from kgcv.recipes.run_folder import RunFolder

    files = export_embeddings(RunFolder(run), fold, output)
    lines = [f"{file.path}: {file.num_values} values of {file.name}, {file.size} numbers each" for file in files]
    print_result(as_json, [{**asdict(file), "path": str(file.path)} for file in files], "\n".join(lines))
