"""Submits a run or a file: the local gate, the server's, the upload, the score. Each submission is in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from kgcv.config.load import load_config
from kgcv.errors import ConfigError
from kgcv.events import Message, Reporter, StopCheck
from kgcv.kaggle.ledger import Entry, open_ledger
from kgcv.kaggle.patience import Patience
from kgcv.kaggle.scores import await_score, refresh, refuse_unscored
from kgcv.kaggle.settle import Desk, nap
from kgcv.kaggle.slug import parse_slug
from kgcv.kaggle.upload import send_once
from kgcv.recipes.check_submission import CheckResult, check_submission

if TYPE_CHECKING:
    from kgcv.recipes.own_score import OwnScore

OpenDesk = Callable[[], Desk]
"""Connects to Kaggle; called after everything that can be found wrong without it."""


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """What to submit, and how."""

    run_or_file: Path
    message: str | None = None
    """None or blank: one is made."""
    competition: str | None = None
    """None: the one in the run's config."""
    sample: Path | None = None
    """None: the one in the run's config; for a file, the competition's own is fetched."""
    output: Path | None = None
    """Where to write what is submitted; see `check_submission`."""
    again: bool = False
    """Submit bytes that were submitted before."""
    wait: bool = True
    """Wait for the score."""
    despite_doubts: bool = False
    """Submit a file that looks wrong beside the sample file."""


@dataclass(frozen=True, slots=True)
class SubmitResult:
    """A submission that Kaggle confirmed."""

    entry: Entry
    checked: CheckResult


def open_desk(ledger: Path, reporter: Reporter, should_stop: StopCheck) -> Desk:
    """Connect to Kaggle with the user's credentials.

    Raises:
        KaggleError: there are none, or the client cannot be loaded.
        DataError: the ledger cannot be read.
    """
    from kgcv.kaggle.client import connect

    doing = "while Kaggle did not answer; kgcv ledger shows what was sent"
    patience = Patience(sleep=lambda seconds: nap(seconds, doing, should_stop))
    return Desk(connect(reporter, patience), open_ledger(ledger, reporter), reporter, should_stop)


def check(request: SubmitRequest, open_desk: OpenDesk) -> CheckResult:
    """What can be found wrong before anything is sent; Kaggle is asked for nothing but a sample file that is not named.

    Raises:
        ConfigError, DataError: as `check_submission`.
        KaggleError: the sample file cannot be fetched.
    """
    if request.run_or_file.is_dir() or request.sample is not None or request.competition is None:
        return check_submission(request.run_or_file, request.output, request.sample, request.despite_doubts)
    return _check_with_fetched(request, parse_slug(request.competition), open_desk())


def submit(request: SubmitRequest, reporter: Reporter, open_desk: OpenDesk) -> SubmitResult:
    """Check, upload, confirm and, if asked to, wait for the score.

    Raises:
        ConfigError: the competition or the sample file is not named and cannot be found.
        DataError: the file does not fit the sample file, is in doubt, or was submitted before.
        KaggleError: anything that Kaggle says no to, or that nobody knows about; scored with an error.
        StopRequested: a signal came.
    """
    from kgcv.recipes.own_score import read_own_score  # loads what `check` need not wait for

    is_run = request.run_or_file.is_dir()
    slug = _find_competition(request)
    if is_run or request.sample is not None:
        checked = check_submission(request.run_or_file, request.output, request.sample, request.despite_doubts)
        desk = open_desk()
    else:
        desk = open_desk()
        checked = _check_with_fetched(request, slug, desk)
    own = read_own_score(request.run_or_file, checked.format) if is_run else None
    for warning in checked.warnings:
        reporter.report(Message(warning, "warning"))
    entry = send_once(desk, _new_entry(request, slug, checked, own), checked.path, request.again)
    if request.wait:
        entry = await_score(desk, entry)
    refuse_unscored(entry)
    return SubmitResult(entry, checked)


def refresh_scores(desk: Desk, competition: str | None) -> tuple[Entry, ...]:
    """Ask Kaggle what became of earlier submissions, to one competition or to all in the ledger.

    Returns:
        What changed.

    Raises:
        ConfigError: `competition` is no name.
        KaggleError: Kaggle cannot be asked.
    """
    if competition is not None:
        return refresh(desk, [parse_slug(competition)])
    return refresh(desk, dict.fromkeys(entry.competition for entry in desk.ledger.read()))


def _find_competition(request: SubmitRequest) -> str:
    if request.competition is not None:
        return parse_slug(request.competition)
    if not request.run_or_file.is_dir():
        raise ConfigError([f"{request.run_or_file}: name the competition of a file with -c"])
    file = request.run_or_file / "config.yaml"
    named = load_config(file).competition
    if named is None:
        raise ConfigError([f"{file}: competition is not set; name it with -c"])
    return parse_slug(named)


def _check_with_fetched(request: SubmitRequest, slug: str, desk: Desk) -> CheckResult:
    from kgcv.recipes.sample_file import fetch_sample

    with TemporaryDirectory(prefix="kgcv-") as folder:
        sample = fetch_sample(desk, slug, Path(folder))
        return check_submission(request.run_or_file, request.output, sample, request.despite_doubts)


def _new_entry(request: SubmitRequest, slug: str, checked: CheckResult, own: OwnScore | None) -> Entry:
    from kgcv.recipes.own_score import make_message

    entry = Entry(
        competition=slug,
        sha256=checked.sha256,
        file=checked.path.name,
        message=(request.message or "").strip() or make_message(checked, own),
    )
    if own is None:
        return entry
    return replace(
        entry,
        run=own.run,
        own_score=own.score,
        own_spread=own.spread,
        metric=own.metric,
        greater_is_better=own.greater_is_better,
    )
