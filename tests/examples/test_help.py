"""Every example of every command's help runs, in the order in which it stands there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import click
import pytest

from kgcv.cli.main import main

NOT_RUN = {
    r"kgcv train .*--log-to .*": "needs an extra; tests/report/test_tensorboard_curves.py has it, where it is there",
    r"torchrun .*": "needs several GPUs; tests/recipes/test_processes.py trains with several processes",
}
"""Examples that no test can run, as regular expressions, with the reason."""


def _commands(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for below, inner in command.commands.items():
            yield from _commands(inner, f"{name} {below}".strip())
    else:
        yield name, command


COMMANDS = dict(_commands(main))


def examples_of(command: click.Command, read_lines: Callable[[str], list[str]]) -> list[str]:
    """The lines below `Examples:`, up to the next empty one."""
    paragraphs = re.split(r"\n\s*\n", (command.help or "").replace("\b", ""))
    blocks = [text.split("Examples:\n", 1)[1] for text in paragraphs if "Examples:\n" in text]
    return [line for block in blocks for line in read_lines(block)]


def _is_run(line: str) -> bool:
    return not any(re.fullmatch(pattern, line) for pattern in NOT_RUN)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_a_command_run(name: str, shell: Any, read_lines: Callable[[str], list[str]]) -> None:
    examples = examples_of(COMMANDS[name], read_lines)
    assert len([line for line in examples if f"kgcv {name}" in line]) >= 2, f"kgcv {name} --help needs two examples"
    shell.run_all(list(filter(_is_run, examples)))


def test_the_usual_order_of_the_overview_runs(shell: Any, read_lines: Callable[[str], list[str]]) -> None:
    lines = read_lines((main.help or "").replace("\b", "").split("Usual order:\n")[1].split("\n\n")[0])
    assert len(lines) == 4
    shell.run_all(lines)


def test_no_example_is_left_out_without_need(read_lines: Callable[[str], list[str]]) -> None:
    lines = [line for command in COMMANDS.values() for line in examples_of(command, read_lines)]
    for pattern in NOT_RUN:
        assert any(re.fullmatch(pattern, line) for line in lines), pattern


def test_an_example_that_does_not_run_fails(shell: Any) -> None:
    with pytest.raises(AssertionError, match=r"kgcv check nowhere\.yaml: exit 2"):
        shell.run("kgcv check nowhere.yaml")
    with pytest.raises(AssertionError, match="exit 1"):
        shell.run("kgcv config schema | python -c 'import sys; sys.exit(1)' > nothing")
