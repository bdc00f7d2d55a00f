from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from kgcv.config.schema import DataConfig, SplitConfig, TestSourceConfig, TrainSourceConfig
from kgcv.data.samples import SampleTable, find_images, read_test_samples, read_train_samples
from kgcv.errors import ConfigError, DataError

HOLDOUT = SplitConfig()
FOLDER = SplitConfig(kind="folder")


def touch(root: Path, *names: str) -> None:
    """Reading samples looks at names only, so empty files do."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def config(root: Path, task: str = "auto", **train: object) -> DataConfig:
    return DataConfig(root=str(root), train=TrainSourceConfig(**train), task=task)  # type: ignore[arg-type]


def message(data: DataConfig, split: SplitConfig = HOLDOUT) -> str:
    with pytest.raises(DataError) as caught:
        read_train_samples(data, split)
    return str(caught.value)


def write_table(root: Path, *lines: str, name: str = "train.csv") -> None:
    (root / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


# Class folders


def test_the_first_folder_is_the_class_and_ids_are_sorted(tmp_path: Path) -> None:
    touch(tmp_path, "train/dog/2.jpg", "train/cat/10.PNG", "train/cat/more/1.jpg")
    samples = read_train_samples(config(tmp_path), HOLDOUT)
    assert samples.ids == ("cat/10.PNG", "cat/more/1.jpg", "dog/2.jpg")
    assert samples.labels == (("cat",), ("cat",), ("dog",))
    assert samples.paths == tuple(tmp_path / "train" / name for name in samples.ids)
    assert samples.split_marks is None
    assert samples.label_columns == ()


def test_a_class_folder_with_a_space_is_one_label_whatever_the_task(tmp_path: Path) -> None:
    touch(tmp_path, "train/T-shirt top/1.jpg")
    assert read_train_samples(config(tmp_path), HOLDOUT).labels == (("T-shirt top",),)


def test_the_suffix_is_no_part_of_the_id(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/1.jpg", "train/cat/01.jpg")
    assert read_train_samples(config(tmp_path, suffix=".jpg"), HOLDOUT).ids == ("cat/01", "cat/1")


def test_hidden_files_and_other_files_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/1.jpg", "train/cat/Thumbs.db", "train/.DS_Store", "train/cat/._1.jpg")
    touch(tmp_path, "train/.ipynb_checkpoints/1.jpg", "train/readme.txt")
    assert read_train_samples(config(tmp_path), HOLDOUT).ids == ("cat/1.jpg",)


def test_linked_folders_are_followed(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/1.jpg")
    (tmp_path / "train").mkdir()
    (tmp_path / "train/cat").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root").symlink_to(tmp_path)
    assert read_train_samples(config(tmp_path / "root"), HOLDOUT).ids == ("cat/1.jpg",)


def test_strays_and_empty_class_folders_are_listed(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/1.jpg", "train/2.jpg", "train/dog/Thumbs.db", "train/.hidden/x")
    assert message(config(tmp_path)) == (
        f"{tmp_path}/train:\n"
        "  images outside a class folder, with no data.train.labels or data.train.pattern to label them (1): "
        "2.jpg\n"
        "  class folders without images (1): dog"
    )


def test_a_missing_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    assert message(config(tmp_path)) == f"{tmp_path}/train: there is no such folder"
    touch(tmp_path, "train/cat/notes.txt")
    assert message(config(tmp_path)) == f"{tmp_path}/train: holds no images"


def test_images_with_another_suffix_are_listed(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/1.jpg", "train/cat/2.JPG", "train/cat/3.png")
    assert message(config(tmp_path, suffix=".jpg")) == (
        f"{tmp_path}/train:\n  images whose name does not end in the suffix '.jpg' (2): cat/2.JPG, cat/3.png"
    )


def test_a_suffix_of_ones_own_makes_an_image(tmp_path: Path) -> None:
    touch(tmp_path, "a_green.raw", "notes.txt")
    assert find_images(tmp_path, "_green.raw") == {"a": tmp_path / "a_green.raw"}


# File-name pattern


def test_the_pattern_finds_the_label_in_the_file_name(tmp_path: Path) -> None:
    touch(tmp_path, "train/dog.3.jpg", "train/cat.1.jpg", "train/cat.20.jpg", "train/.cat.9.jpg")
    samples = read_train_samples(config(tmp_path, pattern=r"(?P<label>cat|dog)\.\d+"), HOLDOUT)
    assert samples.ids == ("cat.1.jpg", "cat.20.jpg", "dog.3.jpg")
    assert samples.labels == (("cat",), ("cat",), ("dog",))


def test_the_pattern_sees_the_name_and_not_the_folder(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat.0/dog.1.jpg")
    samples = read_train_samples(config(tmp_path, pattern=r"(?P<label>cat|dog)\.\d+"), HOLDOUT)
    assert samples.labels == (("dog",),)


def test_names_that_do_not_match_are_listed_up_to_ten(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat.1.jpg", *(f"train/bird.{number:02}.jpg" for number in range(12)))
    pattern = r"(?P<label>cat|dog)\.\d+|bird"
    shown = ", ".join(f"bird.{number:02}.jpg" for number in range(10))
    assert message(config(tmp_path, pattern=pattern)) == (
        f"{tmp_path}/train:\n"
        f"  images whose name has no label by data.train.pattern {pattern!r} (12): {shown}, ... and 2 more"
    )


# CSV


def test_the_first_two_columns_are_id_and_label_and_the_order_is_the_files(tmp_path: Path) -> None:
    touch(tmp_path, "train/007.jpg", "train/1.jpg")
    write_table(tmp_path, "name,breed,age", "1, pug ,3", "007,collie,", "")
    samples = read_train_samples(config(tmp_path, labels="train.csv", suffix=".jpg"), HOLDOUT)
    assert samples.ids == ("1", "007")
    assert samples.labels == (("pug",), ("collie",))
    assert samples.paths == (tmp_path / "train/1.jpg", tmp_path / "train/007.jpg")
    assert samples.label_columns == ("breed",)


def test_ids_may_name_folders_and_hold_the_suffix(tmp_path: Path) -> None:
    touch(tmp_path, "train/a/1.jpg", "train/b/1.png")
    write_table(tmp_path, "id,label", "b/1.png,x", "a/1.jpg,y")
    assert read_train_samples(config(tmp_path, labels="train.csv"), HOLDOUT).ids == ("b/1.png", "a/1.jpg")


def test_columns_are_taken_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg")
    write_table(tmp_path, "x,label,file", "0,cat,1.jpg")
    data = config(tmp_path, labels="train.csv", id_column="file", label_columns=("label",))
    assert read_train_samples(data, HOLDOUT).labels == (("cat",),)


def test_several_columns_stay_numbers_as_text(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg")
    write_table(tmp_path, "id,x,y", "1.jpg,0.5,-3")
    samples = read_train_samples(config(tmp_path, labels="train.csv", label_columns=("y", "x")), HOLDOUT)
    assert samples.labels == (("-3", "0.5"),)
    assert samples.label_columns == ("y", "x")


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("single", (("T-shirt top",), ("coat",))),
        ("regression", (("T-shirt top",), ("coat",))),
        ("multi", (("T-shirt", "top"), ("coat",))),
        ("auto", (("T-shirt", "top"), ("coat",))),
    ],
)
def test_labels_are_split_only_where_there_can_be_several(
    tmp_path: Path, task: str, expected: Sequence[tuple[str, ...]]
) -> None:
    touch(tmp_path, "train/1.jpg", "train/2.jpg")
    write_table(tmp_path, "id,label", "1.jpg,T-shirt top", "2.jpg,coat")
    assert read_train_samples(config(tmp_path, task, labels="train.csv"), HOLDOUT).labels == expected


def test_another_separator_allows_tags_with_spaces(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg")
    write_table(tmp_path, "id,label", "1.jpg,partly cloudy | haze |")
    data = config(tmp_path, "multi", labels="train.csv", label_separator="|")
    assert read_train_samples(data, HOLDOUT).labels == (("partly cloudy", "haze"),)


def test_an_image_without_a_tag_is_allowed_in_multi_only(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg", "train/2.jpg")
    write_table(tmp_path, "id,label", "1.jpg,", "2.jpg,haze")
    assert read_train_samples(config(tmp_path, "multi", labels="train.csv"), HOLDOUT).labels == (
        (),
        ("haze",),
    )
    assert message(config(tmp_path, labels="train.csv")) == (
        f"{tmp_path}/train.csv and the images:\n  rows without a label, which only task: multi allows (1): 1.jpg"
    )


def test_of_several_columns_none_may_be_empty(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg")
    write_table(tmp_path, "id,x,y", "1.jpg,1,")
    data = config(tmp_path, "multi", labels="train.csv", label_columns=("x", "y"))
    assert message(data).endswith("rows without a label, which only task: multi allows (1): 1.jpg")


def test_everything_that_breaks_the_bijection_is_listed_at_once(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg", "train/2.jpg", *(f"train/x{number:02}.jpg" for number in range(11)))
    write_table(tmp_path, "id,label", "1,cat", "1,dog", "2,", ",cat", "gone,cat", "../train/2,cat")
    shown = ", ".join(f"x{number:02}" for number in range(10))
    assert message(config(tmp_path, labels="train.csv", suffix=".jpg")) == (
        f"{tmp_path}/train.csv and the images:\n"
        "  rows without an id (1): row 4\n"
        "  ids that occur more than once (1): 1\n"
        "  ids without an image (2): gone, ../train/2\n"
        f"  images without a row (11): {shown}, ... and 1 more\n"
        "  rows without a label, which only task: multi allows (1): 2"
    )


def test_a_missing_column_names_those_there_are(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg")
    write_table(tmp_path, "id,label", "1.jpg,cat")
    data = config(tmp_path, labels="train.csv", label_columns=("tags",))
    assert message(data) == f"{tmp_path}/train.csv: no column 'tags'; the columns are 'id', 'label'"


def test_a_label_column_that_cannot_be_guessed_is_asked_for(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg")
    write_table(tmp_path, "x,id", "x,id")
    assert message(config(tmp_path, labels="train.csv", id_column="id")) == (
        f"{tmp_path}/train.csv: the second column should hold the labels, the columns are 'x', 'id'; "
        "set data.train.label_columns"
    )


# Validation folder


def test_the_validation_folder_follows_with_its_name_in_the_ids(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/1.jpg", "train/dog/1.jpg", "valid/cat/1.jpg", "valid/dog/none.txt")
    samples = read_train_samples(config(tmp_path), FOLDER)
    assert samples.ids == ("cat/1.jpg", "dog/1.jpg", "valid/cat/1.jpg")
    assert samples.paths[-1] == tmp_path / "valid/cat/1.jpg"
    assert samples.labels == (("cat",), ("dog",), ("cat",))
    assert samples.split_marks == ("train", "train", "valid")


def test_the_validation_folder_is_read_by_the_same_pattern(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat.1.jpg", "held/dog.2.jpg")
    data = config(tmp_path, pattern="(?P<label>cat|dog)", suffix=".jpg")
    samples = read_train_samples(data, SplitConfig(kind="folder", folder="held"))
    assert samples.ids == ("cat.1", "held/dog.2")
    assert samples.labels == (("cat",), ("dog",))


def test_one_table_names_the_images_of_both_folders(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg", "valid/2.jpg")
    write_table(tmp_path, "id,label", "2.jpg,dog", "1.jpg,cat")
    samples = read_train_samples(config(tmp_path, labels="train.csv"), FOLDER)
    assert samples.ids == ("2.jpg", "1.jpg")
    assert samples.paths == (tmp_path / "valid/2.jpg", tmp_path / "train/1.jpg")
    assert samples.split_marks == ("valid", "train")


def test_an_image_in_both_folders_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg", "valid/1.jpg")
    write_table(tmp_path, "id,label", "1.jpg,cat")
    assert message(config(tmp_path, labels="train.csv"), FOLDER) == (
        f"{tmp_path}/train.csv and the images:\n  images in both the train and the valid folder (1): 1.jpg"
    )


def test_a_class_called_as_the_validation_folder_makes_no_doubled_ids(tmp_path: Path) -> None:
    touch(tmp_path, "train/valid/cat/1.jpg", "valid/cat/1.jpg")
    assert message(config(tmp_path), FOLDER) == (
        "the train and valid folders:\n  ids that occur in both (1): valid/cat/1.jpg"
    )


@pytest.mark.parametrize(("images", "folder"), [(".", "valid"), ("train", "train/valid"), ("train", "train")])
def test_one_folder_inside_the_other_is_refused(tmp_path: Path, images: str, folder: str) -> None:
    touch(tmp_path, "train/cat/1.jpg", "train/valid/cat/1.jpg", "valid/cat/1.jpg")
    split = SplitConfig(kind="folder", folder=folder)
    assert message(config(tmp_path, images=images), split) == (
        f"{tmp_path / folder}: split.folder must not lie in data.train.images, nor the other way round"
    )


# Split column


def test_the_split_column_comes_from_the_labels_file(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg", "train/2.jpg")
    write_table(tmp_path, "id,label,valid", "1.jpg,cat,1", "2.jpg,dog,")
    samples = read_train_samples(config(tmp_path, labels="train.csv"), SplitConfig(kind="column"))
    assert samples.split_marks == ("1", "")


@pytest.mark.parametrize("id_column", ["id", "file"])
def test_the_split_column_comes_from_a_file_of_its_own(tmp_path: Path, id_column: str) -> None:
    touch(tmp_path, "train/1.jpg", "train/2.jpg")
    write_table(tmp_path, "file,label", "1.jpg,cat", "2.jpg,dog")
    write_table(tmp_path, f"{id_column},fold", "2.jpg,1", "1.jpg,0", name="split.csv")
    split = SplitConfig(kind="column", column="fold", file=str(tmp_path / "split.csv"))
    data = config(tmp_path, labels="train.csv", id_column="file")
    assert read_train_samples(data, split).split_marks == ("0", "1")


def test_class_folders_take_a_split_file_too(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/1.jpg", "train/dog/2.jpg")
    write_table(tmp_path, "id,valid", "dog/2.jpg,yes", "cat/1.jpg,no", name="split.csv")
    split = SplitConfig(kind="column", file=str(tmp_path / "split.csv"))
    assert read_train_samples(config(tmp_path), split).split_marks == ("no", "yes")


def test_a_split_file_for_other_samples_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/1.jpg", "train/dog/2.jpg")
    write_table(tmp_path, "id,valid", "cat/1.jpg,1", "cat/1.jpg,0", "cat/3.jpg,0", name="split.csv")
    split = SplitConfig(kind="column", file=str(tmp_path / "split.csv"))
    assert message(config(tmp_path), split) == (
        f"{tmp_path}/split.csv and the samples:\n"
        "  ids that occur more than once (1): cat/1.jpg\n"
        "  samples without a row (1): dog/2.jpg\n"
        "  rows of no sample (1): cat/3.jpg"
    )


def test_a_missing_split_column_names_those_there_are(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg")
    write_table(tmp_path, "id,label", "1.jpg,cat")
    expected = f"{tmp_path}/train.csv: no column 'valid'; the columns are 'id', 'label'"
    assert message(config(tmp_path, labels="train.csv"), SplitConfig(kind="column")) == expected


# Groups


def test_groups_come_from_the_labels_file(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg", "train/2.jpg")
    write_table(tmp_path, "id,label,patient", "2.jpg,dog,p7", "1.jpg,cat,p1")
    samples = read_train_samples(config(tmp_path, labels="train.csv"), SplitConfig(group_column="patient"))
    assert samples.groups == ("p7", "p1")
    assert samples.split_marks is None


def test_groups_come_from_a_split_file_of_their_own(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/1.jpg", "train/dog/2.jpg")
    write_table(tmp_path, "id,patient", "dog/2.jpg,p7", "cat/1.jpg,p1", name="groups.csv")
    split = SplitConfig(kind="folds", group_column="patient", file=str(tmp_path / "groups.csv"))
    assert read_train_samples(config(tmp_path), split).groups == ("p1", "p7")


def test_samples_without_a_group_and_without_a_row_are_listed(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/1.jpg", "train/dog/2.jpg")
    split = SplitConfig(group_column="patient", file=str(tmp_path / "groups.csv"))
    write_table(tmp_path, "id,patient", "dog/2.jpg,", "cat/1.jpg,p1", name="groups.csv")
    assert message(config(tmp_path), split) == "split.group_column: patient:\n  samples without a group (1): dog/2.jpg"
    write_table(tmp_path, "id,patient", "cat/1.jpg,p1", name="groups.csv")
    assert message(config(tmp_path), split) == (
        f"{tmp_path}/groups.csv and the samples:\n  samples without a row (1): dog/2.jpg"
    )


# Weights


def test_weights_are_read_in_the_order_of_the_samples(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg", "train/2.jpg")
    write_table(tmp_path, "id,label,weight", "2.jpg,dog,1e-3", "1.jpg,cat,2")
    weights = read_train_samples(config(tmp_path, labels="train.csv", weight_column="weight"), HOLDOUT).weights
    assert weights is not None
    assert weights.tolist() == [0.001, 2.0]
    assert weights.dtype == np.float64


def test_weights_that_are_no_positive_number_are_listed(tmp_path: Path) -> None:
    cells = ["0", "-1", "inf", "nan", "", "heavy", "1"]
    touch(tmp_path, *(f"train/{row}.jpg" for row in range(len(cells))))
    write_table(tmp_path, "id,label,weight", *(f"{row},cat,{cell}" for row, cell in enumerate(cells)))
    assert message(config(tmp_path, labels="train.csv", suffix=".jpg", weight_column="weight")) == (
        f"{tmp_path}/train.csv, column 'weight':\n"
        "  weights that are no positive number (6): 0 (0), 1 (-1), 2 (inf), 3 (nan), 4 (), 5 (heavy)"
    )


# Test folders


def test_test_folders_follow_each_other(tmp_path: Path) -> None:
    touch(tmp_path, "test/2.jpg", "test/10.jpg", "more/1.jpg", "test/Thumbs.db")
    source = TestSourceConfig(images=("test", "more"), suffix=".jpg")
    samples = read_test_samples(DataConfig(root=str(tmp_path), test=source))
    assert samples.ids == ("10", "2", "1")
    assert samples.paths == (tmp_path / "test/10.jpg", tmp_path / "test/2.jpg", tmp_path / "more/1.jpg")
    assert samples.labels is None
    assert samples.split_marks is None


def test_an_id_in_two_test_folders_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "test/1.jpg", "test/2.jpg", "more/1.jpg")
    data = DataConfig(root=str(tmp_path), test=TestSourceConfig(images=("test", "more")))
    with pytest.raises(DataError) as caught:
        read_test_samples(data)
    assert str(caught.value) == "data.test.images:\n  ids that occur in more than one folder (1): 1.jpg"


def test_test_samples_need_their_section(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_test_samples(DataConfig(root=str(tmp_path)))
    assert str(caught.value) == "data.test: is missing; it names the folders of the images to predict"


# The table


def test_select_and_without_keep_what_belongs_together() -> None:
    samples = SampleTable(
        ids=("a", "b", "c"),
        paths=(Path("a"), Path("b"), Path("c")),
        labels=(("x",), (), ("y", "z")),
        label_columns=("tags",),
        split_marks=("0", "1", "2"),
    )
    chosen = samples.select(np.array([2, 0]))
    expected = SampleTable(("c", "a"), (Path("c"), Path("a")), (("y", "z"), ("x",)), ("tags",), ("2", "0"))
    assert chosen == expected
    assert samples.without({"b"}) == samples.select(np.array([0, 2]))
    assert len(samples.without(["a", "b", "c"])) == 0


def test_select_takes_groups_and_weights_along() -> None:
    paths = (Path("a"), Path("b"), Path("c"))
    samples = SampleTable(("a", "b", "c"), paths, groups=("x", "y", "y"), weights=np.array([1.0, 2.0, 3.0]))
    chosen = samples.select(np.array([2, 0]))
    assert chosen.groups == ("y", "x")
    assert chosen.weights is not None
    assert chosen.weights.tolist() == [3.0, 1.0]


def test_select_leaves_out_what_test_samples_lack() -> None:
    samples = SampleTable(("a", "b"), (Path("a"), Path("b")))
    assert samples.select(np.array([1])) == SampleTable(("b",), (Path("b"),))


def test_a_table_names_the_images_to_predict_in_its_order(tmp_path: Path) -> None:
    touch(tmp_path, "test/1.jpg", "test/2.jpg", "test/3.jpg")
    write_table(tmp_path, "image,label", "3,0", "1,0", name="sample.csv")
    source = TestSourceConfig(images=("test",), suffix=".jpg", ids="sample.csv")
    samples = read_test_samples(DataConfig(root=str(tmp_path), test=source))
    assert samples.ids == ("3", "1")
    assert samples.paths == (tmp_path / "test/3.jpg", tmp_path / "test/1.jpg")


def test_an_id_to_predict_without_an_image_or_twice_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "test/1.jpg")
    data = DataConfig(root=str(tmp_path), test=TestSourceConfig(images=("test",), suffix=".jpg", ids="s.csv"))
    write_table(tmp_path, "id", "1", "2", name="s.csv")
    with pytest.raises(DataError, match=r"ids without an image \(1\): 2"):
        read_test_samples(data)
    write_table(tmp_path, "id", "1", "1", name="s.csv")
    with pytest.raises(DataError, match=r"ids that occur more than once \(1\): 1"):
        read_test_samples(data)


def test_labelled_images_and_those_to_predict_may_share_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg", "images/b.jpg", "images/c.jpg")
    write_table(tmp_path, "id,label", "a,x", "b,y")
    write_table(tmp_path, "id", "c", name="test.csv")
    train = TrainSourceConfig(images="images", labels="train.csv", suffix=".jpg")
    test = TestSourceConfig(images=("images",), suffix=".jpg", ids="test.csv")
    data = DataConfig(root=str(tmp_path), train=train, test=test)
    assert read_train_samples(data, HOLDOUT).ids == ("a", "b")
    assert read_test_samples(data).ids == ("c",)
    touch(tmp_path, "images/d.jpg")
    assert "images without a row (1): d" in message(data)


def test_a_labelled_image_that_is_to_be_predicted_too_has_no_image_left(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg", "images/b.jpg")
    write_table(tmp_path, "id,label", "a,x", "b,y")
    train = TrainSourceConfig(images="images", labels="train.csv", suffix=".jpg")
    test = TestSourceConfig(images=("images",), suffix=".jpg", ids="train.csv")
    assert "ids without an image (2): a, b" in message(DataConfig(root=str(tmp_path), train=train, test=test))
