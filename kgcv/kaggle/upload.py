"""One file to Kaggle, once: the server's gate, the upload, the submission, and its confirmation by number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from kgcv.errors import KaggleError, StopRequested, SubmissionError
from kgcv.events import Message, Reporter, TaskAdvanced, TaskDone, TaskStarted
from kgcv.files import hash_file
from kgcv.kaggle.client import Competition, Limits, LostAnswer
from kgcv.kaggle.ledger import Entry, now
from kgcv.kaggle.settle import FRESH, Desk, not_sent, refs_of, settle, settle_open, told

CREATE_TRIES = 3
"""How often a submission is asked for whose answer was lost, each time after the list showed that it is not there."""


def send_once(desk: Desk, entry: Entry, file: Path, again: bool = False) -> Entry:
    """Submit `file`, unless its bytes were submitted before.

    The entry is in the ledger as `pending` before the first byte leaves. What an earlier process left open is settled
    first; if that was this very file, and it did arrive, nothing is sent.

    Args:
        desk: client and ledger.
        entry: what to submit, with the hash of `file`.
        file: what to send.
        again: send bytes that the ledger has.

    Returns:
        The entry as Kaggle confirmed it, or the earlier one that just turned out to have arrived.

    Raises:
        SubmissionError: the ledger has these bytes, or they changed while they were sent.
        KaggleError: the competition takes no submission now, the upload failed, it was refused, or nobody knows.
        StopRequested: a signal came before the submission was made.
    """
    with desk.ledger.submitting(entry.competition, desk.reporter, desk.should_stop, desk.sleep):
        if not again:
            _refuse_known(desk.ledger.read(), entry)
        settle_open(desk, entry.competition)
        if not again and (earlier := _find_known(desk.ledger.read(), entry)) is not None:
            return _adopt(desk, earlier)
        refs = _pass_gate(desk, entry.competition)
        entry = replace(entry, refs_before=refs, time=now())
        desk.ledger.add(entry)
        return _confirm(desk, _create(desk, entry, _upload(desk, entry, file)))


def _find_known(entries: Sequence[Entry], entry: Entry) -> Entry | None:
    """The newest entry with the same bytes for the same competition that Kaggle has, or may have."""
    same = (other for other in reversed(entries) if other.sha256 == entry.sha256 and other.status != "refused")
    return next((other for other in same if other.competition == entry.competition), None)


def _refuse_known(entries: Sequence[Entry], entry: Entry) -> None:
    known = _find_known(entries, entry)
    if known is not None and not known.is_open:
        score = "" if known.public_score is None else f", public score {known.public_score:g}"
        raise SubmissionError(
            f"{entry.file}: these very bytes were submitted to {entry.competition} on {known.time} "
            f"(submission {known.ref}, {known.status}{score}); --again submits them once more"
        )


def _adopt(desk: Desk, earlier: Entry) -> Entry:
    if earlier.is_open:
        raise KaggleError(
            f"{earlier.file}: nobody knows whether these bytes were submitted on {earlier.time}: {earlier.error}; see "
            f"https://www.kaggle.com/competitions/{earlier.competition}/submissions; --again submits them once more"
        )
    text = f"submission {earlier.ref} of {earlier.time} has these very bytes and did arrive; nothing is sent again"
    desk.reporter.report(Message(text))
    return earlier


def _pass_gate(desk: Desk, slug: str) -> tuple[int, ...]:
    """Numbers of the submissions there are, if there may be one more."""
    competition, limits = desk.client.competition(slug), desk.client.limits(slug)
    refuse_closed(competition, limits)
    warn_of_deadline(competition, desk.reporter, datetime.now(UTC))
    return refs_of(desk.client.submissions(slug))


def refuse_closed(competition: Competition, limits: Limits) -> None:
    """Refuse what Kaggle would refuse, before anything is sent.

    Raises:
        KaggleError: with every reason, a line each.
    """
    if reasons := list(_obstacles(competition, limits)):
        raise KaggleError("\n".join(f"{competition.slug}: {reason}" for reason in reasons))


def _obstacles(competition: Competition, limits: Limits) -> Iterator[str]:
    page = f"https://www.kaggle.com/competitions/{competition.slug}"
    if not competition.has_entered:
        yield f"you have not joined it; accept its rules at {page}/rules"
    if competition.submissions_disabled:
        yield "it takes no submissions (any more)"
    if competition.is_code_only:
        yield f"it takes notebooks only, no files; submit from a notebook at {page}/code"
    if limits.left <= 0:
        most = f" of {competition.max_daily_submissions}" if competition.max_daily_submissions else ""
        yield f"no submission is left: {limits.today}{most} were made today; the day ends at 00:00 UTC"


def warn_of_deadline(competition: Competition, reporter: Reporter, now: datetime) -> None:
    """Tell that a submission comes late: Kaggle goes on scoring files long after most competitions end."""
    if competition.deadline is not None and competition.deadline < now:
        when = f"{competition.deadline:%Y-%m-%d %H:%M} UTC"
        text = f"{competition.slug} ended on {when}: a late submission is scored, but has no place on the leaderboard"
        reporter.report(Message(text, "warning"))


def _upload(desk: Desk, entry: Entry, file: Path) -> str:
    """Kaggle's token for the bytes, which are those of the entry."""
    desk.reporter.report(TaskStarted("upload", file.stat().st_size, "bytes"))
    try:
        token = desk.client.upload(entry.competition, file, lambda amount: desk.reporter.report(TaskAdvanced(amount)))
        if hash_file(file) != entry.sha256:
            raise SubmissionError(f"{file}: changed while it was sent; nothing was submitted")
        if (signal := desk.should_stop()) is not None:
            raise StopRequested(signal, "stopped before the submission was made")
    except (KaggleError, SubmissionError, StopRequested) as error:
        desk.settle(not_sent(entry, str(error)))
        raise
    desk.reporter.report(TaskDone("upload"))
    return token


def _create(desk: Desk, entry: Entry, token: str) -> Entry:
    """Make the submission; never a second time before Kaggle's list shows that the first does not exist."""
    last = ""
    for number in range(CREATE_TRIES):
        entry = desk.settle(replace(entry, status="pending", error="", asked=now()))
        try:
            ref = desk.client.create_submission(entry.competition, token, entry.message)
        except LostAnswer as error:
            last = error.reason
            settled = _look_for_lost(desk, entry, error)
        except KaggleError as error:
            return _take_refusal(desk, entry, error, is_first=number == 0)
        except StopRequested as error:  # the client waits only where nothing was sent
            desk.settle(not_sent(entry, str(error)))
            raise
        else:
            return desk.settle(replace(entry, ref=ref, status="submitted", refs_before=()))
        if settled.ref is not None:
            return settled
        if settled.status == "unknown":
            return _adopt(desk, settled)
    why = f"tried {CREATE_TRIES} times, and Kaggle's list shows no submission; the last answer: {last}"
    desk.settle(not_sent(entry, why))
    raise KaggleError(f"{entry.file}: not submitted: {why}\ntry again later")


def _look_for_lost(desk: Desk, entry: Entry, error: LostAnswer) -> Entry:
    """What Kaggle's list tells of `entry` after its answer was lost."""
    how_long = f", for up to {FRESH.seconds // 60} minutes" if error.may_be_at_work else ""
    desk.reporter.report(Message(f"{error}; looking whether the submission arrived{how_long}", "warning"))
    if error.may_be_at_work:
        entry = desk.settle(replace(entry, status="unknown", error="Kaggle did not answer in time"))
    return settle(desk, entry)


def _take_refusal(desk: Desk, entry: Entry, error: KaggleError, *, is_first: bool) -> Entry:
    """The submission, if an earlier attempt did arrive and is why this one is refused; else the error is raised."""
    settled = entry if is_first else settle(desk, entry)
    if settled.ref is not None:
        return settled
    if settled.status != "unknown":
        desk.settle(not_sent(entry, str(error)))
    raise error


def _confirm(desk: Desk, entry: Entry) -> Entry:
    """What Kaggle tells of the number that it gave."""
    assert entry.ref is not None, "made just now"
    try:
        return desk.settle(told(entry, desk.client.submission(entry.ref)))
    except KaggleError as error:
        raise KaggleError(
            f"{error}\n{entry.file} became submission {entry.ref}, which Kaggle does not confirm now; "
            "ask later: kgcv submit --refresh"
        ) from error
