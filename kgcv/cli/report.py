"""`kgcv report`: a run as one page to look at."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from kgcv.cli.console import print_result
from kgcv.cli.options import json_option, ledger_option


@click.command()
@click.argument(
    "runs",
    metavar="RUN [RUN...]",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The page; RUN/report.html if not given, for several the first one's comparison.html.",
)
@ledger_option
@json_option
def report(runs: tuple[Path, ...], output: Path | None, ledger: Path, as_json: bool) -> None:
    """Write a page about RUN: one HTML file that opens from disk, without network or script.

    Scores and what they were computed on, how they came about epoch by epoch, where the time went, how each class,
    tag or number fares, calibration, views, blends; and of a single RUN samples to look at, labels that may be wrong
    (suspects.csv beside the page lists all), groups that score badly, near-duplicates that disagree, and embeddings.
    Several RUNs are put side by side. Only the run folders are read (and the ledger, for scores of submissions), and
    for a single RUN its data, where they still are; no GPU is needed, and nothing is trained or predicted.

    \b
    Examples:
      kgcv report runs/latest
      kgcv report runs/planet-1 runs/planet-2 -o planet.html
    """
    from kgcv.report.write import write_report

    written = write_report(runs, output, ledger)
    value = {**asdict(written), "path": str(written.path)}
    print_result(as_json, value, str(written.path))
