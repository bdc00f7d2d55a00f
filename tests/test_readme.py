"""What the README shows must work."""

import re
from pathlib import Path

from click.testing import CliRunner

from kgcv.cli.main import main
from kgcv.config.load import load_config

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_first_screen_has_the_two_commands():
    first_screen = README.splitlines()[:40]
    assert {line.split("#")[0].strip() for line in first_screen} >= {"make demo", "make test"}


def test_the_configs_in_it_are_sound(tmp_path):
    blocks = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert blocks
    for number, block in enumerate(blocks):
        path = tmp_path / f"{number}.yaml"
        path.write_text(block)
        load_config(path)


def test_every_command_is_in_it():
    assert {name for name in main.commands if f"`kgcv {name}" not in README} == set()


def test_it_names_no_command_that_does_not_exist():
    named = set(re.findall(r"\bkgcv ([a-z]+(?:-[a-z]+)*) ", " ".join(re.findall(r"`(kgcv [^`]*)`", README)) + " "))
    assert named <= main.commands.keys()


def test_every_option_it_names_exists():
    of_torchrun_and_slurm = {"--nnodes", "--rdzv-backend", "--rdzv-id", "--rdzv-endpoint", "--max-restarts", "--signal"}
    options = set(re.findall(r"(--[a-z][a-z-]+)", README)) - {"--help"} - of_torchrun_and_slurm
    helps = "".join(CliRunner().invoke(main, [name, "--help"]).stdout for name in main.commands)
    assert {option for option in options if option not in helps} == set()


def test_every_make_target_it_names_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"\bmake ([a-z]+)\b", README))
    assert targets >= {"demo", "test", "help"}
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
