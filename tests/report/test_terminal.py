import math

from kgcv.report.terminal import Canvas, draw_curve


def test_a_small_curve_to_the_character():
    lrs, losses = [0.001, 0.01, 0.1, 1.0, 10.0], [4.0, 3.0, 2.0, 0.0, 1.0]
    assert draw_curve(lrs, losses, Canvas(21, 5)) == (
        "  loss\n"
        "     4 |*\n"
        "       |     *\n"
        "       |          *\n"
        "       |                    *\n"
        "     0 |               *\n"
        "       +---------------------\n"
        "        1.0e-03       1.0e+01  lr"
    )


def test_a_column_shows_the_mean_of_its_points():
    lrs, losses = [1.0, 1.01, 10.0], [1.0, 3.0, 0.0]
    assert draw_curve(lrs, losses, Canvas(2, 3)).splitlines()[1:4] == ["     2 |*", "       |", "     0 | *"]


def test_points_that_diverged_are_left_out():
    lrs, losses = [0.1, 1.0, 10.0], [1.0, 0.0, math.nan]
    assert draw_curve(lrs, losses, Canvas(20, 2)) == draw_curve(lrs[:2], losses[:2], Canvas(20, 2))
    assert draw_curve(lrs, [1.0, 0.0, math.inf], Canvas(20)) == draw_curve(lrs[:2], losses[:2], Canvas(20))


def test_a_single_point_and_a_flat_curve_are_drawn():
    assert draw_curve([0.1], [0.5], Canvas(20, 2)).splitlines()[2] == "   0.5 |*"
    flat = draw_curve([0.1, 1.0], [0.5, 0.5], Canvas(20, 2)).splitlines()
    assert flat[2] == "   0.5 |*" + " " * 18 + "*"


def test_wide_numbers_widen_the_margin():
    lines = draw_curve([0.1, 1.0], [1234.5, -0.00012], Canvas(20, 2)).splitlines()
    assert lines == [
        "    loss",
        "    1234 |*",
        "-0.00012 |                   *",
        "         +--------------------",
        "          1.0e-01      1.0e+00  lr",
    ]
