"""Readings of hand-made curves; what the sweep itself promises is tested with the recipe."""

from __future__ import annotations

import numpy as np
import pytest

from kgcv.engine.lr_finder import LrCurve, Sweep, smooth, steepest_index, suggest, valley_index


def test_sweep_is_exponential_from_start_to_end() -> None:
    sweep = Sweep(start=1e-4, end=1.0, num_steps=5)
    assert [sweep.lr(step) for step in range(5)] == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0])


def test_smoothing_is_debiased() -> None:
    """First value as it is; second (0.98 * 0.02 * 1 + 0.02 * 3) / (1 - 0.98^2) = 0.0796 / 0.0396."""
    assert smooth(np.array([1.0, 3.0])) == pytest.approx([1.0, 0.0796 / 0.0396])


def test_steepest_is_the_left_end_of_the_steepest_segment() -> None:
    """Decades: falls of 0.1, 0.5 and 0.2; the second begins at index 1."""
    assert steepest_index(np.array([1e-4, 1e-3, 1e-2, 1e-1]), np.array([1.0, 0.9, 0.4, 0.2])) == 1


def test_steepest_counts_decades_not_points() -> None:
    """A fall of 0.4 over two decades is flatter than one of 0.3 over one."""
    assert steepest_index(np.array([1e-4, 1e-2, 1e-1]), np.array([1.0, 0.6, 0.3])) == 1


def test_valley_is_the_middle_of_the_longest_descent() -> None:
    """Descent from index 0 to 8 has 9 points: e = 8, s = -1, third = 3; -1 + 3 + 1 = 3."""
    assert valley_index(np.array([9.0, 8, 7, 6, 5, 4, 3, 2, 1, 5, 9])) == 3


def test_valley_steps_over_bumps() -> None:
    """9 8 7 5 3 1 is the longest descending subsequence (6 points): e = 7, s = 1, third = 2; 1 + 2 + 1 = 4."""
    assert valley_index(np.array([9.0, 8, 8.5, 7, 5, 5.5, 3, 1, 4])) == 4


def test_valley_of_a_rising_curve_is_its_start() -> None:
    assert valley_index(np.array([1.0, 2.0, 3.0])) == 0


def curve(losses: list[float]) -> LrCurve:
    lrs = np.array([10.0 ** (index - 10) for index in range(len(losses))])
    return LrCurve(lrs, np.array(losses), np.array(losses))


def test_suggestions_leave_out_both_ends() -> None:
    """30 points: 3 are cut in front and 5 at the end, where a wilder fall and a lower minimum lie."""
    losses = [
        9.0,
        1.0,
        8.0,
        *np.linspace(7, 5, 10),
        *np.linspace(4.9, 3.0, 8),
        *np.linspace(3.1, 3.5, 4),
        9,
        9,
        9,
        9,
        0,
    ]
    found = suggest(curve(losses))
    lowest = 3 + 10 + 8 - 1
    assert found.minimum_tenth == pytest.approx(10.0 ** (lowest - 11))
    assert 10.0**-7 <= found.steepest <= 10.0 ** (lowest - 10)
    assert 10.0**-7 <= found.valley <= 10.0 ** (lowest - 10)


def test_short_curves_are_read_whole() -> None:
    """Twelve points would leave six; all are read, and the last is the lowest."""
    assert suggest(curve(list(np.linspace(3, 1, 12)))).minimum_tenth == pytest.approx(10.0 ** (11 - 11))
