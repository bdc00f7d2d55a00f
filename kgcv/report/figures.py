"""The look of every drawing in a report: one size, one palette, readable on a phone.

A figure is 4.8 inches wide with letters of 10 points, so that on a screen of 390 pixels they are still some 10 high.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from kgcv.report.page import Picture
from kgcv.report.wording import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 4.8, 3.2
"""Inches."""

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, which colour-blind people can tell apart; without yellow, which is faint on white."""
FAINT = "#8c959f"
"""Grid, borders and what is shown for comparison."""
MAP = "Blues"
"""For counts and shares in a plane: one hue, from light to dark."""

_LABEL_WIDTH, _LABEL_HEIGHT = 0.3, 0.055
"""Room of a name beside a dot, as parts of the axes."""
_MAX_SVG_BYTES = 150_000
"""A larger drawing becomes a PNG, which is then the smaller of the two."""
_DPI = 150
"""Of a PNG: sharp on a screen of 1.5 pixels a point."""
_STYLE: dict[Any, Any] = {
    "font.size": 10,
    "font.family": "sans-serif",
    "axes.titlesize": 10,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "grid.color": "#d0d7de",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.loc": "upper right",  # the search for the best place warns where it takes a second
    "text.parse_math": False,  # a class may be called $x$
    "svg.fonttype": "none",  # letters stay letters: smaller, and sharp at any size
    "svg.hashsalt": "kgcv",  # equal drawings give equal bytes
}


def draw(
    paint: Callable[[Figure], object], alt: str, caption: str, size: tuple[float, float] = (WIDTH, HEIGHT)
) -> Picture:
    """A picture of what `paint` puts into an empty figure.

    Args:
        paint: adds axes and draws.
        alt: says what the picture shows, for those who cannot see it.
        caption: says what it shows and what it was computed on.
        size: width and height in inches; one wider than usual takes the whole width of the page.

    Returns:
        An SVG, or a PNG where an SVG would be large.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE), _any_letters():
        figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
        paint(figure)
        content, kind = _save(figure)
    return Picture(content, kind, alt, caption, is_wide=size[0] > WIDTH)


def draw_axes(paint: Callable[[Axes], object], alt: str, caption: str, height: float = HEIGHT) -> Picture:
    """A picture with one pair of axes; see `draw`."""
    return draw(lambda figure: paint(figure.add_subplot()), alt, caption, (WIDTH, height))


def _save(figure: Figure) -> tuple[bytes, Literal["svg", "png"]]:
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    if len(stream.getvalue()) <= _MAX_SVG_BYTES:
        return stream.getvalue(), "svg"
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue(), "png"


@contextmanager
def _any_letters() -> Iterator[None]:
    """Class names may have letters that the font for measuring lacks; a browser finds another."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield


def plain_log_ticks(axes: Axes, axis: Literal["x", "y"]) -> None:
    """A logarithmic axis whose ticks read 0.001, not powers in mathematical script."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    getattr(axes, f"set_{axis}scale")("log")
    place = axes.xaxis if axis == "x" else axes.yaxis
    place.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    place.set_minor_formatter(NullFormatter())


def whole_ticks(axes: Axes) -> None:
    """Epochs have no fractions."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def bar_height(num_bars: int) -> float:
    """Inches of a figure with horizontal bars, each beside its name."""
    return 1.1 + 0.2 * num_bars


def label_dots(axes: Axes, dots: Sequence[tuple[float, float]], names: Sequence[str]) -> None:
    """Write names beside dots, the first ones first; a name that would cover an earlier one is left out.

    The axes must have their scales and whatever else is drawn in them.
    """
    axes.autoscale_view()  # which else waits until the figure is drawn, and places are asked for now
    taken: list[tuple[float, float]] = []
    for dot, name in zip(dots, names, strict=True):
        x, y = axes.transAxes.inverted().transform(axes.transData.transform(dot))
        if any(abs(x - other_x) < _LABEL_WIDTH and abs(y - other_y) < _LABEL_HEIGHT for other_x, other_y in taken):
            continue
        taken.append((x, y))
        is_right = x > 0.7
        axes.annotate(
            shorten(name, 16),
            dot,
            xytext=(-4 if is_right else 4, 3),
            textcoords="offset points",
            ha="right" if is_right else "left",
            fontsize=8,
        )
