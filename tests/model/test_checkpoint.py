from __future__ import annotations

import errno
import json
import resource
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from kgcv.config.schema import ModelConfig
from kgcv.errors import CheckpointError
from kgcv.model import checkpoint, sealed
from kgcv.model.checkpoint import Geometry, WeightsCard, load_weights, read_card, read_state, save_state, save_weights
from kgcv.model.sealed import SEAL_LENGTH, write_sealed
from kgcv.model.vision import VisionModel, build_model

CARD = WeightsCard(
    task="single",
    class_names=("cat", "hund, größer"),
    geometry=Geometry(image_size=64, edge=83, channels=3),
    stage=1,
    epoch=6,
    metric="log_loss",
    score=0.1 + 0.2,
)


def model_of(num_outputs: int = 2, seed: int = 1) -> VisionModel:
    return build_model(ModelConfig(name="test_resnet"), num_outputs, seed)


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "fold0" / "best.safetensors"
    save_weights(path, model_of().state_dict(), CARD)
    return path


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_card_comes_back_as_it_was(weights):
    assert read_card(weights) == CARD


def test_weights_and_buffers_come_back_to_the_bit(weights):
    saved, model = model_of(), model_of(seed=2)
    model.body.bn1.running_mean.fill_(3.0)
    load_weights(weights, model)
    assert all(torch.equal(value, saved.state_dict()[name]) for name, value in model.state_dict().items())


def test_weights_in_channels_last_are_stored_alike(tmp_path, weights):
    save_weights(tmp_path / "b.safetensors", model_of().to(memory_format=torch.channels_last).state_dict(), CARD)
    first, second = load_file(weights), load_file(tmp_path / "b.safetensors")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_writing_leaves_nothing_but_the_file(weights, tmp_path):
    save_state(tmp_path / "fold0" / "last.pt", {"a": 1})
    save_state(tmp_path / "fold0" / "last.pt", {"a": 2}, tmp_path / "fold0" / "previous.pt")
    assert names_in(weights.parent) == ["best.safetensors", "last.pt", "previous.pt"]


@pytest.mark.parametrize("writer", ["weights", "state"])
def test_a_failed_write_leaves_the_older_file_and_no_other(tmp_path, monkeypatch, writer):
    path = tmp_path / "file"
    path.write_bytes(b"older")

    def fail(content, target, **keys):
        target.write(b"half") if hasattr(target, "write") else Path(target).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(checkpoint, "save_file", fail)
    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        if writer == "weights":
            save_weights(path, model_of().state_dict(), CARD)
        else:
            save_state(path, {})
    assert names_in(tmp_path) == ["file"]
    assert path.read_bytes() == b"older"


@pytest.mark.parametrize("writer", ["weights", "state"])
def test_a_file_that_may_not_grow_is_the_systems_error_in_nobodys_words(tmp_path, writer):
    """As on a full disk, of which safetensors and torch tell in words and types of their own."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    path = tmp_path / "file"
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            if writer == "weights":
                save_weights(path, model_of().state_dict(), CARD)
            else:
                save_state(path, {"a": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(path))
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_weights_of_another_program_have_no_card(tmp_path, metadata):
    save_file({"a": torch.zeros(2)}, tmp_path / "w.safetensors", metadata=metadata)
    with pytest.raises(CheckpointError, match=r"w\.safetensors: was not written by kgcv"):
        read_card(tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    "card", ["", "[]", "1", "[" * 100_000, '{"format": 3}', '{"format": 3, "sha256": "", "geometry": 1}']
)
def test_a_card_that_somebody_made_up_is_refused(tmp_path, card):
    save_file({"a": torch.zeros(2)}, tmp_path / "w.safetensors", metadata={"kgcv": card})
    with pytest.raises(CheckpointError, match=r"w\.safetensors: its card is not as kgcv writes it"):
        read_card(tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    "change", [{"stage": "0"}, {"stage": -1}, {"task": "guess"}, {"class_names": [1, 2]}, {"x": 1}]
)
def test_a_card_with_a_wrong_value_is_refused(weights, tmp_path, change):
    with safe_open(weights, framework="pt") as content:
        card = {**json.loads(content.metadata()["kgcv"]), **change}
    save_file({"a": torch.zeros(2)}, tmp_path / "w.safetensors", metadata={"kgcv": json.dumps(card)})
    with pytest.raises(CheckpointError, match=r"w\.safetensors: its card is not as kgcv writes it"):
        read_card(tmp_path / "w.safetensors")


def test_weights_of_another_version_are_refused(weights, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT", checkpoint.FORMAT + 1)
    with pytest.raises(CheckpointError, match=r"best\.safetensors: was written by another version of kgcv"):
        read_card(weights)


@pytest.mark.parametrize("damage", ["missing", "empty", "half", "text"])
def test_damaged_weights_are_named(weights, damage):
    whole = weights.read_bytes()
    weights.write_bytes({"half": whole[: len(whole) // 2], "text": b"hello"}.get(damage, b""))
    if damage == "missing":
        weights.unlink()
    with pytest.raises(CheckpointError, match=r"best\.safetensors: cannot be read as weights"):
        read_card(weights)
    with pytest.raises(CheckpointError, match=r"best\.safetensors: cannot be read as weights"):
        load_weights(weights, model_of())


def test_weights_must_fit_the_model(weights):
    with pytest.raises(CheckpointError, match=r"best\.safetensors: does not fit the model of this run") as caught:
        load_weights(weights, model_of(num_outputs=3))
    assert str(caught.value).endswith("of this run: head.0.bias, head.0.weight")


def test_weights_of_another_network_list_the_first_ten_names_and_a_count(weights):
    with pytest.raises(CheckpointError, match=r"of this run: body\.blocks.* and \d+ more$"):
        load_weights(weights, build_model(ModelConfig(name="test_efficientnet"), 2, 1))


STATE = {
    "model": {"a": torch.arange(3.0)},
    "progress": {"epoch": 2, "best": None, "history": [{"lr": 0.1, "betas": (0.9, 0.99)}]},
}


def test_state_comes_back_as_it_was(tmp_path):
    save_state(tmp_path / "last.pt", STATE)
    state = read_state(tmp_path / "last.pt")
    assert torch.equal(state["model"]["a"], torch.arange(3.0))
    assert state["progress"] == STATE["progress"]
    assert state.keys() == STATE.keys()


@pytest.mark.parametrize("damage", ["empty", "half", "text", "pickle", "one bit", "no seal", "longer"])
def test_damaged_state_is_refused(tmp_path, damage):
    path = tmp_path / "last.pt"
    save_state(path, {"a": torch.zeros(500)})
    whole = path.read_bytes()
    middle = len(whole) // 2
    broken = {
        "half": whole[:middle],
        "text": b"hello",
        "pickle": b"\x80\x020.",
        "one bit": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "no seal": whole[:-SEAL_LENGTH],
        "longer": whole + b"\0",
    }
    path.write_bytes(broken.get(damage, b""))
    with pytest.raises(CheckpointError, match=r"last\.pt: is damaged: its content is not what was written$"):
        read_state(path)


def test_missing_state_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"last\.pt: cannot be read: No such file or directory$"):
        read_state(tmp_path / "last.pt")


def test_a_state_is_kept_as_the_one_before(tmp_path):
    last, previous = tmp_path / "last.pt", tmp_path / "previous.pt"
    for number in range(3):
        save_state(last, {"a": number}, previous)
    assert (read_state(last)["a"], read_state(previous)["a"]) == (2, 1)


def test_the_state_before_is_kept_where_a_file_has_one_name_only(tmp_path, monkeypatch):
    def refuse(self, other):
        raise PermissionError("no hard links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    test_a_state_is_kept_as_the_one_before(tmp_path)


def test_what_does_not_come_back_from_the_disk_replaces_nothing(tmp_path, monkeypatch):
    last, previous = tmp_path / "last.pt", tmp_path / "previous.pt"
    save_state(last, {"a": 0}, previous)
    save_state(last, {"a": 1}, previous)

    def damage(path, write):
        sealed.write_sealed(path, write)
        path.write_bytes(path.read_bytes()[:-1])
        sealed.check_seal(path)

    monkeypatch.setattr(checkpoint, "write_sealed", damage)
    with pytest.raises(CheckpointError, match="is damaged"):
        save_state(last, {"a": 2}, previous)
    assert (read_state(last)["a"], read_state(previous)["a"]) == (1, 0)
    assert names_in(tmp_path) == ["last.pt", "previous.pt"]


def test_weights_with_a_wrong_bit_are_refused(weights):
    content = bytearray(weights.read_bytes())
    content[-3] ^= 4
    weights.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"best\.safetensors: is damaged: its tensors are not what was written"):
        load_weights(weights, model_of())


@pytest.mark.parametrize("content", [{"format": 0, "model": {}}, {"model": {}}, [1, 2]])
def test_state_of_another_version_is_refused(tmp_path, content):
    write_sealed(tmp_path / "last.pt", partial(torch.save, content))
    with pytest.raises(CheckpointError, match=r"last\.pt: was not written by this version of kgcv"):
        read_state(tmp_path / "last.pt")


def test_state_with_code_is_refused_and_does_not_run(tmp_path):
    class Code:
        def __reduce__(self):
            return Path.mkdir, (tmp_path / "made",)

    write_sealed(tmp_path / "last.pt", partial(torch.save, {"format": checkpoint.FORMAT, "model": Code()}))
    with pytest.raises(CheckpointError, match="cannot be read: UnpicklingError"):
        read_state(tmp_path / "last.pt")
    assert not (tmp_path / "made").exists()
