from __future__ import annotations

from typing import Any

import timm
import torch
from pytest import approx, mark, raises
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from kgcv.config.schema import ModelConfig
from kgcv.errors import ConfigError
from kgcv.model.vision import (
    ConcatPool,
    Normalization,
    VisionModel,
    build_model,
    check_image_size,
    create_body,
    normalization,
)

COURSE: dict[str, Any] = {"pool": "concat", "hidden": (512,), "dropout": (0.25, 0.5)}


def model_of(name: str = "test_resnet", num_outputs: int = 2, seed: int = 1, **keys) -> VisionModel:
    return build_model(ModelConfig(name=name, pretrained=False, **keys), num_outputs, seed)


def images_of(size: int, count: int = 2, channels: int = 3) -> Tensor:
    return torch.randn(count, channels, size, size, generator=torch.Generator().manual_seed(3))


def buffers_of(model: nn.Module) -> dict[str, Tensor]:
    """Running statistics of every batch norm, by name."""
    return {name: value.clone() for name, value in model.named_buffers() if "running" in name}


def start_batch_norms(model: VisionModel) -> None:
    """Weights of 1 for all: timm starts the last one of each block at 0, which stops gradients before it."""
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            nn.init.ones_(module.weight)


def train_one_step(model: VisionModel, num_frozen: int, bn_frozen: bool = False) -> None:
    """A step of plain gradient descent on what is trainable."""
    model.freeze(num_frozen)
    model.set_training(num_frozen, bn_frozen)
    torch.manual_seed(5)
    (model(images_of(32, count=4)) - 1).square().sum().backward()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.sub_(parameter.grad, alpha=0.1)


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


def parameters_of(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def test_concat_pool_puts_the_maximum_before_the_average():
    feature_map = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]], [[0.0, -4.0], [-8.0, -8.0]]]])
    assert ConcatPool()(feature_map).tolist() == [[6.0, 0.0, 3.0, -5.0]]


def test_the_course_network():
    model = model_of("resnet34", **COURSE)
    assert sum(p.numel() for p in model.head.parameters()) == 528_898
    assert model.num_groups == 3
    layers = [{name.split(".")[1] for name in names} for names in model.group_names[:2]]
    assert layers == [{"conv1", "bn1", "layer1", "layer2"}, {"layer3", "layer4"}]
    assert {name.split(".")[0] for name in model.group_names[2]} == {"head"}
    model.eval()
    with torch.no_grad():
        assert model.features(images_of(32)).shape == (2, 1024)
        assert model(images_of(32)).shape == (2, 2)


@mark.parametrize(
    ("name", "image_size", "num_features"),
    [
        ("tf_efficientnet_lite0", 32, 1280),
        ("convnext_atto", 32, 320),
        ("vit_tiny_patch16_224", 40, 192),  # no whole number of patches
        ("test_vit", 170, 64),  # more than it was built for
        ("test_resnet", 33, 96),
    ],
)
def test_convolutional_networks_and_transformers_take_any_image_size(name, image_size, num_features):
    model = model_of(name, num_outputs=3).eval()
    with torch.no_grad():
        features = model.features(images_of(image_size))
        assert features.shape == (2, num_features)
        assert torch.equal(model(images_of(image_size)), model.head(features))


@mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_convnext"])
def test_concat_pool_takes_the_map_before_the_networks_own_pooling(name):
    model = model_of(name, pool="concat").eval()
    with torch.no_grad():
        feature_map = model.body.forward_features(images_of(64))
        features = model.features(images_of(64))
    num = feature_map.shape[1]
    assert features.shape == (2, 2 * num)
    assert torch.equal(features[:, :num], feature_map.flatten(2).max(dim=2).values)
    torch.testing.assert_close(features[:, num:], feature_map.flatten(2).mean(dim=2))


@mark.parametrize("channels", [1, 2, 4, 6])
@mark.parametrize("name", ["test_resnet", "test_vit"])
def test_any_number_of_channels(name, channels):
    model = model_of(name, channels=channels).eval()
    with torch.no_grad():
        assert model(images_of(32, channels=channels)).shape == (2, 2)


@mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_convnext", "test_vit", "resnet34"])
def test_layer_groups_hold_every_parameter_once_from_the_stem_to_the_head(name):
    model = model_of(name, hidden=(4,))
    names = [parameter for group in model.group_names for parameter in group]
    assert sorted(names) == sorted(parameter for parameter, _ in model.named_parameters())
    assert set(model.group_names[-1]) == {"head.0.weight", "head.0.bias", "head.2.weight", "head.2.bias"}
    first = {group.split(".")[1] for group in model.group_names[0]}
    assert first & {"conv1", "conv_stem", "stem", "patch_embed"}


def test_the_number_of_layer_groups_is_a_choice():
    assert [len(model_of("resnet34", num_groups=number).group_names) for number in (2, 4, 6)] == [2, 4, 6]
    two = model_of("resnet34", num_groups=2)
    assert two.group_names[1] == ("head.0.weight", "head.0.bias")
    by_layer = [{name.split(".")[1] for name in names} for names in model_of("resnet34", num_groups=6).group_names]
    assert by_layer[:5] == [{"conv1", "bn1"}, {"layer1"}, {"layer2"}, {"layer3"}, {"layer4"}]


def test_more_layer_groups_than_layers():
    with raises(ConfigError, match=r"model.num_groups: resnet34 has at most 6 layer groups"):
        model_of("resnet34", num_groups=7)


def test_an_unknown_model_is_an_error_that_names_near_ones():
    with raises(ConfigError, match=r"^model.name: timm has no model 'resnet3'; it has .*resnet3"):
        model_of("resnet3")
    with raises(ConfigError, match=r"no model 'nothing'; `timm.list_models\(\)` lists them all"):
        model_of("nothing")


@mark.parametrize("name", ["test_vit", "levit_128s", "test_mambaout"])
def test_concat_pool_needs_a_feature_map(name):
    with raises(ConfigError, match=f"model.pool: concat needs a feature map, which {name} has not; use pool: model"):
        model_of(name, pool="concat")


def test_a_transformer_with_a_feature_map_takes_concat_pool():
    model = model_of("pvt_v2_b0", pool="concat").eval()
    with torch.no_grad():
        assert model(images_of(64)).shape == (2, 2)


def test_the_same_seed_gives_the_same_weights_and_leaves_the_generator_alone():
    torch.manual_seed(9)
    expected = torch.rand(3)
    torch.manual_seed(9)
    first = model_of(seed=4).state_dict()
    assert torch.equal(torch.rand(3), expected)
    again, other = model_of(seed=4).state_dict(), model_of(seed=5).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.0.weight"], other["head.0.weight"])
    assert not torch.equal(first["body.conv1.0.weight"], other["body.conv1.0.weight"])


def test_the_weights_do_not_depend_on_the_pool_probe():
    """The body's random weights are the same for both kinds of pooling."""
    plain, concat = model_of(), model_of(pool="concat")
    assert torch.equal(plain.state_dict()["body.conv1.0.weight"], concat.state_dict()["body.conv1.0.weight"])


def test_a_body_has_no_classifier():
    assert not [name for name, _ in create_body("test_resnet", 3).named_parameters() if name.startswith("fc")]


def test_a_size_that_a_model_was_not_built_for():
    name = "vit_tiny_patch16_224"
    body = timm.create_model(name, num_classes=0)  # without the option that makes a ViT take any size
    check_image_size(name, body, 3, 224)
    with raises(ConfigError, match=rf"^stages: {name} cannot take images of 96 pixels: .*224") as caught:
        check_image_size(name, body, 3, 96)
    assert "\n" not in str(caught.value)


def test_a_size_that_is_too_small():
    body = create_body("test_convnext", 3)
    with raises(ConfigError, match=r"^stages: test_convnext cannot take images of 8 pixels: "):
        check_image_size("test_convnext", body, 3, 8)


@mark.parametrize("training", [True, False])
@mark.parametrize("name", ["test_resnet", "test_vit"])
def test_trying_a_size_leaves_the_model_as_it_was(name, training):
    body = create_body(name, 4).train(training)
    before = {key: value.clone() for key, value in body.state_dict().items()}
    check_image_size(name, body, 4, 65)
    assert body.training is training
    assert not moved(before, body.state_dict())


def test_normalization_is_the_models_own():
    resnet, vit = create_body("resnet18", 3), create_body("test_vit", 3)
    assert normalization(resnet, 3) == Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert normalization(vit, 3) == Normalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@mark.parametrize("channels", [1, 2, 4])
def test_other_numbers_of_channels_get_the_average(channels):
    found = normalization(create_body("resnet18", channels), channels)
    assert found.mean == approx([0.449] * channels)
    assert found.std == approx([0.226] * channels)


def test_freezing_says_which_parameters_train():
    model = model_of()
    for num_frozen in (2, 1, 0):
        model.freeze(num_frozen)
        trainable = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        assert trainable == {name for names in model.group_names[num_frozen:] for name in names}
        groups = dict(model.trainable_groups())
        assert list(groups) == list(range(num_frozen, 3))
        assert [name for name, _ in groups[2]] == ["head.0.weight", "head.0.bias"]


@mark.parametrize("num_frozen", [0, 1, 2])
def test_frozen_parameters_and_statistics_do_not_move(num_frozen):
    model = model_of(pool="concat", hidden=(4,))
    start_batch_norms(model)
    parameters, buffers = parameters_of(model), buffers_of(model)
    train_one_step(model, num_frozen)
    free = {name for names in model.group_names[num_frozen:] for name in names}
    assert moved(parameters, parameters_of(model)) == free
    moving = moved(buffers, buffers_of(model))
    # A buffer belongs to the group of its batch norm's weight.
    assert moving == {name for name in buffers if f"{name.rpartition('.')[0]}.weight" in free}
    assert "head.0.running_mean" in moving


@mark.parametrize("num_frozen", [0, 1, 2])
def test_bn_frozen_stills_every_batch_norm_but_its_weights_train(num_frozen):
    model = model_of(pool="concat", hidden=(4,))
    start_batch_norms(model)
    parameters, buffers = parameters_of(model), buffers_of(model)
    train_one_step(model, num_frozen, bn_frozen=True)
    assert not moved(buffers, buffers_of(model))
    changed = moved(parameters, parameters_of(model))
    assert {"head.0.weight", "head.0.bias", "head.3.weight"} <= changed
    assert ("body.layer4.0.bn1.weight" in changed) == (num_frozen < 2)


def test_bn_frozen_does_not_outlive_its_stage():
    model = model_of(pool="concat")
    model.set_training(0, bn_frozen=True)
    model.set_training(0, bn_frozen=False)
    assert all(module.training for module in model.modules())


def test_a_body_frozen_as_a_whole_is_evaluated():
    model = model_of(dropout=(0.5,))
    model.set_training(2, bn_frozen=False)
    assert not any(module.training for module in model.body.modules())
    assert all(module.training for module in model.head.modules())
    model.set_training(1, bn_frozen=False)
    still = [module for module in model.modules() if not module.training]
    assert still
    assert all(isinstance(module, _BatchNorm) for module in still)
