"""Kaggle's competitions through the official client: each call bounded in time, repeated where that is safe."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any, TypeVar

from kgcv.errors import KaggleError
from kgcv.events import Message, Reporter, Silent
from kgcv.kaggle.answers import Refused, Unreadable
from kgcv.kaggle.credentials import HOW_TO, Credentials, find_credentials
from kgcv.kaggle.patience import Patience
from kgcv.kaggle.records import (
    Competition,
    LeaderboardRow,
    Limits,
    RemoteFile,
    RemoteSubmission,
    read_competition,
    read_file,
    read_limits,
    read_row,
    read_submission,
)
from kgcv.kaggle.session import build_client, log_in, open_session, quietly
from kgcv.kaggle.storage import send_file, storage_address
from kgcv.kaggle.trouble import KaggleRefused, LostAnswer, Trouble, diagnose, explain

__all__ = [
    "Competition",
    "KaggleClient",
    "KaggleRefused",
    "LeaderboardRow",
    "Limits",
    "LostAnswer",
    "RemoteFile",
    "RemoteSubmission",
    "connect",
]

T = TypeVar("T")

_PAGE_SIZE = 200
"""Items a page: what is in public use; a server that gives fewer is asked more often."""


def connect(
    reporter: Reporter | None = None,
    patience: Patience | None = None,
    candidates: Sequence[Credentials] | None = None,
) -> KaggleClient:
    """A client with the user's credentials; nothing is sent yet.

    Args:
        reporter: Is told of repetitions, and of credentials that are not accepted while others are.
        patience: Time limits and repetitions.
        candidates: Credentials to try, best first; those of this process's environment by default.

    Raises:
        KaggleError: no credentials, or the client cannot be loaded.
    """
    hints: tuple[str, ...] = ()
    if candidates is None:
        finding = find_credentials(os.environ, Path.home())
        candidates, hints = finding.candidates, finding.warnings
    if not candidates:
        raise KaggleError("\n".join([f"no Kaggle credentials found: {HOW_TO}", *hints]))
    return KaggleClient(candidates, hints, reporter or Silent(), patience or Patience())


class _Failed(Exception):
    """A call that is given up."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.kind)
        self.trouble = trouble


class KaggleClient:
    """The calls that kgcv needs; made by `connect`.

    Every method raises KaggleError, with what was asked, what came back and what to do about it. Where a method may
    take long, or what it costs, is said there; the others are one short call, repeated while that may help.
    """

    def __init__(
        self, candidates: Sequence[Credentials], hints: tuple[str, ...], reporter: Reporter, patience: Patience
    ) -> None:
        self._logins = list(candidates)
        self._secrets = {login.secret.reveal() for login in candidates}
        self._is_logged_in = False
        self._hints = hints
        self._reporter = reporter
        self._patience = patience
        self._session = open_session(patience.timeout)
        self._client = build_client(self._session)

    @property
    def credentials(self) -> Credentials:
        """The login in use."""
        return self._logins[0]

    def verify(self) -> str | None:
        """Have the login checked; the name of its user, where Kaggle or the login tells it."""
        self._call("your login", "", partial(self._ask, "list_competitions"))
        if self.credentials.kind != "token":
            return self.credentials.username
        with suppress(KaggleError):  # a token that works need not be allowed to ask about itself
            return self._call("your token", "", self._introspect)
        return None

    def list_files(self, slug: str) -> tuple[RemoteFile, ...]:
        """Every file of the competition; one call for each 200."""
        found = self._pages(f"the files of {slug}", slug, "list_data_files", "files")
        return tuple(map(read_file, found))

    def locate(self, slug: str, name: str | None = None) -> str:
        """Where one file lies, or the archive of all; the storage is not contacted.

        The address is signed: it opens the file to anybody for some days. It must not be shown, and it ends, so it is
        to be asked for anew at each attempt.

        Args:
            slug: The competition.
            name: A file, as listed; None for the archive of all.
        """
        if name is None:
            ask = partial(self._ask, "download_data_files", competition_name=slug)
        else:
            ask = partial(self._ask, "download_data_file", competition_name=slug, file_name=name)
        return self._call(f"{name or 'the data'} of {slug}", slug, lambda: storage_address(ask()))

    def competition(self, slug: str) -> Competition:
        """The competition's facts."""
        ask = partial(self._ask, "get_competition", competition_name=slug)
        return read_competition(slug, self._call(f"competition {slug}", slug, ask))

    def limits(self, slug: str) -> Limits:
        """How many submissions the user's team may still make."""
        ask = partial(self._ask, "get_submission_limits", competition_name=slug)
        return read_limits(self._call(f"the submission limits of {slug}", slug, ask))

    def submissions(self, slug: str, limit: int | None = None) -> tuple[RemoteSubmission, ...]:
        """The team's submissions, newest first; at most `limit`."""
        found = self._pages(f"the submissions to {slug}", slug, "list_submissions", "submissions")
        return tuple(map(read_submission, islice(found, limit)))

    def submission(self, ref: int) -> RemoteSubmission:
        """One submission."""
        return read_submission(self._call(f"submission {ref}", "", partial(self._get_submission, ref)))

    def leaderboard(self, slug: str, limit: int | None = None) -> tuple[LeaderboardRow, ...]:
        """The public leaderboard from its top; at most `limit` rows, one call for each 200."""
        found = self._pages(f"the leaderboard of {slug}", slug, "get_leaderboard", "submissions")
        return tuple(map(read_row, islice(found, limit)))

    def upload(self, slug: str, file: Path, on_bytes: Callable[[int], None]) -> str:
        """Send a file to Kaggle's storage; nothing is submitted by that. An attempt that fails is repeated whole.

        Args:
            slug: The competition.
            file: The file; its name is what Kaggle shows.
            on_bytes: Is told how many bytes went out, and a negative number when an attempt is given up.

        Returns:
            The token that `create_submission` wants; it must not be shown.
        """
        return self._call(f"the upload of {file.name}", slug, partial(self._upload, slug, file, on_bytes))

    def create_submission(self, slug: str, token: str, message: str) -> int:
        """Submit what `upload` sent. Counts against the day's limit, and is never sent twice.

        Returns:
            The submission's ref.

        Raises:
            LostAnswer: sent, and nobody knows whether it exists; ask `submissions` before anything is sent again.
            KaggleError: it does not exist: Kaggle refused, or was not reached.
        """
        what = f"the submission to {slug}"
        fields = {"competition_name": slug, "blob_file_tokens": token, "submission_description": message}
        self._secrets.add(token)
        self._call("your login", "", self._log_in)
        self._session.close()  # a connection that idled during the upload may be dead, which looks like a lost answer
        ask = partial(self._ask, "create_submission", **fields)
        try:
            answer = self._try(what, ask, lambda trouble: trouble.may_pass and not trouble.was_sent)
        except _Failed as failed:
            trouble = failed.trouble
            if trouble.was_sent and not 400 <= trouble.status < 500:
                raise LostAnswer(what, trouble.describe(), trouble.may_be_at_work) from None
            raise explain(trouble, what, slug, self._hints) from None
        if not answer.ref:
            raise LostAnswer(what, f"Kaggle gave it no number: {answer.message or 'it does not say why'}")
        return int(answer.ref)

    def _call(self, what: str, slug: str, work: Callable[[], T]) -> T:
        """Do work that may be repeated."""
        try:
            return self._try(what, work, lambda trouble: trouble.may_pass)
        except _Failed as failed:
            raise explain(failed.trouble, what, slug, self._hints) from None

    def _try(self, what: str, work: Callable[[], T], may_repeat: Callable[[Trouble], bool]) -> T:
        from requests import RequestException

        attempts = count(1)
        while True:
            try:
                self._log_in()
                return work()
            except (Refused, Unreadable, RequestException) as error:
                trouble = self._mask(diagnose(error))
            if trouble.status == 401 and len(self._logins) > 1:
                self._use_next_login()
                continue
            delay = self._patience.delay(next(attempts), trouble.retry_after) if may_repeat(trouble) else None
            if delay is None:
                raise _Failed(trouble) from None
            self._reporter.report(Message(f"{what}: {trouble.describe()}; trying again in {delay:.0f} s", "warning"))
            self._patience.sleep(delay)

    def _log_in(self) -> None:
        if not self._is_logged_in:
            self._secrets.add(log_in(self._session, self.credentials, self._client))
            self._is_logged_in = True

    def _use_next_login(self) -> None:
        refused = self._logins.pop(0)
        self._is_logged_in = False
        text = f"the {refused} is not accepted; the {self.credentials} is used instead"
        self._reporter.report(Message(text, "warning"))

    def _mask(self, trouble: Trouble) -> Trouble:
        """Without the secrets, should a server have repeated one, and without the queries of addresses."""
        text = re.sub(r"(https?://[^\s?]+\?)\S+", r"\1***", trouble.text)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return replace(trouble, text=text)

    def _ask(self, method: str, **fields: Any) -> Any:
        """One call of the client's: `list_data_files` takes an ApiListDataFilesRequest with these fields."""
        from kagglesdk.competitions.types import competition_api_service as types

        request = getattr(types, f"Api{method.title().replace('_', '')}Request")()
        for name, value in fields.items():
            setattr(request, name, value)
        call = getattr(self._client.competitions.competition_api_client, method)
        return quietly(partial(call, request))

    def _pages(self, what: str, slug: str, method: str, items: str) -> Iterator[Any]:
        """The items of all pages."""
        token, seen = "", {""}
        while True:
            ask = partial(self._ask, method, competition_name=slug, page_token=token, page_size=_PAGE_SIZE)
            page = self._call(what, slug, ask)
            yield from getattr(page, items)
            token = page.next_page_token
            if not token:
                return
            if token in seen:
                raise KaggleError(f"{what}: Kaggle gives the same page again and again; the list is not complete")
            seen.add(token)

    def _get_submission(self, ref: int) -> Any:
        answer = self._ask("get_submission", ref=ref)
        if answer.ref != ref:
            raise Unreadable(f"it tells of submission {answer.ref}")
        return answer

    def _introspect(self) -> str | None:
        from kagglesdk.security.types.oauth_service import IntrospectTokenRequest

        request = IntrospectTokenRequest()
        request.token = self.credentials.secret.reveal()
        answer = quietly(partial(self._client.security.oauth_client.introspect_token, request))
        return answer.username or None

    def _upload(self, slug: str, file: Path, on_bytes: Callable[[int], None]) -> str:
        status = file.stat()
        started = self._ask(
            "start_submission_upload",
            competition_name=slug,
            file_name=file.name,
            content_length=status.st_size,
            last_modified_epoch_seconds=int(status.st_mtime),
        )
        if not started.create_url or not started.token:
            raise Unreadable("it names no place for the file")
        send_file(file, started.create_url, self._patience.timeout, on_bytes)
        return str(started.token)
