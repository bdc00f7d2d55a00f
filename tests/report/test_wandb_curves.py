"""wandb without a network: what it keeps in the run folder, in a process of its own as its client ends with one."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("wandb", reason="an optional extra")

SCRIPT = """
import sys
from pathlib import Path
from kgcv.events import RunStarted
from kgcv.report.wandb_curves import WandbCurves, log_in

log_in()
for done_steps in (0, 40):
    curves = WandbCurves()
    print(curves.start(RunStarted(Path(sys.argv[1]), 1, 100, done_steps)))
    curves.write(done_steps + 1, {"valid_loss": 0.25})
    print(curves._run.id)
    curves.close()
"""


def run_script(*arguments, script=SCRIPT, **settings):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    environment |= {"HOME": "/nonexistent", "NETRC": "/nonexistent/netrc"}
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**environment, **settings},
    )


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "planet-1"
    folder.mkdir()
    (folder / "environment.json").write_text("{}")
    (folder / "config.yaml").write_text("train: {seed: 1}\n")
    return folder


def test_offline_curves_lie_in_the_run_folder_and_a_resume_has_their_id(run, tmp_path):
    offline = {"WANDB_MODE": "offline", "WANDB_CACHE_DIR": str(tmp_path), "WANDB_CONFIG_DIR": str(tmp_path)}
    done = run_script(run, **offline)
    # The first twelve digits of the SHA-256 of `{}`.
    expected = [f"wandb sync {run}/wandb/offline-run-*", "44136fa355b3-fold0"]
    assert (done.stdout.splitlines(), done.stderr) == (2 * expected, "")
    assert len(list(run.glob("wandb/offline-run-*/run-44136fa355b3-fold0.wandb"))) == 2


def test_without_a_login_it_is_said_what_to_do(tmp_path):
    script = "from kgcv.report.wandb_curves import log_in; log_in()"
    done = run_script(script=script, WANDB_CONFIG_DIR=str(tmp_path), WANDB_CACHE_DIR=str(tmp_path))
    assert "ConfigError: --log-to wandb: there is no login; run `wandb login`" in done.stderr
