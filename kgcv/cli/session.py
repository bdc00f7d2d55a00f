"""What surrounds a long command: progress, log, plots, and an orderly end on Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

import click

from kgcv.cli.console import LogFile, PlainReporter, WarningReporter, WhileItLasts
from kgcv.cli.event_file import EventFile
from kgcv.cli.log_to import Guarded, build_logger
from kgcv.cli.options import RUN_FOLDER
from kgcv.events import Broadcast, Event, Reporter, RunOpened, RunStarted, Silent, StageDone, StopCheck
from kgcv.launch import read_launch

if TYPE_CHECKING:
    from kgcv.data.watch import Spread
    from kgcv.engine.processes import Processes

# Ctrl-C, an orderly end, a closed terminal, and the warning that schedulers of clusters send before they kill.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


@dataclass(frozen=True, slots=True)
class Session:
    """What a recipe needs from the shell."""

    reporter: Reporter
    should_stop: StopCheck


@contextmanager
def open_session(progress: str = "auto", log_to: tuple[str, ...] = ()) -> Iterator[Session]:
    """A session whose progress goes to stderr in the way `progress` says: auto, rich, plain or none.

    `log_to` names programs that draw curves, too; see `build_logger`, whose errors come before anything else happens.

    Inside the block the first Ctrl-C, SIGTERM, SIGHUP or SIGUSR1 is only remembered, for `should_stop` to tell; a
    second Ctrl-C raises KeyboardInterrupt at once. A terminal that goes away takes nothing else with it.
    """
    is_first = read_launch().is_first
    loggers = {target: build_logger(target) for target in log_to} if is_first else {}
    with ExitStack() as stack:
        display = _open_display(progress, stack)
        should_stop = stack.enter_context(remembered_signals())
        if not is_first:
            yield Session(Silent(), should_stop)
            return
        listeners: tuple[Reporter, ...] = (WhileItLasts(display), LogFile(), EventFile(), _RunFolder(), _Plots())
        guarded = [Guarded(target, logger, Broadcast(listeners)) for target, logger in loggers.items()]
        for one in guarded:
            stack.callback(one.close)
        yield Session(Broadcast((*listeners, *guarded)), should_stop)


@contextmanager
def joined_session(progress: str, log_to: tuple[str, ...] = ()) -> Iterator[tuple[Session, Processes]]:
    """A session in each process of this launch, when they have met; until then a signal is not only remembered."""
    from kgcv.engine.meeting import joined

    with joined() as processes, open_session(progress, log_to) as session:
        yield session, processes


@contextmanager
def helped_session(progress: str) -> Iterator[tuple[Session, Spread]]:
    """A session in the first process of this launch, with the way to share work; the others help, and end here."""
    if read_launch().world_size == 1:
        from kgcv.data.watch import in_threads  # concurrent.futures, which help does without

        with open_session(progress) as session:
            yield session, in_threads
        return
    with joined_session(progress) as (session, processes):  # loads torch, which one process does without
        if processes.is_first:
            with processes.helped():
                yield session, processes.spread
        else:
            processes.help()
    if not processes.is_first:
        raise click.exceptions.Exit(0)


@contextmanager
def remembered_signals() -> Iterator[StopCheck]:
    """Remember the first signal instead of dying; give the check that tells its number.

    SIGHUP stays ignored under `nohup`.
    """
    received: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)
        # Not through sys.stderr: this may interrupt a write to it, and buffered streams refuse to re-enter.
        with suppress(OSError):  # the terminal may be what has gone
            os.write(2, b"kgcv: stopping after this step; Ctrl-C again leaves at once\n")

    before = {number: signal.signal(number, remember) for number in _SIGNALS if not _is_under_nohup(number)}
    try:
        yield lambda: received[0] if received else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_under_nohup(number: signal.Signals) -> bool:
    return number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN


def _open_display(progress: str, stack: ExitStack) -> Reporter:
    if progress == "none":
        return WarningReporter(sys.stderr)
    is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if progress == "plain" or (progress == "auto" and not is_terminal):
        return PlainReporter(sys.stderr)
    from rich.console import Console

    from kgcv.cli.rich_progress import RichReporter

    return stack.enter_context(RichReporter(Console(stderr=True, force_terminal=True)))


class _RunFolder:
    """Notes the run folder in the click context, so that an unexpected error is logged there."""

    def report(self, event: Event) -> None:
        context = click.get_current_context(silent=True)
        if isinstance(event, RunOpened | RunStarted) and context is not None:
            context.meta[RUN_FOLDER] = event.folder


class _Plots:
    """Draws the plots of a fold anew at the end of each stage."""

    def report(self, event: Event) -> None:
        if isinstance(event, StageDone):
            from kgcv.report.plots import draw_metrics

            draw_metrics(event.folder)
