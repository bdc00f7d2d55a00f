"""`kgcv ledger`: what was submitted, and what came of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kgcv.cli.console import PlainReporter, print_result
from kgcv.cli.lines import format_number
from kgcv.cli.options import json_option, ledger_option
from kgcv.cli.text_table import table_lines

if TYPE_CHECKING:
    from kgcv.kaggle.ledger import Entry
    from kgcv.recipes.ledger import Standing

_HEADER = ("time (UTC)", "ref", "run or file", "status", "message", "own", "spread", "public", "private", "")
_NUM_LEFT = 5
_MESSAGE_WIDTH = 24


@click.command()
@click.option("-c", "--competition", help="Only this one; its name, or its address.")
@ledger_option
@json_option
def ledger(competition: str | None, ledger: Path, as_json: bool) -> None:
    """Show every submission, with the run's own score beside the public one.

    own: out of fold, cross-fitted where tags were decided; spread: standard deviation of the folds' scores; *: the
    best by public score; ~: not told apart from it, as the difference is within the noise band.

    \b
    Examples:
      kgcv ledger
      kgcv ledger -c planet-understanding-the-amazon-from-space --json
    """
    from kgcv.recipes.ledger import read_standings

    standings = read_standings(ledger, competition, PlainReporter(sys.stderr))
    print_result(as_json, [asdict(standing) for standing in standings], "\n\n".join(map(_describe, standings)))


def _describe(standing: Standing) -> str:
    direction = {True: ", greater is better", False: ", smaller is better", None: ""}[standing.greater_is_better]
    metric = "" if standing.metric is None else f" ({standing.metric}{direction})"
    rows = [_HEADER, *(_cells(entry, standing) for entry in standing.entries)]
    title = f"{standing.competition}{metric}"
    return "\n".join([title, *table_lines(_filled(rows), _NUM_LEFT), *_reasons(standing), *_findings(standing)])


def _filled(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Without the columns of numbers that say nothing, for terminals are narrow."""
    columns = list(zip(*rows, strict=True))
    kept = [at for at, cells in enumerate(columns) if at < _NUM_LEFT or set(cells[1:]) - {"", "-"}]
    return [[row[at] for at in kept] for row in rows]


def _cells(entry: Entry, standing: Standing) -> tuple[str, ...]:
    message = " ".join(entry.message.split())
    best = standing.best_public
    mark = "*" if best is not None and entry.id == best.id else "~" if entry.id in standing.as_good else ""
    return (
        entry.time[:16].replace("T", " "),
        "-" if entry.ref is None else str(entry.ref),
        entry.run or entry.file,
        entry.status,
        message if len(message) <= _MESSAGE_WIDTH else f"{message[: _MESSAGE_WIDTH - 3]}...",
        format_number(entry.own_score),
        format_number(entry.own_spread),
        format_number(entry.public_score),
        format_number(entry.private_score),
        mark,
    )


def _reasons(standing: Standing) -> Iterator[str]:
    for entry in standing.entries:
        if entry.error:
            first = entry.error.splitlines()[0]
            yield f"{entry.time[:16].replace('T', ' ')} {entry.run or entry.file}: {entry.status}: {first}"


def _findings(standing: Standing) -> Iterator[str]:
    best_own, best_public = standing.best_own, standing.best_public
    if best_own is not None:
        yield f"best by own score: {_name(best_own)}, {format_number(best_own.own_score)}"
    if best_public is not None:
        yield f"best by public score: {_name(best_public)}, {format_number(best_public.public_score)}"
    if standing.rank_correlation is not None:
        pairs = f"{standing.num_pairs} submissions"
        yield f"rank correlation of own and public score: {standing.rank_correlation:.2f} ({pairs}; 1: the same order)"
    if standing.mean_gap is not None:
        spread = "" if standing.gap_spread is None else f", spread {format_number(standing.gap_spread)}"
        yield f"public - own: {standing.mean_gap:+.4f} on average{spread}"
    if standing.noise is not None:
        yield (
            f"noise band: {format_number(standing.noise)}; a smaller difference means nothing (from the spread over "
            "folds; how many images are behind a public score is not known)"
        )


def _name(entry: Entry) -> str:
    return f"{entry.run or entry.file} ({entry.ref})"
