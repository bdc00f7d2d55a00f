"""Starting weights: timm's hub, a local file or another run, fitted to the model's channels and classes."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors.torch import load_file
from torch import Tensor

from kgcv.config.schema import ModelConfig
from kgcv.errors import CheckpointError, listed
from kgcv.model.vision import VisionModel, create_body

BEST_WEIGHTS = Path("fold0") / "best.safetensors"
"""Where a run keeps its best weights; a run folder given as `model.weights` means this file."""


def load_starting_weights(model: VisionModel, config: ModelConfig) -> tuple[str, ...]:
    """Fill `model` with the weights that `config` asks for; random ones stay where it asks for none.

    Args:
        model: changed in place.
        config: `weights` names a file or run folder; otherwise `pretrained` asks for timm's.

    Returns:
        Names of tensors that were left out because the classifier has another size.

    Raises:
        CheckpointError: missing or unreadable weights, or tensors that do not fit (all of them are named).
    """
    if config.weights is not None:
        return _load_named(model, read_weights(Path(config.weights)), config)
    if config.pretrained:
        return _load_named(model, _hub_weights(config.name), config)
    return ()


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name from a `.safetensors` or `.pth` file, or from the best weights of a run folder.

    Nothing but tensors is read from a `.pth` file; code in it cannot run.

    Raises:
        CheckpointError: the file is missing, damaged, or not a mapping of names to tensors.
    """
    file = path / BEST_WEIGHTS if path.is_dir() else path
    if not file.is_file():
        raise CheckpointError(f"{file}: no such weights file")
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        _refuse_packed(file)
        content = torch.load(file, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except UnpicklingError as error:
        text = "is damaged, or holds more than tensors; it is not loaded, for it could run code"
        raise CheckpointError(f"{file}: {text}") from error
    except Exception as error:  # a damaged file can fail in any of torch's readers
        raise CheckpointError(f"{file}: cannot be read as weights: {_first_line(error)}") from error
    return _tensors(content, file)


def _refuse_packed(file: Path) -> None:
    """A torch file is a zip that packs nothing, so that what it takes in memory is what it takes on the disk."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise CheckpointError(f"{file}: its content is compressed, which torch never does; it is not loaded")


def _tensors(content: object, file: Path) -> dict[str, Tensor]:
    """The state dict in `content`, which may be wrapped as training scripts do."""
    for wrapper in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise CheckpointError(f"{file}: is not a mapping of names to tensors")
    if odd := [str(name) for name, value in content.items() if not _is_plain(value)]:
        raise CheckpointError(f"{file}: holds tensors without plain numbers on the disk: {listed(odd)}")
    return {str(name).removeprefix("module."): value for name, value in content.items()}


def _is_plain(value: Tensor) -> bool:
    """Whether it has a number for each place, in memory: it is not sparse, quantized, complex or only a shape."""
    has_numbers = value.layout == torch.strided and value.device.type == "cpu"
    return has_numbers and not value.is_quantized and not value.is_complex()


def adapt_channels(kernel: Tensor, channels: int) -> Tensor:
    """The kernel of a first convolution trained on RGB, for another number of channels.

    1: the sum of the three slices, so that a grey image acts as its RGB copy would; 2: the first two slices, half as
    strong again; 4 and more: the three slices, then zeros, so that further channels begin without effect. (fastai
    2.7's `_load_pretrained_weights`; timm itself repeats and rescales the slices instead.)

    Args:
        kernel: `(O, 3, h, w)`.
        channels: the number wanted.

    Returns:
        `(O, channels, h, w)`, same dtype.
    """
    if channels == kernel.shape[1]:
        return kernel
    if channels == 1:
        return kernel.sum(dim=1, keepdim=True)
    if channels == 2:
        return kernel[:, :2] * 1.5
    missing = kernel.new_zeros(kernel.shape[0], channels - kernel.shape[1], *kernel.shape[2:])
    return torch.cat([kernel, missing], dim=1)


def _load_named(model: VisionModel, tensors: dict[str, Tensor], config: ModelConfig) -> tuple[str, ...]:
    """Load kgcv's own names (`body.`, `head.`) or timm's names into `model`."""
    own = model.state_dict()
    if not any(f"body.{name}" in own for name in tensors):
        return _load(model, tensors, optional=_head_of_other_size(model, tensors))
    classifier = _prefixes(model.body.pretrained_cfg["classifier"])
    dropped = tuple(name for name in tensors if name.startswith(classifier))
    wanted = {f"body.{name}": value for name, value in tensors.items() if name not in dropped}
    for first in _prefixes(model.body.pretrained_cfg["first_conv"]):
        name = f"body.{first}weight"
        if name in wanted and wanted[name].ndim == 4 and wanted[name].shape[1] == 3:
            wanted[name] = adapt_channels(wanted[name], config.channels)
    _load(model, wanted, optional={name for name in own if name.startswith("head.")})
    return dropped


def _prefixes(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}." for name in ((names,) if isinstance(names, str) else names))


def _head_of_other_size(model: VisionModel, tensors: dict[str, Tensor]) -> set[str]:
    """Names in the head that have another shape in `tensors`: another number of classes or of hidden units."""
    own = model.state_dict()
    return {
        name
        for name, value in own.items()
        if name.startswith("head.") and name in tensors and tensors[name].shape != value.shape
    }


def _load(model: VisionModel, tensors: dict[str, Tensor], optional: set[str]) -> tuple[str, ...]:
    """Load `tensors`; names in `optional` may be absent or of another shape. Returns those left out."""
    own = model.state_dict()
    fitting = {n: v for n, v in tensors.items() if n in own and v.shape == own[n].shape}
    wrong = [
        *(f"{n} (missing)" for n in own if n not in tensors and n not in optional and not _is_count(n)),
        *(f"{n} (not in this model)" for n in tensors if n not in own),
        *(
            f"{n} ({tuple(v.shape)} instead of {tuple(own[n].shape)})"
            for n, v in tensors.items()
            if n in own and v.shape != own[n].shape and n not in optional
        ),
    ]
    if wrong:
        raise CheckpointError(f"the weights do not fit the model: {listed(wrong)}")
    if strange := [name for name, value in fitting.items() if not torch.isfinite(value).all()]:
        raise CheckpointError(f"the weights hold NaN or infinity: {listed(strange)}")
    model.load_state_dict(fitting, strict=False)
    return tuple(sorted(optional & tensors.keys()))


def _is_count(name: str) -> bool:
    """Whether this counts batches: files older than torch 0.4.1 lack it, and no norm with a momentum reads it."""
    return name.endswith(".num_batches_tracked")


def _hub_weights(name: str) -> dict[str, Tensor]:
    """timm's own weights for `name`, from its hub or its local cache."""
    try:
        with _quiet_hub():
            return dict(create_body(name, channels=3, pretrained=True).state_dict())
    except (OSError, RuntimeError) as error:
        raise CheckpointError(
            f"model.pretrained: timm's weights for {name} could not be loaded ({_first_line(error)}); "
            "give a local file as model.weights, or set model.pretrained: false"
        ) from error


@contextmanager
def _quiet_hub() -> Iterator[None]:
    """Silence the hub client's retry messages; the one error line says it all."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
