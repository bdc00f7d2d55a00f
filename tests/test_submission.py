import gzip
import re

import numpy as np
import pytest

from kgcv.config.schema import SubmissionConfig
from kgcv.data.predictions import Predictions
from kgcv.errors import ConfigError, SubmissionError
from kgcv.submission import Submission, build_submission, check_file, read_table, write_submission

CATS = np.array([[0.75, 0.25], [0.0, 1.0], [0.5, 0.5]], dtype=np.float32)


def predict(values=CATS, ids=("a", "b", "c"), class_names=("cat", "dog"), task="single"):
    return Predictions(tuple(ids), tuple(class_names), np.array(values, dtype=np.float32), task)


@pytest.fixture
def build(tmp_path):
    """Builds a submission for a sample file with the text `sample`."""

    def call(sample, predictions=None, threshold=0.2, **config):
        path = tmp_path / "sample_submission.csv"
        path.write_text(sample)
        return build_submission(predictions or predict(), path, SubmissionConfig(**config), threshold)

    return call


# --- the formats


def test_columns_of_probabilities_follow_the_sample_by_name(build):
    submission = build("id,dog,cat\na,0,0\nb,0,0\nc,0,0\n")
    assert submission.format == "probabilities"
    assert submission.header == ("id", "dog", "cat")
    assert submission.rows == (("a", "0.25", "0.75"), ("b", "1", "0"), ("c", "0.5", "0.5"))


def test_rows_follow_the_sample_whatever_the_order_of_the_predictions(build):
    submission = build("id,cat,dog\nc,0,0\na,0,0\nb,0,0\n")
    assert submission.rows == (("c", "0.5", "0.5"), ("a", "0.75", "0.25"), ("b", "0", "1"))


def test_the_probability_of_one_class(build):
    sample = "id,label\na,0.5\nb,0.5\nc,0.5\n"
    submission = build(sample, positive_class="dog")
    assert (submission.format, submission.rows) == ("probability", (("a", "0.25"), ("b", "1"), ("c", "0.5")))
    assert build(sample, format="probability", positive_class="cat").rows[0] == ("a", "0.75")


def test_labels_are_told_by_a_sample_with_class_names(build):
    submission = build("id,label\na,cat\nb,cat\nc,cat\n")
    # A tie goes to the first class name.
    assert (submission.format, submission.rows) == ("label", (("a", "cat"), ("b", "dog"), ("c", "cat")))


def test_class_names_that_are_numbers_are_labels(build):
    predictions = predict([[0.1, 0.2, 0.7]], "a", ("10", "2", "9"))
    assert build("id,label\na,9\n", predictions).rows == (("a", "9"),)


def test_indices_are_told_by_a_sample_with_whole_numbers(build):
    predictions = predict([[0.1, 0.2, 0.7]], "a", ("cat", "dog", "emu"))
    submission = build("id,label\na,0\n", predictions)
    assert (submission.format, submission.rows) == ("index", (("a", "2"),))


def test_indices_of_two_classes_when_asked_for(build):
    assert build("id,label\na,0\nb,0\nc,0\n", format="index").rows == (("a", "0"), ("b", "1"), ("c", "0"))


def test_tags_are_those_above_the_threshold(build):
    predictions = predict([[0.9, 0.2, 0.3], [0.1, 0.1, 0.1]], "ab", ("clear", "haze", "road"), "multi")
    submission = build("image_name,tags\na,clear road\nb,haze\n", predictions, threshold=0.2)
    assert submission.format == "tags"
    # float32 has no 0.2; the nearest, 0.200000003, is compared as float32 and is not above.
    assert submission.rows == (("a", "clear road"), ("b", ""))


def test_columns_of_several_labels(build):
    predictions = predict([[0.25, 0.5]], "a", ("haze", "road"), "multi")
    assert build("id,road,haze\na,0,0\n", predictions).rows == (("a", "0.5", "0.25"),)


def test_numbers_match_by_name_and_may_be_anything_finite(build):
    predictions = predict([[-3.5, 1e6]], "a", ("x", "y"), "regression")
    submission = build("id,y,x\na,0,0\n", predictions)
    assert (submission.format, submission.rows) == ("numbers", (("a", "1000000", "-3.5"),))


def test_one_number_needs_no_common_name(build):
    predictions = predict([[2.5]], "a", ("price",), "regression")
    assert build("id,prediction\na,0\n", predictions).rows == (("a", "2.5"),)


def test_nine_digits_give_every_float32_back(build):
    values = np.random.default_rng(0).random((1000, 2), dtype=np.float32)
    predictions = predict(values, [str(row) for row in range(1000)])
    sample = "id,cat,dog\n" + "".join(f"{row},0,0\n" for row in range(1000))
    found = [[float(cell) for cell in row[1:]] for row in build(sample, predictions).rows]
    np.testing.assert_array_equal(np.array(found, dtype=np.float32), values)


# --- what auto does not guess


@pytest.mark.parametrize("text", ["0", "0.5", "1", "", "unknown"])
def test_a_single_column_that_does_not_tell_is_asked_for(build, text):
    with pytest.raises(ConfigError, match=r"submission\.format: .*'label' .*classes cat, dog: say label, index, or"):
        build(f"id,label\na,{text}\nb,{text}\nc,{text}\n")


def test_classes_zero_and_one_are_asked_for(build):
    with pytest.raises(ConfigError, match=r"submission\.format"):
        build("id,label\na,0\nb,0\nc,0\n", predict(class_names=("0", "1")))


def test_a_probability_needs_its_class(build):
    with pytest.raises(ConfigError, match=r"submission\.positive_class: say whose .*: cat, dog"):
        build("id,label\na,0\nb,0\nc,0\n", format="probability")
    with pytest.raises(ConfigError, match=r"submission\.positive_class: 'Dog' is not one of the classes cat, dog"):
        build("id,label\na,0\nb,0\nc,0\n", positive_class="Dog")


@pytest.mark.parametrize(
    "task, form, fitting",
    [
        ("single", "tags", "probabilities, probability, label, index"),
        ("multi", "label", "probabilities, tags"),
        ("regression", "probabilities", "numbers"),
    ],
)
def test_a_format_of_another_task_is_refused(build, task, form, fitting):
    with pytest.raises(ConfigError, match=f"'{form}' does not fit task '{task}': {fitting}$"):
        build("id,label\na,0\nb,0\nc,0\n", predict(task=task), format=form)


def test_a_format_of_one_column_needs_one(build):
    with pytest.raises(ConfigError, match="'label' fills one column, the sample file has cat, dog"):
        build("id,cat,dog\na,0,0\nb,0,0\nc,0,0\n", format="label")


def test_columns_that_are_no_classes_are_named(build):
    message = "the predictions' classes: columns differ .*: missing emu; not in the sample file dog"
    with pytest.raises(SubmissionError, match=message):
        build("id,cat,emu\na,0,0\nb,0,0\nc,0,0\n")


# --- ids and values


def test_missing_extra_and_doubled_ids_are_named(build):
    predictions = predict(np.full((4, 2), 0.5), ("a", "b", "b", "x"))
    message = "the predictions: 1 ids missing: c; 1 ids not in the sample file: x; 1 ids twice: b"
    with pytest.raises(SubmissionError, match=message):
        build("id,cat,dog\na,0,0\nb,0,0\nc,0,0\n", predictions)


def test_the_first_ten_missing_ids_and_the_count_are_shown(build):
    sample = "id,cat,dog\n" + "".join(f"{row:02d},0,0\n" for row in range(13))
    predictions = predict([[0.5, 0.5]], ["00"])
    with pytest.raises(SubmissionError, match=r"12 ids missing: 01, 02, .*, 10, \.\.\. and 2 more"):
        build(sample, predictions)


def test_leading_zeros_are_part_of_an_id(build):
    with pytest.raises(SubmissionError, match="ids missing: 007"):
        build("id,cat,dog\n007,0,0\n", predict([[0.5, 0.5]], ["7"]))


def test_a_suffix_that_only_the_predictions_have_is_a_hint(build):
    message = re.escape("the sample's ids have no '.jpg': set data.test.suffix to '.jpg'")
    with pytest.raises(SubmissionError, match=message):
        build("id,cat,dog\na,0,0\n", predict([[0.5, 0.5]], ["a.jpg"]))


def test_a_suffix_that_only_the_sample_has_is_a_hint(build):
    message = re.escape("the sample's ids end in '.jpg': set data.test.suffix to ''")
    with pytest.raises(SubmissionError, match=message):
        build("id,cat,dog\na.jpg,0,0\n", predict([[0.5, 0.5]], ["a"]))


def test_an_empty_id_breaks_no_hint(build):
    with pytest.raises(SubmissionError, match="1 ids missing: ; 1 ids not in the sample file: a"):
        build("id,cat,dog\n,0,0\n", predict([[0.5, 0.5]], ["a"]))


@pytest.mark.parametrize("value, what", [(np.nan, "NaN or infinite"), (np.inf, "NaN"), (1.01, r"outside \[0, 1\]")])
def test_values_that_are_no_probabilities_are_named(build, value, what):
    values = CATS.copy()
    values[1, 0] = value
    with pytest.raises(SubmissionError, match=f"the predictions: 1 rows are {what}.*: b$"):
        build("id,cat,dog\na,0,0\nb,0,0\nc,0,0\n", predict(values))


def test_rounding_is_forgiven_and_clipped(build):
    predictions = predict([[1 + 2e-7, -2e-7]], "a")
    assert build("id,cat,dog\na,0,0\n", predictions).rows == (("a", "1", "0"),)
    with pytest.raises(SubmissionError, match="outside"):
        build("id,cat,dog\na,0,0\n", predict([[1.0, -2e-6]], "a"))


# --- the sample file


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "needs a header, a row"),
        ("id,label\n", "needs a header, a row"),
        ("id\na\n", "an id column and another column"),
        ("id,label\na,0\nb\n", "row 3 has 1 cells, the header 2"),
        ("id,label\na,0\na,0\n", "ids occur twice: a"),
        ('id,label\n"a,0\n', "cannot be read as a table"),
    ],
)
def test_a_broken_sample_file_is_refused(build, text, message):
    with pytest.raises(SubmissionError, match=message):
        build(text)


def test_a_missing_or_damaged_table_is_named(tmp_path):
    with pytest.raises(SubmissionError, match=r"x\.csv: cannot be read"):
        read_table(tmp_path / "x.csv")
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"id,a\nb,c\n")[:-4])
    with pytest.raises(SubmissionError, match=r"x\.csv\.gz: cannot be read"):
        read_table(tmp_path / "x.csv.gz")


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path):
    (tmp_path / "x.csv").write_bytes("\ufeffid,label\na,0\n".encode())
    assert read_table(tmp_path / "x.csv").header == ("id", "label")


# --- the file

TABLE = Submission(("id", "label"), (("a", "T-shirt, top"), ("b", 'say "x"')))


def test_equal_submissions_give_equal_bytes_without_time_or_name(tmp_path):
    for name in ("a.csv.gz", "b.csv.gz"):
        write_submission(tmp_path / name, TABLE)
    content = (tmp_path / "a.csv.gz").read_bytes()
    assert content == (tmp_path / "b.csv.gz").read_bytes()
    assert content[3] == 0  # no flags: no file name, no comment (RFC 1952)
    assert content[4:8] == b"\0\0\0\0"  # no time
    assert gzip.decompress(content) == b'id,label\na,"T-shirt, top"\nb,"say ""x"""\n'


def test_a_plain_file_is_written_plain(tmp_path):
    write_submission(tmp_path / "a.csv", Submission(("id", "x"), (("a", "1"),)))
    assert (tmp_path / "a.csv").read_bytes() == b"id,x\na,1\n"


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(SubmissionError, match=r"a\.zip: a submission is named \.csv or \.csv\.gz"):
        write_submission(tmp_path / "a.zip", TABLE)


def test_a_file_that_reads_back_differently_is_refused(tmp_path, monkeypatch):
    # A disk that loses the last row.
    def lose_a_row(path, content):
        path.write_bytes(b"".join(content.splitlines(keepends=True)[:-1]))

    monkeypatch.setattr("kgcv.submission.write_bytes", lose_a_row)
    with pytest.raises(SubmissionError, match="does not read back"):
        write_submission(tmp_path / "a.csv", Submission(("id", "x"), (("a", "1"), ("b", "2"))))


# --- checking a file


@pytest.fixture
def check(tmp_path):
    """Checks a file with the text `text` against a sample file with the text `sample`."""

    def call(text, sample="id,x,y\na,0,0\nb,0,0\n"):
        (tmp_path / "mine.csv").write_text(text)
        (tmp_path / "sample.csv").write_text(sample)
        return check_file(tmp_path / "mine.csv", tmp_path / "sample.csv")

    return call


def test_a_file_that_fits_takes_the_order_of_the_sample(check):
    found = check("y,id,x\n4,b,3\n2,a,1\n")
    assert found == Submission(("id", "x", "y"), (("a", "1", "2"), ("b", "3", "4")), "file")


@pytest.mark.parametrize(
    "text, message",
    [
        ("id,x\na,1\nb,2\n", "columns differ .*: missing y; not in the sample file none"),
        ("id,x,y,z\na,1,2,3\nb,1,2,3\n", "missing none; not in the sample file z"),
        ("id,x,y,y\na,1,2,3\nb,1,2,3\n", "columns differ"),
        ("id,x,y\na,1,2\n", r"mine\.csv: 1 ids missing: b"),
        ("id,x,y\na,1,2\nb,1,\n", "column 'y' is not a number at b"),
        ("id,x,y\na,nan,2\nb,1,2\n", "column 'x' is not a number at a"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(check, text, message):
    with pytest.raises(SubmissionError, match=message):
        check(text)


def test_text_is_fine_where_the_sample_has_text(check):
    found = check("id,tags\na,haze road\nb,\n", sample="id,tags\na,clear\nb,clear\n")
    assert found.rows == (("a", "haze road"), ("b", ""))
