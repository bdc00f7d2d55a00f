"""Targets of the Makefile, run by make itself; each `kgcv` that it calls is carried out in this process.

In the place of the program is a shell script that hands its words over and takes back an exit code, which saves the
time in which a process loads torch.
"""

from __future__ import annotations

import os
import re
import select
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kgcv.cli.main import main

ROOT = Path(__file__).parents[2]
SCRIPT = """\
#!/bin/sh
mkfifo answer-$$
printf '%s\\0' answer-$$ "$@" END > requests
read code < answer-$$
exit $code
"""


class Make:
    """`make` in the working directory, with the commands that it ran."""

    def __init__(self) -> None:
        script = Path(".venv/bin/kgcv")
        script.parent.mkdir(parents=True)
        script.write_text(SCRIPT)
        script.chmod(0o755)
        os.mkfifo("requests")

    def __call__(self, *arguments: str) -> list[str]:
        """Run `make ARGUMENTS`, which must succeed; the kgcv commands that it ran, without `kgcv`."""
        commands: list[str] = []
        # Nothing is installed for this: the environment counts as ready.
        line = ["make", "-f", str(ROOT / "Makefile"), "-o", ".venv/.installed", *arguments]
        requests = os.open("requests", os.O_RDWR | os.O_NONBLOCK)
        with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            while process.poll() is None:
                if select.select([requests], [], [], 0.05)[0]:
                    # A pipe for each answer: the next call could take the end of this one for its own.
                    answer, *words = self._read(requests)
                    commands.append(shlex.join(words))
                    self._answer(words, Path(answer))
            assert process.stdout is not None
            said = process.stdout.read()
        os.close(requests)
        assert process.returncode == 0, said
        return commands

    def _read(self, requests: int) -> list[str]:
        content = b""
        while not content.endswith(b"\0END\0"):
            select.select([requests], [], [])
            content += os.read(requests, 4096)
        return content.decode().split("\0")[:-2]

    def _answer(self, words: list[str], answer: Path) -> None:
        result = CliRunner().invoke(main, words)
        answer.write_text(f"{result.exit_code}\n")
        assert result.exit_code == 0, f"kgcv {shlex.join(words)}\n{result.output}"


@pytest.fixture
def make(shell: Any) -> Make:
    return Make()


def test_planet_from_download_to_submission_is_the_tutorial(
    make: Make, kaggle: Any, read_lines: Callable[[str], list[str]]
) -> None:
    shutil.rmtree("data/planet")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = [block for block in re.findall(r"```sh\n(.*?)```", readme, re.DOTALL) if "-o data/planet" in block]
    told = [shlex.join(shlex.split(line)[1:]) for line in read_lines(block)]

    assert make("planet") == told[:-1]
    assert sorted(path.name for path in Path("data/planet").glob("[a-z]*")) == [
        "sample_submission_v2.csv",
        "test-jpg",
        "test-jpg-additional",
        "train-jpg",
        "train_v2.csv",
    ]
    assert kaggle.submissions == []
    assert make("planet") == []  # everything is current
    assert make("planet-submit") == told[-1:]
    assert [one.slug for one in kaggle.submissions] == ["planet-understanding-the-amazon-from-space"]


def test_planet_goes_on_where_it_was_stopped_and_begins_anew_with_another_config(make: Make) -> None:
    def steps() -> list[str]:
        return [command.split()[0] for command in make("runs/planet-lr.png")]

    make("cache/planet-resized")
    assert steps() == ["lr-find"]
    later = time.time() + 5
    os.utime("configs/planet.yaml", (later, later))
    assert steps() == ["check", "resize", "lr-find"]


def test_the_demo(make: Make) -> None:
    smaller = (
        "--set 'stages=[{image_size: 16, lr: 0.01}]' --set split.valid_fraction=0.9 --set resize.folder=demo/cache"
    )
    ran = make("demo", f"DEMO=demo/fashion/fashion.yaml {smaller}")
    names = ["sample", "check", "resize", "lr-find", "train", "tta", "submit", "predict-one"]
    assert [command.split()[0] for command in ran] == names


def test_every_target_is_in_the_help(shell: Any) -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    told = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony is not None
    assert all(f"make {target} " in told for target in phony[1].split())
