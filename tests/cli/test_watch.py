"""`kgcv runs --watch`: lines, screens, one look as JSON, and how it ends."""

import io
import json
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from kgcv.cli import watch
from kgcv.cli.main import main
from kgcv.cli.run_screen import RunScreen, status_line
from kgcv.files import append_json_lines
from kgcv.recipes.run_folder import RunFolder, only_here
from kgcv.recipes.watch import Best, Job, RunStatus

ROWS = [
    {
        "stage": number // 3,
        "epoch": number % 3,
        "train_loss": 2.0 / (number + 1),
        "valid_loss": 1.5 / (number + 1),
        "scores": {"quadratic_weighted_kappa": 0.1 * number},
        "is_best": True,
    }
    for number in range(6)
]


def stream_in(encoding):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding)


def status(**changes):
    given = {
        "run": Path("/data/runs/planet-20260131-120000"),
        "state": "training",
        "process": "process 12345 on a-machine-with-a-name",
        "fold": 1,
        "num_folds": 5,
        "stage": 1,
        "num_stages": 2,
        "image_size": 128,
        "epoch": 2,
        "num_epochs": 3,
        "step": 7,
        "steps_per_epoch": 50,
        "done_steps": 75,
        "total_steps": 300,
        "loss": 0.34567,
        "lr": 0.00125,
        "samples_per_second": 1234.5,
        "gpu_memory_bytes": 3_210_000_000,
        "seconds_left": 83.0,
        "is_estimate": True,
        "metric": "quadratic_weighted_kappa",
        "best": Best(1, 1, 0.5),
        "history": {0: ROWS, 1: ROWS[:4]},
    }
    return RunStatus(**{**given, **changes})


def test_everything_in_one_line():
    assert status_line(status()) == (
        "fold 2/5  stage 2/2  128 px  epoch 3/3  step 7/50  loss 0.3457  lr 0.00125  1234 images/s  3.2 GB of the GPU  "
        "best quadratic_weighted_kappa 0.5000 (stage 2, epoch 2)  ~1m23s left of this fold"
    )


def test_a_run_that_has_not_begun_to_train():
    fresh = RunStatus(run=Path("/a"), state="training", process="process 1 on b", job=Job("resize", 4, 10, "images"))
    assert status_line(fresh) == "resize: 4/10 images"
    assert status_line(RunStatus(run=Path("/a"))) == "no process trains it, and the last one left no word (killed?)"
    assert RunScreen(80, 24, stream_in("utf-8")).lines(fresh) == ["/a  training, process 1 on b", "resize: 4/10 images"]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("width, height", [(200, 60), (120, 40), (80, 24), (60, 20), (40, 10), (20, 3)])
def test_a_screen_fits_its_terminal(width, height, encoding, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    lines = RunScreen(width, height, stream_in(encoding)).lines(status())
    assert max(map(len, lines)) <= width
    "".join(lines).encode(encoding)
    if height >= 20:
        assert len(lines) <= height
        assert sum("epoch" in line.split()[-1:] for line in lines) == (1 if width >= 110 else 2), "both drawings"


def test_the_screen_of_a_narrow_terminal_loses_no_word():
    words = " ".join(" ".join(RunScreen(60, 20, stream_in("ascii")).lines(status())).split())
    for piece in ("fold 2/5", "step 7/50", "25% ~1m23s left of this fold", "1234 images/s", "(stage 2, epoch 2)"):
        assert piece in words


def test_silence_is_said():
    long_ago = datetime.now().astimezone() - timedelta(seconds=185)
    screen = RunScreen(80, 24, stream_in("ascii"))
    assert any("last heard of 3m05s ago" in line for line in screen.lines(status(updated=long_ago)))
    assert not any("last heard" in line for line in screen.lines(status(updated=long_ago, state="finished")))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """`runs/one`, which `latest` points to, finished."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.01)
    folder = tmp_path / "runs/one"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("stages: [{lr: [0.1]}]\n")
    (tmp_path / "runs/latest").symlink_to("one")
    end_session(folder, "finished")
    return RunFolder(folder)


def end_session(folder, ended):
    line = {"started": datetime.now().astimezone().isoformat(timespec="seconds"), "seconds": 1.0, "ended": ended}
    append_json_lines(folder / "sessions.jsonl", [line])


def invoke(*arguments):
    return CliRunner().invoke(main, ["runs", "--watch", *map(str, arguments)])


def test_a_finished_run_is_told_once(run):
    result = invoke()
    assert (result.exit_code, result.stdout, result.stderr) == (0, "finished\n", "")


@pytest.mark.parametrize("ended, said", [("stopped", "stopped by a signal"), ("failed", "kgcv.log says more")])
def test_a_run_that_was_not_finished_ends_the_watch_with_1(run, ended, said):
    end_session(run.path, ended)
    result = invoke("runs/one")
    assert result.exit_code == 1
    assert said in result.stdout
    assert "go on with: kgcv train --resume runs/one" in result.stderr


def test_a_run_is_followed_to_its_end(run, monkeypatch):
    looks = []

    def sleep(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            training.__exit__(None, None, None)

    monkeypatch.setattr(time, "sleep", sleep)
    training = only_here(run)
    training.__enter__()
    result = invoke()
    assert (result.exit_code, len(looks)) == (0, 3)
    assert result.stdout.splitlines()[-1] == "finished"


def test_ctrl_c_leaves_with_130(run, monkeypatch):
    def sleep(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    with only_here(run):
        assert invoke().exit_code == 130


def test_one_look_as_json(run):
    with only_here(run):
        value = json.loads(invoke("--json").stdout)
    assert (value["run"], value["state"], value["num_stages"], value["history"]) == (str(run.path), "training", 1, {})


def test_one_run_at_a_time(run):
    assert invoke("runs/one", "runs/latest").exit_code == 2


def test_a_folder_that_is_no_run(run):
    result = invoke("runs")
    assert (result.exit_code, result.stderr) == (1, "kgcv: runs: is not a run folder (it has no config.yaml)\n")
