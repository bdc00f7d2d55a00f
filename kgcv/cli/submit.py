"""`kgcv submit`: a checked submission file, uploaded and scored."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgcv.cli.console import print_result
from kgcv.cli.lines import format_number
from kgcv.cli.options import json_option, ledger_option, progress_option
from kgcv.cli.session import Session, open_session

if TYPE_CHECKING:
    from kgcv.kaggle.ledger import Entry
    from kgcv.recipes.check_submission import CheckResult
    from kgcv.recipes.submit import SubmitResult

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("run_or_file", metavar="RUN|FILE", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("-m", "--message", help="What Kaggle shows beside it; default model, image sizes and score of the run.")
@click.option("-c", "--competition", help="Its name, or its address; default the config's.")
@click.option("--sample", type=_FILE, help="The sample file; default the config's data.sample_submission.")
@click.option("-o", "--output", type=_FILE, help="Where to write the file; default RUN/submission.csv.gz.")
@click.option("--check", is_flag=True, help="Build and check the file; nothing is uploaded.")
@click.option("--wait/--no-wait", default=None, help="Wait for the score; default on a terminal.")
@click.option("--again", is_flag=True, help="Submit bytes that were submitted before.")
@click.option("--despite-doubts", is_flag=True, help="Take a FILE that looks wrong beside the sample file.")
@click.option("--refresh", is_flag=True, help="Ask for the scores of earlier submissions; nothing is uploaded.")
@ledger_option
@progress_option
@json_option
def submit(check: bool, refresh: bool, progress: str, as_json: bool, **how: Any) -> None:
    """Build the submission of RUN, a run or a blend, or take a submission FILE; check, upload and score it.

    The sample file decides the ids, their order, the columns and the form; the section submission of the config says
    what it leaves open. The file written is read back and compared with the predictions. FILE needs -c; its sample
    file is fetched where none is named.

    No file is submitted twice: each submission is in the ledger (see kgcv ledger) before it is sent, and where
    Kaggle's answer is lost, Kaggle's list is asked first.

    \b
    Examples:
      kgcv submit runs/latest --check
      kgcv submit runs/latest -m "resnet34, five folds" --wait
      kgcv submit mine.csv.gz -c planet-understanding-the-amazon-from-space
      kgcv submit --refresh
    """
    if how["run_or_file"] is None and not refresh:
        raise click.UsageError("name a RUN or a FILE, or ask for scores with --refresh")
    work = _check if check else _refresh if refresh else _submit
    with open_session(progress) as session:
        value, text = work(how, session)
    print_result(as_json, value, text)


def _check(how: dict[str, Any], session: Session) -> tuple[Any, str]:
    from kgcv.recipes.submit import SubmitRequest, check, open_desk

    desk = partial(open_desk, how.pop("ledger"), session.reporter, session.should_stop)
    result = check(SubmitRequest(**how), desk)
    return {**asdict(result), "path": str(result.path)}, describe_check(result, how)


def _submit(how: dict[str, Any], session: Session) -> tuple[Any, str]:
    from kgcv.recipes.submit import SubmitRequest, open_desk, submit

    ledger = how.pop("ledger")
    wait = sys.stdout.isatty() if how["wait"] is None else how["wait"]
    desk = partial(open_desk, ledger, session.reporter, session.should_stop)
    result = submit(SubmitRequest(**{**how, "wait": wait}), session.reporter, desk)
    return {**asdict(result.entry), "path": str(result.checked.path)}, describe(result)


def _refresh(how: dict[str, Any], session: Session) -> tuple[Any, str]:
    from kgcv.recipes.submit import open_desk, refresh_scores

    changed = refresh_scores(open_desk(how["ledger"], session.reporter, session.should_stop), how["competition"])
    text = "\n".join(map(_entry_line, changed)) or "nothing new"
    return [asdict(entry) for entry in changed], text


def describe_check(result: CheckResult, how: dict[str, Any]) -> str:
    """A checked file as text for people, with the command that submits it."""
    columns = f"{len(result.columns)} columns"
    lines = [f"{result.path}: {result.num_rows} rows, {columns}, format {result.format}: fits the sample file"]
    lines += [f"note: {warning}" for warning in result.warnings]
    competition = how["competition"] or (None if result.competition else "COMPETITION")
    options = {"-c": competition, "--sample": how["sample"], "-o": how["output"]}
    given = "".join(f" {name} {value}" for name, value in options.items() if value is not None)
    return "\n".join([*lines, f"submit it with: kgcv submit {how['run_or_file']}{given}"])


def describe(result: SubmitResult) -> str:
    """A submission as text for people."""
    entry = result.entry
    lines = [f"{result.checked.path}: submission {entry.ref} to {entry.competition}: {entry.message}"]
    return "\n".join([*lines, *_score_lines(entry)])


def _score_lines(entry: Entry) -> Iterable[str]:
    if entry.status == "submitted":
        yield "not scored yet; ask later: kgcv submit --refresh"
        return
    private = "" if entry.private_score is None else f", private {format_number(entry.private_score)}"
    yield f"public score {format_number(entry.public_score)}{private}{_own_text(entry)}"


def _own_text(entry: Entry) -> str:
    if entry.own_score is None:
        return ""
    spread = "" if entry.own_spread is None else f" (spread over folds {format_number(entry.own_spread)})"
    return f"; own {entry.metric} {format_number(entry.own_score)}{spread}"


def _entry_line(entry: Entry) -> str:
    number = "" if entry.ref is None else f"submission {entry.ref}, "
    name = f"{entry.competition}, {number}{entry.run or entry.file}: {entry.status}"
    if entry.error:
        return f"{name}: {entry.error}"
    return f"{name}, public score {format_number(entry.public_score)}{_own_text(entry)}"
