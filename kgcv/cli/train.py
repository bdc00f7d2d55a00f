"""`kgcv train`: a run folder with the best weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kgcv.cli.console import print_result
from kgcv.cli.lines import format_number
from kgcv.cli.log_to import log_to_option
from kgcv.cli.options import json_option, offline_option, progress_option, set_option
from kgcv.cli.session import joined_session
from kgcv.cli.text_canvas import text_canvas
from kgcv.files import read_json_lines
from kgcv.launch import read_launch

if TYPE_CHECKING:
    from kgcv.recipes.run_folder import RunFolder
    from kgcv.recipes.train import RunResult


@click.command()
@click.argument(
    "config_path",
    metavar="[CONFIG]",
    required=False,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--run-dir", type=click.Path(path_type=Path), help="The run's folder; default runs/<config>-<time>.")
@click.option("--resume", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Go on with this run.")
@click.option("--fold", type=click.IntRange(min=0), help="Train this fold only.")
@set_option
@log_to_option
@offline_option
@progress_option
@json_option
def train(
    config_path: Path | None,
    run_dir: Path | None,
    resume: Path | None,
    fold: int | None,
    overrides: tuple[str, ...],
    log_to: tuple[str, ...],
    progress: str,
    as_json: bool,
) -> None:
    """Train what CONFIG says, stage by stage, into a run folder.

    Interrupted (Ctrl-C, SIGTERM, a kill), it goes on where it was: with --resume RUN, or with the same command
    where that names a --run-dir. On a CPU the result is the same to the bit. torchrun starts it once for each GPU;
    the batches of the config are then shared between the processes.

    \b
    Examples:
      kgcv train configs/dogs-vs-cats.yaml
      kgcv train configs/planet.yaml --set train.seed=1 --run-dir runs/planet-seed1
      kgcv train --resume runs/latest
      kgcv train configs/planet.yaml --log-to tensorboard
      torchrun --nproc-per-node 4 -m kgcv train configs/planet.yaml --run-dir runs/planet-4
    """
    with joined_session(progress, log_to) as (session, processes):
        from kgcv.recipes.train import train as run_training

        if not processes.is_alone and run_dir is None and resume is None:
            raise click.UsageError("several processes need one folder: name it with --run-dir DIR")
        with processes.first_alone():
            run = _find_run(config_path, run_dir, resume, overrides)
        result = run_training(run, fold, session.reporter, session.should_stop, processes)
    if processes.is_first:
        print_result(as_json, _as_value(result), _as_text(result))


def _find_run(
    config_path: Path | None, run_dir: Path | None, resume: Path | None, overrides: tuple[str, ...]
) -> RunFolder:
    from kgcv.config.load import load_config
    from kgcv.recipes.run_folder import RunFolder
    from kgcv.recipes.train import start_run

    if resume is not None:
        if config_path is not None or run_dir is not None or overrides:
            raise click.UsageError("--resume goes on with the run as it is: leave out CONFIG, --run-dir and --set")
        return RunFolder(resume.resolve())
    if config_path is None:
        raise click.UsageError("name a CONFIG to train, or a run to go on with: --resume RUN")
    config = load_config(config_path, overrides)
    return start_run(config, config_path.stem, run_dir, read_launch().is_restart)


def _as_value(result: RunResult) -> dict[str, object]:
    return {
        "run": str(result.folder),
        "folds": [
            {"fold": fold.fold, "stage": fold.card.stage, "epoch": fold.card.epoch, "scores": fold.scores}
            for fold in result.folds
        ],
        "oof_scores": result.oof_scores,
    }


def _as_text(result: RunResult) -> str:
    lines = [f"run {result.folder}"]
    for fold in result.folds:
        scores = _scores_text(fold.scores) or "trained on all samples, not validated"
        lines.append(f"fold {fold.fold}: {scores}  (best: stage {fold.card.stage + 1}, epoch {fold.card.epoch + 1})")
    if result.oof_scores is not None and len(result.folds) > 1:
        from statistics import stdev

        first = [next(iter(fold.scores.values())) for fold in result.folds]
        lines.append(f"all folds: {_scores_text(result.oof_scores)}  (spread over folds {format_number(stdev(first))})")
    return "\n".join([*lines, *_curves(result)])


def _curves(result: RunResult) -> list[str]:
    """The metric by epoch, of all folds; of a single one the losses, too."""
    from kgcv.report.terminal import draw_losses, draw_metric

    rows = {fold.fold: read_json_lines(fold.weights.with_name("metrics.jsonl")) for fold in result.folds}
    canvas = text_canvas()
    if len(rows) > 1:
        return draw_metric({f"fold {fold}": epochs for fold, epochs in rows.items()}, canvas)
    (epochs,) = rows.values()
    return [*draw_metric({"": epochs}, canvas), *draw_losses(epochs, canvas)]


def _scores_text(scores: dict[str, float]) -> str:
    return "  ".join(f"{name} {format_number(score)}" for name, score in scores.items())
