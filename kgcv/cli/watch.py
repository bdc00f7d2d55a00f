"""`kgcv runs --watch`: a run that trains in another pane, on a screen of its own or in plain lines."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kgcv.cli.console import INTERVAL_SECONDS, print_result
from kgcv.cli.run_screen import RunScreen, shown_path, state_text, status_line
from kgcv.errors import KgcvError

if TYPE_CHECKING:
    from kgcv.recipes.watch import Follower, RunStatus

LOOK_SECONDS = 1.0
"""Time between two looks; lines of steps come every two seconds."""


def watch_run(runs: tuple[Path, ...], as_json: bool) -> None:
    """Show where the one run in `runs`, or the newest, stands; until it ends, or once with `as_json`.

    Raises:
        KgcvError: it ended, but not because it was finished.
    """
    from kgcv.recipes.watch import Follower, find_watched

    if len(runs) > 1:
        raise click.UsageError("--watch follows one run")
    follower = Follower(find_watched(runs[0] if runs else None))
    if as_json:
        return print_result(True, asdict(follower.look()), "")
    is_terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    status = _watch_on_screen(follower) if is_terminal else _watch_in_lines(follower)
    if status.state != "finished":
        run = shown_path(status.run)
        raise KgcvError(f"{run}: {state_text(status)}; go on with: kgcv train --resume {run}")
    return None


def _looks(follower: Follower) -> Iterator[RunStatus]:
    """Where the run stands, again and again, until it has ended."""
    while (status := follower.look()).state == "training":
        yield status
        time.sleep(LOOK_SECONDS)


def _watch_in_lines(follower: Follower) -> RunStatus:
    last_line = -INTERVAL_SECONDS
    for status in _looks(follower):
        if time.monotonic() - last_line >= INTERVAL_SECONDS:
            last_line = time.monotonic()
            click.echo(status_line(status))
    status = follower.look()
    click.echo(status_line(status))
    return status


def _watch_on_screen(follower: Follower) -> RunStatus:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console, stdout = Console(), sys.stdout  # which rich replaces by one without an encoding
    with Live(console=console, screen=True, auto_refresh=False) as live:
        for status in _looks(follower):
            lines = RunScreen(console.width, console.height, stdout).lines(status)
            live.update(Text("\n".join(lines), no_wrap=True, overflow="crop"), refresh=True)
    status = follower.look()
    # What stays when the screen has gone; below it there is room for what may still be said, and the shell's prompt.
    click.echo("\n".join(RunScreen(console.width, console.height - 4, stdout).lines(status)))
    return status
