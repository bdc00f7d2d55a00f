"""`kgcv tta`: predictions averaged over views."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from kgcv.cli.console import print_result
from kgcv.cli.lines import format_number
from kgcv.cli.options import json_option, progress_option, run_argument
from kgcv.cli.session import open_session

if TYPE_CHECKING:
    from kgcv.recipes.tta import TtaResult


@click.command()
@run_argument
@click.option("--split", type=click.Choice(["valid", "test"]), help="Which images; default both, where there are both.")
@click.option("--views", help="identity, flip, dihedral, crops or random:N; default the config's tta.views.")
@click.option("--fold", type=click.IntRange(min=0), default=0, show_default=True)
@progress_option
@json_option
def tta(
    run: Path,
    split: Literal["valid", "test"] | None,
    views: str | None,
    fold: int,
    progress: str,
    as_json: bool,
) -> None:
    """Predict the validation and test images of RUN, averaging probabilities over views.

    The predictions go into the run folder, and the validation scores with and without the views are shown.

    \b
    Examples:
      kgcv tta runs/latest
      kgcv tta runs/latest --split test --views dihedral
      kgcv tta runs/latest --split valid --views random:4 --json
    """
    with open_session(progress) as session:
        from kgcv.recipes.run_folder import RunFolder
        from kgcv.recipes.tta import TtaRequest, parts_of, run_tta

        folder, request = RunFolder(run), TtaRequest(fold, views)
        parts = parts_of(folder) if split is None else (split,)
        results = [run_tta(folder, part, request, session.reporter, session.should_stop) for part in parts]
    values = [{**asdict(result), "file": str(result.file)} for result in results]
    print_result(as_json, values, "\n".join(_as_text(result) for result in results))


def _as_text(result: TtaResult) -> str:
    lines = [f"{result.file}: {result.num_images} images, {len(result.views)} views"]
    if result.plain_scores is not None and result.scores is not None:
        for name, score in result.scores.items():
            plain = result.plain_scores[name]
            lines.append(f"  {name:<12} plain {format_number(plain)}  all views {format_number(score)}")
    return "\n".join(lines)
