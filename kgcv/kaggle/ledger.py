"""The ledger of submissions: one JSON line each, written before the upload and settled afterwards.

Every change reads the file under a lock, writes it anew and renames it: two processes at once lose no line of each
other, and a process killed at any moment leaves whole lines.
"""

from __future__ import annotations

import fcntl
import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from kgcv.errors import DataError, StopRequested, listed
from kgcv.events import Message, Reporter, StopCheck, never_stop
from kgcv.files import try_lock, write_text

LEDGER = Path("runs/submissions.jsonl")
"""The ledger of the working directory, beside the runs."""

LOCK_INTERVAL = 0.2
"""Seconds between two looks at a lock that another process holds."""

Status = Literal["pending", "submitted", "complete", "error", "refused", "unknown"]
"""What is known of a submission.

`pending`: about to be sent, or its process was killed. `submitted`: Kaggle has it and has not scored it.
`complete`: scored. `error`: Kaggle could not score it. `refused`: it does not exist at Kaggle, so it cost nothing.
`unknown`: Kaggle's answer was lost, and its list of submissions does not tell.
"""


def now() -> str:
    """The time in UTC as the ledger has it, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One submission, as a line of the ledger has it."""

    competition: str
    sha256: str
    """Of the bytes that are sent, in hexadecimal."""
    file: str
    """The file's name without folders, as Kaggle lists it."""
    message: str
    """As Kaggle lists it."""
    run: str | None = None
    """Name of the run folder; None for a file that somebody else made."""
    own_score: float | None = None
    """What the run says of itself: out of fold, with its decision rule where that made the file."""
    own_spread: float | None = None
    """Standard deviation of the folds' scores (N - 1 in the denominator)."""
    metric: str | None = None
    """Of `own_score`."""
    greater_is_better: bool | None = None
    """Of `metric`; None where nobody can tell."""
    ref: int | None = None
    """Kaggle's number of the submission."""
    status: Status = "pending"
    public_score: float | None = None
    private_score: float | None = None
    error: str = ""
    """Why it was refused, could not be scored, or is not known."""
    asked: str | None = None
    """When Kaggle was asked last to make the uploaded file a submission, in UTC; None before."""
    refs_before: tuple[int, ...] = ()
    """Kaggle's submissions just before this one was sent; kept only until it is settled."""
    time: str = field(default_factory=now)
    """When it was written first, in UTC."""
    id: str = field(default_factory=lambda: secrets.token_hex(6))
    """Tells it from every other line."""

    @property
    def is_open(self) -> bool:
        """Whether nobody knows if Kaggle has it."""
        return self.status in ("pending", "unknown")


@dataclass(frozen=True, slots=True)
class Ledger:
    """The file with all entries; made when the first is written."""

    path: Path

    def read(self) -> tuple[Entry, ...]:
        """All entries, the oldest first; none where there is no file.

        Raises:
            DataError: a line is no entry.
        """
        return tuple(_parse(line, f"{self.path}:{number}") for number, line in self._lines())

    def add(self, entry: Entry) -> None:
        """Write a new entry; it is on disk when this returns."""
        with self._locked():
            self._write([*self.read(), entry])

    def settle(self, entry: Entry) -> None:
        """Put `entry` in the place of the one with its id; at the end if somebody removed that."""
        with self._locked():
            others = {other.id: other for other in self.read()}
            self._write([*{**others, entry.id: entry}.values()])

    def repair(self) -> str | None:
        """Move a last line that was cut off to a file of its own; what was done, or None where all is well."""
        if _are_whole(self._lines()):
            return None
        with self._locked():
            lines = self._lines()
            if _are_whole(lines):
                return None
            rest = self.path.with_name(f"{self.path.name}.cut")
            with rest.open("a", encoding="utf-8") as stream:
                stream.write(lines[-1][1] + "\n")
            write_text(self.path, "".join(f"{line}\n" for _, line in lines[:-1]))
        return (
            f"{self.path}: its last line was cut off and is now in {rest}; a submission may be missing here, "
            "see what Kaggle lists"
        )

    @contextmanager
    def submitting(
        self,
        competition: str,
        reporter: Reporter,
        should_stop: StopCheck = never_stop,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Iterator[None]:
        """Wait until no other process submits to `competition` with this ledger, and keep it so within the block.

        A process that dies gives its place up by that.

        Raises:
            StopRequested: a signal came while waiting.
        """
        with self._lock_file(f".{competition}").open("a") as lock:
            if not try_lock(lock):
                reporter.report(Message(f"waiting for another kgcv submit to {competition}"))
                while not try_lock(lock):
                    if (signal := should_stop()) is not None:
                        raise StopRequested(signal, "stopped while waiting; nothing was submitted")
                    sleep(LOCK_INTERVAL)
            yield

    def _lines(self) -> list[tuple[int, str]]:
        """Lines that are not empty, with their numbers from 1."""
        if not self.path.is_file():
            return []
        text = self.path.read_text(encoding="utf-8", errors="replace")
        return [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]

    def _write(self, entries: Sequence[Entry]) -> None:
        write_text(self.path, "".join(json.dumps(asdict(entry), ensure_ascii=False) + "\n" for entry in entries))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Held for the moment of one change."""
        with self._lock_file("").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _lock_file(self, name: str) -> Path:
        """A file of its own, for the ledger itself is another file after each change."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self.path.with_name(f".{self.path.name}{name}.lock")


def open_ledger(path: Path, reporter: Reporter) -> Ledger:
    """The ledger at `path`, with a last line that was cut off set aside; a warning tells of it.

    Raises:
        DataError: another line is no entry.
    """
    ledger = Ledger(path)
    if (note := ledger.repair()) is not None:
        reporter.report(Message(note, "warning"))
    ledger.read()
    return ledger


def _are_whole(lines: Sequence[tuple[int, str]]) -> bool:
    """Whether the last line is; one that was cut off is no JSON."""
    try:
        json.loads(lines[-1][1] if lines else "{}")
    except ValueError:
        return False
    return True


_TEXTS = {"competition", "sha256", "file", "message", "error", "time", "id"}
_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(_TEXTS, (str,)),
    **{name: (str, type(None)) for name in ("run", "metric", "asked")},
    **{name: (int, float, type(None)) for name in ("own_score", "own_spread", "public_score", "private_score")},
    "greater_is_better": (bool, type(None)),
    "ref": (int, type(None)),
    "refs_before": (list,),
}


def _parse(line: str, place: str) -> Entry:
    try:
        value: Any = json.loads(line)
    except ValueError as error:
        raise DataError(f"{place}: is no entry of the ledger ({error}); mend the line or move it away") from error
    if wrong := _wrong_keys(value):
        what = f"not as it should be: {listed(wrong)}"
        raise DataError(f"{place}: is no entry of the ledger ({what}); mend the line or move it away")
    return Entry(**{**value, "refs_before": tuple(value.get("refs_before", ()))})


def _wrong_keys(value: Any) -> list[str]:
    """Keys that are missing, of no entry, or with a value of another kind."""
    if not isinstance(value, dict):
        return ["the whole"]
    wrong = [*(_REQUIRED - value.keys()), *(value.keys() - _NAMES)]
    wrong += [key for key, kinds in _KINDS.items() if key in value and not isinstance(value[key], kinds)]
    return wrong + ["status"] * (value.get("status", "pending") not in get_args(Status))


_NAMES = {each.name for each in fields(Entry)}
_REQUIRED = {"competition", "sha256", "file", "message", "status", "time", "id"}
