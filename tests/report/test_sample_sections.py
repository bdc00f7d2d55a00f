"""The sections that show samples, on run folders as training leaves them."""

import csv

import numpy as np
import pytest
from PIL import Image

from kgcv.data.predictions import Predictions, read_predictions, write_predictions
from kgcv.recipes.report_data import read_report_data
from kgcv.report.page import Folded, Section, Table, Text, Tiles, render_page
from kgcv.report.sample_sections import sample_sections
from kgcv.report.write import write_report


def write_photos(folder, ids):
    """A picture of its own for each id, 30 x 20 pixels, in large patches."""
    (folder / "data/train").mkdir(parents=True)
    for number, name in enumerate(ids):
        patches = np.random.default_rng(number).integers(0, 256, (5, 6, 3), dtype=np.uint8)
        Image.fromarray(patches).resize((30, 20)).save(folder / "data/train" / name, "PNG")


@pytest.fixture
def run(write_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = write_run(tmp_path / "run")
    write_photos(tmp_path, read_predictions(run / "labels.npz").ids)
    return run


def sections_of(run):
    return {section.anchor: section for section in sample_sections(read_report_data(run))}


def blocks_of(section, kind):
    """All blocks of a kind, those in folds and sections within included."""
    for block in section.blocks:
        if isinstance(block, kind):
            yield block
        elif isinstance(block, Section | Folded):
            yield from blocks_of(block, kind)


def texts_of(section):
    return " ".join(text.paragraph for text in blocks_of(section, Text))


def change_oof(run, row, values):
    oof = read_predictions(run / "oof.npz")
    changed = oof.values.copy()
    changed[row] = values
    write_predictions(run / "oof.npz", Predictions(oof.ids, oof.class_names, changed, oof.task))


def test_the_most_wrong_sample_comes_first_with_what_is_true_and_predicted(run):
    change_oof(run, 9, [0.01, 0.98, 0.01])  # of the class that is named to do harm
    wrong, doubtful, right = blocks_of(sections_of(run)["samples"], Tiles)
    tile = wrong.tiles[0]
    assert (tile.title, tile.lines) == (
        "image 9",
        ("true: a <b> & $c$ 0.010", "predicted: class 1 0.980", "log loss: 4.605"),
    )
    assert tile.photo is not None and tile.photo.startswith(b"\xff\xd8")
    assert [len(sheet.tiles) for sheet in (wrong, doubtful, right)] == [24, 24, 12]
    assert "the largest log loss" in wrong.caption and "60 validation samples (oof.npz)" in wrong.caption
    ahead = [float(tile.lines[-1].removeprefix("ahead by: ")) for tile in doubtful.tiles]
    assert ahead == sorted(ahead) and ahead[0] < 0.05


def test_a_missing_image_is_a_tile_that_says_so(run, tmp_path):
    change_oof(run, 9, [0.01, 0.98, 0.01])
    (tmp_path / "data/train/image 9").unlink()
    sections = sections_of(run)
    tile = next(blocks_of(sections["samples"], Tiles)).tiles[0]
    assert tile.photo is None
    assert tile.missing == "no image: data/train/image 9: cannot be decoded: No such file or directory"
    assert tile.missing in render_page("", list(sections.values()))
    assert "59 labelled images were compared" in texts_of(sections["duplicates"])


def test_without_any_data_the_page_is_made_all_the_same(write_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for task in ("single", "multi", "regression"):
        sections = sections_of(write_run(tmp_path / task, task))
        assert list(sections) == ["samples", *(["suspects"] * (task != "regression")), "groups", "duplicates"]
        assert "0 labelled images were compared" in texts_of(sections["duplicates"])
        assert all(tile.missing for tiles in blocks_of(sections["samples"], Tiles) for tile in tiles.tiles)


def test_tags_missed_and_invented(write_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = write_run(tmp_path / "multi", "multi")
    truth = read_predictions(run / "labels.npz").values[5] > 0
    change_oof(run, 5, np.where(truth, 0.001, 0.999))
    tile = next(blocks_of(sections_of(run)["samples"], Tiles)).tiles[0]
    names = np.array(("a <b> & $c$", "class 1", "class 2"))
    assert tile.title == "image 5"
    assert tile.lines[0] == f"true: {', '.join(names[truth]) or '-'}"
    told = {word: [f"{name} {value}" for name in names[part]] for word, part, value in (
        ("missed", truth, "0.00"), ("invented", ~truth, "1.00"))}  # fmt: skip
    assert list(tile.lines[1:-1]) == [f"{word}: {', '.join(found)}" for word, found in told.items() if found]


def test_suspects_on_the_page_and_in_the_file(run, tmp_path):
    change_oof(run, 9, [0.01, 0.98, 0.01])
    write_report([run], tmp_path / "page.html", None)
    with (tmp_path / "suspects.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    first = rows[0]
    assert (first["rank"], first["id"], first["fold"]) == ("1", "image 9", "1")
    assert (first["given"], first["suggested"]) == ("a <b> & $c$", "class 1")
    assert (first["probability_given"], first["probability_suggested"]) == ("0.010000", "0.980000")
    doubts = [float(row["doubt"]) for row in rows]
    assert doubts == sorted(doubts, reverse=True) and doubts[0] == 0.99
    tiles = next(blocks_of(sections_of(run)["suspects"], Tiles)).tiles
    assert [tile.title for tile in tiles] == [row["id"] for row in rows[:24]]
    assert tiles[0].lines == ("given: a <b> & $c$ 0.010", "rather: class 1 0.980")


def test_a_copy_with_another_label_is_found_however_it_was_saved(run, tmp_path):
    folder = tmp_path / "data/train"
    with Image.open(folder / "image 0") as image:
        copies = {"image 1": image.resize((90, 60)), "image 2": image.crop((1, 0, 30, 20)), "image 3": image}
    copies["image 1"].save(folder / "image 1", "JPEG", quality=60)
    copies["image 2"].save(folder / "image 2", "PNG")
    copies["image 3"].save(folder / "image 3", "PNG")  # of the same class as image 0, in another fold
    section = sections_of(run)["duplicates"]
    pairs = {tuple(tile.title for tile in block.tiles) for block in blocks_of(section, Tiles)}
    assert pairs == {("image 0", "image 1"), ("image 0", "image 2"), ("image 1", "image 2"), ("image 1", "image 3"),
                     ("image 2", "image 3")}  # fmt: skip
    assert "60 labelled images were compared" in texts_of(section) and "6 pairs are nearly the same, 5" in texts_of(
        section
    )
    assert "1 pairs with equal labels stand in different parts" in texts_of(section)
    first = next(blocks_of(section, Tiles)).tiles[0]
    assert first.lines == ("label: a <b> & $c$", "validates in fold 0")


def test_a_group_that_is_bad_is_named_and_chance_is_not(run):
    oof = read_predictions(run / "oof.npz")
    truth = read_predictions(run / "labels.npz").values
    wrong = truth.argmax(axis=1) == 2
    values = np.where(wrong[:, None], [0.9, 0.05, 0.05], truth * 0.9 + 0.03).astype(np.float32)
    write_predictions(run / "oof.npz", Predictions(oof.ids, oof.class_names, values, oof.task))
    section = sections_of(run)["groups"]
    worst = next(block for block in section.blocks if isinstance(block, Table))
    (row,) = worst.rows
    assert row[:4] == ("true class", "class 2", "20", "1.0000") and row[-1] == "worse"
    by = [block.title.split(":")[0] for block in section.blocks if isinstance(block, Folded)]
    # Brightness and file size, for all have one shape.
    assert by == ["By true class", "2 ways of grouping without a group that is worse"]
    assert "hold with 95%" in texts_of(section)


def test_samples_are_shown_of_one_run_alone(run, write_run, tmp_path):
    page = write_report([run, write_run(tmp_path / "other")], tmp_path / "both.html", None).path.read_text()
    assert "data:image/jpeg" not in page and not (tmp_path / "suspects.csv").exists()
    assert "data:image/jpeg" in write_report([run], None, None).path.read_text()
