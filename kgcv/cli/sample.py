"""`kgcv sample`: a small data set, laid out as a competition."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgcv.cli.console import print_result
from kgcv.cli.options import json_option, progress_option
from kgcv.cli.session import open_session
from kgcv.recipes.sample_kinds import SAMPLE_NAMES, TileCounts

if TYPE_CHECKING:
    from kgcv.recipes.sample import SampleResult

_USUAL = TileCounts()


@click.command()
@click.argument("name", type=click.Choice(SAMPLE_NAMES))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--num-train", type=click.IntRange(min=1), help=f"satellite: training tiles [{_USUAL.num_train}].")
@click.option("--num-test", type=click.IntRange(min=1), help=f"satellite: test tiles [{_USUAL.num_test}].")
@click.option("--seed", type=click.IntRange(min=0), help=f"satellite: another seed gives other tiles [{_USUAL.seed}].")
@progress_option
@json_option
def sample(name: str, folder: Path, progress: str, as_json: bool, **counts: int | None) -> None:
    """Lay out the data set NAME in DIR, as a competition hands it out, with a config.

    fashion: 2,000 training and 500 test images of Fashion-MNIST (28 x 28, grey, ten classes, MIT licence).
    satellite: painted tiles of a rain forest (256 x 256, colour) with the 17 tags of Planet's Amazon competition,
    several a tile. The tags of the test tiles are kept apart in solution.csv, which no command reads.

    DIR must be new or empty; if it already holds the data set, nothing is written. After an interruption the
    same command goes on.

    \b
    Examples:
      kgcv sample fashion data/fashion
      kgcv sample satellite data/satellite
      kgcv sample satellite data/many --num-train 40000 --num-test 60000
    """
    given = {key: value for key, value in counts.items() if value is not None}
    result = _make(name, folder, given, progress)
    value = {
        "folder": str(folder),
        "config": str(result.config),
        "num_train": result.num_train,
        "num_test": result.num_test,
        "is_new": result.is_new,
    }
    print_result(as_json, value, _line(result))


def _make(name: str, folder: Path, counts: dict[str, Any], progress: str) -> SampleResult:
    from kgcv.recipes.sample import paint_satellite, unpack_sample

    if name == "satellite":
        with open_session(progress) as session:
            return paint_satellite(folder, TileCounts(**counts), session.reporter, session.should_stop)
    if counts:
        options = ", ".join(f"--{key.replace('_', '-')}" for key in counts)
        raise click.UsageError(f"{name} is as it is; {options} is for satellite")
    return unpack_sample(name, folder)


def _line(result: SampleResult) -> str:
    counts = f"{result.num_train} training and {result.num_test} test images"
    already = "" if result.is_new else " (already there)"
    return f"{result.folder}: {counts}, config {result.config}{already}"
