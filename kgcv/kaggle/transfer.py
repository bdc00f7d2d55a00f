"""Brings one file from an address, whole and checked, whatever happens on the way."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kgcv.errors import DataError, KaggleError, StopRequested
from kgcv.events import Message, Reporter, Silent, StopCheck, TaskAdvanced, TaskDone, TaskStarted
from kgcv.kaggle.advice import advise, advise_on_page
from kgcv.kaggle.answers import Refused, Unreadable, find_words
from kgcv.kaggle.contents import describe, find_wrong_start, total_size
from kgcv.kaggle.partial import Partial
from kgcv.kaggle.patience import Patience
from kgcv.kaggle.source import Fetched, Source, in_units
from kgcv.kaggle.trouble import Trouble, diagnose
from kgcv.kaggle.web import ask, open_web

if TYPE_CHECKING:
    import requests

CHUNK = 1 << 15
"""Bytes read and written at a time. A cut loses fewer than these, so that a line which breaks often gets on too."""

_REPORTED = 1 << 18
"""Bytes between two events of progress."""

_LOUD_BYTES = 100_000_000
"""From this size on the check of a file shows its progress; a smaller one takes less than a second."""

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def fetch(
    source: Source, folder: Path, reporter: Reporter, should_stop: StopCheck, patience: Patience | None = None
) -> Fetched | None:
    """Bring a file into `folder` under the name that the server gives it.

    What a killed or failed call left is gone on with, if the server still has the very same content. A file that is
    complete is known as such as long as the folder has it, so that a caller that was killed gets it at once.

    Args:
        source: What to bring.
        folder: Where to; for this source alone. To be removed when the file has found its place.
        reporter: Is told of the progress, in bytes.
        should_stop: Asked at each chunk.
        patience: Time limits and repetitions; an attempt that brought bytes starts the count anew.

    Returns:
        The file; None if the server still has what `source.known` says.

    Raises:
        KaggleError: it cannot be had: refused, not reached, a web page instead, or other content than announced.
        DataError: the disk is full.
        StopRequested: a signal asked for an end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    transfer = _Transfer(source, Partial(folder), reporter, should_stop, patience or Patience())
    return transfer.run()


class _Unchanged(Exception):
    """The server has nothing new."""


class _Transfer:
    """One call of `fetch`."""

    def __init__(
        self, source: Source, partial: Partial, reporter: Reporter, should_stop: StopCheck, patience: Patience
    ) -> None:
        self._source = source
        self._partial = partial
        self._reporter = reporter
        self._should_stop = should_stop
        self._patience = patience
        self._host = "the server"
        self._shown: int | None = None
        self._num_received = 0
        self._was_resumed = False
        self._has_answered = False
        self._num_restarts = 0

    def run(self) -> Fetched | None:
        if self._partial.note is not None and self._partial.note.stamp != self._source.stamp:
            self._partial.discard()
        target = self._partial.target()
        if target is None:
            try:
                self._receive()
            except _Unchanged:
                return None
            target = self._complete()
        note = self._partial.note
        assert note is not None and note.size is not None, "a complete file has a note"
        return Fetched(target, note.size, note.sha256, note.validator, self._was_resumed, self._num_received)

    def _receive(self) -> None:
        """Repeat attempts until all bytes are there."""
        attempt = 1
        with open_web() as session:
            while not self._partial.is_complete:
                size = self._partial.size
                try:
                    self._attempt(session)
                    continue
                except OSError as error:
                    trouble = self._diagnose(error)
                except (Refused, Unreadable) as error:
                    trouble = diagnose(error)
                attempt = 1 if self._partial.size > size else attempt
                self._wait(trouble, attempt)
                attempt += 1

    def _diagnose(self, error: OSError) -> Trouble:
        from requests import RequestException

        if error.errno in _DISK_FULL and not isinstance(error, RequestException):
            raise self._disk_full() from error
        if not isinstance(error, RequestException):
            raise error
        return diagnose(error)

    def _wait(self, trouble: Trouble, attempt: int) -> None:
        """Sleep before the next attempt, or give up."""
        is_cut = trouble.kind == "unreachable" and self._has_answered
        what = f"{self._host} stopped sending: {trouble.text}" if is_cut else trouble.describe(self._host)
        text = f"{self._source.label}: {what}"
        has_ended = self._source.is_signed and trouble.status in (400, 401, 403)
        may_pass = trouble.may_pass or has_ended
        delay = self._patience.delay(attempt, trouble.retry_after) if may_pass else None
        if delay is None:
            if self._partial.size:
                text += f"; {in_units(self._partial.size)} are kept, the same command goes on from there"
            raise KaggleError("\n".join([text, advise(trouble, self._source.is_signed)]).rstrip()) from None
        self._reporter.report(Message(f"{text}; trying again in {delay:.0f} s", "warning"))
        self._check_stop()
        self._patience.sleep(delay)

    def _attempt(self, session: requests.Session) -> None:
        request = self._source.locate()
        self._host, self._has_answered = request.host, False
        with ask(session, request, self._extra_headers(), self._patience.timeout) as response:
            self._host, self._has_answered = urlsplit(response.url).hostname or self._host, True
            match response.status_code:
                case 304 if self._source.known:
                    raise _Unchanged
                case 416 if self._partial.size:
                    self._start_over("the server has fewer bytes of it than are here")
                case 206 if self._partial.size:
                    self._go_on(response)
                case 200:
                    self._begin(response)
                case status:
                    body = next(response.iter_content(10_000), b"")
                    raise Refused(status, find_words(body), response.headers.get("Retry-After"))

    def _extra_headers(self) -> dict[str, str]:
        extra = {"Accept-Encoding": "identity"}
        note = self._partial.note
        if self._partial.size and note is not None:
            if note.validator:
                return {**extra, "Range": f"bytes={self._partial.size}-", "If-Range": note.validator}
            self._start_over("the server gives no mark by which the rest could be told to belong to it")
        if self._source.known:
            name = "If-None-Match" if self._source.known.startswith('"') else "If-Modified-Since"
            extra[name] = self._source.known
        return extra

    def _start_over(self, reason: str) -> None:
        text = f"{self._source.label}: the {in_units(self._partial.size)} that are here cannot be gone on with"
        self._num_restarts += 1
        if self._num_restarts > self._patience.attempts:
            raise KaggleError(f"{text}: {reason}; this happens again and again")
        self._reporter.report(Message(f"{text}: {reason}; starting again", "warning"))
        self._partial.discard()

    def _begin(self, response: requests.Response) -> None:
        """Take the whole file. What is here is given up only when the file's first bytes have come."""
        note = describe(response, self._source.stamp)
        if self._source.known and note.validator == self._source.known:
            raise _Unchanged
        blocks = response.iter_content(CHUNK)
        start = next(blocks, b"")
        self._check_start(note.name, response.headers.get("Content-Type", ""), start)
        if self._partial.size:
            self._start_over("the file has changed at the server")
        self._check_room(note.size)
        self._partial.start(note)
        self._take(chain([start], blocks))
        if note.size is None:
            # It came to its end by the rules of HTTP; that is all there is to go by.
            self._partial.amend(replace(note, size=self._partial.path.stat().st_size))

    def _check_start(self, name: str, content_type: str, start: bytes) -> None:
        wrong = find_wrong_start(name, content_type, start)
        if wrong:
            advice = advise_on_page(self._source.is_signed) if wrong.startswith("a web page") else "try again later"
            raise KaggleError(f"{self._source.label}: {wrong}; nothing of it was kept\n{advice}")

    def _go_on(self, response: requests.Response) -> None:
        """Take the rest, if it is the rest of this file."""
        note = self._partial.note
        assert note is not None, "the rest was asked for"
        expected = f"bytes {self._partial.size}-"
        found = describe(response, self._source.stamp)
        fits = response.headers.get("Content-Range", "").startswith(expected)
        if not fits or found.validator != note.validator or total_size(response) != note.size:
            self._start_over("the file has changed at the server")
            return
        self._check_room(note.size)
        self._was_resumed = True
        done = self._partial.size
        self._take(response.iter_content(CHUNK))
        if self._partial.size == done:
            raise Unreadable("it sends nothing of what is missing")

    def _take(self, blocks: Iterator[bytes]) -> None:
        """Append what comes."""
        note, done = self._partial.note, self._partial.size
        assert note is not None, "there is a note before the first byte"
        if self._shown != done:
            self._reporter.report(TaskStarted(self._source.label, note.size or 0, unit="bytes", done=done))
        self._shown = done
        with self._partial.append() as stream:
            try:
                for block in blocks:
                    stream.write(block)
                    stream.flush()
                    done += len(block)
                    if done - self._shown >= _REPORTED:
                        self._show(done)
                    self._check_stop()
            finally:
                self._show(done)

    def _show(self, done: int) -> None:
        """Tell of the bytes that came since the last event."""
        new = done - (self._shown or 0)
        self._num_received += new
        self._shown = done
        self._reporter.report(TaskAdvanced(new))

    def _complete(self) -> Path:
        """Check the whole file and give it its name."""
        self._reporter.report(TaskDone(self._source.label, in_units(self._partial.size)))
        note = self._partial.note
        assert note is not None, "all bytes are there"
        sha256, md5 = self._hash()
        if note.md5 not in ("", md5):
            self._partial.discard()
            raise KaggleError(
                f"{self._source.label}: what came is not what {self._host} has, by its checksum; it was thrown away, "
                "run the same command again"
            )
        return self._partial.finish(sha256)

    def _hash(self) -> tuple[str, str]:
        """SHA-256 and MD5; of a large file this takes a while."""
        name, size = f"check {self._source.label}", self._partial.size
        reporter = self._reporter if size >= _LOUD_BYTES else Silent()
        reporter.report(TaskStarted(name, size, unit="bytes"))

        def advance(amount: int) -> None:
            reporter.report(TaskAdvanced(amount))
            self._check_stop()

        found = self._partial.hashes(advance)
        reporter.report(TaskDone(name))
        return found

    def _check_stop(self) -> None:
        if (number := self._should_stop()) is not None:
            raise StopRequested(number, "download stopped; run the same command again to go on")

    def _check_room(self, size: int | None) -> None:
        free = shutil.disk_usage(self._partial.path.parent).free
        if size is not None and size - self._partial.size > free:
            raise self._disk_full(size)

    def _disk_full(self, size: int | None = None) -> DataError:
        folder = self._partial.path.parent
        free = f"{shutil.disk_usage(folder).free / 1e6:.0f} MB are free"
        needs = "" if size is None else f", {(size - self._partial.size) / 1e6:.0f} MB are needed"
        return DataError(
            f"{self._source.label}: the disk of {folder} is full: {free}{needs}; make room and run the same command "
            "again, it goes on from where it is"
        )
