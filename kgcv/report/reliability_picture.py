"""A reliability diagram, and in words what the calibration error is and is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kgcv.report.figures import COLORS, FAINT, HEIGHT, WIDTH, draw
from kgcv.report.page import Picture, Text
from kgcv.scoring.calibration import Reliability

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def reliability_picture(found: Reliability, what: str, basis: str) -> Picture:
    """What came true by what was said, and how many were said.

    Args:
        found: the bins.
        what: whose probabilities these are, such as `of the given class`.
        basis: the samples they were computed on.
    """
    num_bins = len(found.counts)
    edges = np.arange(num_bins) / num_bins

    def paint(figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        upper.plot([0, 1], [0, 1], color=FAINT, linestyle="--", label="exactly right")
        upper.plot(found.confidence, found.frequency, marker="o", color=COLORS[0], label="measured")
        upper.set(ylabel="came true", xlim=(0, 1), ylim=(-0.02, 1.02))
        upper.legend(loc="upper left")
        lower.bar(edges, found.counts, width=1 / num_bins, align="edge", color=COLORS[5], edgecolor="white")
        lower.set(xlabel=f"probability {what}", ylabel="count")

    return draw(
        paint,
        f"Reliability diagram. {_tell_bins(found)}",
        f"Reliability: share that came true by the mean probability {what}, in {num_bins} bins of equal width, and how "
        f"many are in each; below the dashed line the model is too sure of itself. On {basis}.",
        (WIDTH, 1.25 * HEIGHT),
    )


def _tell_bins(found: Reliability) -> str:
    some = np.flatnonzero(found.counts)
    told = (f"{found.confidence[at]:.2f} said, {found.frequency[at]:.2f} came true" for at in some)
    return f"{'; '.join(told)}."


def reliability_text(found: Reliability, what: str, basis: str) -> Text:
    """The expected calibration error with its estimator, its bins and its bias."""
    return Text(
        f"Expected calibration error {found.error:.4f}, on {basis}: the mean distance between what was said and what "
        f"came true, of the probability {what}, by the plug-in estimator with {len(found.counts)} bins of equal width. "
        "This estimator is biased upward, for a bin of few samples is off by chance; a model whose every probability "
        f"was exactly right would show about {found.by_chance:.4f} here. What is averaged out within a bin it does not "
        "see."
    )
