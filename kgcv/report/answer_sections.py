"""The sections on views of test-time augmentation and on blends, as the commands that judged them noted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kgcv.files import read_json
from kgcv.recipes.blend_report import BLEND_FILE
from kgcv.recipes.report_data import ReportData
from kgcv.report.figures import COLORS, FAINT, WIDTH, bar_height, draw, draw_axes
from kgcv.report.page import Block, Picture, Section, Table, Text
from kgcv.report.wording import format_number, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAME_LENGTH = 24
_MAX_NAMED = 15
"""Members of a blend whose correlations are written into the cells."""


def view_section(data: ReportData) -> Section | None:
    """What `kgcv tta --compare` found; None where it was not run."""
    file = data.run.path / "tta.json"
    if not file.is_file():
        return None
    noted = read_json(file)
    sets = [*noted["sets"], *noted["singles"], noted["greedy"]]
    basis = f"{noted['num_images']:,} validation images"
    blocks: tuple[Block, ...] = (Text(_tell_views(noted, basis)), _view_picture(sets, basis), _view_table(noted, basis))
    return Section("views", "Views", blocks)


def _tell_views(noted: dict[str, Any], basis: str) -> str:
    return (
        f"Sets of views as kgcv tta --compare scored them ({noted['metric']}, on {basis}, tta.json). The greedy set, "
        f"{', '.join(noted['greedy']['views'])}, was chosen on these very images, where it scores "
        f"{format_number(noted['greedy']['score'])}. Cross-fitted, each part of the images with the views chosen on "
        f"the others ({noted['parts']}), it is {format_number(noted['cross_fitted'])}, a gain of "
        f"{noted['cross_fitted_gain']:+.4f} over the plain view: the one to believe."
    )


def _view_picture(sets: Sequence[dict[str, Any]], basis: str) -> Picture:
    names = [shorten(each["name"].removeprefix("plain "), _NAME_LENGTH) for each in sets][::-1]
    gains = [each["gain"] for each in sets][::-1]

    def paint(axes: Axes) -> None:
        axes.barh(range(len(names)), gains, color=[COLORS[0] if gain >= 0 else COLORS[1] for gain in gains])
        axes.set_yticks(range(len(names)), names)
        axes.axvline(0, color=FAINT, linewidth=1)
        axes.set(xlabel="gain over the plain view")
        axes.grid(visible=False, axis="y")

    told = ", ".join(f"{each['name']} {each['gain']:+.4f}" for each in sets)
    return draw_axes(
        paint,
        f"Gain of each set of views over the plain view: {told}.",
        f"Gain of each set of views over the plain view, on {basis}; below 0 is worse, whichever way the metric goes.",
        bar_height(len(names)),
    )


def _view_table(noted: dict[str, Any], basis: str) -> Table:
    rows = [
        (each["name"], str(each["passes"]), format_number(each["score"]), f"{each['gain']:+.4f}")
        for each in (*noted["sets"], *noted["singles"], noted["greedy"])
    ]
    rows.append(
        ("greedy, cross-fitted", "", format_number(noted["cross_fitted"]), f"{noted['cross_fitted_gain']:+.4f}")
    )
    caption = f"Sets of views, on {basis}; passes: how often each image is predicted"
    return Table(("views", "passes", noted["metric"], "gain"), tuple(rows), caption)


def blend_section(data: ReportData) -> Section | None:
    """Members, weights and correlations; None where the run is no blend."""
    file = data.run.path / BLEND_FILE
    if not file.is_file():
        return None
    record = read_json(file)
    names = [_member_name(member["path"]) for member in record["members"]]
    basis = data.validated.basis if data.validated is not None else "no labelled samples"
    blocks: list[Block] = [Text(_tell_blend(record, basis)), _member_table(record, names, basis)]
    if len(names) > 1:
        blocks.append(_correlation_picture(record, names))
    blocks += [Text(f"Note: {note}") for note in record["notes"]]
    return Section("blend", "Blend", tuple(blocks))


def _member_name(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]


def _tell_blend(record: dict[str, Any], basis: str) -> str:
    score = "not scored" if record["score"] is None else f"{record['metric']} {format_number(record['score'])}"
    fitted = (
        ""
        if record["in_sample"] is None
        else f", cross-fitted; {format_number(record['in_sample'])} in sample, on the samples that the weights were "
        "fitted to, which is optimistic"
    )
    decided = "" if record["decided"] is None else f" Decided, cross-fitted: {format_number(record['decided'])}."
    return (
        f"{len(record['members'])} members by the method {record['rule']['method']}: {score}{fitted}, on {basis} "
        f"({BLEND_FILE}).{decided}"
    )


def _member_table(record: dict[str, Any], names: Sequence[str], basis: str) -> Table:
    rows = tuple(
        (
            name,
            format_number(member["weight"]),
            format_number(member["score"]),
            format_number(member["score_without"]),
        )
        for name, member in zip(names, record["members"], strict=True)
    )
    caption = f"Members; alone: its own score; without it: the blend of all others, made and scored alike. On {basis}"
    return Table(("member", "weight", f"{record['metric'] or 'score'} alone", "without it"), rows, caption)


def _correlation_picture(record: dict[str, Any], names: Sequence[str]) -> Picture:
    values = np.array([[np.nan if cell is None else cell for cell in row] for row in record["correlation"]])
    ticks = [shorten(name, 14) for name in names]

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        image = axes.imshow(values, cmap="Blues", vmin=min(0.0, float(np.nanmin(values))), vmax=1)
        axes.grid(visible=False)
        axes.set_xticks(range(len(ticks)), ticks, rotation=90)
        axes.set_yticks(range(len(ticks)), ticks)
        figure.colorbar(image, shrink=0.8)
        for (row, column), value in np.ndenumerate(values if len(names) <= _MAX_NAMED else values[:0]):
            color = "white" if value > 0.6 else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=8, color=color)

    others = values[~np.eye(len(names), dtype=bool)]
    return draw(
        paint,
        f"Correlation of each two members, from {np.nanmin(others):.3f} to {np.nanmax(others):.3f}.",
        f"Pearson's correlation of each two members over all values of {record['correlated']}.npz.",
        (WIDTH, WIDTH * 0.85),
    )
