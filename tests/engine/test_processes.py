"""What several processes compute together, over gloo: three of them are launched for each of these."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kgcv.engine.meeting import joined
from kgcv.engine.processes import ALONE
from kgcv.errors import ProcessLostError

pytestmark = pytest.mark.no_cover

HEAD = """
import json, os, sys
from contextlib import closing
from itertools import islice
from kgcv.engine.meeting import joined
from kgcv.errors import ConfigError, StopRequested

def who(row):
    return int(os.environ["RANK"]), row * row

def fail_at_5(row):
    if row == 5:
        raise OSError(28, "No space left on device")
    return row
"""


def launch(body: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "job.py").write_text(HEAD + body)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "3", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(
        [*launcher, "job.py"], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=100
    )


def test_rows_are_dealt_out_in_turn_and_come_back_in_order(tmp_path):
    body = """
rows = list(range(100, 220, 1))
with joined() as processes, processes.first_alone():
    if processes.is_first:
        print(json.dumps([list(processes.spread(who, some, 2)) for some in (rows, rows[:2], [])]))
    else:
        rank = processes.launch.rank
        assert list(processes.spread(who, [1, 2], 1)) == [(1, (rank, 1)), (2, (rank, 4))], "by itself"
"""
    done = launch(body, tmp_path)
    assert done.returncode == 0, done.stderr
    many, two, none = json.loads(done.stdout)
    assert many == [[row, [place % 3, row * row]] for place, row in enumerate(range(100, 220))]
    assert two == [[100, [0, 10000]], [101, [1, 10201]]]
    assert none == []


def test_whoever_wants_no_more_lets_the_others_go(tmp_path):
    body = """
with joined() as processes, processes.first_alone():
    if processes.is_first:
        with closing(processes.spread(who, range(1000), 1)) as results:
            print(list(islice(results, 50))[-1])
        print(len(list(processes.spread(who, range(5), 1))), "again")
"""
    done = launch(body, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "(49, (1, 2401))\n5 again\n"


@pytest.mark.parametrize(("error", "code"), [("StopRequested(15, 'enough')", 143), ("ConfigError(['x', 'y'])", 2)])
def test_an_error_of_the_first_ends_all_with_its_code(error, code, tmp_path):
    body = f"""
with joined() as processes:
    try:
        with processes.first_alone():
            if processes.is_first:
                with closing(processes.spread(who, range(1000), 1)) as results:
                    next(results)
                    raise {error}
        os.write(1, b"went on\\n")
    except SystemExit as end:
        os.write(1, b"helper %d\\n" % end.code)
    except Exception as error:
        os.write(1, b"first %d\\n" % error.exit_code)
"""
    done = launch(body, tmp_path)
    assert sorted(done.stdout.splitlines()) == [f"first {code}", f"helper {code}", f"helper {code}"], done.stderr


def test_a_helper_that_fails_ends_all(tmp_path):
    body = """
with joined() as processes, processes.first_alone():
    if processes.is_first:
        print(list(processes.spread(fail_at_5, range(100), 1)))
"""
    done = launch(body, tmp_path)
    assert done.returncode != 0
    assert "No space left on device" in done.stderr
    assert done.stdout == ""


def test_those_that_a_launcher_starts_again_meet(tmp_path):
    """The launcher's own store still tells where the dead ones were."""
    body = """
restarts = int(os.environ["TORCHELASTIC_RESTART_COUNT"])
with joined() as processes:
    assert processes.launch.is_restart == (restarts > 0)
    processes.wait()
    if restarts < 3 and processes.launch.rank == restarts:
        os.kill(os.getpid(), 9)
    processes.wait()
    if processes.is_first:
        print("met after", restarts)
"""
    done = launch(body, tmp_path, "--max-restarts", "3")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "met after 3\n"


def test_a_launch_without_a_meeting_place_is_one_line(monkeypatch):
    for name, value in {"RANK": "1", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(ProcessLostError, match=r"cannot meet the other processes: .*MASTER_ADDR"), joined():
        pass


def test_who_predicts_together_stops_together(tmp_path):
    """Seven rows in batches of one are three, two and two; the last process hears of a signal at its n-th look."""
    body = """
import numpy as np
import torch
from kgcv.config.schema import ModelConfig
from kgcv.engine.inference import Predictor
from kgcv.engine.inputs import ImageInputs
from kgcv.engine.runtime import Runtime
from kgcv.model.heads import Objective
from kgcv.model.vision import Normalization, build_model

class Noise:
    def __len__(self):
        return 7
    def read(self, row):
        return np.random.default_rng(row).integers(0, 256, (16, 16, 3), dtype=np.uint8)

with joined() as processes:
    runtime = Runtime(torch.device("cpu"), False, False, 1, processes)
    model = build_model(ModelConfig(name="test_resnet", pretrained=False), 2, seed=1)
    inputs = ImageInputs(Noise(), 16, 16, Normalization((0.5,) * 3, (0.25,) * 3), runtime)
    found = []
    for stops_at in (2, 3, 99):
        looks = []
        def ask():
            looks.append(1)
            return 15 if processes.launch.rank == 2 and len(looks) == stops_at else None
        predictor = Predictor(model, Objective("single", 2), inputs, 1, runtime, should_stop=ask)
        try:
            found.append(f"{len(predictor.predict(np.arange(7)))} rows after {len(looks)} looks")
        except StopRequested as stop:
            found.append(f"{stop.exit_code} after {len(looks)} looks")
    os.write(1, (json.dumps(found) + "\\n").encode())
"""
    done = launch(body, tmp_path)
    expected = ["143 after 2 looks", "143 after 3 looks", "7 rows after 3 looks"]
    assert [json.loads(line) for line in done.stdout.splitlines()] == [expected] * 3, done.stderr


def test_alone_it_is_threads():
    assert list(ALONE.spread(abs, [-3, 2], 2)) == [(-3, 3), (2, 2)]
