"""What a person can learn about the commands, and what it costs to ask."""

import os
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from kgcv.cli.main import main

COMMANDS = sorted(main.commands)
HEAVY = {"torch", "torchvision", "timm", "pandas", "matplotlib", "sklearn", "scipy", "PIL"}
HEAVY |= {"kaggle", "kagglesdk", "requests", "py7zr"}


def test_the_commands_stand_in_the_order_of_work():
    assert list(main.commands) == main.list_commands(main.make_context("kgcv", [], resilient_parsing=True))
    assert list(main.commands) == [
        "sample",
        "download",
        "init",
        "check",
        "folds",
        "resize",
        "features",
        "lr-find",
        "train",
        "tta",
        "decide",
        "blend",
        "submit",
        "ledger",
        "leaderboard",
        "kaggle",
        "predict-one",
        "explain",
        "embeddings",
        "runs",
        "report",
        "summary",
        "config",
        "completion",
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name):
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    # An example stands on a line of its own, as it is typed.
    assert re.search(rf"^\s+kgcv {name} \S", result.stdout, re.MULTILINE), result.stdout


def test_help_loads_nothing_heavy():
    script = f"""
import sys
from kgcv.cli.main import main
for arguments in [[], *([name] for name in main.commands)]:
    main([*arguments, "--help"], standalone_mode=False)
    heavy = {HEAVY!r} & sys.modules.keys()
    assert not heavy, f"kgcv {{arguments}} --help loads {{heavy}}"
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_overview_shows_whole_sentences():
    result = CliRunner().invoke(main, ["--help"])
    assert "..." not in result.stdout.split("Commands:")[1]


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"]])
def test_help_works_in_a_process_of_its_own(arguments):
    # Without a home: help reads no file of the user's.
    done = subprocess.run(
        [sys.executable, "-m", "kgcv", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: kgcv")
