from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from kgcv.config.schema import (
    Config,
    DataConfig,
    ModelConfig,
    SplitConfig,
    StageConfig,
    TestSourceConfig,
    TrainSourceConfig,
)
from kgcv.errors import StopRequested
from kgcv.events import Silent, never_stop
from kgcv.recipes.balance import Balance, ClassBalance
from kgcv.recipes.check import CheckReport, check
from kgcv.recipes.check_findings import LabelReport, Spread
from kgcv.recipes.check_images import ImageReport, Twins


def image(path: Path, colour: int, width: int = 4, height: int = 3, mode: str = "L") -> None:
    """A one-coloured PNG; equal arguments give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (width, height), colour).convert(mode).save(path)


def config(root: Path, split: SplitConfig | None = None, **data: object) -> Config:
    return Config(
        data=DataConfig(root=str(root), **data),  # type: ignore[arg-type]
        model=ModelConfig(name="resnet34"),
        stages=(StageConfig(image_size=64, lr=(0.1,)),),
        split=split or SplitConfig(valid_fraction=0.5),
    )


TEST = TestSourceConfig(images=("test",), suffix=".png")


def run(config: Config) -> CheckReport:
    return check(config, Silent(), never_stop)


def images_of(config: Config) -> ImageReport:
    images = run(config).images
    assert images is not None
    return images


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two cats and two dogs, one test image, all sound."""
    for row, name in enumerate(("train/cat/1", "train/cat/2", "train/dog/3", "train/dog/4", "test/5")):
        image(tmp_path / f"{name}.png", colour=row)
    (tmp_path / "sample.csv").write_text("id,label\n5,0\n")
    return tmp_path


def test_sound_data_has_neither_problems_nor_warnings(root: Path) -> None:
    assert run(config(root, test=TEST, sample_submission="sample.csv")) == CheckReport(
        num_labelled=4,
        num_test=1,
        labels=LabelReport(
            task="single",
            balance=Balance(
                num_samples=4,
                num_folds=1,
                num_groups=None,
                parts=("train", "valid"),
                sizes=(2, 2),
                groups=None,
                classes={"cat": ClassBalance(2, (1, 1), 0), "dog": ClassBalance(2, (1, 1), 0)},
                numbers={},
            ),
            numbers={},
        ),
        images=ImageReport(
            width=Spread(4, 4, 4),
            height=Spread(3, 3, 3),
            modes={"L": 5},
            num_rotated=0,
            unreadable=(),
            twins=(),
        ),
        problems=(),
        warnings=(),
    )


def test_sizes_modes_and_rotations_are_counted_over_all_images(root: Path) -> None:
    image(root / "train/cat/1.png", 1, width=10, height=20, mode="RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn, so the upright image is 7 wide and 5 high
    Image.new("RGB", (5, 7)).save(root / "test/6.png", exif=exif)
    images = images_of(config(root, test=TEST))
    assert images.width == Spread(4, 4, 10)
    assert images.height == Spread(3, 3, 20)
    assert images.modes == {"L": 4, "RGB": 2}
    assert images.num_rotated == 1


def test_damaged_files_are_named_with_a_reason(root: Path) -> None:
    cut, text = root / "train/cat/1.png", root / "test/6.png"
    cut.write_bytes(cut.read_bytes()[:45])
    text.write_text("no image")
    report = run(config(root, test=TEST))
    assert report.images is not None
    assert [line.split(": ")[0] for line in report.images.unreadable] == [str(cut), str(text)]
    title, *lines = report.problems[0].splitlines()
    assert title == "images that cannot be read (2):"
    assert lines == [f"  {line}" for line in report.images.unreadable]
    assert sum(report.images.modes.values()) == 4


def test_ten_damaged_files_are_named_and_the_rest_counted(root: Path) -> None:
    for row in range(12):
        (root / f"test/{row + 100}.png").write_text(f"no image {row}")
    report = run(config(root, test=TEST))
    lines = report.problems[0].splitlines()
    assert len(lines) == 12
    assert lines[-1] == "  ... and 2 more"
    assert report.images is not None
    assert len(report.images.unreadable) == 12


def test_nothing_readable_has_no_size(root: Path) -> None:
    for path in root.rglob("*.png"):
        path.write_text(path.name)
    images = images_of(config(root, test=TEST))
    assert (images.width, images.height, images.modes) == (None, None, {})


def test_identical_files_warn_and_contradict_if_labels_differ(root: Path) -> None:
    image(root / "train/cat/1b.png", 0)
    image(root / "train/dog/2b.png", 1)
    image(root / "test/3b.png", 2)
    image(root / "test/5b.png", 4)  # twins within test harm nobody
    report = run(config(root, SplitConfig(valid_fraction=0.5, allow_twins=True), test=TEST))
    assert report.images is not None
    assert report.images.twins == (
        Twins(train=("cat/1.png", "cat/1b.png"), test=(), labels=("cat",)),
        Twins(train=("cat/2.png", "dog/2b.png"), test=(), labels=("cat", "dog")),
        Twins(train=("dog/3.png",), test=("3b",), labels=("dog",)),
    )
    assert report.problems == ("identical images with different labels (1): cat/2.png = dog/2b.png (cat / dog)",)
    assert report.warnings == (
        "identical images within train (1): cat/1.png = cat/1b.png",
        "identical images in train and test (1): dog/3.png = 3b",
    )


def test_twins_beside_a_damaged_file_keep_their_names(root: Path) -> None:
    (root / "train/cat/0.png").write_text("no image")
    image(root / "test/4.png", 0)
    assert images_of(config(root, test=TEST)).twins == (Twins(("cat/1.png",), ("4",), ("cat",)),)


def test_the_sample_submission_must_ask_for_the_test_images(root: Path) -> None:
    image(root / "test/6.png", 6)
    (root / "sample.csv").write_text("id,label\n5,0\n7,0\n5,0\n")
    path = root / "sample.csv"
    assert run(config(root, test=TEST, sample_submission="sample.csv")).problems == (
        f"{path}: ids that occur more than once (1): 5",
        f"{path}: ids without a test image (1): 7",
        f"{path}: test images without a row (1): 6",
    )


def test_a_forgotten_suffix_is_one_problem_with_a_hint(root: Path) -> None:
    source = replace(TEST, suffix="")
    assert run(config(root, test=source, sample_submission="sample.csv")).problems == (
        f"{root}/sample.csv: no row is a test image; rows are like '5', test ids like '5.png' (see data.test.suffix)",
    )


def test_every_part_is_checked_whatever_else_is_wrong(root: Path) -> None:
    image(root / "train/stray.png", 9)
    report = run(config(root, test=replace(TEST, images=("test", "gone")), sample_submission="sample.csv"))
    assert [problem.splitlines()[0] for problem in report.problems] == [
        f"{root}/train:",
        f"{root}/gone: there is no such folder",
    ]
    assert (report.num_labelled, report.num_test, report.labels) == (0, 0, None)


def test_a_missing_sample_submission_is_a_problem(root: Path) -> None:
    report = run(config(root, test=TEST, sample_submission="gone.csv"))
    assert report.problems == (f"{root}/gone.csv: cannot be read: No such file or directory",)


def test_labels_that_cannot_be_told_leave_the_images_checked(root: Path) -> None:
    (root / "train.csv").write_text("id,label\ncat/1,0.5\ncat/2,1.5\ndog/3,2\ndog/4,3\n")
    source = TrainSourceConfig(labels="train.csv", suffix=".png")
    report = run(config(root, train=source))
    assert report.labels is None
    assert report.num_labelled == 4
    assert report.problems[0].startswith("data.task: auto cannot tell")
    assert report.images is not None
    assert report.images.modes == {"L": 4}


def test_an_impossible_split_leaves_the_labels_counted(root: Path) -> None:
    report = run(config(root, SplitConfig(kind="folds", num_folds=3)))
    assert report.problems == ("split.num_folds: 3 is more than the 2 samples of any class",)
    assert report.labels is not None
    assert report.labels.balance.sizes == (4, 0)
    assert report.labels.balance.classes == {"cat": ClassBalance(2, (2, 0), 0), "dog": ClassBalance(2, (2, 0), 0)}


def test_classes_that_cannot_be_learned_or_scored_are_told(root: Path) -> None:
    image(root / "valid/emu/6.png", 6)
    image(root / "valid/dog/7.png", 7)
    image(root / "train/Dog/8.png", 8)
    report = run(config(root, SplitConfig(kind="folder")))
    assert report.problems == ()
    assert report.warnings == (
        "classes without a training image in some fold (1): emu",
        "classes without a validation image (2): Dog, cat",
        "class names that differ only in case (2): 'Dog', 'dog'",
    )


def test_a_class_is_judged_in_every_fold(root: Path) -> None:
    (root / "train.csv").write_text("id,label,fold\ncat/1,a,0\ncat/2,a,1\ndog/3,a,0\ndog/4,b,1\n")
    split = SplitConfig(kind="column", column="fold")
    report = run(config(root, split, train=TrainSourceConfig(labels="train.csv", suffix=".png"), task="single"))
    assert report.warnings == (
        "classes without a training image in some fold (1): b",
        "classes without a validation image in some fold (1): b",
    )


def test_every_fold_is_counted(root: Path) -> None:
    report = run(config(root, SplitConfig(kind="folds", num_folds=2)))
    assert report.labels is not None
    assert report.labels.balance.parts == ("fold 0", "fold 1")
    assert report.labels.balance.classes == {"cat": ClassBalance(2, (1, 1), 0), "dog": ClassBalance(2, (1, 1), 0)}


def test_the_split_shown_is_the_one_that_trains_with_twins_on_one_side(root: Path) -> None:
    image(root / "train/dog/4.png", 2)  # as dog/3
    report = run(config(root, SplitConfig(kind="folds", num_folds=2)))
    assert report.labels is not None
    assert sorted(report.labels.balance.classes["dog"].counts) == [0, 2]
    image(root / "valid/dog/5.png", 2)
    problems = run(config(root, SplitConfig(kind="folder"))).problems
    assert problems == (
        "split.kind: folder puts identical images on both sides (1): dog/3.png = dog/4.png = valid/dog/5.png; "
        "move them to one side, or set split.allow_twins: true",
    )


def test_nothing_is_missed_in_validation_if_all_train(root: Path) -> None:
    report = run(config(root, SplitConfig(train_on_all=True)))
    assert report.labels is not None
    assert report.labels.balance.sizes == (4, 0)
    assert report.warnings == ()


def test_damaged_files_are_nobodys_twins(root: Path) -> None:
    for name in ("train/cat/1.png", "train/dog/3.png"):
        (root / name).write_text("no image")
    assert images_of(config(root)).twins == ()


def test_tags_count_in_each_of_their_images(root: Path) -> None:
    (root / "train.csv").write_text("id,tags\ncat/1,a b\ncat/2,a\ndog/3,a b\ndog/4,\n")
    report = run(config(root, train=TrainSourceConfig(labels="train.csv", suffix=".png"), task="multi"))
    assert report.labels is not None
    totals = {name: row.total for name, row in report.labels.balance.classes.items()}
    assert totals == {"a": 3, "b": 2}


def test_one_label_each_is_told_where_it_could_be_a_tag(root: Path) -> None:
    (root / "train.csv").write_text("id,tags\ncat/1,a\ncat/2,a\ndog/3,b\ndog/4,b\n")
    source = TrainSourceConfig(labels="train.csv", suffix=".png")
    (warning,) = run(config(root, train=source)).warnings
    assert warning.startswith("every sample has exactly one label, so the task is single")
    assert run(config(root, train=source, task="single")).warnings == ()


def test_identical_images_with_and_without_tags_contradict(root: Path) -> None:
    image(root / "train/cat/2.png", 0)
    (root / "train.csv").write_text("id,tags\ncat/1,b a\ncat/2,\ndog/3,a b\ndog/4,a\n")
    report = run(config(root, train=TrainSourceConfig(labels="train.csv", suffix=".png"), task="multi"))
    assert report.problems == ("identical images with different labels (1): cat/1 = cat/2 (a b / none)",)


def test_numbers_have_a_spread_instead_of_classes(root: Path) -> None:
    (root / "train.csv").write_text("id,x,y\ncat/1,1,0\ncat/2,2,0.5\ndog/3,4,0\ndog/4,8,0\n")
    source = TrainSourceConfig(labels="train.csv", label_columns=("x", "y"), suffix=".png")
    report = run(config(root, train=source, task="regression"))
    assert report.labels is not None
    assert report.labels.task == "regression"
    assert report.labels.balance.classes == {}
    assert report.labels.numbers == {"x": Spread(1, 3, 8), "y": Spread(0, 0, 0.5)}


def test_a_stop_ends_the_check(root: Path) -> None:
    with pytest.raises(StopRequested) as caught:
        check(config(root), Silent(), lambda: 2)
    assert caught.value.exit_code == 130


def test_images_are_read_with_the_models_channels(root: Path) -> None:
    many = replace(config(root), model=ModelConfig(name="resnet34", channels=5))
    report = run(many)
    assert report.images is not None
    assert len(report.images.unreadable) == 4
