"""A PNG of the evidence for one prediction."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kgcv.files import atomic_path
from kgcv.recipes.explain import Explanation, FirstLayer, HeatMap
from kgcv.report.heat import as_rgb, blend_heat

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_DPI = 120
_PANEL_INCHES = 2.8
_CHANNEL_INCHES = 1.2
_TITLE_INCHES = 0.4


def draw_explanation(explanation: Explanation, title: str, png: Path) -> None:
    """Draw the image, the heat over it for each answer, the probabilities, and what the first layer responds to."""
    from matplotlib.figure import Figure

    first = explanation.first_layer
    num_panels = 2 + len(explanation.heat_maps)
    heights = [_PANEL_INCHES + _TITLE_INCHES]
    if first is not None:
        heights.append(_CHANNEL_INCHES * _num_rows(first) + _TITLE_INCHES)
    size = (max(3, num_panels) * _PANEL_INCHES, sum(heights) + _TITLE_INCHES)
    figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
    figure.suptitle(_literal(title), fontsize=10)
    upper, *lower = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    image, *panels, values = upper.subplots(1, num_panels)
    rgb = as_rgb(explanation.pixels)
    _show(image, rgb, f"as the network sees it, {len(rgb)} x {len(rgb)}")
    for axes, heat_map in zip(panels, explanation.heat_maps, strict=True):
        _draw_heat(axes, rgb, heat_map)
    _draw_values(values, explanation)
    if first is not None:
        _draw_first_layer(lower[0], first)
    _save(figure, png)


def _draw_heat(axes: Axes, rgb: np.ndarray, heat_map: HeatMap) -> None:
    rows, columns = heat_map.places.shape
    speaks = "speaks" if heat_map.heat.any() else "nothing speaks"
    _show(axes, blend_heat(rgb, heat_map.heat), f"{speaks} for {heat_map.answer}")
    axes.set_xlabel(f"{heat_map.layer}, {rows} x {columns}", fontsize=7)


def _draw_values(axes: Axes, explanation: Explanation) -> None:
    """Probabilities as bars, the best on top, or numbers as text: those have no common scale."""
    named = explanation.shown_values
    if explanation.task == "regression":
        axes.set_axis_off()
        lines = (f"{_literal(name)}  {value:.6g}" for name, value in named.items())
        axes.text(0.5, 0.5, "\n".join(lines), ha="center", va="center")
        return
    tags = explanation.prediction.tags or ()
    colours = ["tab:red" if name in tags else "tab:blue" for name in named]
    bars = axes.barh(range(len(named)), list(named.values()), color=colours)
    axes.bar_label(bars, fmt="%.4f", fontsize=8, padding=2)
    axes.set_yticks(range(len(named)), [_literal(name) for name in named], fontsize=8)
    axes.set_xlim(0, 1.3)  # room for the numbers beside full bars
    axes.set_xticks([0, 0.5, 1])
    axes.invert_yaxis()
    axes.set_ylim(max(len(named), 3) - 0.5, -0.5)
    axes.set_title("probability" + (", tags in red" if tags else ""), fontsize=9)


def _num_rows(first: FirstLayer) -> int:
    """Rows of pictures: kernels, where they can be seen, and responses."""
    return 1 if first.channels[0].kernel is None else 2


def _draw_first_layer(figure: SubFigure, first: FirstLayer) -> None:
    figure.suptitle(f"{first.name}: the channels that respond most", fontsize=9)
    grid = figure.subplots(_num_rows(first), len(first.channels), squeeze=False)
    for number, channel in enumerate(first.channels):
        if channel.kernel is not None:
            _show(grid[0, number], channel.kernel, f"{channel.index}")
        limit = float(np.abs(channel.response).max())
        title = f"{channel.index}" if channel.kernel is None else ""
        _show(grid[-1, number], channel.response, title, cmap="RdBu_r", vmin=-limit, vmax=limit)


def _show(axes: Axes, picture: np.ndarray, title: str, **colours: object) -> None:
    axes.imshow(picture, interpolation="nearest", **colours)  # type: ignore[arg-type]  # limits and names of a colour map
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(_literal(title), fontsize=9)


def _literal(text: str) -> str:
    """Without what matplotlib takes for formulas."""
    return text.replace("$", r"\$")


def _save(figure: Figure, png: Path) -> None:
    with atomic_path(png) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # boxes; the terminal has the names
        figure.savefig(temporary, format="png")
