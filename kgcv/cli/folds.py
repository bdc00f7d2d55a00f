"""`kgcv folds`: how even a split is, and the split as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kgcv.cli.balance import balance_lines
from kgcv.cli.console import print_result
from kgcv.cli.options import config_argument, json_option, progress_option, set_option
from kgcv.cli.session import open_session

if TYPE_CHECKING:
    from kgcv.recipes.folds import FoldsReport


@click.command()
@config_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default="split.csv",
    show_default=True,
    help="Where to save the split: CSV with the columns id and fold, for split.file of any config.",
)
@set_option
@json_option
@progress_option
def folds(config_path: Path, output: Path, overrides: tuple[str, ...], as_json: bool, progress: str) -> None:
    """Split the labelled images of CONFIG as training will, show how even that is, and save it.

    Tells for each fold, or for the two parts of a hold-out, its images, groups, and images of each class
    (for numbers: the mean), and how far the worst fold is from the whole. Identical images stay on one side.
    A file that holds another split is not overwritten.

    \b
    Examples:
      kgcv folds planet.yaml --set "split={kind: folds, num_folds: 5}"
      kgcv folds planet.yaml --set "split={kind: folds, seed: 7}" -o other.csv
      kgcv train planet.yaml --fold 0 --set "split={kind: column, column: fold, file: split.csv}"
    """
    from dataclasses import asdict

    from kgcv.config.load import load_config
    from kgcv.data.watch import Watch
    from kgcv.recipes.folds import make_folds

    config = load_config(config_path, overrides)
    with open_session(progress) as session:
        watch = Watch(session.reporter, session.should_stop, config.train.workers)
        report = make_folds(config, output, watch)
    print_result(as_json, asdict(report), describe(report))


def describe(report: FoldsReport) -> str:
    """The report as text for people."""
    lines = [
        f"task      {report.task}",
        f"twins     {_describe_twins(report.twins)}",
        *balance_lines(report.balance),
        f"warnings  {len(report.warnings) or 'none'}",
        *(f"  {warning}" for warning in report.warnings),
        f"saved     {report.file}",
    ]
    return "\n".join(lines)


def _describe_twins(twins: tuple[tuple[str, ...], ...] | None) -> str:
    if twins is None:
        return "not looked for; they may stand on both sides"
    if not twins:
        return "none"
    noun = "sets" if len(twins) > 1 else "set"
    return f"{sum(map(len, twins))} images in {len(twins)} {noun} of identical ones, each kept on one side"
