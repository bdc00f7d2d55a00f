"""`kgcv predict-one`: what a run says about single images."""

from __future__ import annotations

from pathlib import Path

import click

from kgcv.cli.console import print_result
from kgcv.cli.options import json_option, run_argument


@click.command("predict-one")
@run_argument
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--fold", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--top", type=click.IntRange(min=1), default=5, show_default=True, help="Classes to show.")
@json_option
def predict_one(run: Path, images: tuple[Path, ...], fold: int, top: int, as_json: bool) -> None:
    """Predict single images with the best weights of RUN: class names with probabilities, best first.

    \b
    Examples:
      kgcv predict-one runs/latest photo.jpg
      kgcv predict-one runs/latest data/planet/test-jpg/test_1.jpg --top 17
      kgcv predict-one runs/latest *.jpg --json
    """
    from kgcv.recipes.predict_one import predict_images
    from kgcv.recipes.run_folder import RunFolder

    predictions = predict_images(RunFolder(run), images, fold)
    value = [{"image": str(prediction.path), "values": prediction.values} for prediction in predictions]
    lines = []
    for prediction in predictions:
        lines.append(f"{prediction.path}")
        lines += [f"  {value:.4f}  {name}" for name, value in list(prediction.values.items())[:top]]
    print_result(as_json, value, "\n".join(lines))
