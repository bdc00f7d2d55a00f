from dataclasses import replace

import numpy as np
import pytest

from kgcv.config.schema import SubmissionConfig
from kgcv.data.predictions import Predictions
from kgcv.errors import SubmissionError
from kgcv.submission.build import build_submission
from kgcv.submission.verify import verify_submission


def predict(values, class_names, task):
    return Predictions(("a", "b"), class_names, np.array(values, dtype=np.float32), task)


TWO = predict([[0.75, 0.25], [0.1, 0.9]], ("cat", "dog"), "single")
THREE = predict([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]], ("cat", "dog", "emu"), "single")
TAGS = predict([[0.9, 0.2, 0.3], [0.1, 0.1, 0.1]], ("clear", "haze", "road"), "multi")
GIVEN = np.array([[True, False, True], [False, False, False]])
NUMBERS = predict([[1e-7, -3.5], [1 / 3, 2e9]], ("x", "y"), "regression")

# The sample file, the predictions, the format asked for, and for the row of `a` (the second) cells that are wrong.
CASES = {
    "probabilities": ("id,dog,cat\nb,0,0\na,0,0\n", TWO, ["0.75,0.25", "0.2500001,0.75", ",0.75", "x,0.75"]),
    "probability": ("id,label\nb,0.5\na,0.5\n", TWO, ["0.75", "0.2500001", "nan", ""]),
    "label": ("id,label\nb,cat\na,cat\n", THREE, ["cat", "2", "", "Emu"]),
    "index": ("id,label\nb,0\na,0\n", THREE, ["0", "02", "emu", "2.0"]),
    "tags": ("id,tags\nb,clear\na,clear\n", TAGS, ["clear", "clear haze", "", "clear road road", "clearroad"]),
    "indices": ("id,tags\nb,0\na,0\n", TAGS, ["0", "0 1", "", "0 2 2", "clear road"]),
    "decisions": ("id,road,haze,clear\nb,0,0,0\na,0,0,0\n", TAGS, ["1,1,0", "0,0,0", "1,,1", "1,0.0,1"]),
    "numbers": ("id,y,x\nb,0,0\na,0,0\n", NUMBERS, ["1e-7,-3.5", "-3.5,1.00001e-7", "-3.5,0"]),
}


@pytest.fixture
def case(tmp_path, request):
    """The arguments of `verify_submission` for one format, with the table that was built, and wrong cells."""
    form = request.param
    text, predictions, wrong = CASES[form]
    sample = tmp_path / "sample.csv"
    sample.write_text(text)
    positive = "dog" if form == "probability" else None
    rest = (predictions, sample, SubmissionConfig(format=form, separator=" ", positive_class=positive), GIVEN)
    return build_submission(*rest), rest, [tuple(cells.split(",")) for cells in wrong]


each_format = pytest.mark.parametrize("case", CASES, indirect=True)


@each_format
def test_what_was_built_says_what_the_predictions_say(case):
    submission, rest, _ = case
    assert submission.ids == ["b", "a"]
    verify_submission(submission, *rest)


@each_format
def test_a_wrong_cell_is_named_by_its_id(case):
    submission, rest, wrong = case
    for cells in wrong:
        damaged = replace(submission, rows=(submission.rows[0], ("a", *cells)))
        with pytest.raises(SubmissionError, match=r"does not say what the predictions say at 1 ids: a$"):
            verify_submission(damaged, *rest)


@each_format
def test_rows_that_changed_places_are_refused(case):
    submission, rest, _ = case
    damaged = replace(submission, rows=submission.rows[::-1])
    with pytest.raises(SubmissionError, match="does not have the sample file's ids in its order"):
        verify_submission(damaged, *rest)
    (first, *cells), (second, *others) = submission.rows
    with pytest.raises(SubmissionError, match=r"at 2 ids: b, a$"):
        verify_submission(replace(submission, rows=((first, *others), (second, *cells))), *rest)


@each_format
def test_other_columns_or_lost_rows_are_refused(case):
    submission, rest, _ = case
    with pytest.raises(SubmissionError, match="the file has the columns"):
        verify_submission(replace(submission, header=("id", "x", "y")), *rest)
    with pytest.raises(SubmissionError, match="ids in its order"):
        verify_submission(replace(submission, rows=submission.rows[:1]), *rest)


@pytest.mark.parametrize("case", ["tags"], indirect=True)
def test_tags_are_sets(case):
    submission, rest, _ = case
    verify_submission(replace(submission, rows=(("b", ""), ("a", "road clear"))), *rest)


@pytest.mark.parametrize("case", ["numbers"], indirect=True)
def test_numbers_may_differ_by_float32_rounding_and_no_more(case):
    submission, rest, _ = case
    near = np.nextafter(np.float32(1 / 3), np.float32(1))
    verify_submission(replace(submission, rows=(("b", "2e9", f"{near:.9g}"), submission.rows[1])), *rest)
    far = near + 2 * (near - np.float32(1 / 3))
    with pytest.raises(SubmissionError, match="at 1 ids: b"):
        verify_submission(replace(submission, rows=(("b", "2e9", f"{far:.9g}"), submission.rows[1])), *rest)
