"""The first section of a report on several runs: what they reached, and in what they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kgcv.recipes.report_data import ReportData
from kgcv.recipes.report_epochs import read_histories
from kgcv.recipes.runs import Comparison, RunSummary, compare_runs
from kgcv.report.figures import COLORS
from kgcv.report.history_section import Line, score_picture
from kgcv.report.page import Block, Picture, Section, Table, Text
from kgcv.report.wording import format_bytes, format_number, format_seconds

_ROWS: dict[str, Callable[[RunSummary], str]] = {
    "state": lambda run: run.state,
    "model": lambda run: run.model or "-",
    "metric": lambda run: run.metric or "-",
    "score": lambda run: format_number(run.score),
    "spread between folds": lambda run: format_number(run.spread),
    "decided, cross-fitted": lambda run: format_number(run.decided),
    "folds trained": lambda run: "-" if run.folds_done is None else f"{run.folds_done} of {run.num_folds}",
    "largest image size": lambda run: "-" if run.image_size is None else f"{run.image_size} px",
    "time trained": lambda run: "-" if run.seconds is None else format_seconds(run.seconds),
    "weights of a fold": lambda run: "-" if run.weights_bytes is None else format_bytes(run.weights_bytes),
}


def comparison_section(runs: Sequence[ReportData]) -> Section:
    """Scores side by side, the config keys that differ, and the scores by epoch in one drawing a metric."""
    comparison = compare_runs([each.run.path for each in runs])
    names = tuple(run.name for run in comparison.runs)
    blocks: list[Block] = [Text(_tell_samples(runs)), _run_table(comparison, names), _score_table(comparison, names)]
    blocks += _curves(runs)
    blocks.append(_difference_table(comparison, names))
    return Section("comparison", "Side by side", tuple(blocks))


def _tell_samples(runs: Sequence[ReportData]) -> str:
    """Whether the scores are of the same samples, without which they do not compare."""
    validated = [each.validated for each in runs]
    told = "; ".join(
        f"{run.summary.name}: {'nothing' if found is None else found.basis}"
        for run, found in zip(runs, validated, strict=True)
    )
    ids = {None if found is None else frozenset(found.predictions.ids) for found in validated}
    if len(ids) == 1 and None not in ids:
        return f"All scores are of the same samples ({told})."
    return f"The scores are not all of the same samples, so a part of their difference is the samples' ({told})."


def _run_table(comparison: Comparison, names: tuple[str, ...]) -> Table:
    rows = tuple((title, *(tell(run) for run in comparison.runs)) for title, tell in _ROWS.items())
    return Table(("", *names), rows, "The runs; score: on all validation samples at once, each by a model new to it")


def _score_table(comparison: Comparison, names: tuple[str, ...]) -> Table:
    rows = tuple((metric, *map(format_number, row)) for metric, row in comparison.scores.items())
    return Table(("metric", *names), rows, "Every score, on all validation samples of the run at once")


def _difference_table(comparison: Comparison, names: tuple[str, ...]) -> Table:
    rows = tuple((key, *map(_cell, row)) for key, row in comparison.differences.items())
    caption = "Config keys that differ; -: not given, or without effect" if rows else "No config key differs"
    return Table(("key", *names), rows, caption, num_left=1 + len(names))


def _cell(value: Any) -> str:
    text = "-" if value is None else str(value)
    return text if text.strip() else repr(value)  # a separator may be a space


def _curves(runs: Sequence[ReportData]) -> Iterator[Picture]:
    """One drawing for the runs with the same metric: a colour a run, a line a fold."""
    lines: dict[str, list[Line]] = {}
    for at, run in enumerate(runs):
        histories = read_histories(run.run)
        for history in histories:
            name = run.summary.name if len(histories) == 1 else f"{run.summary.name}, fold {history.fold}"
            metric = next(iter(history.epochs[0].scores), None)
            if metric is not None:
                legend = run.summary.name if history is histories[0] else None
                lines.setdefault(metric, []).append(Line(name, history, COLORS[at % len(COLORS)], legend))
    for metric, some in lines.items():
        yield score_picture(some, metric, "")
