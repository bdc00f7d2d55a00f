"""`kgcv features`: the columns that the steps of a config make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kgcv.cli.console import print_result
from kgcv.cli.lines import format_seconds
from kgcv.cli.options import config_argument, json_option, progress_option, set_option
from kgcv.cli.session import open_session
from kgcv.cli.text_table import table_lines
from kgcv.errors import listed

if TYPE_CHECKING:
    from kgcv.data.tables.features import FeatureReport


@click.command()
@config_argument
@set_option
@json_option
@progress_option
def features(config_path: Path, overrides: tuple[str, ...], as_json: bool, progress: str) -> None:
    """Make the table of features of CONFIG (data.kind: table) and tell what each step did.

    The table is kept below data.cache and made anew when a file or a step changes; `kgcv train` makes it, too.
    For each join, the rows without a partner are counted.

    \b
    Examples:
      kgcv features rossmann.yaml
      kgcv features rossmann.yaml --json
      kgcv features rossmann.yaml --set data.cache=cache/tables
    """
    from dataclasses import asdict

    from kgcv.config.load import load_config
    from kgcv.recipes.features import make_features

    config = load_config(config_path, overrides)
    with open_session(progress) as session:
        report = make_features(config, session.reporter, session.should_stop)
    print_result(as_json, asdict(report), describe(report))


def describe(report: FeatureReport) -> str:
    """The report as text for people: one line a step, then the table that they made."""
    rows = [("step", "table", "columns made", "rows", "unmatched", "time")]
    for step in report.steps:
        unmatched = "" if step.unmatched is None else str(step.unmatched)
        made = listed(step.made, limit=3)
        rows.append((step.step, step.table, made, str(step.num_rows), unmatched, format_seconds(step.seconds)))
    made_when = "current, times are of when it was made" if report.is_cached else "made now"
    lines = [
        *table_lines(rows, num_left=3),
        f"reading  {format_seconds(report.reading_seconds)}",
        f"rows     {report.num_train} to learn from, {report.num_test} to predict",
        f"columns  {len(report.columns)}",
        f"saved    {report.path} ({made_when})",
    ]
    return "\n".join(lines)
