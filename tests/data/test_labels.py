from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from kgcv.data.labels import detect_task, encode_labels
from kgcv.data.samples import SampleTable
from kgcv.errors import DataError


def labelled(*rows: str | Sequence[str], columns: tuple[str, ...] = ()) -> SampleTable:
    """Samples a, b, c, ... with these labels."""
    labels = tuple((row,) if isinstance(row, str) else tuple(row) for row in rows)
    ids = tuple("abcdefghijkl"[: len(rows)])
    return SampleTable(ids, tuple(Path(name) for name in ids), labels, columns)


def test_single_classes_are_sorted_and_numbered() -> None:
    labels = encode_labels(labelled("dog", "cat", "emu", "cat"), "auto")
    assert labels.task == "single"
    assert labels.class_names == ("cat", "dog", "emu")
    assert labels.targets.tolist() == [1, 0, 2, 0]
    assert labels.targets.dtype == np.int64


def test_a_class_with_a_space_is_one_class_if_told_so() -> None:
    labels = encode_labels(labelled("T-shirt top", "coat"), "single")
    assert labels.class_names == ("T-shirt top", "coat")


def test_tags_become_indicators() -> None:
    labels = encode_labels(labelled(["haze", "water"], [], ["water", "water"], ["clear"], ["clear", "haze"]), "auto")
    assert labels.task == "multi"
    assert labels.class_names == ("clear", "haze", "water")
    assert labels.targets.tolist() == [[0, 1, 1], [0, 0, 0], [0, 0, 1], [1, 0, 0], [1, 1, 0]]
    assert labels.targets.dtype == np.float32


def test_one_tag_each_is_multi_if_told_so() -> None:
    labels = encode_labels(labelled("b", "a"), "multi")
    assert labels.targets.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("rows", "task"),
    [
        (["cat", "dog"], "single"),
        (["0", "9", "10"], "single"),
        (["1.5", "n/a"], "single"),
        ([["a", "b"], ["a"], ["b"]], "multi"),
    ],
)
def test_the_labels_tell_the_task(rows: list[str | list[str]], task: str) -> None:
    assert detect_task(labelled(*rows)) == task


@pytest.mark.parametrize(
    ("rows", "task"),
    [
        ([["1", "0"], ["0", "1.0"]], "single"),
        ([["1", "0"], ["1", "1"]], "multi"),
        ([["1", "0"], ["0", "0"]], "multi"),
    ],
)
def test_columns_of_0_and_1_tell_the_task(rows: list[list[str]], task: str) -> None:
    assert detect_task(labelled(*rows, columns=("x", "y"))) == task


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (
            labelled(["T-shirt", "top"], ["coat"], ["Ankle", "boot"], ["coat"]),
            "data.task: auto cannot tell whether 'T-shirt top' is one class or several tags; "
            "set data.task to single or multi",
        ),
        (
            labelled(["red", "car"], ["red", "bus"], ["blue", "car"], ["blue", "bus"]),
            "data.task: auto cannot tell whether 'red car' is one class or several tags; "
            "set data.task to single or multi",
        ),
        (
            labelled("3", "0.5", "-1e-3"),
            "data.task: auto cannot tell whether numbers such as '0.5' are classes; "
            "set data.task to regression or single",
        ),
        (
            labelled(["0.5", "1"], ["x", "0"], columns=("x", "y")),
            "data.task: auto needs label columns of 0 and 1, and x, y hold other values; "
            "set data.task to regression if they are numbers to predict",
        ),
    ],
)
def test_an_ambiguous_task_is_asked_for(samples: SampleTable, message: str) -> None:
    with pytest.raises(DataError) as caught:
        encode_labels(samples, "auto")
    assert str(caught.value) == message


def test_one_label_each_in_a_csv_file_is_single_and_said_so() -> None:
    note = (
        "every sample has exactly one label, so the task is single (softmax, one answer an image); "
        "if an image can have several, set data.task: multi, and single if it cannot"
    )
    assert encode_labels(labelled("cat", "dog", columns=("tags",)), "auto").notes == (note,)
    assert encode_labels(labelled(["0", "1"], ["1", "0"], columns=("cat", "dog")), "auto").notes == (note,)


@pytest.mark.parametrize(
    ("samples", "task"),
    [
        (labelled("cat", "dog"), "auto"),
        (labelled("cat", "dog", columns=("label",)), "single"),
        (labelled("cat", "dog", columns=("label",)), "multi"),
        (labelled(["a", "b"], ["a"], ["b"], columns=("tags",)), "auto"),
        (labelled("1", "2", columns=("age",)), "regression"),
    ],
)
def test_what_is_stated_or_plain_needs_no_note(samples: SampleTable, task: str) -> None:
    assert encode_labels(samples, task).notes == ()  # type: ignore[arg-type]


def test_tags_with_spaces_were_separated_by_something_else() -> None:
    labels = encode_labels(labelled(["bare ground", "road"], ["road"], ["bare ground"]), "auto")
    assert labels.task == "multi"
    assert labels.class_names == ("bare ground", "road")
    # Three tags and no more than three sets of them: spaces tell what words could not.
    assert encode_labels(labelled(["bare ground", "road"], ["road", "haze"]), "auto").task == "multi"


def test_columns_are_sorted_with_their_values() -> None:
    samples = labelled(["1", "0", "0"], ["0", "1", "0"], columns=("z", "b", "never"))
    labels = encode_labels(samples, "auto")
    assert labels.class_names == ("b", "never", "z")
    assert labels.targets.tolist() == [2, 0]
    assert encode_labels(samples, "multi").targets.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_numbers_keep_the_columns_order() -> None:
    labels = encode_labels(labelled(["1", "-2.5"], ["3e1", "0"], columns=("y", "x")), "regression")
    assert labels.task == "regression"
    assert labels.class_names == ("y", "x")
    assert labels.targets.tolist() == [[1, -2.5], [30, 0]]
    assert labels.targets.dtype == np.float32


def test_one_number_has_its_columns_name_or_label() -> None:
    assert encode_labels(labelled("1", "2", columns=("age",)), "regression").class_names == ("age",)
    labels = encode_labels(labelled("1", "2"), "regression")
    assert labels.class_names == ("label",)
    assert labels.targets.shape == (2, 1)


def test_an_earlier_vocabulary_is_kept() -> None:
    labels = encode_labels(labelled("dog", "dog"), "single", ("ant", "cat", "dog"))
    assert labels.class_names == ("ant", "cat", "dog")
    assert labels.targets.tolist() == [2, 2]
    numbers = encode_labels(labelled(["1", "2"], columns=("x", "y")), "regression", ("y", "x"))
    assert numbers.targets.tolist() == [[2, 1]]


@pytest.mark.parametrize(
    ("samples", "task", "class_names", "message"),
    [
        (
            labelled("cat", "zebra", "emu"),
            "single",
            ("cat", "dog"),
            "the classes of the run are cat, dog:\n  samples with another label (2): b (zebra), c (emu)",
        ),
        (
            labelled("1", columns=("age",)),
            "regression",
            ("size",),
            "the label columns are age, but the run has size",
        ),
        (
            labelled("1", "old", "nan", "inf"),
            "regression",
            None,
            "data.task: regression needs numbers:\n  samples with other labels (3): b (old), c (nan), d (inf)",
        ),
        (
            labelled("cat", "cat"),
            "single",
            None,
            "data.task: single needs at least two classes, found only 'cat'",
        ),
        (labelled([], []), "multi", None, "data.task: multi needs at least one tag, but no sample has any"),
        (
            labelled(["cat", "dog"], ["cat"], []),
            "single",
            None,
            "data.task: single needs one class a sample:\n  samples with none or several (2): a (cat dog), c (none)",
        ),
        (
            labelled(["0", "2"], ["1", "x"], columns=("p", "q")),
            "multi",
            None,
            "data.task: multi reads label columns of 0 and 1:\n  samples with other values (2): a (2), b (x)",
        ),
    ],
)
def test_labels_that_do_not_fit_are_listed(
    samples: SampleTable, task: str, class_names: tuple[str, ...] | None, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        encode_labels(samples, task, class_names)  # type: ignore[arg-type]
    assert str(caught.value) == message
