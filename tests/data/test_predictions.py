import numpy as np
import pytest

from kgcv.data import predictions
from kgcv.data.predictions import Predictions, read_predictions, write_predictions
from kgcv.errors import DataError


def some_predictions(task="single"):
    values = np.array([[0.25, 0.75], [1.0, 0.0], [0.1, 0.9]], dtype=np.float32)
    return Predictions(("0007", "ä/b.jpg", "7"), ("cat", "dog"), values, task)


@pytest.mark.parametrize("task", ["single", "multi", "regression"])
def test_what_is_written_is_read(tmp_path, task):
    path = tmp_path / "fold0" / "test.npz"
    write_predictions(path, some_predictions(task))
    found = read_predictions(path)
    assert (found.ids, found.class_names, found.task) == (("0007", "ä/b.jpg", "7"), ("cat", "dog"), task)
    assert found.values.dtype == np.float32
    np.testing.assert_array_equal(found.values, some_predictions().values)


def test_equal_predictions_give_equal_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        write_predictions(tmp_path / name, some_predictions())
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_no_sample_is_fine(tmp_path):
    path = tmp_path / "a.npz"
    write_predictions(path, Predictions((), ("cat",), np.zeros((0, 1), np.float32), "multi"))
    assert read_predictions(path).ids == ()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 broken"])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "test.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"test\.npz: cannot be read as predictions"):
        read_predictions(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"test\.npz: cannot be read as predictions"):
        read_predictions(tmp_path / "test.npz")


def test_pickled_content_is_refused(tmp_path):
    path = tmp_path / "test.npz"
    np.savez(path, ids=np.array([object()], dtype=object), class_names=[], values=[], task="single")
    with pytest.raises(DataError, match="cannot be read"):
        read_predictions(path)


@pytest.mark.parametrize("change", [{"ids": ["a"]}, {"values": np.zeros((2, 3))}, {"task": "guess"}])
def test_arrays_that_do_not_belong_together_are_refused(tmp_path, change):
    path = tmp_path / "test.npz"
    arrays = {"ids": ["a", "b"], "class_names": ["x"], "values": np.zeros((2, 1)), "task": "single", **change}
    np.savez(path, **arrays)
    with pytest.raises(DataError, match="not predictions of kgcv"):
        read_predictions(path)


@pytest.mark.parametrize(
    "change",
    [
        {"ids": [1, 2]},
        {"class_names": [0]},
        {"values": [["x"], ["y"]]},
        {"values": [[1j], [1j]]},
        {"task": 3},
        {"ids": "a"},
    ],
)
def test_arrays_of_another_kind_are_refused(tmp_path, change):
    path = tmp_path / "test.npz"
    arrays = {"ids": ["a", "b"], "class_names": ["x"], "values": np.zeros((2, 1)), "task": "single", **change}
    np.savez(path, **arrays)
    with pytest.raises(DataError, match="ids, class names and task must be texts, values float"):
        read_predictions(path)


def test_one_array_alone_is_no_predictions(tmp_path):
    np.save(tmp_path / "test.npy", np.zeros(3))
    with pytest.raises(DataError, match=r"test\.npy: cannot be read as predictions"):
        read_predictions(tmp_path / "test.npy")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "test.npz"
    monkeypatch.setattr(predictions, "_MAX_BYTES", 100_000)
    np.savez_compressed(path, ids=["a"], class_names=["x"], values=np.zeros((1, 1_000_000)), task="single")
    with pytest.raises(DataError, match=r"test\.npz: \d+ bytes would unpack to 8\d{6}, which no predictions do"):
        read_predictions(path)


@pytest.mark.parametrize(
    "value, what", [(np.nan, "NaN or infinite"), (-np.inf, "NaN"), (1.01, r"values outside \[0, 1\]")]
)
def test_values_that_are_no_probabilities_are_named(value, what):
    some = some_predictions()
    some.values[1, 0] = value
    with pytest.raises(DataError, match=f"^here: has {what}.* at 1 ids: ä/b.jpg$"):
        some.checked("here")


def test_numbers_need_only_be_finite():
    numbers = some_predictions("regression")
    numbers.values[0] = [-7, 300]
    assert numbers.checked("here") is numbers
    numbers.values[0, 0] = np.nan
    with pytest.raises(DataError, match="NaN"):
        numbers.checked("here")


def test_rounding_beyond_a_probability_is_clipped():
    some = some_predictions("multi")
    some.values[0] = [1 + 2e-7, -2e-7]
    assert some.checked("here").values[0].tolist() == [1, 0]
    some.values[0, 1] = -2e-6
    with pytest.raises(DataError, match="outside"):
        some.checked("here")


def test_an_id_that_stands_twice_is_refused():
    doubled = Predictions(("a", "b", "a"), ("x",), np.zeros((3, 1), np.float32), "multi")
    with pytest.raises(DataError, match=r"here: ids that occur more than once: a$"):
        doubled.checked("here")
