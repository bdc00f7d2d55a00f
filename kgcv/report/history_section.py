"""The section on how the score came about: epochs, stages, learning rates."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kgcv.config.schema import Config
from kgcv.recipes.report_data import ReportData
from kgcv.recipes.report_epochs import (
    Epoch,
    FoldHistory,
    Sweep,
    describe_stage,
    find_sweeps,
    learning_rates,
    read_histories,
)
from kgcv.report.figures import COLORS, FAINT, draw_axes, plain_log_ticks, whole_ticks
from kgcv.report.page import Block, Folded, Picture, Section, Table, Text
from kgcv.report.plots import paint_sweep
from kgcv.report.wording import format_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROOM_FOR_SIZE = 0.17
"""Part of the axis that a stage must take for its image size to stand beside its number."""


@dataclass(frozen=True, slots=True)
class Line:
    """The epochs of a fold, as one line of a drawing."""

    label: str
    history: FoldHistory
    color: str
    legend: str | None = None
    """What the legend calls this colour; None where another line has named it, or nothing else is drawn."""


def history_section(data: ReportData) -> Section | None:
    """Metric, losses and learning rates by epoch; None before an epoch has ended."""
    histories = read_histories(data.run)
    if not histories or data.config is None:
        return None
    names = [f"fold {each.fold}" for each in histories]
    lines = [
        Line(name, each, COLORS[at % len(COLORS)], name if len(names) > 1 else None)
        for at, (name, each) in enumerate(zip(names, histories, strict=True))
    ]
    metric = next(iter(histories[0].epochs[0].scores), None)
    blocks: list[Block] = [Text(_tell_best(histories, metric))]
    blocks += _pictures(lines, metric, data.config)
    blocks += [_sweep_picture(name, sweep) for name, sweep in find_sweeps(data.run, _folds(histories)).items()]
    blocks.append(Folded("Every epoch as a table", tuple(_epoch_table(each) for each in histories)))
    return Section("history", "How the score came about", tuple(blocks))


def _folds(histories: Sequence[FoldHistory]) -> list[int]:
    return [each.fold for each in histories]


def _tell_best(histories: Sequence[FoldHistory], metric: str | None) -> str:
    if metric is None:
        return "Nothing validated, so the weights of the last epoch were kept."
    told = []
    for each in histories:
        epoch = each.epochs[each.best - 1]
        score = format_number(epoch.scores[metric])
        told.append(f"fold {each.fold}: epoch {each.best} of {len(each.epochs)} (stage {epoch.stage + 1}), {score}")
    return (
        f"The weights of the epoch with the best {metric} on the fold's own validation samples were kept, so that this "
        f"score is a little optimistic. Best epochs: {'; '.join(told)}."
    )


def _pictures(lines: Sequence[Line], metric: str | None, config: Config) -> Iterator[Picture]:
    stages = _describe_stages(config)
    if metric is not None:
        yield score_picture(lines, metric, stages)
    yield _loss_picture(lines)
    rates = learning_rates(lines[0].history, config)

    def paint(axes: Axes) -> None:
        axes.plot(rates.epochs, rates.lrs, color=COLORS[0])
        axes.set(xlabel="epochs done", ylabel="learning rate of the head")
        plain_log_ticks(axes, "y")
        _mark_stages(axes, lines[0].history, shift=0)  # an axis of time, where epoch 1 goes from 0 to 1

    yield draw_axes(
        paint,
        f"Learning rate of the head by epoch, from {rates.lrs[0]:.2g} to {rates.lrs[-1]:.2g}, at most "
        f"{rates.lrs.max():.2g}.",
        f"Learning rate of the head, step by step, in fold {lines[0].history.fold}, from the config's schedules.",
    )


def score_picture(lines: Sequence[Line], metric: str, stages: str) -> Picture:
    """The metric by epoch, each fold a line, its best epoch a star."""

    def paint(axes: Axes) -> None:
        for line in lines:
            scores = [epoch.scores.get(metric, np.nan) for epoch in line.history.epochs]
            axes.plot(_numbers(line), scores, marker=".", color=line.color, label=line.legend)
            best = line.history.best
            axes.plot(best, scores[best - 1], marker="*", markersize=13, color=line.color, markeredgecolor="white")
        axes.set(xlabel="epoch", ylabel=metric)
        if any(line.legend for line in lines):
            # Where the curves do not end.
            axes.legend(loc="lower right" if _rises(lines[0], metric) else "upper right", ncols=1 + len(lines) // 6)
        _finish(axes, lines)

    told = "; ".join(f"{line.label}: {_range_of(line, metric)}" for line in lines)
    return draw_axes(
        paint,
        f"{metric} by epoch. {told}.",
        f"{metric} after each epoch, on each fold's whole validation set; a star marks the best epoch.{stages}",
    )


def _rises(line: Line, metric: str) -> bool:
    scores = [epoch.scores.get(metric, np.nan) for epoch in line.history.epochs]
    return bool(scores[-1] >= scores[0])


def _range_of(line: Line, metric: str) -> str:
    scores = [epoch.scores.get(metric, np.nan) for epoch in line.history.epochs]
    best = line.history.best
    return f"{scores[0]:.4g} at first, best {scores[best - 1]:.4g} in epoch {best}, {scores[-1]:.4g} at last"


def _loss_picture(lines: Sequence[Line]) -> Picture:
    def paint(axes: Axes) -> None:
        for line in lines:
            epochs = line.history.epochs
            # One fold has a colour for each loss; several have one each.
            color = COLORS[1] if len(lines) == 1 else line.color
            axes.plot(_numbers(line), [each.train_loss for each in epochs], "--", color=color)
            axes.plot(_numbers(line), [_or_nan(each.valid_loss) for each in epochs], marker=".", color=line.color)
        axes.plot([], [], "--", color=COLORS[1] if len(lines) == 1 else "black", label="training")
        axes.plot([], [], color=lines[0].color if len(lines) == 1 else "black", label="validation")
        axes.set(xlabel="epoch", ylabel="loss")
        axes.legend()
        _finish(axes, ())
        _mark_stages(axes, lines[0].history)

    told = "; ".join(f"{line.label}: {_losses_of(line.history.epochs)}" for line in lines)
    return draw_axes(
        paint,
        f"Training and validation loss by epoch. {told}.",
        "Loss: in training the mean over the epoch's changed images, with dropout and label smoothing where there are "
        "some; in validation over the fold's whole validation set, as it is predicted.",
    )


def _losses_of(epochs: Sequence[Epoch]) -> str:
    first, last = epochs[0], epochs[-1]
    valid = "" if last.valid_loss is None else f", validation {_or_nan(first.valid_loss):.3g} to {last.valid_loss:.3g}"
    return f"training {first.train_loss:.3g} to {last.train_loss:.3g}{valid}"


def _or_nan(loss: float | None) -> float:
    return np.nan if loss is None else loss


def _numbers(line: Line) -> range:
    return range(1, len(line.history.epochs) + 1)


def _finish(axes: Axes, lines: Sequence[Line]) -> None:
    whole_ticks(axes)
    # Runs that are compared have stages of their own.
    if lines and all(line.history.borders == lines[0].history.borders for line in lines):
        _mark_stages(axes, lines[0].history)


def _mark_stages(axes: Axes, history: FoldHistory, shift: float = 0.5) -> None:
    """A dotted line before the first epoch of each stage, and the stage's number above.

    Args:
        axes: with epochs from left to right.
        history: of one fold.
        shift: where an epoch's number stands, from the moment at which it begins: in its middle, or 0.
    """
    total = len(history.epochs)
    borders = [*history.borders.items(), (-1, total + 1)]
    if len(history.borders) == 1:
        return
    for (stage, first), (_, end) in itertools.pairwise(borders):
        if stage:
            axes.axvline(first - 1 + shift, color=FAINT, linewidth=1, linestyle=":")
        size = history.epochs[first - 1].image_size
        has_room = size is not None and (end - first) / total >= _ROOM_FOR_SIZE
        axes.annotate(
            f"{stage + 1}: {size} px" if has_room else f"{stage + 1}",
            ((first + end) / 2 - 1 + shift, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color="#57606a",
        )


def _describe_stages(config: Config) -> str:
    if len(config.stages) == 1:
        return ""
    told = (f"{at}: {describe_stage(stage)}" for at, stage in enumerate(config.stages, start=1))
    return f" Stages, between dotted lines: {'; '.join(told)}."


def _sweep_picture(name: str, sweep: Sweep) -> Picture:
    def paint(axes: Axes) -> None:
        paint_sweep(axes, *sweep)
        axes.set(xlabel="learning rate", ylabel="training loss")

    lowest = sweep.lrs[int(np.nanargmin(sweep.smoothed))]
    return draw_axes(
        paint,
        f"Training loss by learning rate, lowest near {lowest:.2g}.",
        f"Sweep of the learning rate finder ({name}): training loss of a copy of the starting model, a batch a step.",
    )


def _epoch_table(history: FoldHistory) -> Table:
    names = list(history.epochs[0].scores)
    header = ("epoch", "stage", "train loss", "valid loss", *names, "lr at its end", "")
    rows = tuple(
        (
            str(number),
            str(epoch.stage + 1),
            format_number(epoch.train_loss),
            format_number(epoch.valid_loss),
            *(format_number(epoch.scores.get(name)) for name in names),
            f"{epoch.lr:.3g}",
            "best" if number == history.best else "",
        )
        for number, epoch in enumerate(history.epochs, start=1)
    )
    caption = f"Fold {history.fold}: losses, and scores on its whole validation set, after each epoch"
    return Table(header, rows, caption)
