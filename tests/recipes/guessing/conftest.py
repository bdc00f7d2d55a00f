"""Competitions as Kaggle hands them out, in small: names of files and columns are the real ones."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

_BREEDS = """
affenpinscher afghan_hound african_hunting_dog airedale american_staffordshire_terrier appenzeller australian_terrier
basenji basset beagle bedlington_terrier bernese_mountain_dog black-and-tan_coonhound blenheim_spaniel bloodhound
bluetick border_collie border_terrier borzoi boston_bull bouvier_des_flandres boxer brabancon_griffon briard
brittany_spaniel bull_mastiff cairn cardigan chesapeake_bay_retriever chihuahua chow clumber cocker_spaniel collie
curly-coated_retriever dandie_dinmont dhole dingo doberman english_foxhound english_setter english_springer
entlebucher eskimo_dog flat-coated_retriever french_bulldog german_shepherd german_short-haired_pointer
giant_schnauzer golden_retriever gordon_setter great_dane great_pyrenees greater_swiss_mountain_dog groenendael
ibizan_hound irish_setter irish_terrier irish_water_spaniel irish_wolfhound italian_greyhound japanese_spaniel
keeshond kelpie kerry_blue_terrier komondor kuvasz labrador_retriever lakeland_terrier leonberg lhasa malamute
malinois maltese_dog mexican_hairless miniature_pinscher miniature_poodle miniature_schnauzer newfoundland
norfolk_terrier norwegian_elkhound norwich_terrier old_english_sheepdog otterhound papillon pekinese pembroke
pomeranian pug redbone rhodesian_ridgeback rottweiler saint_bernard saluki samoyed schipperke scotch_terrier
scottish_deerhound sealyham_terrier shetland_sheepdog shih-tzu siberian_husky silky_terrier
soft-coated_wheaten_terrier staffordshire_bullterrier standard_poodle standard_schnauzer sussex_spaniel
tibetan_mastiff tibetan_terrier toy_poodle toy_terrier vizsla walker_hound weimaraner welsh_springer_spaniel
west_highland_white_terrier whippet wire-haired_fox_terrier yorkshire_terrier
"""
BREEDS = _BREEDS.split()

DISEASES = ["healthy", "multiple_diseases", "rust", "scab"]
LEAVES = ["healthy", "scab", "frog_eye_leaf_spot", "rust", "complex", "powdery_mildew", "scab frog_eye_leaf_spot"]
LEAVES += ["scab frog_eye_leaf_spot complex", "frog_eye_leaf_spot complex", "rust frog_eye_leaf_spot"]
LEAVES += ["rust complex", "powdery_mildew complex"]
TAGS = ["primary clear", "primary clear agriculture road", "primary cloudy", "cloudy", "primary haze water"]
TAGS += ["primary clear water", "primary haze", "primary agriculture", "primary road", "clear road", "haze water"]
TAGS += ["primary partly_cloudy", "partly_cloudy agriculture"]


def write_images(folder: Path, names: Iterable[str], size: tuple[int, int] = (24, 20)) -> None:
    """Small images that all differ."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        seed = [number, *path.as_posix().encode()[-20:]]
        pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)


def write_rows(path: Path, header: str, rows: Iterable[Sequence[object]]) -> None:
    """A CSV file, packed if its name says so."""
    text = "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def dogs_vs_cats(root: Path) -> None:
    write_images(root / "train", [f"{kind}.{n}.jpg" for kind in ("cat", "dog") for n in range(10)])
    write_images(root / "test", [f"{n}.jpg" for n in range(1, 7)])
    write_rows(root / "sample_submission.csv", "id,label", [(n, 0.5) for n in range(1, 7)])


def dog_breed(root: Path) -> None:
    ids = [f"{n * 7919:032x}" for n in range(240)]
    write_images(root / "train", [f"{name}.jpg" for name in ids], size=(8, 8))
    write_rows(root / "labels.csv", "id,breed", [(name, BREEDS[n % 120]) for n, name in enumerate(ids)])
    asked = [f"{n * 104729:032x}" for n in range(1, 5)]
    write_images(root / "test", [f"{name}.jpg" for name in asked], size=(8, 8))
    header = ",".join(["id", *BREEDS])
    write_rows(root / "sample_submission.csv", header, [(name, *[1 / 120] * 120) for name in asked])


def planet(root: Path) -> None:
    write_images(root / "train-jpg", [f"train_{n}.jpg" for n in range(26)])
    write_images(root / "train-tif-v2", [f"train_{n}.tif" for n in range(26)])
    write_rows(root / "train_v2.csv", "image_name,tags", [(f"train_{n}", TAGS[n % len(TAGS)]) for n in range(26)])
    write_images(root / "test-jpg", [f"test_{n}.jpg" for n in range(6)])
    write_images(root / "test-tif-v2", [f"test_{n}.tif" for n in range(6)])
    write_images(root / "test-jpg-additional", [f"file_{n}.jpg" for n in range(3)])
    asked = [*(f"test_{n}" for n in range(6)), *(f"file_{n}" for n in range(3))]
    rows = [(name, "primary clear agriculture road water") for name in asked]
    write_rows(root / "sample_submission_v2.csv", "image_name,tags", rows)


def cassava(root: Path) -> None:
    names = [f"{1000015157 + 37 * n}.jpg" for n in range(30)]
    write_images(root / "train_images", names)
    labels = [3] * 16 + [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 4, 4, 4, 4]
    write_rows(root / "train.csv", "image_id,label", list(zip(names, labels, strict=True)))
    told = '"0": "Cassava Bacterial Blight (CBB)", "1": "Cassava Brown Streak Disease (CBSD)"'
    told += ', "2": "Cassava Green Mottle (CGM)", "3": "Cassava Mosaic Disease (CMD)", "4": "Healthy"'
    (root / "label_num_to_disease_map.json").write_text(f"{{{told}}}")
    write_images(root / "test_images", ["2216849948.jpg"])
    write_rows(root / "sample_submission.csv", "image_id,label", [("2216849948.jpg", 4)])
    (root / "train_tfrecords").mkdir()
    (root / "train_tfrecords/ld_train00-1338.tfrec").touch()


def plant_pathology_2020(root: Path) -> None:
    write_images(root / "images", [f"Train_{n}.jpg" for n in range(24)] + [f"Test_{n}.jpg" for n in range(6)])
    one_hot = [[int(n % 4 == column) for column in range(4)] for n in range(24)]
    header = ",".join(["image_id", *DISEASES])
    write_rows(root / "train.csv", header, [(f"Train_{n}", *row) for n, row in enumerate(one_hot)])
    write_rows(root / "test.csv", "image_id", [(f"Test_{n}",) for n in range(6)])
    write_rows(root / "sample_submission.csv", header, [(f"Test_{n}", *[0.25] * 4) for n in range(6)])


def plant_pathology_2021(root: Path) -> None:
    names = [f"{0x800113BB65EFE69E + n:016x}.jpg" for n in range(36)]
    write_images(root / "train_images", names)
    write_rows(root / "train.csv", "image,labels", [(name, LEAVES[n % 12]) for n, name in enumerate(names)])
    asked = ["85f8cb619c66b863.jpg", "ad8770db05586b59.jpg", "c7b03e718489f3ca.jpg"]
    write_images(root / "test_images", asked)
    write_rows(root / "sample_submission.csv", "image,labels", [(name, "healthy") for name in asked])


def melanoma(root: Path) -> None:
    rows, asked = [], []
    for n in range(48):
        ill, patient = int(n % 16 == 0), f"IP_{7279968 + n // 4}"
        site = ["torso", "head/neck", "lower extremity"][n % 3]
        told = ("melanoma", "malignant") if ill else (["unknown", "nevus"][n % 2], "benign")
        rows.append((f"ISIC_{2637011 + n}", patient, "female" if n % 2 else "male", 45.0, site, *told, ill))
    for n in range(8):
        asked.append((f"ISIC_{52060 + n:07d}", f"IP_{3579794 + n // 2}", "male", 70.0, "torso"))
    header = "image_name,patient_id,sex,age_approx,anatom_site_general_challenge"
    write_rows(root / "train.csv", f"{header},diagnosis,benign_malignant,target", rows)
    write_rows(root / "test.csv", header, asked)
    write_rows(root / "sample_submission.csv", "image_name,target", [(row[0], 0) for row in asked])
    write_images(root / "jpeg/train", [f"{row[0]}.jpg" for row in rows])
    write_images(root / "jpeg/test", [f"{row[0]}.jpg" for row in asked])
    for folder, ids in (("train", rows), ("test", asked)):
        (root / folder).mkdir()
        (root / folder / f"{ids[0][0]}.dcm").touch()


def rossmann(root: Path) -> None:
    draw = np.random.default_rng(0)
    days = np.arange(np.datetime64("2015-04-01"), np.datetime64("2015-08-13"))
    header = "Store,DayOfWeek,Date,Sales,Customers,Open,Promo,StateHoliday,SchoolHoliday"
    train: list[Sequence[object]] = []
    test: list[Sequence[object]] = []
    for day, store in itertools.product(days, range(1, 5)):
        weekday = int((day.astype(int) + 3) % 7) + 1
        is_open, promo, school = int(weekday != 7), int(draw.integers(2)), int(draw.integers(2))
        sales = is_open * int(np.exp(draw.normal(8, 0.8)))
        if day <= np.datetime64("2015-07-31"):
            train.append((store, weekday, day, sales, sales // 9, is_open, promo, "0", school))
        else:
            test.append((len(test) + 1, store, weekday, day, is_open, promo, "0", school))
    write_rows(root / "train.csv", header, train)
    write_rows(root / "test.csv", "Id,Store,DayOfWeek,Date,Open,Promo,StateHoliday,SchoolHoliday", test)
    distances = [
        (1, "c", "a", 1270.5, ""),
        (2, "a", "a", "", "2010"),
        (3, "a", "c", 620.5, "2011"),
        (4, "c", "c", 9, ""),
    ]
    header = "Store,StoreType,Assortment,CompetitionDistance,Promo2SinceYear"
    write_rows(root / "store.csv", header, distances)
    write_rows(root / "sample_submission.csv", "Id,Sales", [(row[0], 0) for row in test])


COMPETITIONS: Mapping[str, Callable[[Path], None]] = {
    "dogs-vs-cats-redux-kernels-edition": dogs_vs_cats,
    "dog-breed-identification": dog_breed,
    "planet-understanding-the-amazon-from-space": planet,
    "cassava-leaf-disease-classification": cassava,
    "plant-pathology-2020-fgvc7": plant_pathology_2020,
    "plant-pathology-2021-fgvc8": plant_pathology_2021,
    "siim-isic-melanoma-classification": melanoma,
    "rossmann-store-sales": rossmann,
}


@pytest.fixture
def images() -> Callable[..., None]:
    """Writes small images: `images(folder, ["a.jpg"])`."""
    return write_images


@pytest.fixture
def rows() -> Callable[..., None]:
    """Writes a CSV file: `rows(path, "id,label", [(1, "cat")])`."""
    return write_rows


@pytest.fixture
def lay_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes a competition below the working directory, which becomes `tmp_path`: `lay_out("rossmann-store-sales")`."""
    monkeypatch.chdir(tmp_path)

    def write(name: str) -> Path:
        root = Path("data") / name
        root.mkdir(parents=True)
        COMPETITIONS[name](root)
        return root

    return write
