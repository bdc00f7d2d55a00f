"""`kgcv runs`: what was trained, and what came of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from kgcv.cli.console import print_result
from kgcv.cli.lines import format_number, format_seconds
from kgcv.cli.options import json_option
from kgcv.cli.text_table import table_lines
from kgcv.cli.watch import watch_run

if TYPE_CHECKING:
    from kgcv.recipes.runs import Comparison, RunSummary

_HEADER = ("run", "state", "model", "metric", "score", "spread", "decided", "folds", "size", "time", "weights")
_NUM_LEFT = 4


@click.command()
@click.argument("folders", metavar="[FOLDER | RUN RUN...]", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--sort",
    type=click.Choice(["date", "score", "name"]),
    default="date",
    show_default=True,
    help="date: the newest last; score: the best of each metric first.",
)
@click.option("--watch", "is_watched", is_flag=True, help="Follow one run (default runs/latest) while it trains.")
@json_option
def runs(folders: tuple[Path, ...], sort: Literal["date", "score", "name"], is_watched: bool, as_json: bool) -> None:
    """Show the runs in FOLDER (default runs) as a table, or RUNs side by side with their config differences.

    score: out-of-fold, on the whole set; spread: standard deviation of the folds' scores; decided: cross-fitted
    score with fitted thresholds; folds: trained and in all; size: the largest image size; weights: of one fold.

    With --watch: where a run stands that trains in another pane, until it ends; one line every ten seconds where
    stdout is no terminal, one look with --json. Exit code 1 if the run ended before it was finished.

    \b
    Examples:
      kgcv runs
      kgcv runs --watch
      kgcv runs --sort score --json
      kgcv runs runs/planet-1 runs/planet-2
    """
    if is_watched:
        return watch_run(folders, as_json)
    from kgcv.recipes.runs import compare_runs, list_runs

    if len(folders) > 1:
        comparison = compare_runs(folders)
        return print_result(as_json, asdict(comparison), _side_by_side(comparison))
    found = list_runs(folders[0] if folders else Path("runs"), sort)
    return print_result(as_json, [asdict(run) for run in found], _as_table(found))


def _as_table(found: tuple[RunSummary, ...]) -> str:
    readable = [run for run in found if run.note is None]
    lines = table_lines([_HEADER, *map(_cells, readable)], _NUM_LEFT) if readable else ["no runs"]
    return "\n".join([*lines, *(f"{run.path}: {run.note}" for run in found if run.note is not None)])


def _cells(run: RunSummary) -> tuple[str, ...]:
    return (
        run.name,
        run.state,
        run.model or "-",
        run.metric or "-",
        format_number(run.score),
        format_number(run.spread),
        format_number(run.decided),
        "-" if run.folds_done is None else f"{run.folds_done}/{'?' if run.num_folds is None else run.num_folds}",
        "-" if run.image_size is None else str(run.image_size),
        "-" if run.seconds is None else format_seconds(run.seconds),
        "-" if run.weights_bytes is None else f"{run.weights_bytes / 1e6:.1f} MB",
    )


def _side_by_side(comparison: Comparison) -> str:
    """What the table has in columns as rows, the other scores, and the config keys that differ."""
    cells = [_cells(run) for run in comparison.runs]
    rows = [(title, *column) for title, column in zip(_HEADER, zip(*cells, strict=True), strict=True)]
    rows += [(f"oof {name}", *map(format_number, scores)) for name, scores in comparison.scores.items()]
    rows += [(key, *map(_show, values)) for key, values in comparison.differences.items()]
    return "\n".join(table_lines(rows))


def _show(value: Any) -> str:
    return "-" if value is None else str(value)
