import math

from kgcv.report.terminal import Canvas, draw_curve, draw_losses, draw_metric


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


def epochs(valid, train=None, stages=None):
    """Rows of metrics.jsonl, whose score is the validation loss."""
    return [
        {
            "stage": 0 if stages is None else stages[number],
            "valid_loss": loss,
            "train_loss": loss if train is None else train[number],
            "scores": {} if loss is None else {"f2": loss, "log_loss": 9.0},
        }
        for number, loss in enumerate(valid)
    ]


def test_losses_by_epoch_with_names_and_the_start_of_a_stage():
    rows = epochs([3.0, 2.0, 1.0, 0.0], [2.0] * 4, stages=[0, 0, 1, 1])
    assert draw_losses(rows, Canvas(7, 4)) == [
        "  loss",
        "     3 |*",
        "       |. * . . . train 2",
        "       |    *",
        "     0 |      * * valid 0",
        "       +----+--",
        "        1   3 4  epoch",
    ]


def test_braille_joins_points_by_lines():
    # 4 x 4 dots, a diagonal: in the left cell the dots of bits 0x01 and 0x10, in the right one of 0x04 and 0x80.
    assert draw_metric({"": epochs([3.0, 2.0, 1.0, 0.0])}, Canvas(2, 1, braille=True)) == [
        "    f2",
        "     0 \u2502\u2811\u2884 0",
        "       \u2514\u2500\u2500",
        "        1   epoch",  # 4 would touch it
    ]
    # Two points at the ends give the same line.
    ends = draw_metric({"": epochs([3.0, 0.0])}, Canvas(2, 1, braille=True))
    assert ends[1] == "     0 \u2502\u2811\u2884 0"


def test_folds_have_a_curve_each_and_names_that_do_not_hide_each_other():
    lines = draw_metric({"fold 0": epochs([0.0, 1.0]), "fold 1": epochs([1.0, 1.0])}, Canvas(3, 3))
    assert lines[1:4] == ["     1 |. * * fold 0 1", "       |    . fold 1 1", "     0 |*"]


def test_what_was_not_validated_has_a_training_loss_alone():
    rows = epochs([None, None], [2.0, 1.0])
    assert draw_metric({"": rows}, Canvas(3, 2)) == []
    assert draw_losses(rows, Canvas(3, 2))[1:3] == ["     2 |*", "     1 |  * * train 1"]


def test_one_epoch_is_no_curve():
    assert draw_losses(epochs([1.0]), Canvas()) == []
    assert draw_metric({"": epochs([1.0])}, Canvas()) == []
    assert draw_metric({}, Canvas()) == []


def test_a_score_that_is_nan_leaves_a_gap():
    assert draw_metric({"": epochs([1.0, math.nan, 0.0])}, Canvas(5, 2))[1:3] == ["     1 |*", "     0 |    * * 0"]
