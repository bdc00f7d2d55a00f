"""`kgcv sample`: an embedded data set, laid out as a competition."""

from __future__ import annotations

from pathlib import Path

import click

from kgcv.cli.console import print_result
from kgcv.cli.options import json_option
from kgcv.recipes.sample import SAMPLE_NAMES, unpack_sample


@click.command()
@click.argument("name", type=click.Choice(SAMPLE_NAMES))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@json_option
def sample(name: str, folder: Path, as_json: bool) -> None:
    """Unpack the embedded data set NAME into DIR, as a competition hands it out, with a config.

    fashion: 2,000 training and 500 test images of Fashion-MNIST (28 x 28, grey, ten classes, MIT licence).
    DIR must be new or empty; if it already holds the data set, nothing is written.

    \b
    Examples:
      kgcv sample fashion data/fashion
      kgcv train data/fashion/fashion.yaml
    """
    result = unpack_sample(name, folder)
    value = {
        "folder": str(folder),
        "config": str(result.config),
        "num_train": result.num_train,
        "num_test": result.num_test,
        "is_new": result.is_new,
    }
    counts = f"{result.num_train} training and {result.num_test} test images"
    already = "" if result.is_new else " (already there)"
    print_result(as_json, value, f"{folder}: {counts}, config {result.config}{already}")
