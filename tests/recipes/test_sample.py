import csv
import itertools
from collections import Counter
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kgcv.config.load import load_config
from kgcv.data.satellite import Part, TileKey, paint_tile, tile_tags
from kgcv.errors import DataError, StopRequested
from kgcv.events import Recorder, Silent, TaskAdvanced, TaskDone, TaskStarted, never_stop
from kgcv.recipes.sample import paint_satellite, unpack_sample
from kgcv.recipes.sample_kinds import TileCounts

ARCHIVE = resources.files("kgcv") / "samples" / "fashion.zip"


FEW = TileCounts(num_train=6, num_test=3, seed=5)


def paint(folder, counts=FEW):
    return paint_satellite(folder, counts, Silent(), never_stop)


@pytest.fixture(scope="module")
def satellite(tmp_path_factory):
    """A folder with a few tiles; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("sample") / "data" / "satellite"
    paint(folder)
    return folder


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


def test_satellite_is_laid_out_as_the_competition(satellite):
    names = {path.relative_to(satellite).as_posix() for path in satellite.rglob("*") if path.is_file()}
    images = {f"train-jpg/train_{i}.jpg" for i in range(6)} | {f"test-jpg/test_{i}.jpg" for i in range(3)}
    tables = {"train.csv", "sample_submission.csv", "solution.csv"}
    assert names == images | tables | {"satellite.json", "satellite.yaml"}


def test_satellite_tables_name_the_tiles_in_their_order(satellite):
    train, sample, solution = (
        read_rows(satellite / name) for name in ("train.csv", "sample_submission.csv", "solution.csv")
    )
    assert train[0] == sample[0] == solution[0] == ["image_name", "tags"]
    assert train[1:] == [[f"train_{i}", " ".join(tile_tags(TileKey(5, Part.TRAIN, i)))] for i in range(6)]
    assert solution[1:] == [[f"test_{i}", " ".join(tile_tags(TileKey(5, Part.TEST, i)))] for i in range(3)]
    assert sample[1:] == [[f"test_{i}", "primary clear agriculture road water"] for i in range(3)]


def test_a_satellite_file_holds_the_tile_of_its_name(satellite):
    with Image.open(satellite / "test-jpg" / "test_2.jpg") as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (256, 256), "RGB")
        stored = np.asarray(image).astype(float)
    # The loss of a JPEG is far below what two tiles differ by.
    assert np.abs(stored - paint_tile(TileKey(5, Part.TEST, 2))).mean() < 8
    assert np.abs(stored - paint_tile(TileKey(5, Part.TEST, 1))).mean() > 12


def test_the_config_of_satellite_is_sound_and_points_to_it(satellite):
    config = load_config(satellite / "satellite.yaml")
    assert (config.data.root, config.data.task) == (str(satellite), "multi")


def test_more_tiles_begin_with_the_same_ones(satellite, tmp_path):
    paint(tmp_path, TileCounts(num_train=7, num_test=4, seed=5))
    for name in ("train-jpg/train_5.jpg", "test-jpg/test_2.jpg"):
        assert (tmp_path / name).read_bytes() == (satellite / name).read_bytes()
    assert (tmp_path / "train.csv").read_text().startswith((satellite / "train.csv").read_text())


def test_satellite_is_left_alone_when_it_is_there(tmp_path):
    first = paint(tmp_path)
    assert (first.num_train, first.num_test, first.is_new) == (6, 3, True)
    first.config.write_text("edited: true\n")
    (tmp_path / "notes.txt").write_text("mine")
    before = contents(tmp_path)
    recorder = Recorder()
    assert not paint_satellite(tmp_path, FEW, recorder, never_stop).is_new
    assert contents(tmp_path) == before
    assert recorder.events == []


@pytest.mark.parametrize("counts", [TileCounts(7, 3, 5), TileCounts(6, 2, 5), TileCounts(6, 3, 6)])
def test_other_counts_or_another_seed_are_refused(satellite, counts):
    before = contents(satellite)
    with pytest.raises(
        DataError, match=r"with num_train 6, num_test 3, seed 5, not with num_train \d, num_test \d, seed \d; name"
    ) as caught:
        paint(satellite, counts)
    assert "\n" not in str(caught.value)
    assert contents(satellite) == before


def test_a_stopped_call_is_finished_by_the_next_and_paints_only_what_is_missing(satellite, tmp_path):
    recorder = Recorder()
    with pytest.raises(StopRequested, match="run the same command again") as caught:
        paint_satellite(tmp_path, FEW, recorder, lambda: 15)
    assert caught.value.exit_code == 143
    # Images come before the tables, so nobody takes this for a whole data set.
    assert not list(tmp_path.glob("*.csv"))
    there = sorted(tmp_path.rglob("*.jpg"))
    times = [path.stat().st_mtime_ns for path in there]
    assert there
    recorder = Recorder()
    assert paint_satellite(tmp_path, FEW, recorder, never_stop).is_new
    started, *advanced, done = recorder.events
    assert started == TaskStarted("satellite", 9, unit="tiles", done=len(there))
    assert advanced == [TaskAdvanced(1)] * (9 - len(there))
    assert done == TaskDone("satellite")
    assert [path.stat().st_mtime_ns for path in there] == times
    found, wanted = contents(tmp_path), contents(satellite)
    assert {path for path in found if found[path] != wanted[path]} == {Path("satellite.yaml")}


def test_a_lost_table_comes_back_without_the_tiles_being_painted(satellite, tmp_path):
    paint(tmp_path)
    (tmp_path / "train.csv").unlink()
    assert paint(tmp_path).is_new
    assert (tmp_path / "train.csv").read_bytes() == (satellite / "train.csv").read_bytes()


def test_a_changed_table_or_an_empty_image_is_not_taken_for_the_sample(tmp_path):
    paint(tmp_path)
    (tmp_path / "train.csv").write_text("image_name,tags\ntrain_0,clear\n")
    (tmp_path / "test-jpg" / "test_1.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"not the sample's: test-jpg/test_1\.jpg, train\.csv; name"):
        paint(tmp_path)


def test_satellite_does_not_go_where_something_else_lies(tmp_path):
    (tmp_path / "train-jpg").mkdir()
    (tmp_path / "train-jpg" / "mine.jpg").write_bytes(b"mine")
    before = contents(tmp_path)
    with pytest.raises(DataError, match=r"train-jpg/mine\.jpg"):
        paint(tmp_path)
    assert contents(tmp_path) == before
