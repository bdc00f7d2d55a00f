"""`kgcv resize`: the stores of smaller copies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from kgcv.cli.console import print_result
from kgcv.cli.lines import format_seconds
from kgcv.cli.options import config_argument, json_option, progress_option, set_option
from kgcv.cli.session import helped_session

if TYPE_CHECKING:
    from kgcv.recipes.resize import StoreResult


@click.command()
@config_argument
@set_option
@click.option(
    "--store",
    type=click.Choice(["packed", "jpeg"]),
    help="Instead of resize.store; training reads what the config names.",
)
@click.option("--skip-bad", is_flag=True, help="Leave out images that cannot be read, and list them.")
@progress_option
@json_option
def resize(
    config_path: Path,
    overrides: tuple[str, ...],
    store: Literal["packed", "jpeg"] | None,
    skip_bad: bool,
    progress: str,
    as_json: bool,
) -> None:
    """Make smaller copies of the images of CONFIG, one store for each image size of its stages.

    The shortest edge of a copy is floor(image_size * resize.ratio); nothing is cropped. A store that is
    current is left alone; after an interruption the same command goes on. Exit 1 if images cannot be read.

    \b
    Examples:
      kgcv resize planet.yaml
      kgcv resize planet.yaml --store jpeg
      kgcv resize planet.yaml --skip-bad --json
    """
    from kgcv.config.load import load_config
    from kgcv.data.watch import Watch
    from kgcv.recipes.resize import check_results
    from kgcv.recipes.resize import resize as make_stores

    config = load_config(config_path, overrides)
    with helped_session(progress) as (session, spread):
        watch = Watch(session.reporter, session.should_stop, config.train.workers, spread)
        results = make_stores(config, watch, store, skip_bad)
    print_result(as_json, [_value(result) for result in results], describe(results))
    check_results(results)


def describe(results: Sequence[StoreResult]) -> str:
    """One line a store, for people."""
    return "\n".join(map(_line, results)) or "no stores needed"


def _line(result: StoreResult) -> str:
    report = result.report
    if not report.is_final:
        state = f"unfinished, {len(report.failures)} unreadable"
    elif report.num_built:
        state = f"{report.num_built} made in {format_seconds(result.seconds)}"
    else:
        state = "current"
    size = f"{report.num_bytes / 1e6:.1f} MB"
    name = f"{result.part} {result.image_size} (edge {result.edge})"
    return f"{name}: {report.num_images} images, {size}, {state}: {result.path}"


def _value(result: StoreResult) -> dict[str, Any]:
    from dataclasses import asdict

    value = asdict(result)
    return {**value, **value.pop("report"), "path": str(result.path)}
