from dataclasses import replace

import numpy as np
import pytest

from kgcv.config.schema import SubmissionConfig
from kgcv.data.predictions import Predictions
from kgcv.errors import SubmissionError
from kgcv.submission.build import build_submission
from kgcv.submission.table import Submission, read_sample, read_table, write_submission
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
    path = tmp_path / "sample.csv"
    path.write_text(text)
    positive = "dog" if form == "probability" else None
    config = SubmissionConfig(format=form, separator=" ", positive_class=positive)
    rest = (predictions, read_sample(path), form, config, GIVEN)
    return build_submission(*rest), rest, [tuple(cells.split(",")) for cells in wrong]


def with_rows(submission, *rows):
    return replace(submission, columns=tuple(zip(*rows, strict=True)))


each_format = pytest.mark.parametrize("case", CASES, indirect=True)


@each_format
def test_what_was_built_says_what_the_predictions_say(case):
    submission, rest, _ = case
    assert submission.ids == ("b", "a")
    verify_submission(submission, *rest)


@each_format
def test_a_wrong_cell_is_named_by_its_id(case):
    submission, rest, wrong = case
    for cells in wrong:
        damaged = with_rows(submission, next(submission.rows), ("a", *cells))
        with pytest.raises(SubmissionError, match=r"does not say what the predictions say at 1 ids: a$"):
            verify_submission(damaged, *rest)


@each_format
def test_rows_that_changed_places_are_refused(case):
    submission, rest, _ = case
    damaged = with_rows(submission, *reversed(list(submission.rows)))
    with pytest.raises(SubmissionError, match="does not have the sample file's ids in its order"):
        verify_submission(damaged, *rest)
    (first, *cells), (second, *others) = submission.rows
    with pytest.raises(SubmissionError, match=r"at 2 ids: b, a$"):
        verify_submission(with_rows(submission, (first, *others), (second, *cells)), *rest)


@each_format
def test_other_columns_or_lost_rows_are_refused(case):
    submission, rest, _ = case
    with pytest.raises(SubmissionError, match="the file has the columns"):
        verify_submission(replace(submission, header=("id", "x", "y")), *rest)
    with pytest.raises(SubmissionError, match="ids in its order"):
        verify_submission(with_rows(submission, next(submission.rows)), *rest)


@pytest.mark.parametrize("case", ["tags"], indirect=True)
def test_tags_are_sets(case):
    submission, rest, _ = case
    verify_submission(with_rows(submission, ("b", ""), ("a", "road clear")), *rest)


@pytest.mark.parametrize("case", ["numbers"], indirect=True)
def test_numbers_are_the_same_once_rounded_to_float32(case):
    submission, rest, _ = case
    second = list(submission.rows)[1]
    for digits in ("0.33333334", "0.333333343", "0.33333334326744080", " 3.3333334e-1"):
        verify_submission(with_rows(submission, ("b", "2e9", digits), second), *rest)
    near = float(np.nextafter(np.float32(1 / 3), np.float32(1)))
    for digits in (repr(near), "0.3333333", "0_0.33333334"):
        with pytest.raises(SubmissionError, match="at 1 ids: b"):
            verify_submission(with_rows(submission, ("b", "2e9", digits), second), *rest)


def test_every_float32_that_is_written_is_accepted(tmp_path):
    bits = np.random.default_rng(3).integers(0, 2**32, 20000, dtype=np.uint32)
    edges = np.array([0, -0.0, 1e-45, 3.4028235e38, 1, 2**24, 1e-7, 0.1], dtype=np.float32)
    values = np.concatenate([bits.view(np.float32), edges])
    values = values[np.isfinite(values)]
    ids = tuple(map(str, range(len(values))))
    predictions = Predictions(ids, ("x",), values[:, None], "regression")
    sample = Submission(("id", "x"), (ids, ids))
    write_submission(tmp_path / "a.csv", build_submission(predictions, sample, "numbers", SubmissionConfig()))
    verify_submission(read_table(tmp_path / "a.csv"), predictions, sample, "numbers", SubmissionConfig())
