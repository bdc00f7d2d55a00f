from __future__ import annotations

import ctypes
import os
import sys

import pytest
import torch
from torch import nn

from kgcv.config.schema import ModelConfig, TrainConfig
from kgcv.engine import runtime
from kgcv.engine.processes import Processes
from kgcv.engine.runtime import (
    Runtime,
    has_native_bfloat16,
    is_convolutional,
    keep_freed_memory,
    resolve_runtime,
    synchronise_norms,
)
from kgcv.errors import ConfigError
from kgcv.launch import Launch
from kgcv.model.tabular import TableShape, build_tabular
from kgcv.model.vision import build_model

CPU = torch.device("cpu")
LINEAR = nn.Linear(2, 2)
CONVOLUTIONS = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3))


def runtime_of(**keys) -> Runtime:
    return Runtime(**{"device": CPU, "bfloat16": False, "channels_last": False, "workers": 1, **keys})


def test_auto_takes_a_gpu_if_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_runtime(TrainConfig(), LINEAR).device == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(runtime, "has_native_bfloat16", lambda device: False)
    assert resolve_runtime(TrainConfig(), LINEAR).device == torch.device("cuda")


def test_a_device_by_name():
    assert resolve_runtime(TrainConfig(device="cpu"), LINEAR).device == CPU


@pytest.mark.parametrize("name", ["cuda:97", "nonsense"])
def test_a_device_that_is_not_there_is_one_line(name):
    with pytest.raises(ConfigError, match=rf"^train\.device: '{name}' cannot be used on this machine: ") as caught:
        resolve_runtime(TrainConfig(device=name), LINEAR)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("precision", "native", "expected"),
    [
        ("auto", True, True),
        ("auto", False, False),
        ("bfloat16", False, True),
        ("bfloat16", True, True),
        ("float32", True, False),
    ],
)
def test_precision(monkeypatch, precision, native, expected):
    monkeypatch.setattr(runtime, "has_native_bfloat16", lambda device: native)
    assert resolve_runtime(TrainConfig(device="cpu", precision=precision), LINEAR).bfloat16 is expected


@pytest.mark.parametrize(("avx512", "amx"), [(False, False), (True, False), (False, True)])
def test_native_bfloat16_of_a_cpu(monkeypatch, avx512, amx):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert has_native_bfloat16(CPU) is (avx512 or amx)


@pytest.mark.parametrize("native", [True, False])
def test_emulation_on_a_gpu_is_not_native(monkeypatch, native):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native or including_emulation)
    assert has_native_bfloat16(torch.device("cuda")) is native


def test_other_devices_have_no_native_bfloat16():
    assert not has_native_bfloat16(torch.device("mps"))


@pytest.mark.parametrize(
    ("choice", "model", "expected"),
    [
        ("auto", CONVOLUTIONS, True),
        ("auto", LINEAR, False),
        ("yes", LINEAR, True),
        ("no", CONVOLUTIONS, False),
    ],
)
def test_memory_format(choice, model, expected):
    config = TrainConfig(device="cpu", channels_last=choice)
    assert resolve_runtime(config, model).channels_last is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("test_resnet", True), ("test_convnext", True), ("test_efficientnet", True), ("test_vit", False)],
)
def test_what_is_convolutional(name, expected):
    """A transformer's patches are one convolution."""
    assert is_convolutional(build_model(ModelConfig(name=name), 2, seed=1)) is expected


@pytest.mark.parametrize(("asked", "cores", "expected"), [(0, 2, 2), (0, 64, 8), (3, 64, 3), (20, 2, 20)])
def test_workers(monkeypatch, asked, cores, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(cores)), raising=False)
    assert resolve_runtime(TrainConfig(device="cpu", workers=asked), LINEAR).workers == expected


def test_one_process_is_the_only_one():
    found = resolve_runtime(TrainConfig(device="cpu"), LINEAR)
    assert found.processes.is_alone and found.processes.is_first


@pytest.mark.parametrize(("bfloat16", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_the_precision_of_a_forward_pass(bfloat16, expected):
    images = torch.ones(1, 2)
    with runtime_of(bfloat16=bfloat16).autocast():
        assert LINEAR(images).dtype == expected
    assert LINEAR(images).dtype == torch.float32
    assert LINEAR.weight.dtype == torch.float32


@pytest.mark.parametrize("channels_last", [True, False])
def test_images_and_model_share_a_memory_format(channels_last):
    images = torch.rand(2, 3, 5, 4)
    found = runtime_of(channels_last=channels_last)
    placed = found.place(images)
    assert placed.is_contiguous(memory_format=torch.channels_last) is channels_last
    assert torch.equal(placed, images)
    model = found.place_model(nn.Sequential(nn.Conv2d(3, 4, 3)))
    assert isinstance(model, nn.Sequential)
    weight = next(model.parameters())
    assert weight.is_contiguous(memory_format=torch.channels_last) is channels_last


class Library:
    """A C library that notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def mallopt(self, option: int, value: int) -> None:
        self.asked.append((option, value))


@pytest.mark.parametrize(("platform", "expected"), [("linux", {-3: 1 << 30, -1: (1 << 31) - 1}), ("darwin", {})])
def test_glibc_is_asked_to_keep_freed_memory(monkeypatch, platform, expected):
    library = Library()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(sys, "platform", platform)
    keep_freed_memory()
    assert dict(library.asked) == expected  # malloc.h: M_MMAP_THRESHOLD is -3, M_TRIM_THRESHOLD -1


def test_a_c_library_without_that_option_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    monkeypatch.setattr(sys, "platform", "linux")
    keep_freed_memory()


@pytest.mark.parametrize(("is_gpu", "expected"), [(True, []), (False, [True])])
def test_memory_is_kept_where_the_cpu_computes(monkeypatch, is_gpu, expected):
    kept: list[bool] = []
    monkeypatch.setattr(runtime, "keep_freed_memory", lambda: kept.append(True))
    monkeypatch.setattr(runtime, "has_native_bfloat16", lambda device: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: is_gpu)
    resolve_runtime(TrainConfig(), LINEAR)
    assert kept == expected


def norms_of(model: nn.Module) -> list[type[nn.Module]]:
    return [type(module) for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]


def test_norms_of_several_gpus_are_one_and_keep_their_weights():
    """The network gives the same in evaluation, where there is nothing to synchronise."""
    model = build_model(ModelConfig(name="test_efficientnet", pretrained=False), 2, seed=0).eval()
    images, weights = torch.randn(2, 3, 32, 32), set(model.state_dict())
    before, num_norms = model(images), len(norms_of(model))
    synchronise_norms(model, runtime_of(device=torch.device("cuda"), processes=Processes(Launch(0, 2))))
    assert len(norms_of(model)) == num_norms > 10
    assert all(issubclass(kind, nn.SyncBatchNorm) for kind in norms_of(model))
    assert set(model.state_dict()) == weights
    torch.testing.assert_close(model(images), before)


def test_norms_of_one_process_stay_as_they_are():
    model = nn.Sequential(nn.BatchNorm2d(2))
    synchronise_norms(model, runtime_of())
    assert norms_of(model) == [nn.BatchNorm2d]


def test_norms_of_several_cpus_cannot_be_one():
    with pytest.raises(ConfigError, match=r"^train.sync_batch_norm: needs GPUs, and these processes run on cpu$"):
        synchronise_norms(LINEAR, runtime_of(processes=Processes(Launch(0, 2))))


def test_tables_are_computed_in_float32_unless_asked(monkeypatch):
    monkeypatch.setattr(runtime, "has_native_bfloat16", lambda device: True)
    table = build_tabular(TableShape((3,), (2,), 1), ModelConfig(name="embeddings", hidden=(4,)), 1, None, seed=0)
    assert not resolve_runtime(TrainConfig(device="cpu"), table).bfloat16
    assert resolve_runtime(TrainConfig(device="cpu", precision="bfloat16"), table).bfloat16
