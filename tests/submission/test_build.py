import dataclasses
import re

import numpy as np
import pytest

from kgcv.config.schema import Config, DataConfig, ModelConfig, StageConfig, SubmissionConfig, TrainSourceConfig
from kgcv.data.predictions import Predictions
from kgcv.errors import ConfigError, SubmissionError
from kgcv.submission.build import build_submission, fill_table
from kgcv.submission.formats import find_format, submission_settings
from kgcv.submission.table import read_sample

CATS = np.array([[0.75, 0.25], [0.0, 1.0], [0.5, 0.5]], dtype=np.float32)


def predict(values=CATS, ids=("a", "b", "c"), class_names=("cat", "dog"), task="single"):
    return Predictions(tuple(ids), tuple(class_names), np.array(values, dtype=np.float32), task)


def rows_of(submission):
    return tuple(submission.rows)


@pytest.fixture
def build(tmp_path):
    """Builds a submission for a sample file with the text `sample`; tags are separated by spaces unless said."""

    def call(sample, predictions=None, decisions=None, separator=" ", **config):
        path = tmp_path / "sample_submission.csv"
        path.write_text(sample)
        settings, table = SubmissionConfig(separator=separator, **config), read_sample(path)
        found = predictions or predict()
        return build_submission(found, table, find_format(table, found, settings), settings, decisions)

    return call


# --- the formats


def test_columns_of_probabilities_follow_the_sample_by_name(build):
    submission = build("id,dog,cat\na,0,0\nb,0,0\nc,0,0\n")
    assert submission.format == "probabilities"
    assert submission.header == ("id", "dog", "cat")
    assert rows_of(submission) == (("a", "0.25", "0.75"), ("b", "1", "0"), ("c", "0.5", "0.5"))


def test_rows_follow_the_sample_whatever_the_order_of_the_predictions(build):
    submission = build("id,cat,dog\nc,0,0\na,0,0\nb,0,0\n")
    assert rows_of(submission) == (("c", "0.5", "0.5"), ("a", "0.75", "0.25"), ("b", "0", "1"))


def test_the_probability_of_one_class(build):
    sample = "id,label\na,0.5\nb,0.5\nc,0.5\n"
    submission = build(sample, positive_class="dog")
    assert (submission.format, rows_of(submission)) == ("probability", (("a", "0.25"), ("b", "1"), ("c", "0.5")))
    assert rows_of(build(sample, format="probability", positive_class="cat"))[0] == ("a", "0.75")


def test_a_column_called_after_a_class_wants_its_probability(build):
    submission = build("id,dog\na,0.5\nb,0.5\nc,0.5\n")
    assert (submission.format, rows_of(submission)) == ("probability", (("a", "0.25"), ("b", "1"), ("c", "0.5")))
    assert rows_of(build("id,dog\na,0\nb,0\nc,0\n", format="probability"))[1] == ("b", "1")
    # Zeros may as well stand for no dog.
    with pytest.raises(ConfigError, match="say label, index, or probability"):
        build("id,dog\na,0\nb,0\nc,0\n")


def test_the_probability_of_one_tag_needs_no_common_name(build):
    predictions = predict([[0.25]], "a", ("damaged",), "multi")
    assert rows_of(build("id,target\na,0.5\n", predictions)) == (("a", "0.25"),)


def test_labels_are_told_by_a_sample_with_class_names(build):
    submission = build("id,label\na,cat\nb,cat\nc,cat\n")
    # A tie goes to the first class name.
    assert (submission.format, rows_of(submission)) == ("label", (("a", "cat"), ("b", "dog"), ("c", "cat")))


def test_class_names_that_are_numbers_are_labels(build):
    predictions = predict([[0.1, 0.2, 0.7]], "a", ("10", "2", "9"))
    assert rows_of(build("id,label\na,9\n", predictions)) == (("a", "9"),)


def test_indices_are_told_by_a_sample_with_whole_numbers(build):
    predictions = predict([[0.1, 0.2, 0.7]], "a", ("cat", "dog", "emu"))
    submission = build("id,label\na,0\n", predictions)
    assert (submission.format, rows_of(submission)) == ("index", (("a", "2"),))


def test_indices_of_two_classes_when_asked_for(build):
    assert rows_of(build("id,label\na,0\nb,0\nc,0\n", format="index")) == (("a", "0"), ("b", "1"), ("c", "0"))


TAGS = predict([[0.9, 0.2, 0.3], [0.1, 0.1, 0.1]], "ab", ("clear", "haze", "road"), "multi")
GIVEN = np.array([[True, False, True], [False, False, False]])


def test_tags_are_the_decisions_and_none_is_an_empty_cell(build):
    submission = build("image_name,tags\na,clear road\nb,haze\n", TAGS, GIVEN)
    assert submission.format == "tags"
    assert rows_of(submission) == (("a", "clear road"), ("b", ""))


def test_decisions_follow_their_ids_into_the_order_of_the_sample(build):
    submission = build("image_name,tags\nb,haze\na,clear road\n", TAGS, GIVEN)
    assert rows_of(submission) == (("b", ""), ("a", "clear road"))


def test_tags_are_joined_by_the_separator(build):
    predictions = predict([[0.9, 0.9]], "a", ("bare ground", "slash burn"), "multi")
    submission = build("id,tags\na,bare ground;slash burn\n", predictions, np.array([[True, True]]), separator=";")
    assert rows_of(submission) == (("a", "bare ground;slash burn"),)


def test_indices_of_tags(build):
    submission = build("id,tags\na,0 16\nb,0\n", TAGS, GIVEN)
    assert (submission.format, rows_of(submission)) == ("indices", (("a", "0 2"), ("b", "")))


def test_tags_called_by_numbers_are_names(build):
    predictions = predict([[0.9, 0.9, 0.1]], "a", ("0", "16", "2"), "multi")
    submission = build("id,Predicted\na,0\n", predictions, np.array([[True, True, False]]))
    assert (submission.format, rows_of(submission)) == ("tags", (("a", "0 16"),))


def test_decisions_in_columns(build):
    submission = build("id,road,clear,haze\na,0,1,0\nb,0,0,0\n", TAGS, GIVEN, format="decisions")
    assert (submission.format, rows_of(submission)) == ("decisions", (("a", "1", "1", "0"), ("b", "0", "0", "0")))


def test_columns_of_several_labels(build):
    predictions = predict([[0.25, 0.5]], "a", ("haze", "road"), "multi")
    assert rows_of(build("id,road,haze\na,0.5,0\n", predictions)) == (("a", "0.5", "0.25"),)
    assert rows_of(build("id,road,haze\na,0,0\n", predictions, format="probabilities")) == (("a", "0.5", "0.25"),)


def test_numbers_match_by_name_and_may_be_anything_finite(build):
    predictions = predict([[-3.5, 1e6]], "a", ("x", "y"), "regression")
    submission = build("id,y,x\na,0,0\n", predictions)
    assert (submission.format, rows_of(submission)) == ("numbers", (("a", "1000000", "-3.5"),))


def test_several_numbers_match_by_name_never_by_position(build):
    predictions = predict([[1, 2]], "a", ("x", "y"), "regression")
    with pytest.raises(SubmissionError, match="missing z; not in the sample file y"):
        build("id,x,z\na,0,0\n", predictions)


def test_one_number_needs_no_common_name(build):
    predictions = predict([[2.5]], "a", ("price",), "regression")
    assert rows_of(build("id,prediction\na,0\n", predictions)) == (("a", "2.5"),)


def test_the_digits_give_every_float32_back(build):
    values = np.random.default_rng(0).random((1000, 2), dtype=np.float32)
    predictions = predict(values, [str(row) for row in range(1000)])
    sample = "id,cat,dog\n" + "".join(f"{row},0,0\n" for row in range(1000))
    found = [[float(cell) for cell in row[1:]] for row in rows_of(build(sample, predictions))]
    np.testing.assert_array_equal(np.array(found, dtype=np.float32), values)


def test_a_table_is_filled_for_any_ids_in_the_order_of_the_predictions():
    settings = SubmissionConfig(separator=" ")
    filled = fill_table(("id", "dog", "cat"), predict(ids="zyx"), "probabilities", settings)
    assert filled.header == ("id", "dog", "cat")
    assert rows_of(filled) == (("z", "0.25", "0.75"), ("y", "1", "0"), ("x", "0.5", "0.5"))
    assert rows_of(fill_table(("id", "t"), TAGS, "tags", settings, GIVEN)) == (("a", "clear road"), ("b", ""))


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
        ("multi", "label", "probabilities, tags, indices, decisions"),
        ("regression", "probabilities", "numbers"),
    ],
)
def test_a_format_of_another_task_is_refused(build, task, form, fitting):
    with pytest.raises(ConfigError, match=f"'{form}' does not fit task '{task}': {fitting}$"):
        build("id,label\na,0\nb,0\nc,0\n", predict(task=task), format=form)


def test_a_format_of_one_column_needs_one(build):
    with pytest.raises(ConfigError, match="'label' fills one column, the sample file has cat, dog"):
        build("id,cat,dog\na,0,0\nb,0,0\nc,0,0\n", format="label")


@pytest.mark.parametrize("cells", ["0,0,0", "0,1,0", "1,1,1"])
def test_columns_of_zeros_and_ones_for_several_labels_are_asked_for(build, cells):
    with pytest.raises(ConfigError, match=r"submission\.format: .* columns hold .*: say probabilities or decisions"):
        build(f"id,clear,haze,road\na,{cells}\nb,{cells}\n", TAGS, GIVEN)


@pytest.mark.parametrize("text", ["", "unknown", "0.5", "0;2"])
def test_a_column_for_several_labels_that_does_not_tell_is_asked_for(build, text):
    message = r"submission\.format: .*'tags' .*classes clear, haze, road: say tags or indices"
    with pytest.raises(ConfigError, match=message):
        build(f"id,tags\na,{text}\nb,{text}\n", TAGS, GIVEN)
    assert rows_of(build(f"id,tags\na,{text}\nb,{text}\n", TAGS, GIVEN, format="tags")) == (
        ("a", "clear road"),
        ("b", ""),
    )


@pytest.mark.parametrize("form, name", [("index", "label"), ("indices", "tags")])
def test_an_index_of_classes_that_are_numbers_is_refused(build, form, name):
    predictions = predict([[0.1, 0.2, 0.7]], "a", ("10", "2", "9"), "single" if form == "index" else "multi")
    message = f"'{form}' counts the sorted class names .* classes 10, 2, 9 are numbers themselves: say {name}"
    with pytest.raises(ConfigError, match=message):
        build("id,x\na,0\n", predictions, format=form)


def test_an_index_that_is_the_class_name_is_fine(build):
    predictions = predict([[0.1, 0.2, 0.7]], "a", ("0", "1", "2"))
    assert rows_of(build("id,x\na,0\n", predictions, format="index")) == (("a", "2"),)


def test_numbers_that_are_no_class_are_not_taken_for_an_index_of_classes_that_are_numbers(build):
    with pytest.raises(ConfigError, match=r"such as '0'.* does not tell"):
        build("id,x\na,0\n", predict([[0.1, 0.2, 0.7]], "a", ("1", "2", "3")))


@pytest.mark.parametrize("form", ["auto", "tags"])
@pytest.mark.parametrize("cell, found", [("clear, road", ", "), ("road;haze;clear", ";"), ("haze|road", r"\|")])
def test_another_separator_in_the_sample_is_named(build, cell, found, form):
    message = f"submission.separator: the sample file puts '{found}' between the tags .*, not ' '"
    with pytest.raises(ConfigError, match=message):
        build(f'id,tags\na,haze\nb,"{cell}"\n', TAGS, GIVEN, format=form)


def test_names_that_begin_alike_are_told_apart_in_the_sample(build):
    predictions = predict([[0.9, 0.9]], "a", ("cloud", "cloudy"), "multi")
    with pytest.raises(ConfigError, match="the sample file puts ';' between the tags"):
        build("id,tags\na,cloudy;cloud\n", predictions, np.array([[True, True]]))


def test_a_separator_must_tell_the_tags_apart(build):
    predictions = predict([[0.9, 0.9]], "a", ("bare ground", "road"), "multi")
    with pytest.raises(ConfigError, match=r"submission\.separator: ' ' is part of the class names 'bare ground'"):
        build("id,tags\na,road\n", predictions, np.array([[True, True]]))


def test_a_separator_that_nobody_named_is_asked_for(build):
    with pytest.raises(ConfigError, match=r"submission\.separator: say"):
        build("id,tags\na,road\nb,\n", TAGS, GIVEN, separator=None)


def test_the_separator_is_that_of_the_labels_unless_said():
    config = Config(
        data=DataConfig(root="d", train=TrainSourceConfig(labels="x.csv", label_separator=";")),
        model=ModelConfig(name="x"),
        stages=(StageConfig(image_size=1, lr=(1.0,)),),
        submission=SubmissionConfig(format="tags"),
    )
    assert submission_settings(config) == SubmissionConfig(format="tags", separator=";")
    own = dataclasses.replace(config, submission=SubmissionConfig(separator=", "))
    assert submission_settings(own).separator == ", "


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
