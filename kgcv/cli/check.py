"""`kgcv check`: a report on a competition's data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kgcv.cli.balance import balance_lines
from kgcv.cli.console import print_result
from kgcv.cli.options import config_argument, json_option, progress_option, set_option
from kgcv.cli.session import open_session

if TYPE_CHECKING:
    from kgcv.recipes.check import CheckReport, LabelReport, Spread


@click.command()
@config_argument
@set_option
@json_option
@progress_option
def check(config_path: Path, overrides: tuple[str, ...], as_json: bool, progress: str) -> None:
    """Read every image and label of CONFIG and report on them; exit 1 if something is wrong.

    Tells counts, classes, sizes, modes, damaged files, files that are identical, and whether the sample
    submission asks for the test images. Nothing is written.

    \b
    Examples:
      kgcv check planet.yaml
      kgcv check planet.yaml --json > check.json
      kgcv check planet.yaml --set split.kind=folds
    """
    from dataclasses import asdict

    from kgcv.config.load import load_config
    from kgcv.recipes.check import check as check_data

    config = load_config(config_path, overrides)
    with open_session(progress) as session:
        report = check_data(config, session.reporter, session.should_stop)
    print_result(as_json, asdict(report), describe(report))
    click.get_current_context().exit(1 if report.problems else 0)


def describe(report: CheckReport) -> str:
    """The report as text for people."""
    images = report.images
    modes = ", ".join(f"{mode} {count}" for mode, count in images.modes.items())
    lines = [
        *(_label_lines(report.labels) if report.labels else [f"labelled  {report.num_labelled} images"]),
        f"test      {report.num_test} images",
        f"width     {_describe_spread(images.width)}",
        f"height    {_describe_spread(images.height)}",
        f"modes     {modes or 'none'}",
        f"rotated   {images.num_rotated} by EXIF",
    ]
    for title, findings in (("warnings", report.warnings), ("problems", report.problems)):
        lines += [f"{title}  {len(findings) or 'none'}"]
        lines += [f"  {line}" for finding in findings for line in finding.splitlines()]
    return "\n".join(lines)


def _label_lines(labels: LabelReport) -> list[str]:
    numbers = [f"{name}  {_describe_spread(spread)}" for name, spread in labels.numbers.items()]
    return [f"task      {labels.task}", *numbers, *balance_lines(labels.balance)]


def _describe_spread(spread: Spread | None) -> str:
    if spread is None:
        return "unknown"
    return f"min {spread.min:g}, median {spread.median:g}, max {spread.max:g}"
