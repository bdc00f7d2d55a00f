"""Where and how the model runs: device, precision, memory format, place among several processes."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from timm.layers import convert_sync_batchnorm
from torch import Tensor, nn

from kgcv.config.schema import TrainConfig
from kgcv.data.watch import num_threads
from kgcv.engine.processes import ALONE, Processes
from kgcv.errors import ConfigError
from kgcv.model.tabular import TabularModel

# Numbers of the two parameters in glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

ModelT = TypeVar("ModelT", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Runtime:
    """Resolved once a command; everything that touches the device takes it."""

    device: torch.device
    bfloat16: bool
    """Run forward passes under bfloat16 autocast; weights stay float32."""
    channels_last: bool
    workers: int
    """Threads that read images."""
    processes: Processes = ALONE

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """The precision of a forward pass."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bfloat16):
            yield

    def place(self, images: Tensor) -> Tensor:
        """`images` `(B, C, H, W)` on the device, in the model's memory format."""
        images = images.to(self.device, non_blocking=True)
        return images.contiguous(memory_format=torch.channels_last if self.channels_last else torch.contiguous_format)

    def place_model(self, model: ModelT) -> ModelT:
        """`model` on the device, in the memory format chosen."""
        model = model.to(self.device)
        return model.to(memory_format=torch.channels_last) if self.channels_last else model


def resolve_runtime(config: TrainConfig, model: nn.Module, processes: Processes = ALONE) -> Runtime:
    """The runtime that `config` asks for on this machine, for `model`; each of several processes has its own GPU.

    Raises:
        ConfigError: the device is not there.
    """
    device = _find_device(config.device, processes)
    if device.type == "cpu":
        keep_freed_memory()
    # A table's network is too small to gain by it, and its numbers would lose digits.
    gains = has_native_bfloat16(device) and not isinstance(model, TabularModel)
    bfloat16 = config.precision == "bfloat16" or (config.precision == "auto" and gains)
    channels_last = config.channels_last == "yes" or (config.channels_last == "auto" and is_convolutional(model))
    workers = num_threads(config.workers, processes.launch.local_world_size)
    return Runtime(device, bfloat16, channels_last, workers, processes)


def synchronise_norms(model: nn.Module, runtime: Runtime) -> None:
    """Let the batch norms of several processes see the images of all of them; alone they do anyway.

    Raises:
        ConfigError: the processes have no GPUs, and torch's SyncBatchNorm runs on nothing else.
    """
    if runtime.processes.is_alone:
        return
    if runtime.device.type != "cuda":
        raise ConfigError([f"train.sync_batch_norm: needs GPUs, and these processes run on {runtime.device}"])
    convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]  # of timm


def _find_device(name: str, processes: Processes = ALONE) -> torch.device:
    if name in ("auto", "cuda") and torch.cuda.is_available():
        return torch.device("cuda") if processes.is_alone else torch.device("cuda", processes.launch.local_rank)
    if name == "auto":
        return torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError([f"train.device: {name!r} cannot be used on this machine: {reason}"]) from error
    return device


def keep_freed_memory() -> None:
    """Ask glibc to reuse large blocks instead of handing each back to the kernel, which must clear it anew.

    Activations are freed and asked for again at every layer: predicting with tf_efficientnet_lite0 (batch 64, 224 px)
    goes from 13 to 24 images a second on two cores, measured. Other C libraries are left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)


def has_native_bfloat16(device: torch.device) -> bool:
    """Whether `device` multiplies in bfloat16 in hardware.

    Emulated bfloat16 is slower than float32: 17 s against 1.2 s for a resnet34 step (batch 16, 128 px) on two AVX2
    cores, measured.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False


def is_convolutional(model: nn.Module) -> bool:
    """Whether channels_last pays: more than one convolution sees a neighbourhood (a transformer's patches are one)."""
    spatial = [m for m in model.modules() if isinstance(m, nn.Conv2d) and max(m.kernel_size) > 1]
    return len(spatial) > 1
