"""The section on how fast training went and what else took time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from kgcv.events import EVENTS_NAME
from kgcv.recipes.report_data import ReportData
from kgcv.recipes.report_times import Pace, Session, Times, read_sessions, read_times
from kgcv.report.figures import COLORS, bar_height, draw_axes, whole_ticks
from kgcv.report.page import Block, Picture, Section, Table, Text
from kgcv.report.wording import format_seconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_REST = "starting, stopping, the rest"


def time_section(data: ReportData) -> Section | None:
    """Throughput, where time went, and sessions; None for a blend, which was not trained."""
    if data.summary.state == "blend":
        return None
    times, sessions = read_times(data.run), read_sessions(data.run)
    blocks: list[Block] = []
    if times is None:
        blocks.append(Text(f"Throughput and where time went: not recorded (the run folder has no {EVENTS_NAME})."))
    else:
        blocks += _pictures(times)
        blocks += _tables(times)
    blocks.append(_session_table(sessions) if sessions else Text("Sessions: not recorded."))
    return Section("time", "Throughput and where time went", tuple(blocks))


def _pictures(times: Times) -> Iterator[Picture]:
    if times.paces:
        yield _pace_picture(times.paces)
    if times.spent:
        yield _spent_picture(times)


def _pace_picture(paces: Sequence[Pace]) -> Picture:
    unit, folds = paces[0].unit, sorted({each.fold for each in paces})

    def paint(axes: Axes) -> None:
        for at, fold in enumerate(folds):
            speeds = [each.samples_per_second for each in paces if each.fold == fold]
            axes.plot(
                range(1, len(speeds) + 1), speeds, marker=".", color=COLORS[at % len(COLORS)], label=f"fold {fold}"
            )
        axes.set(xlabel="epoch, as recorded", ylabel=f"{unit} a second")
        axes.set_ylim(bottom=0)
        whole_ticks(axes)
        if len(folds) > 1:
            axes.legend(loc="lower right")

    speeds = [each.samples_per_second for each in paces]
    return draw_axes(
        paint,
        f"Training {unit} a second by epoch, from {min(speeds):.0f} to {max(speeds):.0f}.",
        f"Training {unit} a second in each epoch, validation and checkpoints left out.",
    )


def _spent_picture(times: Times) -> Picture:
    spent = sorted([*times.spent.items(), (_REST, times.rest)], key=lambda item: item[1])

    def paint(axes: Axes) -> None:
        bars = axes.barh([name for name, _ in spent], [seconds for _, seconds in spent], color=COLORS[0])
        axes.bar_label(bars, [format_seconds(seconds) for _, seconds in spent], padding=3, fontsize=9)
        axes.set(xlabel="seconds")
        axes.margins(x=0.18)
        axes.grid(visible=False, axis="y")

    told = ", ".join(f"{name} {format_seconds(seconds)}" for name, seconds in reversed(spent))
    return draw_axes(
        paint,
        f"Time by what was done: {told}.",
        f"Where {format_seconds(times.recorded)} of recorded time went, over all folds and sessions ({EVENTS_NAME}).",
        bar_height(len(spent)),
    )


def _tables(times: Times) -> Iterator[Table]:
    stages = sorted({(each.fold, each.stage) for each in times.paces})
    rows = []
    for fold, stage in stages:
        speeds = [each.samples_per_second for each in times.paces if (each.fold, each.stage) == (fold, stage)]
        mean = len(speeds) / sum(1 / speed for speed in speeds)  # of all images over all seconds: epochs are alike
        rows.append(
            (str(fold), str(stage + 1), str(len(speeds)), f"{mean:.0f}", f"{min(speeds):.0f}", f"{max(speeds):.0f}")
        )
    if rows:
        header = ("fold", "stage", "epochs", f"{times.paces[0].unit}/s", "slowest epoch", "fastest epoch")
        yield Table(header, tuple(rows), "Training throughput by stage, over the recorded epochs")


def _session_table(sessions: Sequence[Session]) -> Table:
    rows = tuple(
        (str(number), each.started or "-", format_seconds(each.seconds), each.ended)
        for number, each in enumerate(sessions, start=1)
    )
    caption = "Sessions, from sessions.jsonl: each process that trained to its end or to a stop; a killed one has none"
    return Table(("session", "started", "time", "ended"), rows, caption, num_left=2)
