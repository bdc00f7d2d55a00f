"""The error tree. Each class carries the exit code a command ends with.

KgcvError             1  an expected failure of a right command
├── DataError            images, labels, ids or files are not as they must be
│   └── SubmissionError  predictions do not fit the sample submission
├── CheckpointError      weights or a run folder cannot be used
├── TrainingDivergedError  the loss became NaN or infinite
├── ProcessLostError     another of several processes has gone
├── OutOfMemoryError     the device or the machine has not enough memory
├── ConfigError       2  the YAML file or an override is wrong
├── KaggleError       4  network, credentials, refused upload
└── StopRequested  128 + n  signal n: Ctrl-C (130), SIGTERM (143), SIGHUP, SIGUSR1; after saving
"""

from __future__ import annotations

from collections.abc import Iterable


class KgcvError(Exception):
    """A failure that a user can cause and can mend; its text is all the user needs to see."""

    exit_code = 1


class DataError(KgcvError):
    """Images, labels, ids or files are not as they must be."""


class SubmissionError(DataError):
    """Predictions do not fit the sample submission."""


class CheckpointError(KgcvError):
    """Weights, a checkpoint or a run folder cannot be used."""


class TrainingDivergedError(KgcvError):
    """The loss became NaN or infinite; the last good checkpoint is kept."""


class ProcessLostError(KgcvError):
    """Another of several processes has gone; what was saved before is kept."""


class OutOfMemoryError(KgcvError):
    """The device or the machine has not enough memory; what was saved before is kept."""


class ConfigError(KgcvError):
    """The YAML file or an override is wrong; holds one line a problem."""

    exit_code = 2

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class KaggleError(KgcvError):
    """Network, credentials, or an upload that was refused."""

    exit_code = 4


class StopRequested(KgcvError):
    """A signal asked for an end and the state has been saved; exit code 128 + the signal's number."""

    def __init__(self, signal_number: int, message: str = "stopped") -> None:
        self.exit_code = 128 + signal_number
        super().__init__(message)


def printable(text: str) -> str:
    """`text` on one line that does nothing to a terminal: line breaks, control codes and stray bytes as escapes."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def listed(items: Iterable[str], limit: int = 10) -> str:
    """The first `limit` items, comma-separated, with the count of the rest: ``a, b, ... and 3 more``."""
    everything = list(items)
    shown = ", ".join(map(printable, everything[:limit]))
    rest = len(everything) - limit
    return f"{shown}, ... and {rest} more" if rest > 0 else shown
