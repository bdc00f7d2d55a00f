import re

import pytest

from kgcv.config.yaml_source import read_written_yaml
from kgcv.errors import CheckpointError
from kgcv.report.write import write_report


@pytest.fixture
def runs(write_run, tmp_path):
    """Two runs of the same samples, which differ in their seed, and one of another task."""
    one, two, other = write_run(tmp_path / "a"), write_run(tmp_path / "b"), write_run(tmp_path / "c", "multi")
    text = (two / "config.yaml").read_text()
    assert read_written_yaml(text)["train"] == {"metric": "accuracy"}
    (two / "config.yaml").write_text(text.replace("metric: accuracy", "metric: accuracy, seed: 7"))
    return one, two, other


def test_the_page_lies_in_the_run_folder(runs):
    before = {file.name for file in runs[0].iterdir()}
    written = write_report(runs[:1], None, None)
    assert written.path == runs[0] / "report.html"
    assert written.bytes == written.path.stat().st_size
    assert written.sections == (
        *("summary", "history", "time", "classes"),
        *("samples", "suspects", "groups", "duplicates"),
    )
    assert {file.name for file in runs[0].iterdir()} - before == {"report.html", "suspects.csv"}


def test_equal_runs_give_equal_pages(runs, tmp_path):
    pages = [write_report(runs[:1], tmp_path / name, None).path.read_bytes() for name in ("x.html", "y.html")]
    assert pages[0] == pages[1]


def test_several_runs_side_by_side_then_each_folded(runs, tmp_path):
    written = write_report(runs[:2], tmp_path / "both.html", None)
    page = written.path.read_text()
    assert written.sections == ("comparison", "run1", "run2")
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(ids) == len(set(ids)) and {"run1-classes", "run2-classes"} <= set(ids)
    assert page.count("<details>") == 4  # the runs, and their epochs within
    row = re.search(r'<th scope="row" class="left">train.seed</th>(.*)</tr>', page)
    assert row is not None and re.findall(r">([^<>]+)</td>", row[1]) == ["-", "7"]
    assert "All scores are of the same samples" in page


def test_runs_of_other_samples_or_tasks_are_said_to_be(runs, tmp_path):
    from kgcv.data.predictions import read_predictions, write_predictions

    oof = read_predictions(runs[1] / "oof.npz")
    write_predictions(runs[1] / "oof.npz", oof.aligned(oof.ids[:50], oof.class_names, ""))
    page = write_report(runs, tmp_path / "all.html", None).path.read_text()
    assert "The scores are not all of the same samples" in page and "b: 50 validation samples" in page
    # A drawing for each metric.
    assert "accuracy by epoch. a, fold 0" in page and "f2 by epoch. c, fold 0" in page


def test_nothing_is_written_where_a_folder_is_no_run(runs, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="empty: is not a run folder"):
        write_report([runs[0], tmp_path / "empty"], None, None)
    assert not list(tmp_path.rglob("*.html"))
