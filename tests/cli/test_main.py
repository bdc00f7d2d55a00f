import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import kgcv
from kgcv.cli.main import KgcvGroup, main
from kgcv.cli.options import RUN_FOLDER, config_argument, progress_option, run_argument, set_option
from kgcv.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    KaggleError,
    KgcvError,
    StopRequested,
    SubmissionError,
    TrainingDivergedError,
)


def group_that(action):
    """A group with the one command `act`."""

    @click.group(cls=KgcvGroup)
    def group():
        pass

    @group.command()
    @click.pass_context
    def act(context):
        action(context)

    return group


def raising(error):
    def action(_context):
        raise error

    return group_that(action)


@pytest.mark.parametrize(
    "error, code",
    [
        (KgcvError("what"), 1),
        (DataError("what"), 1),
        (SubmissionError("what"), 1),
        (CheckpointError("what"), 1),
        (TrainingDivergedError("what"), 1),
        (ConfigError(["what"]), 2),
        (KaggleError("what"), 4),
        (StopRequested(signal.SIGINT, "what"), 130),
        (StopRequested(signal.SIGTERM, "what"), 143),
    ],
)
def test_an_expected_error_is_one_line_and_its_exit_code(error, code):
    result = CliRunner().invoke(raising(error), ["act"])
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", "kgcv: what\n")


def test_a_name_from_elsewhere_cannot_colour_the_terminal():
    result = CliRunner().invoke(raising(DataError("x\x1b[31m\udcff.jpg: no\n  and\u2028more")), ["act"])
    assert result.stderr == "kgcv: x\\x1b[31m\\udcff.jpg: no\nkgcv:   and\\u2028more\n"


def test_every_problem_of_a_config_has_its_line():
    result = CliRunner().invoke(raising(ConfigError(["a.yaml:1:2: no", "a.yaml:3:4: nor that"])), ["act"])
    assert result.stderr == "kgcv: a.yaml:1:2: no\nkgcv: a.yaml:3:4: nor that\n"


def test_a_keyboard_interrupt_ends_with_130():
    result = CliRunner().invoke(raising(KeyboardInterrupt()), ["act"])
    assert (result.exit_code, result.stderr) == (130, "kgcv: interrupted\n")


def test_a_wrong_command_line_ends_with_2():
    assert CliRunner().invoke(main, ["--nonsense"]).exit_code == 2
    assert CliRunner().invoke(main, ["nonsense"]).exit_code == 2


def test_a_bug_ends_with_3_and_a_traceback_in_the_log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(raising(ZeroDivisionError("by nothing")), ["act"])
    assert result.exit_code == 3
    assert result.stderr == "kgcv: unexpected ZeroDivisionError: by nothing (a bug; the traceback is in kgcv.log)\n"
    log = Path("kgcv.log").read_text()
    assert "Traceback (most recent call last)" in log
    assert "ZeroDivisionError: by nothing" in log


def test_a_bug_is_logged_in_the_run_folder_when_that_is_known(tmp_path):
    def action(context):
        context.meta[RUN_FOLDER] = tmp_path
        raise ZeroDivisionError

    result = CliRunner().invoke(group_that(action), ["act"])
    assert result.exit_code == 3
    assert str(tmp_path / "kgcv.log") in result.stderr
    assert "ZeroDivisionError" in (tmp_path / "kgcv.log").read_text()


def test_a_bug_where_nothing_can_be_written_shows_the_traceback(tmp_path):
    (tmp_path / "kgcv.log").mkdir()

    def action(context):
        context.meta[RUN_FOLDER] = tmp_path
        raise ZeroDivisionError

    result = CliRunner().invoke(group_that(action), ["act"])
    assert result.exit_code == 3
    assert "Traceback (most recent call last)" in result.stderr


def test_a_full_disk_is_no_bug():
    result = CliRunner().invoke(raising(OSError(28, "No space left on device", "/data/x")), ["act"])
    assert (result.exit_code, result.stderr) == (1, "kgcv: /data/x: No space left on device\n")


def test_a_missing_file_that_nobody_foresaw_is_a_bug(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(raising(FileNotFoundError(2, "gone", "x")), ["act"]).exit_code == 3


SCRIPT = """
import click, sys
from kgcv.cli.main import KgcvGroup
from kgcv.errors import DataError

@click.group(cls=KgcvGroup)
def group():
    pass

@group.command()
def act():
    {action}

group()
"""


def run_process(action):
    command = [sys.executable, "-c", SCRIPT.format(action=action), "act"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_exit_codes_reach_the_shell():
    done = run_process("raise DataError('images missing')")
    assert (done.returncode, done.stderr) == (1, "kgcv: images missing\n")
    assert run_process("import os, signal; os.kill(os.getpid(), signal.SIGINT)").returncode == 130
    assert run_process("print('fine')").returncode == 0


def test_a_closed_pipe_is_no_news():
    code = SCRIPT.format(action="[click.echo('x' * 1000) for _ in range(1000)]")
    script = f'set -o pipefail; {sys.executable} -c "$0" act | head -n 1 >/dev/null'
    done = subprocess.run(["bash", "-c", script, code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 1


def test_python_dash_m_is_kgcv():
    command = [sys.executable, "-m", "kgcv", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"kgcv, version {kgcv.__version__}\n"


@pytest.fixture
def probe():
    """A group with a command that has the shared options and prints what it got."""

    @click.group(cls=KgcvGroup, context_settings={"auto_envvar_prefix": "KGCV"})
    def group():
        pass

    @group.command()
    @config_argument
    @set_option
    @progress_option
    def act(config_path, overrides, progress):
        click.echo(f"{config_path!r} {overrides} {progress}")

    @group.command()
    @run_argument
    @click.pass_context
    def look(context, run):
        assert context.meta[RUN_FOLDER] == run
        click.echo(repr(run))

    return group


def test_shared_options(probe, tmp_path):
    config = tmp_path / "a.yaml"
    config.touch()
    result = CliRunner().invoke(probe, ["act", str(config), "--set", "a=1", "--set", "b=2"])
    assert result.stdout == f"{config!r} ('a=1', 'b=2') auto\n"
    assert CliRunner().invoke(probe, ["act", str(tmp_path / "missing.yaml")]).exit_code == 2
    assert CliRunner().invoke(probe, ["act", str(config), "--progress", "loud"]).exit_code == 2


def test_a_run_is_a_folder_and_where_bugs_are_logged(probe, tmp_path):
    assert CliRunner().invoke(probe, ["look", str(tmp_path)]).stdout == f"{tmp_path!r}\n"
    assert CliRunner().invoke(probe, ["look", str(tmp_path / "missing")]).exit_code == 2


@pytest.mark.parametrize("variable", ["KGCV_PROGRESS", "KGCV_ACT_PROGRESS"])
def test_environment_variables_stand_in_for_options(probe, tmp_path, variable):
    config = tmp_path / "a.yaml"
    config.touch()
    result = CliRunner().invoke(probe, ["act", str(config)], env={variable: "none", "KGCV_SET": "a=1 b=2"})
    assert result.stdout == f"{config!r} ('a=1', 'b=2') none\n"
