import sys
from importlib.machinery import ModuleSpec

import pytest
from click.testing import CliRunner

from kgcv.cli import log_to
from kgcv.cli.log_to import Guarded, build_logger
from kgcv.cli.main import main
from kgcv.errors import ConfigError
from kgcv.events import Message, Recorder, RunStarted
from kgcv.report.curves import CurveLogger


class Failing:
    """A sink that can do nothing."""

    def __init__(self, at):
        self.at = at
        self.calls = 0

    def fail(self, name):
        self.calls += 1
        if name == self.at:
            raise RuntimeError("no\nroom")

    def start(self, event):
        self.fail("start")
        return "over there"

    def write(self, step, values):
        self.fail("write")

    def close(self):
        self.fail("close")


def absent(monkeypatch, spec=None):
    monkeypatch.setattr(log_to, "find_spec", lambda name: spec)


@pytest.mark.parametrize("at", ["start", "close"])
def test_a_failure_is_said_once_and_costs_nothing_else(at, tmp_path):
    sink, recorder = Failing(at), Recorder()
    guarded = Guarded("wandb", CurveLogger(sink), recorder)
    for _ in range(3):
        guarded.report(RunStarted(tmp_path, 1, 10))
    guarded.close()
    guarded.close()
    warnings = [event for event in recorder.events if isinstance(event, Message) and event.level == "warning"]
    assert warnings == [Message("wandb: RuntimeError: no room; the run goes on without its curves", "warning")]
    assert sink.calls == (1 if at == "start" else 4)


def test_it_is_said_where_the_curves_are(tmp_path):
    recorder = Recorder()
    Guarded("wandb", CurveLogger(Failing(None)), recorder).report(RunStarted(tmp_path, 1, 10))
    assert recorder.events == [Message("wandb: over there")]


@pytest.mark.parametrize("spec", [None, ModuleSpec("wandb", None)])
def test_what_is_not_installed_is_said_with_the_way_out(spec, monkeypatch):
    # The second is a folder of that name, which wandb leaves where it was used.
    absent(monkeypatch, spec)
    with pytest.raises(ConfigError, match=r"--log-to wandb: is not installed; pip install 'kgcv\[wandb\]'"):
        build_logger("wandb")


def test_the_command_ends_with_2_and_one_line_before_it_begins(monkeypatch, tmp_path):
    absent(monkeypatch)
    config = tmp_path / "a.yaml"
    config.write_text("")
    result = CliRunner().invoke(main, ["train", str(config)], env={"KGCV_TRAIN_LOG_TO": "tensorboard"})
    expected = "kgcv: --log-to tensorboard: is not installed; pip install 'kgcv[tensorboard]'\n"
    assert (result.exit_code, result.stderr) == (2, expected)
    assert [path.name for path in tmp_path.iterdir()] == ["a.yaml"]


def test_nothing_is_imported_that_nobody_asked_for(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] in ("wandb", "tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    assert CliRunner().invoke(main, ["train", "--help"]).exit_code == 0
    assert not {"wandb", "tensorboard"} & sys.modules.keys()
