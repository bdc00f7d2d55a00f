"""What `kgcv init` finds in layouts of every kind, and what it says where it cannot guess."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kgcv.config.commented import todos
from kgcv.config.load import load_config
from kgcv.config.schema import Config
from kgcv.data.samples import read_test_samples, read_train_samples
from kgcv.errors import DataError
from kgcv.recipes.init import InitResult, init


def write_images(root: Path, *names: str, size: int = 16, mode: str = "RGB") -> None:
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng([number, *name.encode()]).integers(0, 256, (size, size, 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(path)


def write_table(path: Path, header: str, *rows: str) -> None:
    path.write_text("\n".join([header, *rows]) + "\n")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pets").mkdir()
    return Path("pets")


def guess(root: Path) -> tuple[InitResult, Config, str]:
    result = init(root, Path("guess.yaml"))
    return result, load_config(result.path), result.path.read_text()


def refusal(root: Path) -> str:
    with pytest.raises(DataError) as caught:
        init(root)
    assert not list(Path().glob("*.yaml"))
    assert not list(Path().glob(".*.tmp"))
    return str(caught.value)


def numbered(folder: str, count: int, suffix: str = ".jpg") -> list[str]:
    return [f"{folder}/{number}{suffix}" for number in range(count)]


# What is found


def test_class_folders_below_a_doubled_folder_with_a_folder_for_validation(root: Path) -> None:
    for part, count in (("train", 4), ("valid", 2)):
        write_images(root / part / part, *numbered("cat", count), *numbered("dog", count))
    write_images(root / "test/test", *numbered(".", 3))
    result, config, text = guess(root)
    assert config.data.train.images == "train/train"
    assert (config.split.kind, config.split.folder) == ("folder", "valid/valid")
    assert config.data.test is not None
    assert config.data.test.images == ("test/test",)
    assert (result.num_train, result.num_test, result.problems) == (12, 3, ())
    assert "images: train/train  # 8 images in 2 folders, which are the classes: cat, dog" in text
    assert result.todos == ("data.sample_submission: no file called submission; it shows ids, columns and order",)


def test_a_link_to_the_images_and_one_that_leads_back(root: Path, tmp_path: Path) -> None:
    write_images(tmp_path / "elsewhere", *numbered("cat", 5), *numbered("dog", 5))
    (root / "train").symlink_to(tmp_path / "elsewhere")
    (root / "again").symlink_to(tmp_path / "pets")
    result, config, _ = guess(root)
    assert config.data.train.images == "train"
    assert result.num_train == 10


def test_class_folders_may_have_several_suffixes(root: Path) -> None:
    write_images(root, *numbered("train/cat", 2, ".png"), *numbered("train/dog", 2, ".JPG"))
    _, config, text = guess(root)
    assert config.data.train.suffix == ""
    assert "suffix: ''  # several, which stay in the ids: 2 .png, 2 .JPG" in text


def test_delimited_tags_and_rows_without_any(root: Path) -> None:
    write_images(root, *numbered("train", 6, ".png"))
    tags = ["a|b", "a", "b|c", "", "c|a", "b"]
    write_table(root / "train.csv", "id,what", *(f"{number},{tag}" for number, tag in enumerate(tags)))
    result, config, _ = guess(root)
    assert (config.data.task, config.data.train.label_separator) == ("multi", "|")
    assert config.data.train.label_columns == ("what",)
    assert not config.decision.never_empty
    assert (result.num_train, result.problems) == (6, ())


def test_numbers_are_a_regression_where_the_sample_has_decimals(root: Path) -> None:
    write_images(root, *numbered("train", 8), *numbered("test", 2))
    rows = [f"{number},{number % 2},{number + 1}" for number in range(8)]
    write_table(root / "train.csv", "Id,Eyes,Pawpularity", *rows)
    write_table(root / "test.csv", "Id,Eyes", "0,1", "1,1")
    write_table(root / "sample_submission.csv", "Id,Pawpularity", "0,43.75", "1,43.75")
    _, config, text = guess(root)
    assert (config.data.task, config.train.metric, config.submission.format) == ("regression", "rmse", "numbers")
    assert "# 8 whole numbers from 1 to 8, and the sample submission has 43.75" in text
    assert "\n  # task: single  # if they number classes\n" in text


def test_stages_grow_to_the_size_of_the_images(root: Path) -> None:
    write_images(root, *numbered("train/cat", 3), *numbered("train/dog", 3), size=160)
    _, config, text = guess(root)
    assert [(stage.image_size, stage.frozen) for stage in config.stages] == [
        (64, True),
        (64, False),
        (128, False),
        (160, False),
    ]
    assert config.resize.ratio == 1.0
    assert "of 6 images looked at the shortest edge is 160" in text


def test_grey_images_have_one_channel(root: Path) -> None:
    write_images(root, *numbered("train/cat", 3), *numbered("train/dog", 3), mode="L")
    assert guess(root)[1].model.channels == 1


def test_a_sample_with_both_classes_wants_classes(root: Path) -> None:
    write_images(root, *numbered("train", 6), *numbered("test", 2))
    write_table(root / "train.csv", "id,label", *(f"{number},{number % 2}" for number in range(6)))
    write_table(root / "sample_submission.csv", "id,label", "0,0", "1,1")
    _, config, text = guess(root)
    assert (config.submission.format, config.train.metric) == ("label", "accuracy")
    assert "\n  # format: probability  # if probabilities are scored" in text


def test_only_the_images_that_the_sample_asks_for_are_predicted(root: Path) -> None:
    write_images(root, *numbered("train/cat", 3), *numbered("train/dog", 3), *numbered("test", 4))
    write_table(root / "sample_submission.csv", "id,cat,dog", "1,0.5,0.5", "3,0.5,0.5")
    result, config, _ = guess(root)
    assert read_test_samples(config.data).ids == ("1", "3")
    assert (config.submission.format, result.num_test) == ("probabilities", 2)


def test_strange_names_are_quoted(root: Path, tmp_path: Path) -> None:
    odd = tmp_path / "it's: a #1, 'pet' [x]"
    write_images(odd, "train: a/1.jpg", "train: a/2.jpg", "train: a/3.jpg", "train: a/4.jpg")
    write_table(odd / "labels, all.csv", '"the id","a ""tag"": {x}"', "1,y", "2,n", "3,y", "4,n")
    _, config, _ = guess(odd)
    assert config.data.root == str(odd)
    assert config.data.train.label_columns == ('a "tag": {x}',)
    assert len(read_train_samples(config.data, config.split)) == 4


def test_photos_are_taken_before_masks_of_the_same_names(root: Path) -> None:
    write_images(root, *numbered("masks", 4), *numbered("images", 4))
    write_table(root / "data.csv", "id,label", "0,x", "1,y", "2,x", "3,y")
    _, config, text = guess(root)
    assert config.data.train.images == "images"
    assert "# images: masks  # the same ids" in text


def test_groups_and_dates_beside_the_labels(root: Path) -> None:
    write_images(root, *numbered("train", 24))
    rows = [f"{n},{'xy'[n % 2]},2020-01-{n + 1:02d},{n // 3},farm {n % 9}" for n in range(24)]
    write_table(root / "train.csv", "id,label,taken,CameraID,place", *rows)
    _, config, text = guess(root)
    assert config.split.group_column == "CameraID"
    assert "# group_column: place  # 9 values for 24 images; if they look alike" in text
    assert "# taken has dates: if the images to predict are later" in text


# What is left to a person


def test_ids_that_fit_no_image_are_a_todo_that_config_check_names(root: Path) -> None:
    write_images(root, *numbered("train/cat", 3), *numbered("train/dog", 3), *numbered("test", 2))
    write_table(root / "sample_submission.csv", "id,label", "a1,cat", "a2,dog")
    result, config, text = guess(root)
    expected = "the sample submission's ids are like 'a1', the images like '0.jpg', and no suffix joins them"
    assert result.todos == (f"data.test.images: {expected}",)
    assert [told for _, told in todos(text)] == [f"images: {expected}"]
    assert config.submission.format == "label"


def test_several_suffixes_of_test_images_are_a_todo(root: Path) -> None:
    write_images(root, *numbered("train/cat", 5), *numbered("train/dog", 5), "test/1.jpg", "test/2.jpg", "test/3.png")
    write_table(root / "sample_submission.csv", "id,label", "1,cat", "2,cat", "3,dog")
    result, _, _ = guess(root)
    assert result.todos == (
        "data.test.images: kgcv reads one suffix a folder, and beside .jpg there is 3.png; convert or rename it",
    )
    assert len(result.problems) == 1


def test_lost_images_are_told_as_kgcv_tells_them(root: Path) -> None:
    write_images(root, *numbered("train", 4))
    write_table(root / "train.csv", "id,label", "0,a", "1,b", "2,a", "3,b", "4,a")
    result, config, _ = guess(root)
    assert config.data.train.labels == "train.csv"
    assert result.problems == ("pets/train.csv and the images:\n  ids without an image (1): 4",)


# What cannot be guessed


def test_a_file_is_never_overwritten(root: Path) -> None:
    write_images(root, *numbered("train/cat", 2), *numbered("train/dog", 2))
    Path("pets.yaml").write_text("mine")
    with pytest.raises(DataError, match=r"pets\.yaml: is there already and stays as it is; name another file with -o"):
        init(root)
    Path("link.yaml").symlink_to("nowhere")
    with pytest.raises(DataError, match=r"link\.yaml: is there already"):
        init(root, Path("link.yaml"))
    assert Path("pets.yaml").read_text() == "mine"


def test_an_empty_folder_is_refused(root: Path) -> None:
    expected = "pets: no images and no CSV files; missing: folders of images, or train.csv and test.csv"
    assert refusal(root) == expected


def test_what_is_still_packed_is_named(root: Path) -> None:
    (root / "train.zip").touch()
    assert refusal(root).startswith("pets: train.zip, which is not unpacked; missing: ")


def test_images_without_labels_are_refused(root: Path) -> None:
    write_images(root, *numbered("train", 3))
    assert refusal(root) == (
        "pets: 3 images in train/; nothing tells labels: no CSV file names the images, and neither folders nor file "
        "names are classes"
    )


def test_two_equally_good_label_files_are_refused(root: Path) -> None:
    write_images(root, *numbered("train", 4))
    write_table(root / "a.csv", "id,label", "0,x", "1,y", "2,x", "3,y")
    write_table(root / "b.csv", "id,label", "0,x", "1,x", "2,x", "3,y")
    expected = "pets: a.csv and b.csv label the images equally well and differently; move aside all but the right one"
    assert refusal(root) == expected


def test_of_two_label_files_that_say_the_same_one_is_taken(root: Path) -> None:
    write_images(root, *numbered("train", 4))
    for name in ("a.csv", "b.csv"):
        write_table(root / name, "id,label", "0,x", "1,y", "2,x", "3,y")
    assert guess(root)[1].data.train.labels == "a.csv"


def test_columns_of_which_nothing_tells_the_label_are_refused(root: Path) -> None:
    write_images(root, *numbered("train", 4))
    write_table(root / "train.csv", "id,size,mood", *(f"{number},1,good" for number in range(4)))
    assert refusal(root) == (
        "pets/train.csv: which of the columns 'size', 'mood' has the labels cannot be told; "
        "a sample submission with the same column would tell"
    )


def test_several_rows_an_image_are_refused(root: Path) -> None:
    write_images(root, *numbered("train", 4))
    write_table(root / "train.csv", "id,label", "0,x", "0,y", "1,x", "2,y", "3,y")
    assert "5 rows are of 4 images by column 'id'; kgcv learns from one row an image" in refusal(root)


def test_ids_without_the_folders_of_their_images_are_refused(root: Path) -> None:
    write_images(root, "train/0/a/0a.jpg", "train/1/b/1b.jpg", "train/1/b/1c.jpg", "train/2.jpg")
    write_table(root / "train.csv", "id,label", "0a,x", "1b,y", "1c,y")
    assert refusal(root).startswith(
        "pets/train.csv: '0a' seems to be train/0/a/0a.jpg, but an id names its folders, too; "
    )
