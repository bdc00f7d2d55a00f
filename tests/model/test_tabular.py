"""Embeddings, numbers, hidden layers, range."""

from __future__ import annotations

import pytest
import torch

from kgcv.config.schema import ModelConfig
from kgcv.model.tabular import TableShape, TabularModel, build_tabular

SHAPE = TableShape(cardinalities=(4, 3), embedding_sizes=(2, 1), num_numbers=2)
CONFIG = ModelConfig(name="mlp", hidden=(5, 4), dropout=(0.0,))
CODES = torch.tensor([[0, 1], [3, 2], [1, 0]])
NUMBERS = torch.tensor([[0.5, -1.0], [2.0, 0.0], [0.0, 1.0]])


def test_the_forward_pass_by_hand():
    """No hidden layers: embeddings side by side with the normed numbers, times the head's weights."""
    model = TabularModel(SHAPE, ModelConfig(name="mlp"), 1)
    model.eval()  # the norm of the numbers is then x / sqrt(1 + 1e-5)
    first, second = model.body.embeddings.parameters()
    weight, bias = model.head.weight[0], model.head.bias[0]
    for row, (one, other) in enumerate(CODES.tolist()):
        features = torch.cat([first[one], second[other], NUMBERS[row] / (1 + 1e-5) ** 0.5])
        assert model(CODES, NUMBERS)[row, 0].item() == pytest.approx((features @ weight + bias).item(), abs=1e-6)


def test_outputs_stay_in_their_range():
    model = build_tabular(SHAPE, CONFIG, 1, (2.0, 12.0), seed=0)
    model.head.bias.data.fill_(100)
    assert model(CODES, NUMBERS).tolist() == [[12.0]] * 3
    model.head.bias.data.fill_(-100)
    assert model(CODES, NUMBERS).flatten().tolist() == pytest.approx([2.0] * 3)


def test_every_batch_norm_acts():
    model = build_tabular(SHAPE, CONFIG, 1, None, seed=0)
    model.set_training(0, bn_frozen=False)
    model(CODES, NUMBERS)
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm1d)]
    assert len(norms) == 3
    assert all(norm.num_batches_tracked == 1 for norm in norms)
    assert all(parameter.requires_grad for norm in norms for parameter in norm.parameters())


def test_three_layer_groups_hold_every_parameter_once():
    model = build_tabular(SHAPE, CONFIG, 1, None, seed=0)
    names = [name for group in model.group_names for name in group]
    assert sorted(names) == sorted(name for name, _ in model.named_parameters())
    assert model.group_names[0] == ("body.embeddings.0.weight", "body.embeddings.1.weight")
    assert model.group_names[2] == ("head.weight", "head.bias")
    model.freeze(2)
    assert [name for name, parameter in model.named_parameters() if parameter.requires_grad] == [
        "head.weight",
        "head.bias",
    ]


def test_the_seed_decides_and_the_global_generator_is_left_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (build_tabular(SHAPE, CONFIG, 1, None, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_vectors_begin_small():
    model = build_tabular(TableShape((2000,), (9,), 0), CONFIG, 1, None, seed=0)
    (weight,) = model.body.embeddings.parameters()
    assert 0.19 < weight.abs().max().item() <= 0.2  # 2 / (9 + 1)


@pytest.mark.parametrize("shape", [TableShape((4,), (2,), 0), TableShape((), (), 2)])
def test_categories_or_numbers_alone_are_enough(shape):
    model = build_tabular(shape, CONFIG, 3, None, seed=0)
    codes, numbers = CODES[:, : len(shape.cardinalities)], NUMBERS[:, : shape.num_numbers]
    assert model(codes, numbers).shape == (3, 3)


def test_the_first_dropout_acts_on_embeddings_alone():
    model = TabularModel(SHAPE, ModelConfig(name="mlp", hidden=(5,), dropout=(0.9, 0.25)), 1)
    assert model.body.embedding_dropout.p == 0.9
    assert [module.p for module in model.body.hidden.modules() if isinstance(module, torch.nn.Dropout)] == [0.25]
