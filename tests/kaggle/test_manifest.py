import pytest

from kgcv.archives.unpack import UnpackedFile
from kgcv.errors import DataError
from kgcv.kaggle.manifest import HOME, Manifest, locked


@pytest.fixture
def folder(tmp_path):
    """A folder with a file `a`, noted as entry `x` of version `1`."""
    (tmp_path / "a").write_bytes(b"abc")
    # CRC-32 of "abc".
    Manifest(tmp_path).note({"x": "1"}, [UnpackedFile("a", 3, 0x352441C2, "o")], {"o": "x"})
    return tmp_path


def test_a_new_folder_has_nothing(tmp_path):
    assert not Manifest(tmp_path).is_current("x", "1")
    assert Manifest(tmp_path).stamp("x") == ""


def test_what_was_noted_is_known_to_the_next_process(folder):
    manifest = Manifest(folder)
    assert manifest.is_current("x", "1", thorough=True)
    assert not manifest.is_current("x", "2")
    assert (manifest.stamp("x"), manifest.paths("x")) == ("1", ("a",))
    assert manifest.owns("x", "a") and not manifest.owns("x", "b")


def test_faults(folder):
    (folder / "a").write_bytes(b"abd")
    assert Manifest(folder).faults("x") == ["a"]
    (folder / "a").unlink()
    assert Manifest(folder).faults("x") == ["a"]
    (folder / "a").mkdir()
    assert Manifest(folder).faults("x") == ["a"]


def test_a_manifest_of_another_version_is_named(folder):
    (folder / HOME / "manifest.json").write_text('{"entries": {"x": []}}')
    with pytest.raises(DataError, match=r"manifest\.json: is of another version; remove it"):
        Manifest(folder)


def test_a_folder_is_locked_once(tmp_path):
    with locked(tmp_path), pytest.raises(DataError, match="another download"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass
