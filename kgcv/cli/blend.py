"""`kgcv blend`: several runs as one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from kgcv.cli.console import print_result
from kgcv.cli.lines import format_number
from kgcv.cli.options import json_option
from kgcv.cli.text_table import table_lines

if TYPE_CHECKING:
    from kgcv.recipes.blend_report import BlendResult
    from kgcv.scoring.blending import BlendMethod

_METHODS = ("mean", "geometric", "rank", "power", "hill_climb", "weights", "ridge")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument(
    "members", metavar="MEMBER MEMBER...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)
@click.option("--method", type=click.Choice(_METHODS), default="mean", show_default=True, help="See above.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="New folder; default runs/blend-<time>.")
@click.option(
    "--power", type=click.FloatRange(min=0, min_open=True), default=2.0, show_default=True, help="For --method power."
)
@click.option("--labels", type=_FILE, help="True labels, such as a run's labels.npz; default the members' own.")
@click.option("--metric", help="What to score by; default that of the first run's config.")
@json_option
def blend(
    members: tuple[Path, ...],
    method: str,
    output: Path | None,
    power: float,
    labels: Path | None,
    metric: str | None,
    as_json: bool,
) -> None:
    """Blend MEMBERs, matched by id and class name, into a run folder that decide and submit take.

    A MEMBER is a run, a blend, or any folder with oof.npz or test.npz. One named twice counts twice.
    Prediction files (.npz) are blended with each other into a file, -o FILE.npz; with --labels they are
    taken for out-of-fold predictions and scored.

    \b
    mean        of the probabilities or numbers
    geometric   mean of logarithms; with several labels of log odds
    rank        mean of ranks; no probabilities any more, for metrics that go by order such as roc_auc
    power       mean of the values to the power of --power, and back
    hill_climb  weights by adding, again and again, the member that helps the metric most
    weights     weights of the least log loss, or squared error of numbers
    ridge       a ridge regression for each class

    The last three are fitted to out-of-fold predictions. Their cross-fitted score, each fold blended with
    weights from the others, is the one to believe; oof.npz then holds these values.

    \b
    Examples:
      kgcv blend runs/a runs/b runs/c
      kgcv blend runs/a runs/b --method hill_climb --metric roc_auc -o runs/ab
      kgcv blend a.npz b.npz --method geometric -o ab.npz
    """
    from kgcv.recipes.blend import blend as make_blend
    from kgcv.recipes.blend_report import as_record
    from kgcv.recipes.blend_scores import BlendRequest
    from kgcv.scoring.blending import BlendRule

    rule = BlendRule(cast("BlendMethod", method), power)
    result = make_blend(BlendRequest(members, rule, labels, metric, output))
    print_result(as_json, as_record(result), _as_text(result))


def _as_text(result: BlendResult) -> str:
    decided = (
        [f"{format_number(result.decided)} with its decision rule, cross-fitted"] if result.decided is not None else []
    )
    lines = [*_score_lines(result), *decided, *_member_lines(result), *result.notes]
    return "\n".join([*lines, f"blend {result.path}"])


def _score_lines(result: BlendResult) -> list[str]:
    if result.metric is None:
        return []
    if result.in_sample is None:
        return [f"{result.metric} {format_number(result.score)} out of fold"]
    return [
        f"{result.metric} {format_number(result.score)} cross-fitted: the one to believe",
        f"{result.metric} {format_number(result.in_sample)} in sample: with the weights that were fitted to it",
    ]


def _member_lines(result: BlendResult) -> list[str]:
    """Each member's weight, score, the blend's score without it, and its correlation with the members by number."""
    numbers = [str(number) for number in range(1, len(result.members) + 1)]
    weight = "mean coef" if result.rule.method == "ridge" else "weight"
    rows = [("", "member", weight, "alone", "blend without", *(f"r {number}" for number in numbers))]
    for number, member, row in zip(numbers, result.members, result.correlation, strict=True):
        correlations = ("-" if value is None else f"{value:.3f}" for value in row)
        scores = (format_number(member.score), format_number(member.score_without))
        rows.append((number, str(member.path), f"{member.weight:.3f}", *scores, *correlations))
    return [*table_lines(rows, num_left=2), f"r: Pearson correlation of the {result.correlated} predictions"]
