import shutil

import numpy as np
import pytest

from kgcv.data.predictions import read_predictions, write_predictions
from kgcv.errors import CheckpointError, DataError
from kgcv.kaggle.ledger import Entry, Ledger
from kgcv.recipes.report_data import read_report_data


@pytest.fixture
def run(write_run, tmp_path):
    return write_run(tmp_path / "one")


def test_all_out_of_fold_predictions_with_what_is_true(run):
    data = read_report_data(run)
    assert data.validated is not None and data.config is not None
    assert data.validated.targets.tolist() == [number % 3 for number in range(60)]
    assert data.validated.folds.tolist() == [number % 2 for number in range(60)]
    assert data.validated.basis == "60 validation samples (oof.npz)"
    assert (data.summary.state, data.config.model.name, data.submissions) == ("finished", "resnet18", ())


def test_folds_that_are_trained_stand_in_while_others_are_missing(run):
    (run / "oof.npz").unlink()
    (run / "fold0/valid.npz").unlink()
    found = read_report_data(run).validated
    assert found is not None
    assert found.basis == "30 validation samples (fold 1 of 2)"
    assert set(found.folds.tolist()) == {1} and found.targets.tolist() == [number % 3 for number in range(1, 60, 2)]


@pytest.mark.parametrize("missing", ["labels.npz", "oof.npz"])
def test_nothing_is_validated_without_labels_or_predictions(run, missing):
    for file in [run / missing, *run.glob("fold*/valid.npz")]:
        file.unlink()
    assert read_report_data(run).validated is None


def test_columns_are_matched_by_name(run, write_run, tmp_path):
    oof = read_predictions(run / "oof.npz")
    names = oof.class_names
    shuffled = oof.aligned(oof.ids[::-1], names[::-1], "")
    write_predictions(run / "oof.npz", shuffled)
    found = read_report_data(run).validated
    assert found is not None and found.predictions.class_names == names
    np.testing.assert_array_equal(found.predictions.values, oof.values[::-1])
    assert found.targets.tolist() == [number % 3 for number in reversed(range(60))]


def test_a_trained_run_needs_no_more_than_its_folder(finished, tmp_path):
    shutil.rmtree(tmp_path / "data")
    found = read_report_data(finished.path)
    assert found.validated is not None and len(found.validated.predictions.ids) == 6


def test_submissions_are_those_of_the_run(run, tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for name in ("one", "two"):
        ledger.add(Entry(competition="leaf", sha256="0", file="f.csv", message="", run=name, public_score=0.5))
    assert [entry.run for entry in read_report_data(run, ledger.path).submissions] == ["one"]
    assert read_report_data(run, tmp_path / "none.jsonl").submissions == ()


def test_what_is_no_run_is_said(tmp_path):
    with pytest.raises(CheckpointError, match=r"nowhere: is not a run folder"):
        read_report_data(tmp_path / "nowhere")


def test_a_damaged_file_is_named(run):
    (run / "oof.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match=r"oof\.npz: cannot be read as predictions"):
        read_report_data(run)
