"""Scores of submissions: waiting for one, and asking for all."""

from __future__ import annotations

from collections.abc import Iterable

from kgcv.errors import KaggleError
from kgcv.events import Message
from kgcv.kaggle.ledger import Entry
from kgcv.kaggle.settle import Desk, settle_open, told

FIRST_POLL, SLOWEST_POLL, POLL_GROWTH = 2.0, 30.0, 1.5
"""Seconds until the first question and between late ones, and how the time between grows: small files are scored in
seconds, large ones in minutes, and Kaggle limits how often one may ask."""

WAIT_SECONDS = 3600.0
"""How long a score is waited for; then it can be asked for later."""

MAX_FAILURES = 5
"""Questions in a row that may fail, each already repeated by the client."""


def await_score(desk: Desk, entry: Entry) -> Entry:
    """Ask until Kaggle has scored `entry`, and write what it tells.

    Returns:
        The entry, `complete`, or still `submitted` after `WAIT_SECONDS`.

    Raises:
        KaggleError: Kaggle could not score it (with its reason), or cannot be asked.
        StopRequested: a signal came; the submission goes on.
    """
    doing = f"waiting; submission {entry.ref} is with Kaggle, and kgcv submit --refresh asks for its score"
    waited, pause, failures = 0.0, FIRST_POLL, 0
    if entry.status == "submitted":
        desk.reporter.report(Message(f"submission {entry.ref}: waiting for its score"))
    while entry.status == "submitted" and waited < WAIT_SECONDS:
        desk.nap(pause, doing)
        waited, pause = waited + pause, min(pause * POLL_GROWTH, SLOWEST_POLL)
        try:
            entry, failures = _ask(desk, entry), 0
        except KaggleError as error:
            failures += 1
            if failures == MAX_FAILURES:
                raise KaggleError(f"{error}\nstopped {doing}") from error
            desk.reporter.report(Message(f"{error}; asking again", "warning"))
    return entry


def _ask(desk: Desk, entry: Entry) -> Entry:
    assert entry.ref is not None, "only what Kaggle has is waited for"
    return desk.settle(told(entry, desk.client.submission(entry.ref)))


def refuse_unscored(entry: Entry) -> None:
    """Raise what ends the command where Kaggle could not score the file.

    Raises:
        KaggleError: with Kaggle's reason.
    """
    if entry.status == "error":
        raise KaggleError(f"{entry.file}: Kaggle could not score submission {entry.ref}: {entry.error}")


def refresh(desk: Desk, competitions: Iterable[str]) -> tuple[Entry, ...]:
    """Ask what became of all submissions to `competitions`, and write what changed.

    Returns:
        The entries that changed, as they are now.

    Raises:
        KaggleError: a list cannot be read; competitions before it are done.
    """
    before = {entry.id: entry for entry in desk.ledger.read()}
    for slug in competitions:
        if any(entry.competition == slug and entry.is_open for entry in before.values()):
            with desk.ledger.submitting(slug, desk.reporter, desk.should_stop, desk.sleep):
                settle_open(desk, slug)
        _ask_for_all(desk, slug)
    return tuple(entry for entry in desk.ledger.read() if entry != before.get(entry.id))


def _ask_for_all(desk: Desk, slug: str) -> None:
    mine = [entry for entry in desk.ledger.read() if entry.competition == slug and entry.ref is not None]
    if not mine:
        return
    listed = {remote.ref: remote for remote in desk.client.submissions(slug)}
    for entry in mine:
        if entry.ref in listed and (now := told(entry, listed[entry.ref])) != entry:
            desk.settle(now)
