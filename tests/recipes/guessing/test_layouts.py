"""The decisive keys for the layouts of real competitions, and that kgcv reads every sample with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kgcv.config.load import load_config
from kgcv.config.schema import Config, TestSourceConfig, TrainSourceConfig
from kgcv.data.labels import LabelSet, encode_labels
from kgcv.data.samples import read_test_samples, read_train_samples
from kgcv.events import Silent, never_stop
from kgcv.recipes.init import InitResult, init

LayOut = Callable[[str], Path]


def guess(root: Path) -> tuple[InitResult, Config]:
    result = init(root)
    assert result.path == Path(f"{root.name}.yaml")
    return result, load_config(result.path)


def read(config: Config) -> tuple[LabelSet, int, int]:
    """The labels, and the numbers of labelled images and of images to predict, read as training does."""
    train = read_train_samples(config.data, config.split)
    return encode_labels(train, config.data.task), len(train), len(read_test_samples(config.data))


def test_dogs_vs_cats_has_its_classes_in_file_names(lay_out: LayOut) -> None:
    result, config = guess(lay_out("dogs-vs-cats-redux-kernels-edition"))
    assert config.data.train == TrainSourceConfig(images="train", pattern=r"^(?P<label>cat|dog)\.\d+\.", suffix=".jpg")
    assert config.data.test == TestSourceConfig(images=("test",), suffix=".jpg")
    assert config.data.sample_submission == "sample_submission.csv"
    assert (config.data.task, config.train.metric) == ("single", "log_loss")
    assert (config.submission.format, config.submission.positive_class) == ("probability", "dog")
    labels, *counts = read(config)
    assert (labels.class_names, counts) == (("cat", "dog"), [20, 6])
    assert (result.num_train, result.num_test, result.problems, result.todos) == (20, 6, (), ())
    text = result.path.read_text()
    assert "# all 20 are named like cat.0.jpg or dog.0.jpg" in text
    assert "\n  # positive_class: cat  # if the column is its probability\n" in text
    assert "\n# competition: dogs-vs-cats-redux-kernels-edition\n" in text


def test_dog_breed_has_a_probability_a_class(lay_out: LayOut) -> None:
    _, config = guess(lay_out("dog-breed-identification"))
    assert config.data.train == TrainSourceConfig(
        images="train", labels="labels.csv", id_column="id", label_columns=("breed",), suffix=".jpg"
    )
    assert (config.data.task, config.train.metric) == ("single", "log_loss")
    assert config.submission.format == "probabilities"
    labels, *counts = read(config)
    assert (len(labels.class_names), counts) == (120, [240, 4])
    assert [stage.image_size for stage in config.stages] == [8, 8]


def test_planet_has_two_test_folders_and_tiffs_beside_the_photos(lay_out: LayOut) -> None:
    result, config = guess(lay_out("planet-understanding-the-amazon-from-space"))
    assert config.data.train == TrainSourceConfig(
        images="train-jpg", labels="train_v2.csv", id_column="image_name", label_columns=("tags",), suffix=".jpg"
    )
    assert config.data.test == TestSourceConfig(images=("test-jpg", "test-jpg-additional"), suffix=".jpg")
    assert config.data.sample_submission == "sample_submission_v2.csv"
    assert (config.data.task, config.train.metric, config.submission.format) == ("multi", "f2", "tags")
    assert (config.decision.thresholds, config.decision.never_empty) == ("global", True)
    labels, *counts = read(config)
    assert (len(labels.class_names), counts) == (8, [26, 9])
    assert "\n    # images: train-tif-v2  # the same ids\n" in result.path.read_text()


def test_cassava_has_ids_with_suffix_and_numbered_classes(lay_out: LayOut) -> None:
    result, config = guess(lay_out("cassava-leaf-disease-classification"))
    assert config.data.train == TrainSourceConfig(
        images="train_images", labels="train.csv", id_column="image_id", label_columns=("label",)
    )
    assert config.data.test == TestSourceConfig(images=("test_images",))
    assert (config.data.task, config.train.metric, config.submission.format) == ("single", "accuracy", "label")
    labels, *counts = read(config)
    assert (labels.class_names, counts) == (("0", "1", "2", "3", "4"), [30, 1])
    text = result.path.read_text()
    assert "label_num_to_disease_map.json names the classes: 0 Cassava Bacterial Blight (CBB), " in text
    assert "\n  # task: regression  # if they are amounts" in text
    assert "\n  # metric: quadratic_weighted_kappa\n" in text


def test_plant_pathology_2020_has_all_images_in_one_folder(lay_out: LayOut) -> None:
    _, config = guess(lay_out("plant-pathology-2020-fgvc7"))
    diseases = ("healthy", "multiple_diseases", "rust", "scab")
    assert config.data.train == TrainSourceConfig(
        images="images", labels="train.csv", id_column="image_id", label_columns=diseases, suffix=".jpg"
    )
    assert config.data.test == TestSourceConfig(images=("images",), suffix=".jpg", ids="test.csv")
    assert (config.data.task, config.submission.format) == ("single", "probabilities")
    labels, *counts = read(config)
    assert (labels.class_names, counts) == (diseases, [24, 6])


def test_plant_pathology_2021_has_tags(lay_out: LayOut) -> None:
    result, config = guess(lay_out("plant-pathology-2021-fgvc8"))
    assert config.data.train == TrainSourceConfig(
        images="train_images", labels="train.csv", id_column="image", label_columns=("labels",)
    )
    assert config.data.test == TestSourceConfig(images=("test_images",))
    assert (config.data.task, config.submission.format) == ("multi", "tags")
    labels, *counts = read(config)
    assert (len(labels.class_names), counts) == (6, [36, 3])
    assert "task: multi  # cells are 12 sets of 6 tags, separated by ' '" in result.path.read_text()


def test_melanoma_has_patients_leaks_and_folders_of_another_kind(lay_out: LayOut) -> None:
    result, config = guess(lay_out("siim-isic-melanoma-classification"))
    assert config.data.train == TrainSourceConfig(
        images="jpeg/train", labels="train.csv", id_column="image_name", label_columns=("target",), suffix=".jpg"
    )
    assert config.data.test == TestSourceConfig(images=("jpeg/test",), suffix=".jpg")
    assert config.split.group_column == "patient_id"
    assert (config.data.task, config.train.metric) == ("single", "log_loss")
    assert (config.submission.format, config.submission.positive_class) == ("probability", "1")
    labels, *counts = read(config)
    assert (labels.class_names, counts) == (("0", "1"), [48, 8])
    text = " ".join(result.path.read_text().replace("\n    #", "").split())
    assert "diagnosis, benign_malignant: not in test.csv, so they may tell the answer" in text
    assert "kgcv reads images alone, not patient_id, sex, age_approx, anatom_site_general_challenge" in text
    assert "# class_weights: balanced" in text
    assert "1 has 3 images, 0 45" in text


def test_rossmann_has_a_log_target_a_rule_a_join_and_dates(lay_out: LayOut) -> None:
    result, config = guess(lay_out("rossmann-store-sales"))
    assert config.data.kind == "table"
    assert config.data.tables == {"train": "train.csv", "test": "test.csv", "store": "store.csv"}
    assert (config.data.target, config.data.id_column, config.data.date_column) == ("Sales", "Id", "Date")
    assert (config.data.task, config.train.metric, config.submission.format) == ("regression", "rmsle", "numbers")
    assert (config.split.kind, config.split.days) == ("last_days", 12)
    assert config.target.log
    assert config.rows.keep_where == ("Sales > 0",)
    assert [(rule.where, rule.value) for rule in config.rows.predict] == [(("Open == 0",), 0)]
    assert [step.step for step in config.features] == ["join", "date_parts", "fill"]
    assert {"Store", "DayOfWeek", "Promo", "StoreType", "CompetitionDistance_na"} <= set(config.columns.categories)
    assert "CompetitionDistance" in config.columns.numbers
    used = {*config.columns.categories, *config.columns.numbers}
    assert used.isdisjoint({"Customers", "Sales", "Open", "Id", "Date", "Year", "StateHoliday"})
    # 122 days of 4 stores, of which 17 are Sundays.
    assert (result.num_train, result.num_test, result.problems) == (122 * 4 - 17 * 4, 12 * 4, ())
    text = result.path.read_text()
    assert "not used, for it lacks them as well: Customers" in " ".join(text.replace("\n  #", "").split())
    assert "Sales is 0 in all 68 rows with Open == 0" in text
    assert "# left out: Year: one value in all rows to learn from" in text


def test_rossmann_makes_its_features(lay_out: LayOut) -> None:
    from kgcv.recipes.features import make_features

    _, config = guess(lay_out("rossmann-store-sales"))
    report = make_features(config, Silent(), never_stop)
    assert (report.num_train, report.num_test) == (488, 48)
    assert report.steps[0].unmatched == 0


@pytest.mark.parametrize("name", ["dogs-vs-cats-redux-kernels-edition", "plant-pathology-2020-fgvc7"])
def test_the_check_has_nothing_against_a_guess(lay_out: LayOut, name: str) -> None:
    from kgcv.recipes.check import check

    _, config = guess(lay_out(name))
    assert check(config, Silent(), never_stop).problems == ()
