"""The commands themselves, as a person types them: resize, lr-find, train, tta, submit, predict-one, summary."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kgcv.cli.main import main
from kgcv.config.load import dump_config
from kgcv.config.schema import Config
from kgcv.data.predictions import read_predictions

PNG = b"\x89PNG\r\n"


@pytest.fixture
def config_file(competition: Config, change: Callable[..., Config], tmp_path: Path) -> Path:
    config = change(competition, submission={"format": "probability", "positive_class": "bright"})
    config = replace(config, competition="bright-or-dark")
    file = tmp_path / "squares.yaml"
    file.write_text(dump_config(config))
    return file


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No command here may connect to anything."""

    def refuse(_self: socket.socket, address: object) -> None:
        pytest.fail(f"a command opened a connection to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def kgcv(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


def test_the_whole_job(config_file: Path, tmp_path: Path) -> None:
    assert "train 20 (edge 25): 20 images" in kgcv("resize", config_file).stdout
    found = kgcv("lr-find", config_file, "--stage", 1, "--steps", 30, "--end-lr", 1, "-o", "plots/lr.png")
    assert "valley" in found.stdout
    assert (tmp_path / "plots/lr.png").read_bytes().startswith(PNG)
    assert (tmp_path / "plots/lr.csv").exists()

    trained = kgcv("train", config_file, "--run-dir", "runs/one")
    assert trained.stdout.startswith("run runs/one\nfold 0: accuracy ")
    assert "\naccuracy\n" in trained.stdout
    assert "\n  loss\n" in trained.stdout
    assert "stage 2/2  epoch 2/2" in trained.stderr
    for name in ("loss", "metric", "lr"):
        assert (tmp_path / f"runs/one/plots/fold0_{name}.png").read_bytes().startswith(PNG)
    assert "stage 1/2  epoch 1/2" in (tmp_path / "runs/one/kgcv.log").read_text()

    predicted = kgcv("tta", "runs/latest", "--views", "flip").stdout
    assert "oof.npz: 6 images, 2 views" in predicted
    assert "test.npz: 6 images, 2 views" in predicted

    submitted = kgcv("submit", "runs/one", "--check", "-o", "answer.csv.gz").stdout
    assert "answer.csv.gz: 6 rows" in submitted
    assert "submit it with: kgcv submit runs/one -o answer.csv.gz" in submitted
    lines = gzip.decompress((tmp_path / "answer.csv.gz").read_bytes()).decode().splitlines()
    assert lines[0] == "id,label"
    assert [line.split(",")[0] for line in lines[1:]] == ["0", "1", "2", "3", "4", "5"]

    said = kgcv("predict-one", "runs/one", "data/test/0.png", "--top", 1).stdout.splitlines()
    assert said[0] == "data/test/0.png"
    assert said[1].split()[1] in ("bright", "dark")
    assert len(said) == 2


@pytest.mark.parametrize("suffix", [".png", ""])
def test_ids_are_texts_from_the_labels_to_the_submission(config_file: Path, tmp_path: Path, suffix: str) -> None:
    """Leading zeros, with the suffix in the ids and without; CSV files as spreadsheets write them."""
    behind = "" if suffix else ".png"
    rows = []
    for file in sorted((tmp_path / "data/train").iterdir()):
        label, number = file.stem.split(".")
        file.rename(file.with_name(f"{int(number):04d}.png"))
        rows.append(f"{int(number):04d}{behind}, {label} \r\n\r\n")
    (tmp_path / "data/train.csv").write_text("\ufeffid,label\r\n" + "".join(rows), encoding="utf-8", newline="")
    for place, name in enumerate(("0", "00", "000", "01", "1", "1e3")):
        (tmp_path / f"data/test/{place}.png").rename(tmp_path / f"data/test/x{name}.png")
    for file in (tmp_path / "data/test").iterdir():
        file.rename(file.with_name(file.name[1:]))
    ids = [f"{name}{behind}" for name in ("1e3", "000", "1", "0", "01", "00")]
    sample = "\r\n".join(["\ufeffid,label", *(f"{name},0.5" for name in ids), "", ""])
    (tmp_path / "data/sample_submission.csv").write_text(sample, encoding="utf-8", newline="")
    sets = [
        f"data.train={{images: train, labels: train.csv, suffix: '{suffix}'}}",
        f"data.test={{images: test, suffix: '{suffix}'}}",
        "stages=[{image_size: 16, lr: 0.01}]",
    ]
    kgcv("train", config_file, "--run-dir", "run", *(part for each in sets for part in ("--set", each)))
    kgcv("tta", "run", "--views", "identity")
    kgcv("submit", "run", "--check")
    lines = gzip.decompress((tmp_path / "run/submission.csv.gz").read_bytes()).decode().splitlines()
    assert [line.split(",")[0] for line in lines] == ["id", *ids]
    assert len({line.split(",")[1] for line in lines[1:]}) == 6  # of six images, each with its own prediction
    assert set(read_predictions(tmp_path / "run/oof.npz").ids) <= {f"{number:04d}{behind}" for number in range(20)}


def test_results_as_json(config_file: Path) -> None:
    trained = json.loads(kgcv("train", config_file, "--run-dir", "runs/one", "--json").stdout)
    assert trained["run"] == "runs/one"
    assert trained["folds"][0]["fold"] == 0
    predicted = json.loads(kgcv("tta", "runs/one", "--split", "valid", "--json").stdout)
    assert predicted[0]["part"] == "valid"
    assert predicted[0]["scores"] == trained["folds"][0]["scores"]
    one = json.loads(kgcv("predict-one", "runs/one", "data/test/0.png", "--json").stdout)
    assert sum(one[0]["values"].values()) == pytest.approx(1)
    layers = json.loads(kgcv("summary", config_file, "--json").stdout)
    assert layers["layers"][0]["input_shape"] == [3, 16, 16]
    found = json.loads(kgcv("lr-find", config_file, "--steps", 30, "--end-lr", 1, "--json").stdout)
    assert found["suggestions"].keys() == {"valley", "steepest", "minimum_tenth"}


def test_summary_shows_every_layer(config_file: Path) -> None:
    lines = kgcv("summary", config_file, "--stage", 1).stdout.splitlines()
    assert lines[0].split() == ["layer", "kind", "input", "output", "parameters", "trains"]
    assert lines[-2].split() == ["head.6", "Linear", "8", "2", "18", "yes"]
    # The body has a convolution of 3 to 16 and four of 16 to 16, each with a norm; the head a norm of 32, a layer of
    # 32 to 8, a norm of 8 and a layer of 8 to 2.
    body = (3 * 16 * 9 + 32) + 4 * (16 * 16 * 9 + 32)
    assert lines[-1] == f"{body + 64 + 264 + 16 + 18:,} parameters, 10,170 of them train"


def test_overrides_reach_the_run(config_file: Path, tmp_path: Path) -> None:
    kgcv("train", config_file, "--run-dir", "runs/one", "--set", "train.seed=7", "--set", "stages.0.num_cycles=1")
    assert "seed: 7" in (tmp_path / "runs/one/config.yaml").read_text()
    assert len((tmp_path / "runs/one/fold0/metrics.jsonl").read_text().splitlines()) == 3


def test_user_mistakes_give_one_line(config_file: Path, tmp_path: Path, trained_home: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert kgcv("tta", "empty", code=1).stderr == "kgcv: empty: is not a run folder (it has no config.yaml)\n"
    said = kgcv("predict-one", trained_home / "runs/straight", "nowhere.png", code=1).stderr
    assert said == "kgcv: nowhere.png: no such file\n"
    missing = kgcv("train", config_file, "--set", "model.name=resnet3400", code=2).stderr
    assert "kgcv: model.name: timm has no model 'resnet3400'" in missing


LAUNCHER = """
import os, sys
import kgcv.recipes.image_feed, kgcv.recipes.train, sklearn.model_selection  # loaded once for all processes
from kgcv.cli.main import main

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        print("process", os.getpid(), file=sys.stderr)
        main(line.split())
    _, status = os.waitpid(child, 0)
    print("ended", os.waitstatus_to_exitcode(status), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def launcher() -> Iterator[subprocess.Popen[str]]:
    """Runs each line of its stdin as a command in a process of its own, whose number and exit code it tells."""
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCHER],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def train_until_first_epoch(launcher: subprocess.Popen[str], run: Path, number: signal.Signals) -> tuple[int, str]:
    """Train in a process that gets a signal after its first epoch; its exit code and stderr."""
    assert launcher.stdin is not None and launcher.stderr is not None
    print("train", run.parents[1] / "longer.yaml", "--run-dir", run, file=launcher.stdin, flush=True)
    child = int(launcher.stderr.readline().removeprefix("process "))
    seen = []
    while not (line := launcher.stderr.readline()).startswith("ended "):
        assert line, "the launcher has died"
        seen.append(line)
        if line.startswith("stage 1/2  epoch 1/2"):
            os.kill(child, number)
    return int(line.removeprefix("ended ")), "".join(seen)


@pytest.fixture(scope="module")
def trained_home(tmp_path_factory: pytest.TempPathFactory, make_competition: Callable[[Path], Config]) -> Path:
    """A folder with the config `longer.yaml`, a long last stage of timm's own network, and its run `runs/straight`."""
    home = tmp_path_factory.mktemp("home")
    config = make_competition(home)
    stages = (config.stages[0], replace(config.stages[1], num_cycles=6))
    data = replace(config.data, root=str(home / "data"))
    resized = replace(config.resize, folder=str(home / "cache"))
    config = replace(config, stages=stages, data=data, resize=resized, model=replace(config.model, name="test_resnet"))
    (home / "longer.yaml").write_text(dump_config(config))
    kgcv("train", home / "longer.yaml", "--run-dir", home / "runs/straight", "--progress", "none")
    return home


def assert_same_run(left: Path, right: Path) -> None:
    for name in ("best.safetensors", "metrics.jsonl", "valid.npz"):
        assert (left / "fold0" / name).read_bytes() == (right / "fold0" / name).read_bytes(), name


@pytest.mark.no_cover  # the commands are those of the whole job
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_resume_gives_the_straight_run(
    trained_home: Path, launcher: subprocess.Popen[str], number: signal.Signals, code: int
) -> None:
    """A real process, a real signal in the middle of training, and a real resume."""
    stopped = trained_home / f"runs/stopped{code}"
    ended, said = train_until_first_epoch(launcher, stopped, number)
    assert ended == code, said
    assert "stopped and saved in stage" in said
    assert not (stopped / "scores.json").exists()
    kgcv("train", "--resume", stopped)
    assert_same_run(trained_home / "runs/straight", stopped)


@pytest.mark.no_cover
def test_a_killed_run_is_finished_by_the_same_command(trained_home: Path, launcher: subprocess.Popen[str]) -> None:
    """SIGKILL leaves no time to save: training goes on from the last epoch's end, to the same bytes."""
    killed = trained_home / "runs/killed"
    ended, said = train_until_first_epoch(launcher, killed, signal.SIGKILL)
    assert ended == -signal.SIGKILL, said
    kgcv("train", trained_home / "longer.yaml", "--run-dir", killed)
    assert_same_run(trained_home / "runs/straight", killed)


def test_what_train_is_asked_for_must_make_sense(trained_home: Path) -> None:
    config_file, run = trained_home / "longer.yaml", trained_home / "runs/straight"
    assert "name a CONFIG to train, or a run to go on with" in kgcv("train", code=2).stderr
    both = kgcv("train", config_file, "--resume", run, code=2)
    assert "--resume goes on with the run as it is" in both.stderr
    again = kgcv("train", config_file, "--run-dir", run, code=1)
    assert "runs/straight: holds a finished run, and a run is never overwritten" in again.stderr
