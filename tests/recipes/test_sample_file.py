import io
import zipfile

import py7zr
import pytest

from kgcv.errors import ConfigError, DataError, KaggleError
from kgcv.events import Recorder
from kgcv.kaggle.ledger import Ledger
from kgcv.kaggle.settle import Desk
from kgcv.recipes.sample_file import fetch_sample, find_sample

SLUG = "leaf-disease"
TEXT = b"id,label\n1,0.5\n2,0.5\n3,0.5\n"


@pytest.mark.parametrize(
    "names, sample",
    [
        (["train.csv", "sample_submission.csv", "images/submission.png"], "sample_submission.csv"),
        (["train.csv", "gender_submission.csv"], "gender_submission.csv"),
        (["SampleSubmission.csv.zip", "old_submission.csv"], "SampleSubmission.csv.zip"),
        (["sample_submission_v2.csv.7z", "train.csv"], "sample_submission_v2.csv.7z"),
        (["meta/sampleSubmission.csv"], "meta/sampleSubmission.csv"),
    ],
)
def test_the_sample_file_is_known_by_its_name(names, sample):
    assert find_sample(names, "planet") == sample


@pytest.mark.parametrize(
    "names, message",
    [
        (["train.csv"], "planet has no file called submission; download the right one and name it with --sample"),
        (
            ["sample_submission_a.csv", "sample_submission_b.csv"],
            "several files .*submission_a.csv, sample_submission_b",
        ),
        (["submissions/notes.csv"], "no file called submission"),
    ],
)
def test_what_cannot_be_told_is_asked_for(names, message):
    with pytest.raises(ConfigError, match=message):
        find_sample(names, "planet")


@pytest.fixture
def desk(kaggle, tmp_path):
    return Desk(kaggle.connect(), Ledger(tmp_path / "submissions.jsonl"), Recorder(), sleep=kaggle.naps.append)


def zipped(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_csv", ".csv"), content)
    return stream.getvalue()


def seven_zipped(name, content):
    stream = io.BytesIO()
    with py7zr.SevenZipFile(stream, "w") as archive:
        archive.writestr(content, name)
    return stream.getvalue()


@pytest.mark.parametrize(
    "files, zip_over",
    [
        ({"sample_submission.csv": TEXT}, None),
        ({"sample_submission.csv": TEXT}, 3),  # Kaggle hands large files out as NAME.zip
        ({"sample_submission.csv.zip": zipped(sample_submission_csv=TEXT)}, None),
        ({"sample_submission_v2.csv.7z": seven_zipped("sample_submission_v2.csv", TEXT)}, None),
        ({"below/sample submission.csv": TEXT}, None),
    ],
)
def test_it_is_fetched_and_unpacked(kaggle, desk, tmp_path, files, zip_over):
    kaggle.files[SLUG], kaggle.zip_over = files, zip_over
    assert fetch_sample(desk, SLUG, tmp_path / "sample").read_bytes() == TEXT


def test_a_hiccup_is_sat_out(kaggle, desk, tmp_path):
    kaggle.fault("5xx", "storage")
    kaggle.fault("truncate", after=9)
    assert fetch_sample(desk, SLUG, tmp_path).read_bytes() == TEXT


def test_a_page_instead_of_it_is_told(kaggle, desk, tmp_path):
    kaggle.fault("html", "storage", times=-1)
    with pytest.raises(KaggleError, match=r"sample_submission\.csv: .*web page"):
        fetch_sample(desk, SLUG, tmp_path)


def test_other_content_than_listed_is_told(kaggle, desk, tmp_path, monkeypatch):
    files = desk.client.list_files(SLUG)
    monkeypatch.setattr(desk.client, "list_files", lambda slug: files)
    kaggle.files[SLUG] = {**kaggle.files[SLUG], "sample_submission.csv": TEXT + b"4,0.5\n"}
    with pytest.raises(
        KaggleError, match=rf"sample_submission\.csv: {len(TEXT) + 6} bytes came, and Kaggle lists {len(TEXT)}"
    ):
        fetch_sample(desk, SLUG, tmp_path)


def test_an_archive_of_several_tables_is_told(kaggle, desk, tmp_path):
    kaggle.files[SLUG] = {"sample_submission.csv.zip": zipped(a_csv=TEXT, b_csv=TEXT)}
    with pytest.raises(DataError, match=r"holds 2 tables; unpack it and name the sample file with --sample"):
        fetch_sample(desk, SLUG, tmp_path)
