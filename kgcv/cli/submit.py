"""`kgcv submit`: a checked submission file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kgcv.cli.console import print_result
from kgcv.cli.options import json_option

if TYPE_CHECKING:
    from kgcv.recipes.submit import SubmitResult

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("run_or_file", metavar="RUN|FILE", type=click.Path(exists=True, path_type=Path))
@click.option("--check", is_flag=True, help="Build and check the file; nothing is uploaded.")
@click.option("-o", "--output", type=_FILE, help="Where to write; default RUN/submission.csv.gz.")
@click.option("--sample", type=_FILE, help="The sample file; default the config's data.sample_submission.")
@json_option
def submit(run_or_file: Path, check: bool, output: Path | None, sample: Path | None, as_json: bool) -> None:
    """Build the submission of RUN, a run or a blend, and check it, or check a submission FILE.

    The sample file decides the ids, their order, the columns and the form; the section submission of the config says
    what it leaves open. The file written is read back and compared with the predictions.

    \b
    Examples:
      kgcv submit runs/latest --check
      kgcv submit runs/blend --check -o planet.csv.gz
      kgcv submit mine.csv.gz --check --sample data/planet/sample_submission.csv
    """
    if not check:
        raise click.UsageError("uploading is not built yet: add --check, then upload the file that it names")
    from kgcv.recipes.submit import submit_check

    result = submit_check(run_or_file, output, sample)
    value = {**asdict(result), "path": str(result.path)}
    print_result(as_json, value, describe(result))


def describe(result: SubmitResult) -> str:
    """The result as text for people."""
    columns = f"{len(result.columns)} columns"
    lines = [f"{result.path}: {result.num_rows} rows, {columns}, format {result.format}: fits the sample file"]
    lines += [f"note: {warning}" for warning in result.warnings]
    if result.competition is not None:
        command = f"kaggle competitions submit -c {result.competition} -f {result.path} -m TEXT"
        lines.append(f"upload it with: {command}")
    return "\n".join(lines)
