"""`kgcv explain`: what in an image speaks for the answer of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgcv.cli.console import print_result
from kgcv.cli.options import json_option, run_argument
from kgcv.cli.pictures import print_pictures, shows_pictures
from kgcv.cli.predict_one import describe

if TYPE_CHECKING:
    from kgcv.recipes.explain import Explanation, HeatMap

_NO_MAP = "no heat map: no place of the image speaks for the answer"
_SHADES_WIDTH = 40


@click.command()
@run_argument
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--fold", type=click.IntRange(min=0), default=0, show_default=True, help="The fold to ask.")
@click.option("--class", "answer", metavar="NAME", help="Show what speaks for this class; default the one predicted.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("explained"),
    show_default=True,
    help="Folder for the pictures, a PNG for each image.",
)
@json_option
def explain(run: Path, images: tuple[Path, ...], fold: int, answer: str | None, output: Path, as_json: bool) -> None:
    """Show what in images speaks for the answer of RUN: a heat map (Grad-CAM) over each, and first responses.

    Each PNG has the image as the network sees it, the heat for the class predicted (of several labels the tags decided
    on, three at most; or the number), the probabilities, and the channels of the first layer that respond most. Hot is
    what raises the class's score. The heat is as fine as the network's last layer, and no proof of a reason.

    \b
    Examples:
      kgcv explain runs/latest photo.jpg
      kgcv explain runs/latest data/dogs-vs-cats/test/*.jpg --fold 1 -o explained
      kgcv explain runs/latest photo.jpg --class dog --json
    """
    from kgcv.recipes.explain import explain_images
    from kgcv.recipes.run_folder import RunFolder
    from kgcv.report.explanation import draw_explanation

    values = []
    explanations = explain_images(RunFolder(run), images, fold, answer)
    for one, png in zip(explanations, name_pictures(images, output), strict=True):
        draw_explanation(one, f"{one.prediction.name}, fold {fold}", png)
        values.append({"fold": fold, **as_value(one), "png": str(png)})
        if not as_json:
            show(one, png)
    if as_json:
        print_result(as_json, values, "")


def name_pictures(images: Sequence[Path], folder: Path) -> list[Path]:
    """A PNG for each image, named after it; where several have one name, all but the first are numbered."""
    counts: Counter[str] = Counter()
    names = []
    for image in images:
        counts[image.stem] += 1
        number = "" if counts[image.stem] == 1 else f"-{counts[image.stem]}"
        # A word of its own, so that no image that lies in this folder is overwritten.
        names.append(folder / f"{image.stem}{number}.explained.png")
    return names


def as_value(one: Explanation) -> dict[str, Any]:
    """The explanation as JSON has it: places as rows of numbers, channels of the first layer without their pictures."""
    maps = [{"answer": m.answer, "layer": m.layer, "places": m.places.tolist()} for m in one.heat_maps]
    first = one.first_layer
    channels = first and {
        "name": first.name,
        "channels": [{"index": channel.index, "strength": channel.strength} for channel in first.channels],
    }
    return {**asdict(one.prediction), "heat_maps": maps, "first_layer": channels}


def show(one: Explanation, png: Path) -> None:
    """Print an explanation for people: bars, and the heat in colours, or in characters where there are none."""
    from kgcv.report.heat import as_rgb, blend_heat

    in_colour = shows_pictures()
    click.echo("\n".join(value_lines(one, "\N{FULL BLOCK}" if in_colour else "#")))
    if not one.heat_maps:
        click.echo(_NO_MAP)
    elif in_colour:
        rgb = as_rgb(one.pixels)
        pictures = {"image": rgb, **{heat_title(m): blend_heat(rgb, m.heat) for m in one.heat_maps}}
        print_pictures(pictures)
    else:
        click.echo("\n".join(shade_lines(one)))
    click.echo(png)


def value_lines(one: Explanation, mark: str) -> Iterator[str]:
    """The image's name and the tags decided on; bars of probabilities, or numbers."""
    from kgcv.report.terminal import draw_bars

    yield from describe(one.prediction, len(one.prediction.values) if one.task == "regression" else 0)
    if one.task != "regression":
        yield from (f"  {line}" for line in draw_bars(one.shown_values, mark))


def shade_lines(one: Explanation) -> Iterator[str]:
    """Each heat map as characters, the denser the hotter, below its title."""
    from kgcv.report.heat import draw_shades

    for heat_map in one.heat_maps:
        yield heat_title(heat_map)
        yield from (f"  |{line}|" for line in draw_shades(heat_map.heat, _SHADES_WIDTH))


def heat_title(heat_map: HeatMap) -> str:
    """For whom it speaks, and which layer of how many places was asked."""
    rows, columns = heat_map.places.shape
    speaks = "speaks" if heat_map.heat.any() else "nothing speaks"
    return f"{speaks} for {heat_map.answer} ({heat_map.layer}, {rows} x {columns})"
