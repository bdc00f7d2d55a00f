"""What the shells ask and are told: click's completion protocol, by the program itself."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from kgcv.cli.main import main

PROGRAM = "import sys; sys.argv[0] = 'kgcv'; from kgcv.cli.main import main; main()"


@pytest.mark.parametrize(
    "shell, line",
    [
        ("bash", "complete -o nosort -F _kgcv_completion kgcv"),
        ("zsh", "#compdef kgcv"),
        ("fish", "complete --no-files --command kgcv"),
    ],
)
def test_the_script_of_each_shell(shell, line):
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert line in result.stdout
    assert "_KGCV_COMPLETE" in result.stdout


def test_another_shell_is_a_wrong_command_line():
    assert CliRunner().invoke(main, ["completion", "tcsh"]).exit_code == 2


def ask(*words):
    """What bash is told when the tab key is pressed behind the last of `words`, as (kind, text)."""
    answer = CliRunner().invoke(
        main,
        prog_name="kgcv",
        env={
            "_KGCV_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(("kgcv", *words)),
            "COMP_CWORD": str(len(words)),
        },
    )
    return [tuple(line.split(",", 1)) for line in answer.stdout.split()]


def test_commands_and_options():
    assert ask("lr") == [("plain", "lr-find")]
    assert ask("train", "--log") == [("plain", "--log-to")]
    assert ask("train", "--log-to", "w") == [("plain", "wandb")]


def test_paths_are_left_to_the_shell():
    assert ask("train", "conf") == [("file", "conf")]
    assert ask("tta", "runs/") == [("dir", "runs/")]
    assert ask("train", "--resume", "runs/") == [("dir", "runs/")]


def test_keys_of_the_config():
    assert ask("train", "--set", "train.se") == [("plain", "train.seed=")]
    assert ask("train", "--set", "stages.0.image_s") == [("plain", "stages.0.image_size=")]
    assert ask("train", "--set", "stages.12.image_s") == [("plain", "stages.12.image_size=")]
    assert ask("train", "--set", "train.seed=") == [], "values are not known"
    keys = [text for _, text in ask("train", "--set", "data.")]
    assert "data.train.images=" in keys
    assert "data.train=" not in keys
    assert len(set(keys)) == len(keys)


def test_a_program_that_is_asked_loads_nothing_heavy():
    script = f"""
import sys
try:
    exec({PROGRAM!r})
finally:
    heavy = {{"torch", "pandas", "pydantic", "matplotlib", "rich"}} & sys.modules.keys()
    assert not heavy, heavy
"""
    asked = {"_KGCV_COMPLETE": "bash_complete", "COMP_WORDS": "kgcv train --set train.se", "COMP_CWORD": "3"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env={**os.environ, **asked}
    )
    assert (done.stdout, done.stderr) == ("plain,train.seed=\n", "")
