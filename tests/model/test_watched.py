from __future__ import annotations

import torch
from pytest import mark
from torch import Tensor

from kgcv.model.watched import watch


def image_of(side: int) -> Tensor:
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(3))


@mark.parametrize(
    ("name", "side", "grids"),
    [
        (
            "test_resnet",
            64,
            [("act1", 32), ("layer1", 16), ("layer2", 8), ("layer3", 4), ("layer4", 2), ("features", 2)],
        ),
        ("test_mambaout", 64, [("stages.0", 16), ("stages.1", 8), ("stages.2", 4), ("stages.3", 2), ("features", 2)]),
        ("swin", 32, [("layers.0", 8), ("layers.1", 4), ("features", 4)]),
        ("eva", 32, [("blocks.0", 4), ("blocks.1", 4), ("features", 4)]),
        ("deit", 32, [("blocks.0", 4), ("blocks.1", 4), ("features", 4)]),
        ("tnt", 32, [("blocks.0", 2), ("blocks.1", 2), ("features", 2)]),  # and tokens within patches, left out
        (
            "crossvit",
            32,
            [*[("blocks.0", 4), ("blocks.0", 2), ("blocks.1", 4), ("blocks.1", 2)], ("features", 4), ("features", 2)],
        ),
        ("test_vit", 40, [*((f"blocks.{number}", 3) for number in range(6)), ("features", 3)]),  # padded to 48
        ("test_vit_relpos", 160, [*((f"blocks.{number}", 10) for number in range(9)), ("features", 10)]),
    ],
)
def test_the_answer_and_the_places_of_every_layout(timm_model, name, side, grids):
    model, image = timm_model(name), image_of(side)
    passed = watch(model, image)
    assert torch.equal(passed.logits, model(image))
    shapes = [(one.layer, one.to_grid(one.output).shape[1:]) for one in passed.maps]
    assert shapes == [(layer, (size, size)) for layer, size in grids]
    assert passed.image_size == side
    assert passed.responses is not None
    assert passed.responses.ndim == 3


def test_places_are_where_they_are_in_the_image(timm_model):
    """Changing one corner of the image changes the tokens of that corner most, in the first block."""
    model, image = timm_model("test_vit"), image_of(64)
    changed = image.clone()
    changed[..., :16, 48:] += 3  # the first row's last patch
    before, after = (watch(model, each).maps[0] for each in (image, changed))
    moved = (after.to_grid(after.output) - before.to_grid(before.output)).abs().sum(0)
    assert int(moved.argmax()) == 3


def test_nothing_is_left_behind(timm_model):
    """A network in training, with a frozen part: no weight, statistic, gradient, hook or frozen state changes."""
    model = timm_model("test_resnet")
    model.freeze(1)
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trainable = [parameter.requires_grad for parameter in model.parameters()]
    passed = watch(model, image_of(64))
    torch.autograd.grad(passed.logits[0, 0], [one.output for one in passed.maps])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [parameter.requires_grad for parameter in model.parameters()] == trainable
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


@torch.no_grad()
def test_gradients_are_there_where_none_are_wanted_around(timm_model):
    assert watch(timm_model("test_resnet"), image_of(64)).logits.requires_grad
