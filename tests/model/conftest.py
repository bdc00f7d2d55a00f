"""Networks for images in each layout: one that can be computed by hand, and timm's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from timm.models.cait import Cait
from timm.models.crossvit import CrossVit
from timm.models.deit import VisionTransformerDistilled
from timm.models.eva import Eva
from timm.models.swin_transformer import SwinTransformer
from timm.models.tnt import TNT
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from kgcv.config.schema import ModelConfig
from kgcv.model.vision import VisionModel, build_model


class ColourBody(nn.Module):
    """How red (channel 0) and how blue (channel 1) each patch of 4 x 4 pixels is, pooled to a mean."""

    num_features = 2
    num_prefix_tokens = 2

    def __init__(self, layout: str) -> None:
        super().__init__()
        self.layout = layout
        self.stem = nn.Conv2d(3, 2, 4, stride=4, bias=False)
        with torch.no_grad():
            self.stem.weight.zero_()
            self.stem.weight[0, 0] = self.stem.weight[1, 2] = 1 / 16

    def forward_features(self, images: Tensor) -> Tensor:
        colours: Tensor = self.stem(images)
        if self.layout == "NHWC":
            return colours.permute(0, 2, 3, 1)
        if self.layout == "tokens":
            prefix = torch.full((len(images), 2, 2), 9.0)
            return torch.cat([prefix, colours.flatten(2).transpose(1, 2)], dim=1)
        return colours if self.layout == "NCHW" else colours.mean((2, 3))

    def forward_head(self, outputs: Tensor) -> Tensor:
        if self.layout == "tokens":
            return outputs[:, 2:].mean(1)
        if self.layout == "pooled":
            return outputs
        return outputs.mean((1, 2) if self.layout == "NHWC" else (2, 3))

    def forward(self, images: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(images))

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        return {"stem": r"^stem"}


@pytest.fixture
def colour_model() -> Callable[[str], VisionModel]:
    """`colour_model("NHWC")`: the logits are 2 times the mean red (class 0) and 3 times the mean blue (class 1)."""

    def build(layout: str) -> VisionModel:
        model = VisionModel(ColourBody(layout), ModelConfig(name="colours", num_groups=2), 2)
        model.load_state_dict({"head.0.weight": torch.tensor([[2.0, 0.0], [0.0, 3.0]])}, strict=False)
        return model

    return build


# timm's own classes, at a size that is built in milliseconds.
_BODIES: dict[str, Callable[[], nn.Module]] = {
    "swin": lambda: SwinTransformer(32, 4, num_classes=0, embed_dim=8, depths=(1, 1), num_heads=(1, 2), window_size=4),
    "eva": lambda: Eva(32, 8, num_classes=0, embed_dim=16, depth=2, num_heads=2, num_reg_tokens=4),
    "deit": lambda: VisionTransformerDistilled(
        img_size=32, patch_size=8, num_classes=0, embed_dim=16, depth=2, num_heads=2
    ),
    "tnt": lambda: TNT(32, 16, num_classes=0, embed_dim=16, inner_dim=8, depth=2, num_heads_inner=2, num_heads_outer=2),
    "cait": lambda: Cait(32, 8, num_classes=0, embed_dim=16, depth=2, num_heads=2),
    "vit": lambda: VisionTransformer(24, 8, num_classes=0, embed_dim=32, depth=2, num_heads=4),
    "crossvit": lambda: CrossVit(
        32,
        img_scale=(1.0, 1.0),
        patch_size=(8, 16),
        num_classes=0,
        embed_dim=(8, 16),
        depth=((1, 1, 0), (1, 1, 0)),
        num_heads=(1, 2),
        mlp_ratio=(2.0, 2.0, 1.0),
    ),
}


@pytest.fixture
def timm_model() -> Callable[..., VisionModel]:
    """`timm_model("test_vit")` or a small member of another family, with three outputs and always the same weights."""

    def build(name: str, **keys: Any) -> VisionModel:
        config = ModelConfig(name=name, pretrained=False, num_groups=2, **keys)
        if name not in _BODIES:
            return build_model(config, 3, 1).eval()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            return VisionModel(_BODIES[name](), config, 3).eval()

    return build
