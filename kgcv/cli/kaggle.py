"""`kgcv kaggle`: the connection to Kaggle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from kgcv.cli.console import print_result
from kgcv.cli.options import json_option
from kgcv.cli.text_table import table_lines
from kgcv.errors import KaggleError

if TYPE_CHECKING:
    from kgcv.recipes.doctor import CompetitionCheck, Diagnosis, PlaceCheck


@click.group()
def kaggle() -> None:
    """Look at the connection to Kaggle.

    \b
    Examples:
      kgcv kaggle doctor
      kgcv kaggle doctor planet-understanding-the-amazon-from-space
    """


@kaggle.command()
@click.argument("competition", required=False)
@json_option
def doctor(competition: str | None, as_json: bool) -> None:
    """Show which credentials are found where, which are accepted, and whether COMPETITION can be worked with.

    The places are shown in the order in which they are tried. No key or token is printed, nothing is
    downloaded, and no submission is used up. Exit code 4 if something does not work.

    \b
    Examples:
      kgcv kaggle doctor
      kgcv kaggle doctor planet-understanding-the-amazon-from-space
      kgcv kaggle doctor https://www.kaggle.com/competitions/dog-breed-identification --json
    """
    from kgcv.recipes.doctor import examine

    found = examine(competition, datetime.now(UTC))
    print_result(as_json, asdict(found), "\n".join(_describe(found)))
    if found.problems:
        raise KaggleError("\n".join(found.problems))


def _describe(found: Diagnosis) -> Iterator[str]:
    yield f"client: kaggle {found.client_version}"
    yield "credentials, in the order in which they are tried:"
    rows = [(place.source, place.found or "nothing", _verdict(place)) for place in found.places]
    yield from (f"  {line}" for line in table_lines(rows, num_left=3))
    yield from (f"warning: {warning}" for warning in found.warnings)
    if found.competition is not None:
        yield from _describe_competition(found.competition)


def _verdict(place: PlaceCheck) -> str:
    if place.kind is None:
        return ""
    if place.accepted is None:
        return "could not be tried"
    if not place.accepted:
        return "NOT ACCEPTED"
    user = f" for {place.username}" if place.username else ""
    return f"accepted{user}, {'used' if place.is_used else 'not needed'}"


def _describe_competition(check: CompetitionCheck) -> Iterator[str]:
    facts, limits = check.facts, check.limits
    if facts is None:
        yield f"competition {check.slug}: cannot be reached"
        return
    yield f"competition {check.slug}: {facts.title}"
    left = "not known" if limits is None else f"{limits.left} left today, {limits.today} made, {limits.total} in all"
    rows = [
        ("metric", facts.metric or "not told"),
        ("deadline", "none" if facts.deadline is None else f"{facts.deadline:%Y-%m-%d %H:%M} UTC"),
        ("joined", "yes" if facts.has_entered else "no"),
        ("data", "can be downloaded; the rules are accepted" if check.can_download else "cannot be downloaded"),
        ("submissions", left),
    ]
    yield from (f"  {line}" for line in table_lines(rows, num_left=2))
    yield from (f"  note: {note}" for note in check.notes)
