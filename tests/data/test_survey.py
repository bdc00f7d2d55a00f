from __future__ import annotations

from pathlib import Path

import pytest

from kgcv.data.survey import ImageFolder, role_of, take_survey


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def folders(root: Path) -> list[str]:
    return [folder.name for folder in take_survey(root).folders]


@pytest.mark.parametrize(
    "names, found",
    [
        (["train/1.jpg", "test/2.jpg"], ["test", "train"]),
        (["train/cat/1.jpg", "train/dog/2.jpg"], ["train"]),
        (["jpeg/train/1.jpg", "jpeg/test/2.jpg"], ["jpeg/test", "jpeg/train"]),
        (["train/train/1.jpg", "test/test/2.jpg"], ["test/test", "train/train"]),
        (["train/train/1.jpg", "train/bus/2.jpg"], ["train"]),  # a class may be called train
        (["images/Train_0.jpg", "images/Test_0.jpg"], ["images"]),
        (["cat/1.jpg", "dog/2.jpg"], [".", "cat", "dog"]),
        (
            ["stage_1_train_images/1.png", "example.png", "stage_1_test_images/2.png"],
            ["stage_1_test_images", "stage_1_train_images"],
        ),
        (["1.jpg"], ["."]),
        (["train/1.dcm"], []),
    ],
)
def test_folders_that_hold_a_part_of_the_images(tmp_path: Path, names: list[str], found: list[str]) -> None:
    touch(tmp_path, *names)
    assert folders(tmp_path) == found


def test_files_are_told_by_kind_and_hidden_ones_passed_over(tmp_path: Path) -> None:
    touch(
        tmp_path, "a.csv", "b/c.csv.gz", "m.json", "train.zip", ".hidden.csv", ".git/1.jpg", "__MACOSX/._1.jpg", "x.txt"
    )
    survey = take_survey(tmp_path)
    assert (survey.folders, survey.tables) == ((), ("a.csv", "b/c.csv.gz"))
    assert (survey.others, survey.packed) == (("m.json",), ("train.zip",))


def test_a_link_is_followed_but_not_in_circles(tmp_path: Path) -> None:
    touch(tmp_path, "away/1.jpg", "top/train/a/2.jpg")
    (tmp_path / "top/test").symlink_to(tmp_path / "away")
    (tmp_path / "top/train/a/back").symlink_to(tmp_path / "top")
    assert [(folder.name, folder.files) for folder in take_survey(tmp_path / "top").folders] == [
        ("test", ("1.jpg",)),
        ("train/a", ("2.jpg",)),
    ]


@pytest.mark.parametrize(
    "name, role",
    [("train-jpg", "train"), ("stage_1_test_images", "test"), ("Val", "valid"), ("images", None), ("latest", None)],
)
def test_a_role_is_a_word_of_the_name(name: str, role: str | None) -> None:
    assert role_of((name,)) == role
    assert role_of((name, "more")) == role


def test_suffixes_and_class_folders() -> None:
    folder = ImageFolder("train", ("a/1.jpg", "b/2.jpg", "b/3.PNG"))
    assert (folder.suffixes, folder.class_folders) == ((".jpg", ".PNG"), ("a", "b"))
    assert ImageFolder("train", ("a/1.jpg", "2.jpg")).class_folders == ()
