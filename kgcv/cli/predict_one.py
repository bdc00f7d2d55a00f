"""`kgcv predict-one`: what a run says about single images or rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kgcv.cli.console import print_result
from kgcv.cli.options import json_option, run_argument

if TYPE_CHECKING:
    from kgcv.recipes.predict_one import OnePrediction

_ROW_HELP = "JSON file with a row as an object, or a list of them; - is standard input. For runs on tables."


@click.command("predict-one")
@run_argument
@click.argument("images", metavar="[IMAGE]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--row", "row_file", type=click.Path(path_type=Path, allow_dash=True), help=_ROW_HELP)
@click.option("--fold", type=click.IntRange(min=0), help="Ask this fold alone; default the mean of all folds.")
@click.option("--top", type=click.IntRange(min=1), default=5, show_default=True, help="Classes to show.")
@json_option
def predict_one(
    run: Path, images: tuple[Path, ...], row_file: Path | None, fold: int | None, top: int, as_json: bool
) -> None:
    """Predict single images or rows with the best weights of RUN: classes with probabilities, best first, or numbers.

    Where RUN gives tags, those that its decision rule gives come first. A row has the columns of the files that
    data.tables names train and test; the steps of features are run on it.

    \b
    Examples:
      kgcv predict-one runs/latest photo.jpg
      kgcv predict-one runs/latest data/planet/test-jpg/test_1.jpg --top 17
      kgcv predict-one runs/latest *.jpg --json
      kgcv predict-one runs/rossmann --row row.json
      echo '{"Store": 1, "Date": "2015-08-01", "Open": 1, "Promo": 1}' | kgcv predict-one runs/rossmann --row -
    """
    from kgcv.recipes.predict_one import predict_images, predict_rows
    from kgcv.recipes.row_file import read_rows
    from kgcv.recipes.run_folder import RunFolder

    if bool(images) == (row_file is not None):
        raise click.UsageError("Give images, or rows with --row FILE.")
    folder = RunFolder(run)
    predictions = (
        predict_images(folder, images, fold) if row_file is None else predict_rows(folder, read_rows(row_file), fold)
    )
    value = [asdict(one) for one in predictions]
    print_result(as_json, value, "\n".join(line for one in predictions for line in describe(one, top)))


def describe(prediction: OnePrediction, top: int) -> Iterator[str]:
    """The sample and its `top` classes, or its numbers, as lines for people."""
    yield prediction.name
    if prediction.tags is not None:
        yield f"  tags    {' '.join(prediction.tags) or '(none)'}"
    by_rule = "" if prediction.rule is None else f"  by rule: {prediction.rule}"
    yield from (f"  {value:.4f}  {name}{by_rule}" for name, value in list(prediction.values.items())[:top])
