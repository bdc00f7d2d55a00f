from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import Optimizer

from kgcv.config.schema import ModelConfig, TrainConfig
from kgcv.engine.optim import (
    build_optimizer,
    clip_gradients,
    load_optimizer_state,
    optimizer_state,
    set_rates,
)
from kgcv.errors import ConfigError
from kgcv.model.vision import VisionModel, build_model

pytestmark = pytest.mark.usefixtures("tiny_network")

LRS = (0.001, 0.01, 0.1)
NAMED = ["sgd", "momentum", "adamw", "rmsprop", "lamb", "muon"]
"""The optimizers that the config's documentation names."""


def model_of(num_frozen: int = 0) -> VisionModel:
    model = build_model(ModelConfig(name="tiny_resnet", pool="concat", hidden=(4,)), 2, seed=1)
    model.freeze(num_frozen)
    model.set_training(num_frozen, bn_frozen=False)
    return model


def optimizer_of(model: VisionModel, name: str = "sgd", **train: Any) -> Optimizer:
    return build_optimizer(model, TrainConfig(optimizer=name, **train))


def take_steps(model: VisionModel, optimizer: Optimizer, seeds: range, momentum: float | None = None) -> None:
    """One step for each seed, on images drawn from it."""
    for seed in seeds:
        images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
        set_rates(optimizer, LRS, 0.1, momentum)
        model.zero_grad()
        model(images).square().sum().backward()
        optimizer.step()


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    stream = io.BytesIO()
    torch.save(state, stream)
    stream.seek(0)
    loaded: dict[str, Any] = torch.load(stream, weights_only=True)
    return loaded


def twin(model: VisionModel, num_frozen: int = 0) -> VisionModel:
    """Another model with the same weights."""
    copy = model_of(num_frozen)
    copy.load_state_dict(model.state_dict())
    return copy


def is_equal(first: VisionModel, second: VisionModel) -> bool:
    other = second.state_dict()
    return all(torch.equal(value, other[name]) for name, value in first.state_dict().items())


def test_every_trainable_parameter_is_in_one_group_of_its_layer_group():
    model = model_of()
    groups = optimizer_of(model).param_groups
    assert [group["layer_group"] for group in groups] == [0, 0, 1, 1, 2, 2]
    parameters = dict(model.named_parameters())
    names = [name for group in groups for name in group["names"]]
    assert sorted(names) == sorted(parameters)
    for group in groups:
        assert set(group["names"]) <= set(model.group_names[group["layer_group"]])
        assert all(parameters[n] is p for n, p in zip(group["names"], group["params"], strict=True))


def test_only_what_trains_is_optimized():
    groups = optimizer_of(model_of(num_frozen=2)).param_groups
    assert [group["layer_group"] for group in groups] == [2, 2]
    assert groups[0]["names"] == ["head.1.weight", "head.4.weight"]
    assert groups[1]["names"] == [
        "head.0.weight",
        "head.0.bias",
        "head.1.bias",
        "head.3.weight",
        "head.3.bias",
        "head.4.bias",
    ]


@pytest.mark.parametrize("name", NAMED)
def test_norms_and_biases_do_not_decay(name):
    groups = optimizer_of(model_of(), name, weight_decay=0.05).param_groups
    for group in groups:
        is_vector = {parameter.ndim <= 1 for parameter in group["params"]}
        assert len(is_vector) == 1
        assert group["weight_decay"] == (0.0 if is_vector.pop() else 0.05)


def test_norms_and_biases_decay_when_asked():
    groups = optimizer_of(model_of(), weight_decay=0.05, decay_norm_bias=True).param_groups
    assert [group["weight_decay"] for group in groups] == [0.05] * 6


def test_decay_shrinks_weights_and_leaves_biases():
    model = model_of(num_frozen=2)
    optimizer = optimizer_of(model, "adamw", weight_decay=0.5)
    before = {name: value.detach().clone() for name, value in model.head.named_parameters()}
    for parameter in model.head.parameters():
        parameter.grad = torch.zeros_like(parameter)
    set_rates(optimizer, LRS, 1.0, None)
    optimizer.step()
    after = dict(model.head.named_parameters())
    torch.testing.assert_close(after["4.weight"].detach(), before["4.weight"] * (1 - 0.1 * 0.5))
    assert torch.equal(after["3.weight"], before["3.weight"])
    assert torch.equal(after["4.bias"], before["4.bias"])


def test_rates_by_layer_group():
    optimizer = optimizer_of(model_of())
    set_rates(optimizer, LRS, 0.5, None)
    assert [group["lr"] for group in optimizer.param_groups] == [0.0005, 0.0005, 0.005, 0.005, 0.05, 0.05]
    frozen = optimizer_of(model_of(num_frozen=1))
    set_rates(frozen, LRS, 1.0, None)
    assert [group["lr"] for group in frozen.param_groups] == [0.01, 0.01, 0.1, 0.1]


def test_rates_are_what_a_step_goes_by():
    model = model_of(num_frozen=2)
    optimizer = optimizer_of(model, "momentum", momentum=0.0)
    bias = dict(model.named_parameters())["head.4.bias"]
    before = bias.detach().clone()
    bias.grad = torch.tensor([1.0, -2.0])
    set_rates(optimizer, LRS, 0.5, None)
    optimizer.step()
    torch.testing.assert_close(bias.detach(), before - 0.05 * torch.tensor([1.0, -2.0]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sgd", {"momentum": 0.87}),
        ("rmsprop", {"momentum": 0.87}),
        ("adamw", {"betas": (0.87, 0.999)}),
        ("lamb", {"betas": (0.87, 0.999)}),
        ("muon", {"momentum": 0.87, "betas": (0.87, 0.95)}),
    ],
)
def test_momentum_is_set_where_an_optimizer_has_it(name, expected):
    optimizer = optimizer_of(model_of(2), name)
    set_rates(optimizer, LRS, 1.0, 0.87)
    for group in optimizer.param_groups:
        assert {key: group[key] for key in ("momentum", "betas") if key in group} == expected
    set_rates(optimizer, LRS, 1.0, None)
    assert all(group[key] == value for group in optimizer.param_groups for key, value in expected.items())


def test_the_configs_momentum_is_used():
    assert {group["momentum"] for group in optimizer_of(model_of(), momentum=0.7).param_groups} == {0.7}
    assert {group["nesterov"] for group in optimizer_of(model_of()).param_groups} == {True}
    assert {group["nesterov"] for group in optimizer_of(model_of(), "momentum").param_groups} == {False}


@pytest.mark.parametrize(("name", "hint"), [("sdg", ""), ("lamx", "; timm has lamb, ")])
def test_an_unknown_optimizer(name, hint):
    with pytest.raises(ConfigError, match=rf"^train\.optimizer: '{name}' cannot be used: .*not found.*{hint}"):
        optimizer_of(model_of(2), name)


def test_an_optimizer_that_cannot_be_built():
    with pytest.raises(ConfigError, match=r"^train\.optimizer: 'sgd' cannot be used: .*momentum"):
        optimizer_of(model_of(2), "sgd", momentum=0.0)  # Nesterov needs one


@pytest.mark.parametrize("name", [*NAMED, "lookahead_adamw"])
def test_after_a_round_trip_the_next_steps_are_the_same_to_the_bit(name):
    model = model_of(num_frozen=1)
    optimizer = optimizer_of(model, name, weight_decay=0.01)
    take_steps(model, optimizer, range(3), momentum=0.9)
    copy = twin(model, num_frozen=1)
    other = optimizer_of(copy, name, weight_decay=0.01)
    load_optimizer_state(other, through_a_file(optimizer_state(optimizer)))
    take_steps(model, optimizer, range(3, 8), momentum=0.9)
    take_steps(copy, other, range(3, 8), momentum=0.9)
    assert is_equal(model, copy)


@pytest.mark.parametrize("name", NAMED)
def test_without_its_state_an_optimizer_goes_another_way(name):
    """So that the test above can fail."""
    model = model_of(num_frozen=1)
    optimizer = optimizer_of(model, name)
    take_steps(model, optimizer, range(3))
    copy = twin(model, num_frozen=1)
    take_steps(model, optimizer, range(3, 5))
    take_steps(copy, optimizer_of(copy, name), range(3, 5))
    assert not is_equal(model, copy)


def buffers(optimizer: Optimizer) -> dict[str, Tensor]:
    named = optimizer_state(optimizer)["parameters"]
    return {name: values["exp_avg"] for name, values in named.items()}


def test_a_stage_that_trains_more_takes_over_what_it_shares():
    model = model_of(num_frozen=2)
    optimizer = optimizer_of(model, "adamw")
    take_steps(model, optimizer, range(2))
    wider = twin(model, num_frozen=0)
    other = optimizer_of(wider, "adamw")
    load_optimizer_state(other, through_a_file(optimizer_state(optimizer)))
    assert buffers(other).keys() == {f"head.{name}" for name, _ in model.head.named_parameters()}
    assert all(torch.equal(value, buffers(other)[name]) for name, value in buffers(optimizer).items())
    take_steps(wider, other, range(2, 3))
    steps = {name: int(v["step"]) for name, v in optimizer_state(other)["parameters"].items()}
    assert steps["head.4.weight"] == 3
    assert steps["body.stem.conv1.conv.weight"] == 1


def test_a_stage_that_trains_less_takes_over_what_it_shares():
    model = model_of(num_frozen=0)
    optimizer = optimizer_of(model, "adamw")
    take_steps(model, optimizer, range(2))
    other = optimizer_of(twin(model, num_frozen=2), "adamw")
    load_optimizer_state(other, optimizer_state(optimizer))
    assert all(name.startswith("head.") for name in buffers(other))
    assert all(torch.equal(value, buffers(optimizer)[name]) for name, value in buffers(other).items())


@pytest.mark.parametrize("name", NAMED)
def test_taking_over_a_state_makes_copies(name):
    model = model_of(num_frozen=2)
    optimizer = optimizer_of(model, name)
    take_steps(model, optimizer, range(2))
    state = optimizer_state(optimizer)
    before = through_a_file(state)
    copy = twin(model, num_frozen=2)
    other = optimizer_of(copy, name)
    load_optimizer_state(other, state)
    take_steps(copy, other, range(2, 4))
    after = through_a_file(state)
    assert str(before) == str(after)


def test_rates_decay_and_momentum_are_the_new_stages_own():
    model = model_of(2)
    optimizer = optimizer_of(model, "adamw", weight_decay=0.1)
    take_steps(model, optimizer, range(1), momentum=0.95)
    other = optimizer_of(twin(model, 2), "adamw", weight_decay=0.2)
    set_rates(other, LRS, 1.0, None)
    load_optimizer_state(other, optimizer_state(optimizer))
    assert [group["weight_decay"] for group in other.param_groups] == [0.2, 0.0]
    assert [group["lr"] for group in other.param_groups] == [0.1, 0.1]
    assert [group["betas"][0] for group in other.param_groups] == [0.9, 0.9]


def global_norm(model: VisionModel) -> float:
    gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    return float(torch.cat(gradients).norm())


def test_gradients_are_clipped_by_their_global_norm():
    model = model_of(2)
    for parameter in model.head.parameters():
        parameter.grad = torch.full_like(parameter, 2.0)
    before = global_norm(model)
    clip_gradients(model, 0.0)
    assert global_norm(model) == before
    clip_gradients(model, before * 2)
    assert global_norm(model) == pytest.approx(before, rel=1e-5)
    clip_gradients(model, 0.5)
    assert global_norm(model) == pytest.approx(0.5, rel=1e-4)
    parts = {float(value) for p in model.head.parameters() for value in p.grad.flatten()}  # type: ignore[union-attr]
    assert len(parts) == 1  # the direction stays


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "adamw"])
def test_optimizers_that_can_take_one_step_for_all_tensors_do(name: str) -> None:
    optimizer = build_optimizer(model_of(), TrainConfig(optimizer=name))
    assert all(group["fused"] for group in optimizer.param_groups)
