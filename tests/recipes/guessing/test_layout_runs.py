"""From a guessed config to a checked submission, the config as it is but for a tiny network and tiny stages."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from kgcv.cli.main import main

TINY = ["model={name: tiny_resnet, pretrained: false}", "stages=[{image_size: 16, lr: 0.01}]"]
SHORT = ["model={name: embeddings, hidden: [8], dropout: [0.1, 0.1]}", "stages=[{lr: 0.01}]"]


def kgcv(*arguments: str) -> str:
    result = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.usefixtures("tiny_network")
@pytest.mark.parametrize(
    "name, overrides, header, num_rows",
    [
        ("dogs-vs-cats-redux-kernels-edition", TINY, "id,label", 6),
        ("plant-pathology-2020-fgvc7", TINY, "image_id,healthy,multiple_diseases,rust,scab", 6),
        ("plant-pathology-2021-fgvc8", TINY, "image,labels", 3),
        ("rossmann-store-sales", SHORT, "Id,Sales", 48),
    ],
)
def test_a_guess_trains_and_submits(
    lay_out: Callable[[str], Path], name: str, overrides: list[str], header: str, num_rows: int
) -> None:
    config = f"{name}.yaml"
    kgcv("init", str(lay_out(name)))
    sets = [word for override in overrides for word in ("--set", override)]
    kgcv("train", config, "--run-dir", "runs/one", "--progress", "none", *sets)
    kgcv("tta", "runs/one", "--split", "test", "--progress", "none")
    if "2021" in name:
        kgcv("decide", "runs/one")
    assert f"{num_rows} rows" in kgcv("submit", "runs/one", "--check")
    lines = gzip.decompress(Path("runs/one/submission.csv.gz").read_bytes()).decode().splitlines()
    assert (lines[0], len(lines)) == (header, num_rows + 1)
