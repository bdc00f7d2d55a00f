"""The shell blocks of README run as they stand there, and what they say of the Makefile is so."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(?:sh|shell)\n(.*?)```", README, re.DOTALL)

NOT_RUN = {
    r"make .*": "test_makefile.py runs targets of the Makefile; the rest takes minutes",
    r"pip install \.": "installs what is being tested",
    r"(torchrun|srun torchrun) .*": "needs several GPUs; tests/recipes/test_processes.py trains in processes",
}
"""Lines that no test can run, as regular expressions, with the reason."""


def _is_run(line: str) -> bool:
    return not any(re.fullmatch(pattern, line) for pattern in NOT_RUN)


def _make_room(line: str) -> None:
    """Remove what stands in for a download, where the line downloads it."""
    if found := re.search(r"kgcv download .*-o (\S+)", line):
        shutil.rmtree(found[1], ignore_errors=True)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_runs(number: int, shell: Any, read_lines: Callable[[str], list[str]]) -> None:
    lines = list(filter(_is_run, read_lines(BLOCKS[number])))
    for line in lines:
        _make_room(line)
    shell.run_all(lines)


def test_the_blocks_were_found_and_no_line_is_left_out_without_need(read_lines: Callable[[str], list[str]]) -> None:
    lines = [line for block in BLOCKS for line in read_lines(block)]
    assert len(BLOCKS) >= 7
    assert len(list(filter(_is_run, lines))) > 20
    for pattern in NOT_RUN:
        assert any(re.fullmatch(pattern, line) for line in lines), pattern


def test_the_table_of_contents_leads_to_every_section() -> None:
    titles = re.findall(r"^## (.*)$", README, re.MULTILINE)
    anchors = [re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles]
    contents = README[README.index("**Contents.**") :].split("\n\n")[0]
    assert re.findall(r"\]\(#([^)]*)\)", contents) == anchors
    assert set(re.findall(r"\]\(#([^)]*)\)", README)) <= set(anchors)


def test_its_pictures_are_there_and_small() -> None:
    pictures = [ROOT / path for path in re.findall(r"!\[[^\]]*\]\(([^)]*)\)", README)]
    assert pictures
    for picture in pictures:
        text = picture.read_text(encoding="utf-8")
        assert len(text) < 100_000
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
