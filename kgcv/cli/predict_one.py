"""`kgcv predict-one`: what a run says about single images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kgcv.cli.console import print_result
from kgcv.cli.options import json_option, run_argument

if TYPE_CHECKING:
    from kgcv.recipes.predict_one import ImagePrediction


@click.command("predict-one")
@run_argument
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--fold", type=click.IntRange(min=0), help="Ask this fold alone; default the mean of all folds.")
@click.option("--top", type=click.IntRange(min=1), default=5, show_default=True, help="Classes to show.")
@json_option
def predict_one(run: Path, images: tuple[Path, ...], fold: int | None, top: int, as_json: bool) -> None:
    """Predict single images with the best weights of RUN: class names with probabilities, best first.

    Where RUN gives tags, those that its decision rule gives come first.

    \b
    Examples:
      kgcv predict-one runs/latest photo.jpg
      kgcv predict-one runs/latest data/planet/test-jpg/test_1.jpg --top 17
      kgcv predict-one runs/latest *.jpg --json
    """
    from kgcv.recipes.predict_one import predict_images
    from kgcv.recipes.run_folder import RunFolder

    predictions = predict_images(RunFolder(run), images, fold)
    value = [{"image": str(one.path), "values": one.values, "tags": one.tags} for one in predictions]
    print_result(as_json, value, "\n".join(line for one in predictions for line in describe(one, top)))


def describe(prediction: ImagePrediction, top: int) -> Iterator[str]:
    """The image and its `top` classes as lines for people."""
    yield f"{prediction.path}"
    if prediction.tags is not None:
        yield f"  tags    {' '.join(prediction.tags) or '(none)'}"
    yield from (f"  {value:.4f}  {name}" for name, value in list(prediction.values.items())[:top])
