import errno
import io
import os
import signal
import sys

import click
import pytest

from kgcv.cli.console import PlainReporter, WarningReporter, WhileItLasts
from kgcv.cli.options import RUN_FOLDER
from kgcv.cli.rich_progress import RichReporter
from kgcv.cli.session import open_session, remembered_signals
from kgcv.events import Message, RunStarted, StageDone


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def display_of(session):
    return session.reporter.reporters[0].display


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_the_first_signal_is_remembered(number, capfd):
    with remembered_signals() as should_stop:
        assert should_stop() is None
        os.kill(os.getpid(), number)
        assert should_stop() == number
    assert "stopping after this step" in capfd.readouterr().err


def test_what_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with remembered_signals() as should_stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert should_stop() is None
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_display_that_is_gone_takes_nothing_with_it():
    class Gone(io.StringIO):
        lines = 0

        def write(self, text):
            self.lines += 1
            raise OSError(errno.EIO, "Input/output error")

    stream = Gone()
    display = WhileItLasts(PlainReporter(stream))
    for _ in range(3):
        display.report(Message("hello"))
    assert stream.lines == 1


def test_a_second_ctrl_c_leaves_at_once():
    with pytest.raises(KeyboardInterrupt), remembered_signals():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_after_sigterm_leaves_at_once():
    with pytest.raises(KeyboardInterrupt), remembered_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)


def test_a_second_sigterm_changes_nothing():
    with remembered_signals() as should_stop:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert should_stop() == signal.SIGINT


def test_handlers_are_put_back():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with pytest.raises(ValueError), remembered_signals():
        raise ValueError
    assert {number: signal.getsignal(number) for number in before} == before


@pytest.mark.parametrize(
    "progress, stream, kind",
    [
        ("auto", io.StringIO, PlainReporter),
        ("auto", Terminal, RichReporter),
        ("plain", Terminal, PlainReporter),
        ("rich", io.StringIO, RichReporter),
        ("none", Terminal, WarningReporter),
    ],
)
def test_progress_goes_where_it_was_asked(progress, stream, kind, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream())
    with open_session(progress) as session:
        assert isinstance(display_of(session), kind)


def test_a_dumb_terminal_gets_plain_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with open_session() as session:
        assert isinstance(display_of(session), PlainReporter)


def test_pipes_get_no_escape_codes(monkeypatch, tmp_path):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with open_session() as session:
        session.reporter.report(RunStarted(tmp_path, 1, 10))
        session.reporter.report(Message("hello"))
    assert stream.getvalue() == f"run {tmp_path}: stages 1, steps 10\nhello\n"


def test_the_run_folder_is_noted_and_logged(tmp_path):
    with click.Context(click.Command("act")) as context, open_session("none") as session:
        session.reporter.report(RunStarted(tmp_path, 1, 10))
        assert context.meta[RUN_FOLDER] == tmp_path
    assert (tmp_path / "kgcv.log").read_text().endswith(f"run {tmp_path}: stages 1, steps 10\n")


def test_a_finished_stage_is_plotted(tmp_path):
    fold = tmp_path / "fold0"
    fold.mkdir()
    (fold / "metrics.jsonl").write_text(
        '{"stage": 0, "epoch": 0, "lr": 0.1, "train_loss": 1.0, "valid_loss": 1.0, "scores": {"f2": 0.5}}\n'
    )
    with open_session("none") as session:
        session.reporter.report(StageDone(0, fold))
    assert (tmp_path / "plots" / "fold0_loss.png").is_file()
