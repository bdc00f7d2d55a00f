from __future__ import annotations

import pytest
import torch

from kgcv.config.schema import ModelConfig
from kgcv.model.summary import summarize
from kgcv.model.vision import VisionModel, build_model


def model_of(name: str = "test_resnet", **keys) -> VisionModel:
    return build_model(ModelConfig(name=name, **keys), 2, seed=1)


def test_the_first_convolution_of_a_resnet34():
    model = model_of("resnet34", pool="concat", hidden=(512,), dropout=(0.25, 0.5))
    model.freeze(2)
    summary = summarize(model, torch.zeros(2, 3, 64, 64))
    first, last = summary.layers[0], summary.layers[-1]
    assert (first.name, first.kind, first.num_parameters) == ("body.conv1", "Conv2d", 9408)
    assert (first.input_shape, first.output_shape) == ((3, 64, 64), (64, 32, 32))
    assert first.trainable is False
    assert (last.name, last.kind, last.num_parameters) == ("head.6", "Linear", 1026)
    assert (last.input_shape, last.output_shape, last.trainable) == ((512,), (2,), True)
    assert summary.num_trainable == 528_898
    assert summary.num_parameters == 21_284_672 + 528_898  # timm's resnet34 without its classifier, and the head


def test_layers_come_in_the_order_in_which_they_run():
    layers = summarize(model_of(pool="concat", hidden=(8,), dropout=(0.1,)), torch.zeros(2, 3, 32, 32)).layers
    assert [layer.kind for layer in layers[-8:]] == [
        "ConcatPool",
        *("BatchNorm1d", "Dropout", "Linear", "ReLU"),
        *("BatchNorm1d", "Dropout", "Linear"),
    ]
    relu = layers[-4]
    assert (relu.trainable, relu.num_parameters, relu.input_shape) == (None, 0, (8,))
    pool = layers[-8]
    assert (pool.input_shape, pool.output_shape, pool.trainable) == ((96, 1, 1), (192,), None)


@pytest.mark.parametrize("num_frozen", [0, 1, 2])
def test_layers_train_by_their_group(num_frozen):
    model = model_of()
    model.freeze(num_frozen)
    summary = summarize(model, torch.zeros(2, 3, 32, 32))
    by_name = {layer.name: layer.trainable for layer in summary.layers}
    assert by_name["body.conv1.0"] is (num_frozen == 0)
    assert by_name["body.layer4.0.conv1"] is (num_frozen <= 1)
    assert by_name["head.0"] is True
    assert summary.num_trainable == sum(p.numel() for p in model.parameters() if p.requires_grad)


def test_every_parameter_of_a_convolutional_network_is_in_a_layer():
    summary = summarize(model_of(), torch.zeros(2, 3, 32, 32))
    assert sum(layer.num_parameters for layer in summary.layers) == summary.num_parameters
    assert summary.num_trainable == summary.num_parameters


def test_tokens_of_a_transformer_count_in_the_total_only():
    model = model_of("test_vit")
    summary = summarize(model, torch.zeros(2, 3, 64, 64))
    outside = model.body.cls_token.numel() + model.body.pos_embed.numel()
    assert sum(layer.num_parameters for layer in summary.layers) == summary.num_parameters - outside


def test_other_channels_and_sizes():
    first = summarize(model_of(channels=1), torch.zeros(2, 1, 48, 48)).layers[0]
    assert (first.input_shape, first.output_shape) == ((1, 48, 48), (16, 24, 24))


def test_the_model_stays_as_it_is_but_for_evaluation_mode():
    model = model_of(pool="concat")
    model.freeze(1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first, second = summarize(model, torch.zeros(2, 3, 32, 32)), summarize(model, torch.zeros(2, 3, 32, 32))
    assert first == second  # no hook is left that notes a layer twice
    assert not any(module.training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_hooks_are_gone_after_an_error():
    model = model_of()
    with pytest.raises(RuntimeError, match="expected input"):
        summarize(model, torch.zeros(2, 5, 32, 32))
    assert not any(module._forward_hooks for module in model.modules())
