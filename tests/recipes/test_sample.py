import csv
import itertools
from collections import Counter
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kgcv.config.load import load_config
from kgcv.errors import DataError
from kgcv.recipes.sample import unpack_sample

ARCHIVE = resources.files("kgcv") / "samples" / "fashion.zip"


@pytest.fixture(scope="module")
def fashion(tmp_path_factory):
    """A folder with the unpacked sample; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("sample") / "data" / "fashion"
    unpack_sample("fashion", folder)
    return folder


def read_rows(path):
    with path.open(newline="") as stream:
        return list(csv.reader(stream))


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_archive_is_small():
    assert len(ARCHIVE.read_bytes()) <= 2_000_000


def test_it_is_laid_out_as_a_competition(fashion):
    names = {path.name for path in fashion.iterdir()}
    assert names == {"train", "test", "train.csv", "sample_submission.csv", "LICENSE", "fashion.yaml"}
    assert "MIT" in (fashion / "LICENSE").read_text()


def test_training_images_and_labels_are_a_bijection_and_stratified(fashion):
    header, *rows = read_rows(fashion / "train.csv")
    assert header == ["id", "label"]
    assert {f"{id_}.png" for id_, _ in rows} == {path.name for path in (fashion / "train").iterdir()}
    counts = Counter(label for _, label in rows)
    assert len(counts) == 10
    assert set(counts.values()) == {200}
    assert {"T-shirt/top", "Ankle boot"} <= counts.keys()


def test_the_sample_submission_names_the_test_images_and_tells_no_label(fashion):
    header, *rows = read_rows(fashion / "sample_submission.csv")
    assert header == ["id", "label"]
    assert [f"{id_}.png" for id_, _ in rows] == sorted(path.name for path in (fashion / "test").iterdir())
    assert len(rows) == 500
    assert {label for _, label in rows} == {"T-shirt/top"}


def test_ids_and_order_do_not_tell_the_class(fashion):
    labels = [label for _, label in read_rows(fashion / "train.csv")[1:]]
    # In runs of equal labels there would be ten changes; in random order nine of ten neighbours differ.
    changes = sum(first != second for first, second in itertools.pairwise(labels))
    assert changes > 1700


def test_images_are_grey_28_and_all_different(fashion):
    images = [np.asarray(Image.open(path)) for path in (fashion / "train").iterdir()]
    assert {(image.shape, image.dtype) for image in images} == {((28, 28), np.dtype(np.uint8))}
    assert len({image.tobytes() for image in images}) == 2000


def test_its_config_is_sound_and_points_to_it(fashion):
    assert load_config(fashion / "fashion.yaml").data.root == str(fashion)


@pytest.mark.parametrize("name", ["with space", "quote'd", "täglich: #1", "-"])
def test_any_folder_name_works(tmp_path, monkeypatch, name):
    monkeypatch.setattr("kgcv.recipes.sample._unpack_missing", lambda archive, folder, missing: folder.mkdir())
    result = unpack_sample("fashion", tmp_path / name)
    assert load_config(result.config).data.root == str(tmp_path / name)


def test_the_result_tells_what_is_there(fashion):
    again = unpack_sample("fashion", fashion)
    assert (again.num_train, again.num_test, again.is_new) == (2000, 500, False)
    assert again.config == fashion / "fashion.yaml"


def test_a_second_call_changes_nothing_even_an_edited_config(tmp_path):
    first = unpack_sample("fashion", tmp_path)
    assert first.is_new
    first.config.write_text("edited: true\n")
    (tmp_path / "notes.txt").write_text("mine")
    before = contents(tmp_path)
    assert not unpack_sample("fashion", tmp_path).is_new
    assert contents(tmp_path) == before


def test_a_lost_config_comes_back(tmp_path):
    first = unpack_sample("fashion", tmp_path)
    text = first.config.read_text()
    first.config.unlink()
    assert not unpack_sample("fashion", tmp_path).is_new
    assert first.config.read_text() == text


def test_a_killed_call_is_finished_by_the_next(fashion, tmp_path, monkeypatch):
    moves: list[Path] = []
    move = Path.replace

    def move_twice_then_die(self, target):
        if len(moves) == 2:
            raise KeyboardInterrupt
        moves.append(target)
        move(self, target)

    monkeypatch.setattr(Path, "replace", move_twice_then_die)
    with pytest.raises(KeyboardInterrupt):
        unpack_sample("fashion", tmp_path)
    monkeypatch.undo()
    # Images come before the tables, so nobody takes this for a whole data set.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["test"]
    assert unpack_sample("fashion", tmp_path).is_new
    found, wanted = contents(tmp_path), contents(fashion)
    assert found.keys() == wanted.keys()
    assert {path for path in found if found[path] != wanted[path]} == {next(p for p in found if p.suffix == ".yaml")}


def test_a_folder_with_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "train.csv").write_text("id,label\n1,mine\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.txt").write_text("x")
    before = contents(tmp_path)
    with pytest.raises(DataError, match=r"holds files that are not the sample's: other/x\.txt, train\.csv; name"):
        unpack_sample("fashion", tmp_path)
    assert contents(tmp_path) == before


def test_a_changed_file_is_not_taken_for_the_sample(tmp_path):
    unpack_sample("fashion", tmp_path)
    (tmp_path / "train" / "0000.png").write_bytes(b"changed")
    with pytest.raises(DataError, match=r"train/0000\.png"):
        unpack_sample("fashion", tmp_path)


def test_a_file_is_refused(tmp_path):
    (tmp_path / "x").touch()
    with pytest.raises(DataError, match="is a file"):
        unpack_sample("fashion", tmp_path / "x")
