"""What became of a submission of which nobody knows: Kaggle's list tells, before anything is sent again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from kgcv.errors import KaggleError, StopRequested, listed
from kgcv.events import Reporter, StopCheck, never_stop
from kgcv.kaggle.client import KaggleClient, RemoteSubmission
from kgcv.kaggle.ledger import Entry, Ledger, Status

LIST_DELAYS = (0.0, 2.0, 4.0, 8.0)
"""Seconds before each look at the list for a submission that was just sent.

Kaggle may still be at work on it, and its list may lag behind; how long is not documented, so this is a guess on the
safe side.
"""

FRESH = timedelta(minutes=5)
"""An entry for which Kaggle was asked longer ago is looked for once: whatever the list can tell, it tells by now.

Also as long as a request that was not answered may still be carried out: longer than gateways wait, as far as known.
"""

LATE_DELAY = 15.0
"""Seconds between looks for a submission that Kaggle may still be at work on."""

NAP_SECONDS = 0.5
"""The longest sleep between two looks at whether a signal came."""

_STATUS: dict[str, Status] = {"pending": "submitted", "complete": "complete", "error": "error"}


def nap(
    seconds: float, doing: str, should_stop: StopCheck = never_stop, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Sleep, unless a signal comes.

    Raises:
        StopRequested: one came; the message begins with what was being done.
    """
    while seconds > 0:
        if (signal := should_stop()) is not None:
            raise StopRequested(signal, f"stopped {doing}")
        sleep(min(seconds, NAP_SECONDS))
        seconds -= NAP_SECONDS


@dataclass(frozen=True, slots=True)
class Desk:
    """What submissions are handled with."""

    client: KaggleClient
    ledger: Ledger
    reporter: Reporter
    should_stop: StopCheck = never_stop
    sleep: Callable[[float], None] = time.sleep

    def nap(self, seconds: float, doing: str) -> None:
        """Sleep, unless a signal comes.

        Raises:
            StopRequested: one came; the message begins with what was being done.
        """
        nap(seconds, doing, self.should_stop, self.sleep)

    def settle(self, entry: Entry) -> Entry:
        """Write what is known of `entry` now."""
        self.ledger.settle(entry)
        return entry


def told(entry: Entry, remote: RemoteSubmission) -> Entry:
    """`entry` with what Kaggle tells of it."""
    return replace(
        entry,
        ref=remote.ref,
        status=_STATUS[remote.status],
        public_score=remote.public_score,
        private_score=remote.private_score,
        error=(remote.error or "no reason given") if remote.status == "error" else "",
        refs_before=(),
    )


def not_sent(entry: Entry, why: str) -> Entry:
    """`entry` as one that does not exist at Kaggle."""
    return replace(entry, status="refused", error=why, refs_before=())


def settle_open(desk: Desk, competition: str) -> None:
    """Settle every entry that a lost answer or a killed process left open.

    The caller holds `Ledger.submitting`, so none of them is being sent now.

    Raises:
        KaggleError: the list cannot be read.
    """
    for entry in desk.ledger.read():
        if entry.competition == competition and entry.is_open:
            settle(desk, entry)


def settle(desk: Desk, entry: Entry) -> Entry:
    """Look for `entry` in Kaggle's list and write what that tells.

    An entry that is `unknown` and fresh, as Kaggle did not answer, is looked for until it is fresh no more.

    Returns:
        The entry with its ref; or `refused`, where Kaggle has got nothing new since before it was sent; or
        `unknown`, where it has, but nothing that is surely this one, or where its list lacks what it had before.

    Raises:
        KaggleError: the list cannot be read; the entry is then `unknown`.
    """
    if entry.asked is None and entry.status == "pending":
        return desk.settle(not_sent(entry, "the process ended before it was submitted"))
    try:
        found = _look_for(desk, entry)
    except KaggleError as error:
        desk.settle(replace(entry, status="unknown", error="Kaggle's answer was lost"))
        raise KaggleError(
            f"{error}\nnobody knows whether {entry.file} was submitted to {entry.competition}; nothing is sent again "
            "before that is known: kgcv submit --refresh asks"
        ) from error
    if len(found.mine) == 1:
        return desk.settle(told(entry, found.mine[0]))
    if found.lacking:
        why = f"Kaggle's list lacks {listed(map(str, found.lacking))}, which it had before (another login's list?)"
    elif found.new:
        why = f"it may be one of Kaggle's submissions {listed(str(remote.ref) for remote in found.new)}"
    else:
        return desk.settle(not_sent(entry, "it never arrived at Kaggle"))
    return desk.settle(replace(entry, status="unknown", error=why))


@dataclass(frozen=True, slots=True)
class _Found:
    """What Kaggle's list shows, as far as it concerns one entry."""

    new: tuple[RemoteSubmission, ...]
    """What came after the entry was written, and is of no other entry."""
    mine: tuple[RemoteSubmission, ...]
    """Of these, those with the entry's file name and message."""
    lacking: tuple[int, ...]
    """What was there before, and is not shown now: such a list is no proof that anything did not arrive."""


def _look_for(desk: Desk, entry: Entry) -> _Found:
    """Ask for the list, and again while it does not show the entry."""
    found = _Found((), (), ())
    for number, delay in enumerate(_delays(entry)):
        if number >= len(LIST_DELAYS) and (found.new or found.lacking):
            break  # more time will not tell more
        desk.nap(delay, "looking for the submission in Kaggle's list; the next kgcv submit goes on with that")
        others = {other.ref for other in desk.ledger.read() if other.id != entry.id}
        found = _compare(entry, desk.client.submissions(entry.competition), others)
        if len(found.mine) == 1:
            break
    return found


def _delays(entry: Entry) -> tuple[float, ...]:
    """Seconds before each look at the list for `entry`."""
    age = datetime.now(UTC) - datetime.fromisoformat(entry.asked or entry.time)
    if age >= FRESH:
        return LIST_DELAYS[:1]
    if entry.status != "unknown":
        return LIST_DELAYS
    left = (FRESH - age).total_seconds() - sum(LIST_DELAYS)
    return LIST_DELAYS + (LATE_DELAY,) * math.ceil(left / LATE_DELAY)


def _compare(entry: Entry, shown: Sequence[RemoteSubmission], others: set[int | None]) -> _Found:
    before = set(entry.refs_before)
    new = tuple(remote for remote in shown if remote.ref not in before | others)
    return _Found(new, tuple(_matching(entry, new)), tuple(sorted(before.difference(refs_of(shown)))))


def _matching(entry: Entry, new: Sequence[RemoteSubmission]) -> list[RemoteSubmission]:
    """Those with the entry's file name and message."""
    named = (remote for remote in new if remote.file_name == entry.file)
    return [remote for remote in named if _plain(remote.description) == _plain(entry.message)]


def _plain(text: str) -> str:
    """`text` without what a form may do to its spaces and line ends."""
    return " ".join(text.split())


def refs_of(shown: Iterable[RemoteSubmission]) -> tuple[int, ...]:
    """Their numbers."""
    return tuple(remote.ref for remote in shown)
