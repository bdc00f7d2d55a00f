"""`kgcv leaderboard`: the top of a competition and the user's place."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from kgcv.cli.console import WarningReporter, print_result
from kgcv.cli.options import json_option
from kgcv.cli.text_table import table_lines

if TYPE_CHECKING:
    from kgcv.recipes.leaderboard import Leaderboard, Rank


@click.command()
@click.argument("competition")
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="Rows to show.")
@json_option
def leaderboard(competition: str, top: int, as_json: bool) -> None:
    """Show the top of the public leaderboard of COMPETITION, and your place: rank, score, of how many.

    \b
    Examples:
      kgcv leaderboard dog-breed-identification
      kgcv leaderboard dog-breed-identification --top 3 --json
    """
    from kgcv.kaggle.client import connect
    from kgcv.recipes.leaderboard import show_leaderboard

    found = show_leaderboard(competition, connect(WarningReporter(sys.stderr)), top)
    print_result(as_json, asdict(found), _describe(found))


def _describe(found: Leaderboard) -> str:
    rows = [("rank", "team", "score", "date"), *map(_cells, found.top)]
    if found.own is not None and found.own.rank > len(found.top):
        rows += [("...", "", "", ""), _cells(found.own)]
    if found.own is None:
        place = "you are not on it"
    else:
        place = f"you: {found.own.rank} of {found.num_teams}, score {_score(found.own)}"
    return "\n".join([f"{found.competition}, {found.metric}", *table_lines(rows, num_left=2), place])


def _cells(row: Rank) -> tuple[str, ...]:
    return str(row.rank), row.team, _score(row), f"{row.date:%Y-%m-%d}"


def _score(row: Rank) -> str:
    """With as many digits as Kaggle gives."""
    return "-" if row.score is None else str(row.score)
