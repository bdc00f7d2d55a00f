"""`kgcv tta`: predictions averaged over views, and which views help."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from kgcv.cli.console import print_result
from kgcv.cli.lines import format_number
from kgcv.cli.options import json_option, progress_option, run_argument
from kgcv.cli.session import Session, joined_session

if TYPE_CHECKING:
    from kgcv.engine.processes import Processes
    from kgcv.recipes.run_folder import RunFolder
    from kgcv.recipes.tta import TtaRequest, TtaResult
    from kgcv.recipes.tta_compare import CompareResult, SetScore

_VIEWS_HELP = (
    "identity, flip, dihedral, crops, random:N, auto (those that help on the validation images), or a list such as "
    "plain,mirrored; default the config's tta.views."
)


@click.command()
@run_argument
@click.option("--split", type=click.Choice(["valid", "test"]), help="Which images; default both, where there are both.")
@click.option("--views", help=_VIEWS_HELP)
@click.option("--fold", type=click.IntRange(min=0), help="This fold only; default all.")
@click.option("--compare", is_flag=True, help="Score sets of views on the validation images and choose the best.")
@progress_option
@json_option
def tta(
    run: Path,
    split: Literal["valid", "test"] | None,
    views: str | None,
    fold: int | None,
    compare: bool,
    progress: str,
    as_json: bool,
) -> None:
    """Predict the validation and test images of RUN, averaging probabilities over views.

    Every fold predicts. Validation predictions become RUN/oof.npz, with scores with and without the views, and
    the thresholds are fitted to them anew; test predictions are averaged over the folds, in RUN/test.npz.
    Interrupted, the same command goes on with what is missing.

    With --compare each view is predicted once on the validation images, the score of each set of views is shown with
    its cost, and the best set is chosen for --views auto.

    \b
    Examples:
      kgcv tta runs/latest
      kgcv tta runs/latest --compare
      kgcv tta runs/latest --split test --views auto
      kgcv tta runs/latest --split valid --views plain,mirrored --json
    """
    if compare and (split == "test" or views is not None):
        raise click.UsageError("--compare looks at all views of the validation images: leave out --split and --views")
    with joined_session(progress) as (session, processes):
        from kgcv.recipes.run_folder import RunFolder
        from kgcv.recipes.tta import TtaRequest
        from kgcv.recipes.tta_samples import help_predict

        folder, request = RunFolder(run), TtaRequest(fold, views)
        if not processes.is_first:
            help_predict(folder, session.reporter, session.should_stop, processes)
            return
        if compare:
            value, text = _compare(folder, fold, session, processes)
        else:
            value, text = _predict(folder, split, request, session, processes)
        processes.tell(None)
    print_result(as_json, value, text)


def _predict(
    run: RunFolder,
    split: Literal["valid", "test"] | None,
    request: TtaRequest,
    session: Session,
    processes: Processes,
) -> tuple[object, str]:
    """The result as a value and as a text."""
    from kgcv.recipes.tta import parts_of, predict_parts

    parts = parts_of(run) if split is None else (split,)
    results = predict_parts(run, parts, request, session.reporter, session.should_stop, processes)
    values = [{**asdict(result), "file": str(result.file)} for result in results]
    return values, "\n".join(_as_text(result) for result in results)


def _as_text(result: TtaResult) -> str:
    folds = f" of {len(result.folds)} folds" if len(result.folds) > 1 else ""
    views = f"{len(result.views)} view{'s' if len(result.views) > 1 else ''}"
    lines = [f"{result.file}: {result.num_samples} {result.unit}{folds}, {views}"]
    if result.plain_scores is not None and result.scores is not None:
        for name, score in result.scores.items():
            plain = result.plain_scores[name]
            lines.append(f"  {name:<12} plain {format_number(plain)}  all views {format_number(score)}")
    return "\n".join(lines)


def _compare(run: RunFolder, fold: int | None, session: Session, processes: Processes) -> tuple[object, str]:
    """The result as a value and as a text."""
    from kgcv.recipes.tta_compare import compare_views

    result = compare_views(run, fold, session.reporter, session.should_stop, processes)
    return {**asdict(result), "file": str(result.file)}, _comparison_text(result)


def _comparison_text(result: CompareResult) -> str:
    direction = "greater" if result.greater_is_better else "smaller"
    plain = result.sets[0].score
    believed = _row("cross-fitted", "", format_number(result.cross_fitted), f"{result.cross_fitted_gain:+.4f}")
    lines = [
        f"{result.metric} ({direction} is better) on {result.num_images} validation images; gain over the plain view",
        _row("views", "passes", result.metric, "gain"),
        *(_set_row(one) for one in result.sets),
        "",
        *(_set_row(one) for one in result.singles),
        "",
        "greedy, from the plain view, until no view helps:",
        _row("plain", "1", format_number(plain), ""),
        *_path_rows(result, plain),
        "",
        f"{_set_row(result.greedy)}  in sample",
        f"{believed}  the one to believe",
        f"in sample: chosen on the very images; cross-fitted: by {result.parts},",
        "each part with the views that were chosen on the others",
        *_doubt(result),
        "",
        f"views: {','.join(result.greedy.views)}",
        f"{result.file}: used by --views auto",
    ]
    return "\n".join(lines)


def _doubt(result: CompareResult) -> Iterable[str]:
    if result.path and result.cross_fitted_gain <= 0:
        yield "The choice does not hold on other images: --views identity is as good."


def _path_rows(result: CompareResult, plain: float) -> Iterable[str]:
    for passes, step in enumerate(result.path, start=2):
        gain = step.score - plain if result.greater_is_better else plain - step.score
        yield _row(f"+ {step.added}", str(passes), format_number(step.score), f"{gain:+.4f}")


def _set_row(one: SetScore) -> str:
    return _row(one.name, str(one.passes), format_number(one.score), f"{one.gain:+.4f}")


def _row(name: str, passes: str, score: str, gain: str) -> str:
    return f"{name:<29} {passes:>6}  {score:>12}  {gain:>8}".rstrip()
