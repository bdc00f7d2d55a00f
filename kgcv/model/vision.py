"""Any timm classifier as a body and a head of our own, with layer groups."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import timm
import torch
from timm.models import group_parameters
from torch import Tensor, nn

from kgcv.config.schema import ModelConfig
from kgcv.errors import ConfigError, listed
from kgcv.model.heads import build_head
from kgcv.model.network import Network

Body = Any
"""A timm model: an `nn.Module` with `pretrained_cfg`, `num_features`, `group_matcher` and `forward_features`."""


@dataclass(frozen=True, slots=True)
class Normalization:
    """What is subtracted from and divided out of pixels in [0, 1]; one value a channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


class ConcatPool(nn.Module):
    """Global maximum and average of a feature map, side by side (the course's head begins so)."""

    def forward(self, feature_map: Tensor) -> Tensor:
        """`(B, F, h, w)` to `(B, 2F)`: maxima first."""
        return torch.cat([feature_map.amax(dim=(2, 3)), feature_map.mean(dim=(2, 3))], dim=1)


class VisionModel(Network):
    """A timm body without its classifier, and a head.

    Attributes:
        body: the timm model, from images to features.
        pool: `ConcatPool`, or None where the body pools by itself.
        head: from features `(B, F)` to logits `(B, O)`.
        group_names: for each layer group, stem first and head last, the names of its parameters.
    """

    body: Body

    def __init__(self, body: Body, config: ModelConfig, num_outputs: int) -> None:
        super().__init__()
        self.body = body
        self.pool = ConcatPool() if config.pool == "concat" else None
        self.head = build_head(_num_features(body, config), num_outputs, config)
        self.group_names = _layer_groups(body, self.head, config)

    def features(self, images: Tensor) -> Tensor:
        """Pooled outputs of the body, `(B, F)`, for normalised images `(B, channels, S, S)`."""
        if self.pool is None:
            return self.body(images)  # type: ignore[no-any-return]  # timm is untyped
        return self.pooled(self.body.forward_features(images))

    def pooled(self, outputs: Any) -> Tensor:
        """`(B, F)` from what `body.forward_features` gives: a map, tokens, or a list of these."""
        if self.pool is None:
            return self.body.forward_head(outputs)  # type: ignore[no-any-return]  # timm is untyped
        return self.pool(outputs)  # type: ignore[no-any-return]  # nn.Module returns Any

    def forward(self, images: Tensor) -> Tensor:
        """Logits `(B, O)` for normalised images `(B, channels, S, S)`."""
        return self.answer(self.features(images))


def build_model(config: ModelConfig, num_outputs: int, seed: int) -> VisionModel:
    """The model of `config` with random weights, the same for the same seed.

    Transformers of timm's ViT family take any image size (their position embeddings are interpolated, images padded
    to whole patches).

    Raises:
        ConfigError: timm has no such model, or the model has no feature map for `pool: concat`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VisionModel(create_body(config.name, config.channels), config, num_outputs)


def create_body(name: str, channels: int, pretrained: bool = False) -> Body:
    """timm's model `name` without its classifier.

    Raises:
        ConfigError: timm has no such model.
    """
    if not timm.is_model(name):
        near = timm.list_models(f"*{name.split('.', maxsplit=1)[0]}*")[:5]
        hint = f"; it has {listed(near)}" if near else "; `timm.list_models()` lists them all"
        raise ConfigError([f"model.name: timm has no model {name!r}{hint}"])
    arguments: dict[str, Any] = {"pretrained": pretrained, "num_classes": 0, "in_chans": channels}
    try:
        return timm.create_model(name, **arguments, dynamic_img_size=True, dynamic_img_pad=True)
    except TypeError:  # only the ViT family knows these two arguments
        return timm.create_model(name, **arguments)


def check_image_size(name: str, body: Body, channels: int, image_size: int) -> None:
    """Refuse an image size that the model cannot take, by trying one empty image.

    Raises:
        ConfigError: too small for the network's strides, or another size than the one it was built for.
    """
    was_training = body.training
    try:
        with torch.inference_mode():
            body.eval()(torch.zeros(1, channels, image_size, image_size))
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError([f"stages: {name} cannot take images of {image_size} pixels: {reason}"]) from error
    finally:
        body.train(was_training)


def normalization(body: Body, channels: int) -> Normalization:
    """The statistics the body was trained with, fitted to the number of channels.

    Three channels as timm gives them; any other number gets their average in each channel.
    """
    mean, std = body.pretrained_cfg["mean"], body.pretrained_cfg["std"]
    if channels == len(mean):
        return Normalization(tuple(mean), tuple(std))
    return Normalization((sum(mean) / len(mean),) * channels, (sum(std) / len(std),) * channels)


def _num_features(body: Body, config: ModelConfig) -> int:
    if config.pool == "model":
        return int(getattr(body, "head_hidden_size", None) or body.num_features)
    if not _has_feature_map(body, config.channels):
        raise ConfigError([f"model.pool: concat needs a feature map, which {config.name} has not; use pool: model"])
    return 2 * int(body.num_features)


def _has_feature_map(body: Body, channels: int) -> bool:
    """Whether the body ends in `(B, F, h, w)`; follows its shapes without computing (torch's meta device)."""
    side = body.pretrained_cfg["input_size"][-1]
    shadow = deepcopy(body).to("meta").eval()
    outputs = shadow.forward_features(torch.empty(1, channels, side, side, device="meta"))
    return isinstance(outputs, Tensor) and outputs.ndim == 4 and outputs.shape[1] == body.num_features


def _layer_groups(body: Body, head: nn.Module, config: ModelConfig) -> tuple[tuple[str, ...], ...]:
    """Parameter names by layer group: timm's coarse groups of the body in `num_groups - 1` runs, then the head.

    Where the coarse groups cannot be shared evenly the first runs are longer: a resnet's stem and four layers give
    stem to layer2 and layer3 to layer4, as in the course.
    """
    matcher = body.group_matcher(coarse=True)
    by_layer = group_parameters(body, matcher)
    layers = [by_layer[number] for number in sorted(by_layer)]
    if config.num_groups - 1 > len(layers):
        raise ConfigError([f"model.num_groups: {config.name} has at most {len(layers) + 1} layer groups"])
    runs = np.array_split(np.arange(len(layers)), config.num_groups - 1)
    groups = [tuple(f"body.{name}" for index in run for name in layers[index]) for run in runs]
    return (*groups, tuple(f"head.{name}" for name, _ in head.named_parameters()))
