"""Optimizers by timm's names over layer groups, and their state by parameter name."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from timm.optim import create_optimizer_v2, list_optimizers
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

from kgcv.config.schema import TrainConfig
from kgcv.errors import ConfigError, listed
from kgcv.model.network import Network


def build_optimizer(model: Network, config: TrainConfig) -> Optimizer:
    """An optimizer over what is trainable in `model`, with two parameter groups for each layer group.

    The second holds norms and biases (tensors of one dimension), which have no weight decay unless
    `decay_norm_bias`. Each parameter group carries `layer_group`, its layer group's number, and `names`.

    Raises:
        ConfigError: timm has no such optimizer, or it cannot be built.
    """
    groups: list[dict[str, Any]] = []
    for number, parameters in model.trainable_groups():
        for is_vector in (False, True):
            chosen = [(name, value) for name, value in parameters if (value.ndim <= 1) == is_vector]
            if chosen:
                decay = 0.0 if is_vector and not config.decay_norm_bias else config.weight_decay
                groups.append(
                    {
                        "params": [value for _, value in chosen],
                        "names": [name for name, _ in chosen],
                        "layer_group": number,
                        "weight_decay": decay,
                    }
                )
    try:
        # The rate is set before every step; 1.0 only has to be a legal value.
        optimizer = create_optimizer_v2(groups, opt=config.optimizer, lr=1.0, momentum=config.momentum)
    except (ValueError, AssertionError, TypeError) as error:
        near = [str(name) for name in list_optimizers() if str(name)[:3] == config.optimizer[:3]]
        hint = f"; timm has {listed(near)}" if near else ""
        raise ConfigError([f"train.optimizer: {config.optimizer!r} cannot be used: {error}{hint}"]) from error
    return _fused(optimizer)


def _fused(optimizer: Optimizer) -> Optimizer:
    """Let an optimizer that can take its step for all tensors at once; torch does so by itself on GPUs alone."""
    if type(optimizer) in (SGD, Adam, AdamW):
        for group in optimizer.param_groups:
            group["fused"] = True
    return optimizer


def set_rates(optimizer: Optimizer, lrs: Sequence[float], factor: float, momentum: float | None) -> None:
    """Give each parameter group its learning rate (and momentum) for the step to come.

    Args:
        optimizer: from `build_optimizer`.
        lrs: one learning rate for each layer group of the model, frozen ones included.
        factor: the schedule's factor.
        momentum: for optimizers with `momentum` or, as the first of them, `betas`; None leaves it.
    """
    for group in optimizer.param_groups:
        group["lr"] = lrs[group["layer_group"]] * factor
        if momentum is not None and "betas" in group:
            group["betas"] = (momentum, *group["betas"][1:])
        if momentum is not None and "momentum" in group:  # Muon has both: betas for what is no matrix
            group["momentum"] = momentum


def optimizer_state(optimizer: Optimizer) -> dict[str, Any]:
    """The optimizer's state by parameter name, plain values and tensors only.

    Names, not positions: a later stage may train more groups and still take over what it shares with this one.
    """
    states = _states(optimizer)
    named = {
        name: states[parameter]
        for group in optimizer.param_groups
        for name, parameter in zip(group["names"], group["params"], strict=True)
        if parameter in states
    }
    shared = {_group_key(group): _own_values(group) for group in optimizer.param_groups}
    return {"parameters": named, "groups": shared}


def load_optimizer_state(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Take over the state of every parameter that both optimizers train."""
    states = _states(optimizer)
    for group in optimizer.param_groups:
        # A copy: timm's Lamb keeps its step count here, a tensor that it changes in place.
        group.update(deepcopy(state["groups"].get(_group_key(group), {})))
        for name, parameter in zip(group["names"], group["params"], strict=True):
            if name in state["parameters"]:
                values = state["parameters"][name]
                on_cpu = () if group.get("fused") else ("step",)  # where torch itself keeps step counts
                states[parameter] = {
                    key: _placed(value, torch.device("cpu") if key in on_cpu else parameter.device)
                    for key, value in values.items()
                }


def _states(optimizer: Optimizer) -> dict[Tensor, dict[str, Any]]:
    """State by parameter; timm's Lookahead leaves it with the optimizer that it wraps."""
    wrapped: Optimizer = getattr(optimizer, "_base_optimizer", optimizer)
    return wrapped.state


def _group_key(group: dict[str, Any]) -> str:
    return f"{group['layer_group']}/{'vector' if group['params'][0].ndim <= 1 else 'matrix'}"


def _own_values(group: dict[str, Any]) -> dict[str, Any]:
    """What an optimizer itself keeps in a group, such as a step count; not what config and schedule decide."""
    decided = ("params", "names", "weight_decay", "lr", "momentum", "betas", "fused")
    return {key: value for key, value in group.items() if key not in decided}


def _placed(value: Any, device: torch.device) -> Any:
    """A copy of a tensor on `device`; plain values as they are."""
    return value.to(device, copy=True) if isinstance(value, Tensor) else value


def clip_gradients(model: torch.nn.Module, max_norm: float) -> None:
    """Scale all gradients down to a global norm of `max_norm`; 0 leaves them."""
    if max_norm > 0:
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
