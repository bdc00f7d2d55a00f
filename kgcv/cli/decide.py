"""`kgcv decide`: from probabilities to tags, and what that is worth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kgcv.cli.console import print_result
from kgcv.cli.lines import format_number
from kgcv.cli.options import json_option, run_argument, set_option
from kgcv.cli.text_table import table_lines

if TYPE_CHECKING:
    from kgcv.recipes.decision import DecideResult


@click.command()
@run_argument
@click.option(
    "--like", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Take the rule of this run instead."
)
@set_option
@json_option
def decide(run: Path, like: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Fit the thresholds of RUN to its out-of-fold predictions, for the tags that kgcv submit will give.

    Shows every rule with its score in sample (optimistic) and across folds (each fold decided with thresholds
    from the others: the one to believe). The rule of the section decision of the config, or of --set, is saved
    in RUN/thresholds.json. A run trained on all images has nothing to fit to: --like takes another run's rule.

    \b
    Examples:
      kgcv decide runs/latest
      kgcv decide runs/latest --set decision.thresholds=per_class
      kgcv decide runs/all-images --like runs/five-folds
    """
    if like is not None and overrides:
        raise click.UsageError("--like takes the rule as it is: leave out --set")
    from dataclasses import asdict

    from kgcv.recipes.decide import decide as decide_on

    result = decide_on(run, overrides, like)
    print_result(as_json, asdict(result), "\n".join(describe(result)))


def describe(result: DecideResult) -> Iterator[str]:
    """The result as lines for people."""
    yield f"rule      {result.rule}{'' if result.like is None else f', as in {result.like}'}"
    yield f"based on  {result.fitted_on or 'no predictions: a fixed threshold needs none'}"
    for group in result.exclusive:
        yield f"one of    {', '.join(group)}"
    if result.never_empty:
        yield "empty     never: the most probable tag is given where none is above its threshold"
    yield from _thresholds(result)
    if result.rules:
        yield from _scores(result)


def _thresholds(result: DecideResult) -> Iterator[str]:
    values = {name: value for name, value in result.thresholds.items() if value is not None}
    if len(set(values.values())) == 1:
        yield f"threshold {next(iter(values.values())):.4g}"
    elif values:
        yield "thresholds"
        yield from (f"  {line}" for line in table_lines([(name, f"{value:.4f}") for name, value in values.items()]))


def _scores(result: DecideResult) -> Iterator[str]:
    rows = [(f"{result.metric}", "in sample", "across folds")]
    for name, scores in result.rules.items():
        shown = f"{name} {result.fixed_threshold:.4g}" if name == "fixed" else name
        mark = "* " if name == result.rule else "  "
        rows.append((mark + shown, format_number(scores.in_sample), format_number(scores.cross_fitted)))
    yield from table_lines(rows)
    yield (
        f"{result.metric}: fixed {format_number(result.fixed)}, tuned in sample {format_number(result.in_sample)}, "
        f"tuned across folds {format_number(result.cross_fitted)}: believe this one"
    )
    assert result.fixed is not None and result.cross_fitted is not None, "where there are rules, there are scores"
    if result.rule != "fixed" and result.cross_fitted <= result.fixed:
        yield "The tuned rule does not hold on other samples: --set decision.thresholds=fixed is as good."
