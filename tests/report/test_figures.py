import io
import warnings

import numpy as np
import pytest
from PIL import Image

from kgcv.report.confusion_picture import confusion_pictures
from kgcv.report.figures import draw_axes, label_dots, plain_log_ticks
from kgcv.report.reliability_picture import reliability_picture, reliability_text
from kgcv.scoring.calibration import measure_reliability


def text_of(picture):
    assert picture.kind == "svg"
    return picture.content.decode("utf-8")


def test_small_drawings_are_svg_with_letters():
    picture = draw_axes(lambda axes: axes.set_title("a <b> & $c$"), "alt", "caption")
    assert "a &lt;b&gt; &amp; $c$" in text_of(picture)
    assert (picture.alt, picture.caption, picture.is_wide) == ("alt", "caption", False)


def test_equal_drawings_are_equal_bytes():
    first, second = (draw_axes(lambda axes: axes.plot([1, 2]), "", "") for _ in range(2))
    assert first.content == second.content


def test_what_would_be_a_large_svg_is_a_png():
    dots = np.random.default_rng(0).random((2, 6000))
    picture = draw_axes(lambda axes: axes.scatter(*dots), "", "")
    assert picture.kind == "png" and len(picture.content) < 150_000
    assert Image.open(io.BytesIO(picture.content)).size == (720, 480)


def test_letters_that_the_font_lacks_are_left_to_the_browser():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "犬" in text_of(draw_axes(lambda axes: axes.set_title("犬"), "", ""))


def test_logarithmic_ticks_are_plain_numbers():
    def paint(axes):
        axes.plot([0.001, 1], [1, 2])
        plain_log_ticks(axes, "x")

    assert ">0.01<" in text_of(draw_axes(paint, "", ""))


def test_names_do_not_cover_each_other():
    dots = [(100, 50), (120, 51), (100, 90), (1000, 0)]

    def paint(axes):
        axes.scatter(*zip(*dots, strict=True))
        label_dots(axes, dots, ["first", "second", "third", "last"])

    plain = text_of(draw_axes(lambda axes: axes.scatter(*zip(*dots, strict=True)), "", ""))
    text = text_of(draw_axes(paint, "", ""))
    assert [name in text for name in ("first", "second", "third", "last")] == [True, False, True, True]
    # Only the one at the right edge stands left of its dot.
    assert text.count("text-anchor: end") - plain.count("text-anchor: end") == 1


def test_few_classes_have_a_matrix_with_names_and_counts():
    (picture,) = confusion_pictures(np.array([[37, 5], [0, 41]]), ["cat", "dog"], "83 samples")
    text = text_of(picture)
    assert all(f">{cell}<" in text for cell in ("cat", "dog", "37", "5", "41")) and ">0<" not in text
    assert picture.alt == (
        "Confusion matrix: 78 of 83 samples on the diagonal. Most frequent errors: 5 of cat given as dog."
    )
    assert "83 samples" in picture.caption


def test_many_classes_have_a_plane_and_a_matrix_of_the_worst():
    counts = np.diag(np.full(100, 50)) + np.diag(np.arange(99), 1)
    plane, worst = confusion_pictures(counts, [f"class {number}" for number in range(100)], "all")
    assert plane.kind == "svg" and not plane.is_wide and worst.is_wide
    # Class 98 missed 98 samples, which went to class 99: one of the others, as 99 itself missed none.
    text = text_of(worst)
    assert ">class 98<" in text and ">class 99<" not in text and ">all others<" in text and ">98<" in text
    assert ">class 83<" not in text
    assert "98 of class 98 given as class 99" in plane.alt


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_reliability_says_how_it_was_measured(share):
    found = measure_reliability(np.full(40, 0.75), np.arange(40) < 40 * share)
    picture, text = (
        reliability_picture(found, "of a tag", "40 samples"),
        reliability_text(found, "of a tag", "40 samples"),
    )
    assert f"0.75 said, {share:.2f} came true" in picture.alt
    assert f"error {abs(0.75 - share):.4f}, on 40 samples" in text.paragraph
    assert "plug-in estimator with 15 bins of equal width" in text.paragraph and "biased upward" in text.paragraph
    assert f"about {found.by_chance:.4f} here" in text.paragraph
