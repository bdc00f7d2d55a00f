"""Predictions over all folds, from files alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from kgcv.data.labels import LabelSet
from kgcv.data.predictions import Predictions, as_predictions, read_predictions, write_predictions
from kgcv.data.splits import Split, write_split
from kgcv.errors import DataError
from kgcv.recipes.oof import gather_oof, gather_test, targets_of
from kgcv.recipes.run_folder import RunFolder

IDS = ("e", "a", "d", "b", "c")
FOLDS = (0, 1, 1, 0, -1)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Five samples in the order of the CSV file, two folds; the last sample always trains."""
    folder = RunFolder(tmp_path)
    labels = LabelSet("single", ("cat", "dog"), np.array([0, 1, 1, 0, 0]))
    write_predictions(folder.labels_file, as_predictions(IDS, labels))
    write_split(folder.split_file, IDS, Split(np.array(FOLDS), 2))
    return folder


def put(
    run: RunFolder, name: str, ids: Sequence[str], dog: Sequence[float], names: Sequence[str] = ("cat", "dog")
) -> None:
    values = np.stack([1 - np.array(dog), np.array(dog)], axis=1).astype(np.float32)
    if names == ("dog", "cat"):
        values = values[:, ::-1]
    write_predictions(run.path / name, Predictions(tuple(ids), tuple(names), values, "single"))


def test_each_sample_comes_from_the_fold_that_did_not_see_it(run: RunFolder) -> None:
    put(run, "fold0/valid.npz", ["b", "e"], [0.2, 0.1])
    put(run, "fold1/valid.npz", ["a", "d"], [0.9, 0.7], names=("dog", "cat"))
    oof = gather_oof(run)
    assert oof is not None
    assert oof.ids == ("e", "a", "d", "b")  # in the samples' order; c never validates
    np.testing.assert_allclose(oof.values[:, 1], [0.1, 0.9, 0.7, 0.2], rtol=1e-6)
    assert read_predictions(run.predictions("oof")).ids == oof.ids
    assert targets_of(run, oof).tolist() == [0, 1, 1, 0]


def test_nothing_is_written_while_a_fold_is_missing(run: RunFolder) -> None:
    put(run, "fold0/valid.npz", ["b", "e"], [0.2, 0.1])
    put(run, "fold1/test.npz", ["t"], [0.5])
    assert gather_oof(run) is None
    assert gather_test(run) is None
    assert not run.predictions("oof").exists()
    assert not run.predictions("test").exists()


def test_predictions_of_samples_that_trained_are_refused(run: RunFolder) -> None:
    put(run, "fold0/valid.npz", ["b", "c", "a"], [0.2, 0.1, 0.3])
    put(run, "fold1/valid.npz", ["d"], [0.9])
    with pytest.raises(DataError, match=r"fold0/valid\.npz: has ids that do not validate in fold 0: c, a"):
        gather_oof(run)


def test_test_predictions_are_the_mean_by_id_and_name(run: RunFolder) -> None:
    put(run, "fold0/test.npz", ["t1", "t2"], [0.2, 0.4])
    put(run, "fold1/test.npz", ["t2", "t1"], [0.8, 0.5], names=("dog", "cat"))
    assert gather_test(run) == run.predictions("test")
    mean = read_predictions(run.predictions("test"))
    assert (mean.ids, mean.class_names) == (("t1", "t2"), ("cat", "dog"))
    np.testing.assert_allclose(mean.values[:, 1], [0.35, 0.6], rtol=1e-6)


@pytest.mark.parametrize(
    ("ids", "problem"),
    [(["t1"], "1 ids are missing: t2"), (["t1", "t2", "t3"], "has ids that .*fold0/test.npz has not: t3")],
)
def test_folds_that_predicted_other_test_samples_are_refused(run: RunFolder, ids: list[str], problem: str) -> None:
    put(run, "fold0/test.npz", ["t1", "t2"], [0.2, 0.4])
    put(run, "fold1/test.npz", ids, [0.5] * len(ids))
    with pytest.raises(DataError, match=f"fold1/test.npz: {problem}"):
        gather_test(run)
