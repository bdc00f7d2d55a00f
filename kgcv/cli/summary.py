"""`kgcv summary`: the layers of a config's model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kgcv.cli.console import print_result
from kgcv.cli.options import config_argument, json_option, set_option

if TYPE_CHECKING:
    from kgcv.model.summary import ModelSummary


@click.command()
@config_argument
@click.option("--stage", type=click.IntRange(min=0), default=0, show_default=True, help="The stage, from 0.")
@set_option
@json_option
def summary(config_path: Path, stage: int, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show every layer of CONFIG's model as a stage trains it: shapes, parameters, trainable or not.

    \b
    Examples:
      kgcv summary configs/dogs-vs-cats.yaml
      kgcv summary configs/dogs-vs-cats.yaml --stage 2
      kgcv summary configs/dogs-vs-cats.yaml --set model.name=convnext_atto --json
    """
    from kgcv.config.load import load_config
    from kgcv.recipes.summary import summarize_config

    result = summarize_config(load_config(config_path, overrides), stage)
    print_result(as_json, asdict(result), _as_text(result))


def _as_text(result: ModelSummary) -> str:
    header = ("layer", "kind", "input", "output", "parameters", "trains")
    rows = [
        (
            layer.name,
            layer.kind,
            "x".join(map(str, layer.input_shape)),
            "x".join(map(str, layer.output_shape)),
            f"{layer.num_parameters:,}",
            {None: "", True: "yes", False: "no"}[layer.trainable],
        )
        for layer in result.layers
    ]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (header, *rows)
    ]
    total = f"{result.num_parameters:,} parameters, {result.num_trainable:,} of them train"
    return "\n".join([*lines, total])
