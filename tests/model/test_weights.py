from __future__ import annotations

import logging
import os
import zipfile
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from kgcv.config.schema import ModelConfig
from kgcv.errors import CheckpointError
from kgcv.model import weights
from kgcv.model.checkpoint import Geometry, WeightsCard, save_weights
from kgcv.model.vision import VisionModel, build_model
from kgcv.model.weights import adapt_channels, load_starting_weights, read_weights

NAME = "test_resnet"
FIRST_CONV = "body.conv1.0.weight"


def config_of(path: Path | None = None, **keys) -> ModelConfig:
    return ModelConfig(name=NAME, pretrained=False, weights=None if path is None else str(path), **keys)


def model_of(config: ModelConfig, num_outputs: int = 2, seed: int = 1) -> VisionModel:
    return build_model(config, num_outputs, seed)


def timm_model(name: str = NAME, num_classes: int = 5) -> nn.Module:
    torch.manual_seed(8)
    return timm.create_model(name, num_classes=num_classes)


def write(path: Path, tensors: dict[str, Tensor]) -> Path:
    save_file({name: value.contiguous() for name, value in tensors.items()}, path)
    return path


def write_run(folder: Path, model: VisionModel, num_classes: int) -> Path:
    """A run folder that has nothing but its best weights."""
    names = tuple(f"class {number}" for number in range(num_classes))
    card = WeightsCard("single", names, Geometry(64, 83, 3), 0, 0, "accuracy", 0.5)
    save_weights(folder / "fold0" / "best.safetensors", model.state_dict(), card)
    return folder


KERNEL = torch.arange(24.0).reshape(2, 3, 2, 2)
"""`(2, 3, 2, 2)`: the slices of the first filter are [0..3], [4..7] and [8..11]."""


def test_one_channel_gets_the_sum_of_the_slices():
    adapted = adapt_channels(KERNEL, 1)
    assert adapted.shape == (2, 1, 2, 2)
    assert adapted[0, 0].tolist() == [[12.0, 15.0], [18.0, 21.0]]


def test_two_channels_get_the_first_slices_half_as_strong_again():
    adapted = adapt_channels(KERNEL, 2)
    assert adapted.shape == (2, 2, 2, 2)
    assert adapted[0].tolist() == [[[0.0, 1.5], [3.0, 4.5]], [[6.0, 7.5], [9.0, 10.5]]]


def test_three_channels_change_nothing():
    assert torch.equal(adapt_channels(KERNEL, 3), KERNEL)


@pytest.mark.parametrize("channels", [4, 6])
def test_further_channels_begin_without_effect(channels):
    adapted = adapt_channels(KERNEL.half(), channels)
    assert adapted.shape == (2, channels, 2, 2)
    assert adapted.dtype == torch.float16
    assert torch.equal(adapted[:, :3], KERNEL.half())
    assert (adapted[:, 3:] == 0).all()


def test_a_grey_image_acts_as_its_rgb_copy_would(tmp_path):
    path = write(tmp_path / "w.safetensors", timm_model().state_dict())
    colour, grey = model_of(config_of(path)), model_of(config_of(path, channels=1))
    load_starting_weights(colour, config_of(path))
    load_starting_weights(grey, config_of(path, channels=1))
    images = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        expected = colour.eval().features(images.expand(-1, 3, -1, -1))
        torch.testing.assert_close(grey.eval().features(images), expected)


@pytest.mark.parametrize("channels", [2, 4])
def test_weights_of_a_file_are_fitted_to_the_channels(tmp_path, channels):
    source = timm_model()
    path = write(tmp_path / "w.safetensors", source.state_dict())
    config = config_of(path, channels=channels)
    model = model_of(config)
    load_starting_weights(model, config)
    first = source.state_dict()["conv1.0.weight"]
    assert torch.equal(model.state_dict()[FIRST_CONV], adapt_channels(first, channels))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_timms_names_are_loaded_without_the_classifier(tmp_path, suffix):
    source = timm_model().state_dict()
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(source, path)
    else:
        write(path, source)
    model = model_of(config_of(path))
    head = model.head.state_dict()["0.weight"].clone()
    assert set(load_starting_weights(model, config_of(path))) == {"fc.weight", "fc.bias"}
    loaded = model.state_dict()
    kept = [name for name in source if not name.startswith("fc.")]
    assert len(kept) == len(source) - 2
    assert all(torch.equal(loaded[f"body.{name}"], source[name]) for name in kept)
    assert torch.equal(loaded["head.0.weight"], head)


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
def test_a_training_scripts_wrapping_is_taken_off(tmp_path, wrapper):
    tensors = {f"module.{name}": value for name, value in timm_model().state_dict().items()}
    torch.save({"epoch": 3, wrapper: tensors}, tmp_path / "w.pth")
    assert read_weights(tmp_path / "w.pth").keys() == timm_model().state_dict().keys()


def test_names_of_timm_that_begin_like_ours(tmp_path):
    source = timm.create_model("tresnet_m", num_classes=0).state_dict()
    assert "body.conv1.conv.weight" in source
    config = ModelConfig(name="tresnet_m", weights=str(write(tmp_path / "w.safetensors", source)))
    model = build_model(config, 2, seed=1)
    load_starting_weights(model, config)
    assert torch.equal(model.state_dict()["body.body.conv1.conv.weight"], source["body.conv1.conv.weight"])


def test_old_files_without_batch_counts_fit(tmp_path):
    tensors = {n: v for n, v in timm_model().state_dict().items() if "num_batches_tracked" not in n}
    path = write(tmp_path / "w.safetensors", tensors)
    model = model_of(config_of(path))
    assert set(load_starting_weights(model, config_of(path))) == {"fc.weight", "fc.bias"}
    assert torch.equal(model.state_dict()[FIRST_CONV], tensors["conv1.0.weight"])


def test_any_other_mismatch_lists_the_names(tmp_path):
    tensors = timm_model().state_dict()
    del tensors["bn1.weight"]
    tensors["bn1.bias"] = torch.zeros(3)
    tensors["extra.weight"] = torch.zeros(1)
    path = write(tmp_path / "w.safetensors", tensors)
    model = model_of(config_of(path))
    before = model.state_dict()[FIRST_CONV].clone()
    with pytest.raises(CheckpointError) as caught:
        load_starting_weights(model, config_of(path))
    text = str(caught.value)
    assert text.startswith("the weights do not fit the model: ")
    assert "body.bn1.weight (missing)" in text
    assert "body.extra.weight (not in this model)" in text
    assert "body.bn1.bias ((3,) instead of (32,))" in text
    assert torch.equal(model.state_dict()[FIRST_CONV], before)


def test_weights_of_another_network_list_the_first_ten_names_and_a_count(tmp_path):
    path = write(tmp_path / "w.safetensors", timm_model("test_convnext").state_dict())
    with pytest.raises(CheckpointError, match=r"\(missing\), .* and \d+ more$"):
        load_starting_weights(model_of(config_of(path)), config_of(path))


def test_a_run_goes_on_from_all_its_weights(tmp_path):
    trained = model_of(config_of(), seed=7)
    run = write_run(tmp_path / "run", trained, num_classes=2)
    model = model_of(config_of(run))
    assert load_starting_weights(model, config_of(run)) == ()
    assert all(torch.equal(value, trained.state_dict()[name]) for name, value in model.state_dict().items())


def test_a_run_with_another_number_of_classes_gives_all_but_the_last_layer(tmp_path):
    hidden: dict[str, Any] = {"hidden": (8,), "pool": "concat"}
    trained = model_of(config_of(**hidden), num_outputs=5, seed=7)
    run = write_run(tmp_path / "run", trained, num_classes=5)
    model = model_of(config_of(run, **hidden))
    own = model.state_dict()["head.4.weight"].clone()
    assert load_starting_weights(model, config_of(run, **hidden)) == ("head.4.bias", "head.4.weight")
    loaded, source = model.state_dict(), trained.state_dict()
    assert all(torch.equal(loaded[name], source[name]) for name in loaded if not name.startswith("head.4."))
    assert torch.equal(loaded["head.4.weight"], own)


def test_a_run_with_another_head_does_not_fit(tmp_path):
    run = write_run(tmp_path / "run", model_of(config_of(hidden=(8,))), num_classes=2)
    with pytest.raises(CheckpointError, match=r"head\.2\.weight \(not in this model\)"):
        load_starting_weights(model_of(config_of(run)), config_of(run))


def test_a_run_with_other_channels_does_not_fit(tmp_path):
    run = write_run(tmp_path / "run", model_of(config_of()), num_classes=2)
    config = config_of(run, channels=4)
    with pytest.raises(CheckpointError, match=r"conv1.*instead of"):
        load_starting_weights(model_of(config), config)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"none\.safetensors: no such weights file"):
        read_weights(tmp_path / "none.safetensors")
    (tmp_path / "run").mkdir()
    with pytest.raises(CheckpointError, match=r"run/fold0/best\.safetensors: no such weights file"):
        read_weights(tmp_path / "run")


@pytest.mark.parametrize("name", ["w.safetensors", "new.pth", "old.pth"])
@pytest.mark.parametrize("damage", ["half", "empty", "text", "front", "pickle"])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path, name, damage):
    path = tmp_path / name
    if name.endswith(".pth"):
        torch.save({"a": torch.zeros(500)}, path, _use_new_zipfile_serialization=name == "new.pth")
    else:
        save_file({"a": torch.zeros(500)}, path)
    whole = path.read_bytes()
    broken = {
        "half": whole[: len(whole) // 2],
        "empty": b"",
        "text": b"<html>404 Not Found</html>",
        "front": b"\x00" * 20 + whole[20:],
        "pickle": b"\x80\x020.",  # pops from an empty stack: an IndexError inside torch
    }
    path.write_bytes(broken[damage])
    with pytest.raises(CheckpointError, match=f"{name}: (cannot be read as weights|is damaged)") as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)


class Code:
    """Makes a directory when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_code_in_a_file_is_refused_and_does_not_run(tmp_path):
    torch.save({"conv1.0.weight": Code(tmp_path / "made")}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"w\.pth: is damaged, or holds more than tensors; it is not loaded"):
        read_weights(tmp_path / "w.pth")
    assert not (tmp_path / "made").exists()
    torch.load(tmp_path / "w.pth", weights_only=False)  # proves that the code would have run
    assert (tmp_path / "made").exists()


@pytest.mark.parametrize("content", [torch.zeros(3), {"lr": 0.1}, [1, 2]])
def test_a_file_without_named_tensors_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"w\.pth: is not a mapping of names to tensors"):
        read_weights(tmp_path / "w.pth")


@pytest.mark.parametrize("kind", ["meta", "complex"])
def test_tensors_that_are_no_plain_numbers_are_refused(tmp_path, kind):
    value = torch.ones(2, 2)
    strange = {"meta": value.to("meta"), "complex": value.to(torch.complex64)}[kind]
    torch.save({"good": value, "strange": strange}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"w\.pth: holds tensors without plain numbers on the disk: strange$"):
        read_weights(tmp_path / "w.pth")


def test_a_file_that_unpacks_to_more_than_its_size_is_refused(tmp_path):
    torch.save({"a": torch.zeros(100_000)}, tmp_path / "w.pth")
    with (
        zipfile.ZipFile(tmp_path / "w.pth") as plain,
        zipfile.ZipFile(tmp_path / "p.pth", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    with pytest.raises(CheckpointError, match=r"p\.pth: its content is compressed, which torch never does"):
        read_weights(tmp_path / "p.pth")


@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_weights_that_are_not_finite_are_named(tmp_path, value):
    tensors = model_of(config_of()).state_dict()
    tensors[FIRST_CONV].view(-1)[0] = value
    config = config_of(write(tmp_path / "w.safetensors", tensors))
    with pytest.raises(CheckpointError, match=rf"the weights hold NaN or infinity: {FIRST_CONV}$"):
        load_starting_weights(model_of(config), config)


def test_no_weights_asked_for_leaves_the_random_ones():
    model = model_of(config_of())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert load_starting_weights(model, config_of()) == ()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_file_is_taken_before_the_hub(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "create_body", None)
    source = timm_model().state_dict()
    path = write(tmp_path / "w.safetensors", source)
    config = ModelConfig(name=NAME, pretrained=True, weights=str(path))
    model = model_of(config)
    load_starting_weights(model, config)
    assert torch.equal(model.state_dict()[FIRST_CONV], source["conv1.0.weight"])


@pytest.mark.parametrize("channels", [3, 4])
def test_the_hubs_weights_are_fitted_to_the_channels(monkeypatch, channels):
    source = timm_model(num_classes=0)
    asked = []

    def create(name, channels, pretrained):
        asked.append((name, channels, pretrained))
        return source

    monkeypatch.setattr(weights, "create_body", create)
    config = ModelConfig(name=NAME, channels=channels)
    model = model_of(config)
    assert load_starting_weights(model, config) == ()
    assert asked == [(NAME, 3, True)]
    first = source.state_dict()["conv1.0.weight"]
    assert torch.equal(model.state_dict()[FIRST_CONV], adapt_channels(first, channels))


@pytest.mark.parametrize("error", [OSError("no route to host\nand more"), RuntimeError("No pretrained weights exist")])
def test_a_hub_that_fails_is_one_line_that_says_what_to_do(monkeypatch, error):
    def fail(name, channels, pretrained):
        raise error

    monkeypatch.setattr(weights, "create_body", fail)
    with pytest.raises(CheckpointError) as caught:
        load_starting_weights(model_of(config_of()), ModelConfig(name=NAME))
    reason = str(error).splitlines()[0]
    assert str(caught.value) == (
        f"model.pretrained: timm's weights for {NAME} could not be loaded ({reason}); "
        "give a local file as model.weights, or set model.pretrained: false"
    )


def test_without_a_network_the_hub_is_that_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"could not be loaded .*; give a local file as model") as caught:
        load_starting_weights(model_of(config_of()), ModelConfig(name=NAME))
    assert "\n" not in str(caught.value)


def test_the_hubs_own_complaints_are_silenced_for_that_time_only(monkeypatch):
    logger = logging.getLogger("huggingface_hub")
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", records.append)
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "level", logging.NOTSET)

    def fail(name, channels, pretrained):
        logger.warning("trying again in 4 s")
        raise OSError("no route to host")

    monkeypatch.setattr(weights, "create_body", fail)
    logger.setLevel(logging.INFO)
    with pytest.raises(CheckpointError):
        load_starting_weights(model_of(config_of()), ModelConfig(name=NAME))
    assert not records
    logger.warning("now it may speak")
    assert logger.level == logging.INFO
    assert [record.getMessage() for record in records] == ["now it may speak"]
