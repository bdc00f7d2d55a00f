"""`kgcv check`: a report on a competition's data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kgcv.cli.balance import balance_lines
from kgcv.cli.console import print_result
from kgcv.cli.options import config_argument, json_option, progress_option, set_option
from kgcv.cli.session import open_session
from kgcv.cli.text_table import table_lines

if TYPE_CHECKING:
    from kgcv.recipes.check import CheckReport
    from kgcv.recipes.check_findings import LabelReport, Spread
    from kgcv.recipes.check_images import ImageReport
    from kgcv.recipes.check_table import TableReport


@click.command()
@config_argument
@set_option
@json_option
@progress_option
def check(config_path: Path, overrides: tuple[str, ...], as_json: bool, progress: str) -> None:
    """Read every image or row and label of CONFIG and report on them; exit 1 if something is wrong.

    Tells counts, classes, sizes, modes, damaged files, files that are identical, and whether the sample
    submission asks for the test images; of tables, what the columns hold and which values nothing is learned of.
    Nothing is written but the table of features.

    \b
    Examples:
      kgcv check planet.yaml
      kgcv check planet.yaml --json > check.json
      kgcv check planet.yaml --set "split={kind: folds, num_folds: 5}"
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
    unit = "rows" if report.images is None else "images"
    lines = [
        *(_label_lines(report.labels) if report.labels else [f"labelled  {report.num_labelled} {unit}"]),
        f"test      {report.num_test} {unit}",
        *([] if report.images is None else _image_lines(report.images)),
        *([] if report.table is None else _table_lines(report.table)),
    ]
    for title, findings in (("warnings", report.warnings), ("problems", report.problems)):
        lines += [f"{title}  {len(findings) or 'none'}"]
        lines += [f"  {line}" for finding in findings for line in finding.splitlines()]
    return "\n".join(lines)


def _image_lines(images: ImageReport) -> list[str]:
    modes = ", ".join(f"{mode} {count}" for mode, count in images.modes.items())
    return [
        f"width     {_describe_spread(images.width)}",
        f"height    {_describe_spread(images.height)}",
        f"modes     {modes or 'none'}",
        f"rotated   {images.num_rotated} by EXIF",
    ]


def _table_lines(table: TableReport) -> list[str]:
    lines = [f"left out  {table.num_left_out} labelled rows by rows.keep_where"] if table.num_left_out else []
    lines += [f"known     {table.num_known} test rows by rows.predict"] if table.num_known else []
    categories: list[tuple[str, ...]] = [("category", "values", "embedding", "missing", "unseen in test")]
    for column in table.categories:
        counts = (column.num_values, column.embedding_size, column.num_missing, column.num_unseen)
        categories.append((column.name, *map(str, counts)))
    numbers: list[tuple[str, ...]] = [("number", "min", "median", "max", "missing")]
    for number in table.numbers:
        spread = number.spread
        texts = (f"{value:g}" for value in (spread.min, spread.median, spread.max))
        numbers.append((number.name, *texts, str(number.num_missing)))
    return lines + [line for rows in (categories, numbers) if len(rows) > 1 for line in table_lines(rows, num_left=1)]


def _label_lines(labels: LabelReport) -> list[str]:
    numbers = [f"{name}  {_describe_spread(spread)}" for name, spread in labels.numbers.items()]
    return [f"task      {labels.task}", *numbers, *balance_lines(labels.balance)]


def _describe_spread(spread: Spread | None) -> str:
    if spread is None:
        return "unknown"
    return f"min {spread.min:g}, median {spread.median:g}, max {spread.max:g}"
