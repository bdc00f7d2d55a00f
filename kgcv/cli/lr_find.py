"""`kgcv lr-find`: which learning rate a stage should have."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from kgcv.cli.console import print_result
from kgcv.cli.options import config_argument, json_option, offline_option, progress_option, set_option
from kgcv.cli.session import open_session
from kgcv.cli.text_canvas import text_canvas


@click.command("lr-find")
@config_argument
@click.option("--stage", type=click.IntRange(min=0), default=0, show_default=True, help="The stage, from 0.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("lr_find.png"),
    show_default=True,
    help="The plot; a CSV file of the same name goes beside it.",
)
@click.option("--start-lr", type=click.FloatRange(min=0, min_open=True), default=1e-7, show_default=True)
@click.option("--end-lr", type=click.FloatRange(min=0, min_open=True), default=10.0, show_default=True)
@click.option("--steps", type=click.IntRange(min=10), default=100, show_default=True, help="Steps of the sweep.")
@set_option
@offline_option
@progress_option
@json_option
def lr_find(
    config_path: Path,
    stage: int,
    output: Path,
    start_lr: float,
    end_lr: float,
    steps: int,
    overrides: tuple[str, ...],
    progress: str,
    as_json: bool,
) -> None:
    """Train a copy of the model with ever larger learning rates and show where the loss falls and where it breaks.

    Three readings of the curve are suggested, for `lr` of the last layer group. valley: the middle of the longest
    fall; steepest: where it falls fastest; minimum_tenth: a tenth of the rate with the smallest loss. Take a rate at
    which the loss still falls clearly, well before the minimum. Nothing but the curve is kept.

    The model has the config's starting weights, whatever the stage; a trained run's are had with --set model.weights.

    \b
    Examples:
      kgcv lr-find configs/dogs-vs-cats.yaml
      kgcv lr-find configs/planet.yaml --stage 1 -o plots/lr_stage1.png
      kgcv lr-find configs/planet.yaml --set model.weights=runs/latest --json
    """
    with open_session(progress) as session:
        from kgcv.config.load import load_config
        from kgcv.engine.lr_finder import SKIP_END, Sweep
        from kgcv.recipes.lr_find import find_learning_rate
        from kgcv.report.plots import draw_lr_find
        from kgcv.report.terminal import draw_curve

        config = load_config(config_path, overrides)
        sweep = Sweep(start_lr, end_lr, steps)
        csv_file = output.with_suffix(".csv")
        result = find_learning_rate(config, stage, csv_file, sweep, session.reporter, session.should_stop)
        draw_lr_find(csv_file, output)
    readings = asdict(result.suggestions)
    value = {"suggestions": readings, "csv": str(csv_file), "png": str(output)}
    # The last points shoot up and would press the rest flat.
    curve = draw_curve(result.curve.lrs[:-SKIP_END], result.curve.smoothed[:-SKIP_END], text_canvas(12))
    suggestions = "  ".join(f"{name} {lr:.2e}" for name, lr in readings.items())
    print_result(as_json, value, f"{curve}\n{suggestions}\n{csv_file} {output}")
