from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kgcv.config.schema import ModelConfig
from kgcv.errors import ConfigError
from kgcv.model.heads import LOG_FLOOR, Objective, build_head
from kgcv.model.losses import Criterion
from kgcv.model.network import Network

SINGLE = Objective("single", 3)
MULTI = Objective("multi", 2)
NUMBERS = Objective("regression", 2)
ONE_UNIT = Objective("single", 2, sigmoid_output=True)


def model_config(**keys) -> ModelConfig:
    return ModelConfig(name="test_resnet", **keys)


def logits_of(*probabilities: float) -> Tensor:
    """A row of logits whose softmax is `probabilities`."""
    return torch.tensor([[math.log(p) for p in probabilities]])


def kinds(head: nn.Sequential) -> list[str]:
    return [type(layer).__name__ for layer in head]


def test_the_course_head_has_its_layers_and_sizes():
    head = build_head(1024, 2, model_config(pool="concat", hidden=(512,), dropout=(0.25, 0.5)))
    assert kinds(head) == ["BatchNorm1d", "Dropout", "Linear", "ReLU", "BatchNorm1d", "Dropout", "Linear"]
    assert [layer.p for layer in head if isinstance(layer, nn.Dropout)] == [0.25, 0.5]
    shapes = [tuple(layer.weight.shape) for layer in head if isinstance(layer, nn.Linear)]
    assert shapes == [(512, 1024), (2, 512)]
    assert sum(p.numel() for p in head.parameters()) == 528_898  # fastai 0.7, resnet34 and two classes


def test_the_models_own_pooling_has_no_batch_norm():
    head = build_head(10, 3, model_config(hidden=(7, 5), dropout=(0.1, 0.2, 0.3)))
    assert kinds(head) == ["Dropout", "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert [layer.p for layer in head if isinstance(layer, nn.Dropout)] == [0.1, 0.2, 0.3]
    assert head(torch.zeros(4, 10)).shape == (4, 3)


def test_one_dropout_stands_for_all_layers():
    head = build_head(10, 3, model_config(hidden=(7, 5), dropout=(0.4,)))
    assert [layer.p for layer in head if isinstance(layer, nn.Dropout)] == [0.4, 0.4, 0.4]


def test_no_dropout_and_no_hidden_layer_is_one_linear_layer():
    assert kinds(build_head(10, 3, model_config())) == ["Linear"]
    assert kinds(build_head(10, 3, model_config(pool="concat"))) == ["BatchNorm1d", "Linear"]


def test_linear_layers_start_as_in_the_course():
    torch.manual_seed(0)
    layer = build_head(800, 500, model_config())[0]
    assert isinstance(layer, nn.Linear)
    assert (layer.bias == 0).all()
    # Kaiming normal: variance 2 / number of inputs; torch's default would be uniform with 1 / (3 * inputs).
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / 800), rel=0.01)
    assert layer.weight.abs().max() > 3 * math.sqrt(2 / 800)


def test_softmax_loss():
    logits = torch.cat([logits_of(0.5, 0.3, 0.2), logits_of(0.1, 0.8, 0.1)])
    loss = SINGLE.loss(logits, torch.tensor([2, 1]))
    assert loss.shape == ()
    assert loss.item() == pytest.approx(-(math.log(0.2) + math.log(0.8)) / 2)


def test_softmax_loss_takes_class_shares():
    loss = SINGLE.loss(logits_of(0.5, 0.3, 0.2), torch.tensor([[0.75, 0.25, 0.0]]))
    assert loss.item() == pytest.approx(-(0.75 * math.log(0.5) + 0.25 * math.log(0.3)))


def test_softmax_loss_with_label_smoothing():
    smooth = Objective("single", 3, criterion=Criterion(label_smoothing=0.3))
    loss = smooth.loss(logits_of(0.5, 0.3, 0.2), torch.tensor([0]))
    assert loss.item() == pytest.approx(-(0.8 * math.log(0.5) + 0.1 * math.log(0.3) + 0.1 * math.log(0.2)))


def test_loss_of_several_labels():
    logits = torch.tensor([[0.0, math.log(3)]])  # sigmoid: 0.5 and 0.75
    loss = MULTI.loss(logits, torch.tensor([[1.0, 0.0]]))
    assert loss.item() == pytest.approx(-(math.log(0.5) + math.log(0.25)) / 2)


def test_loss_of_several_labels_with_label_smoothing():
    smooth = Objective("multi", 2, criterion=Criterion(label_smoothing=0.2))
    loss = smooth.loss(torch.tensor([[0.0, math.log(3)]]), torch.tensor([[1.0, 0.0]]))
    second = 0.1 * math.log(0.75) + 0.9 * math.log(0.25)
    assert loss.item() == pytest.approx(-(math.log(0.5) + second) / 2)


def test_loss_of_numbers_is_the_mean_absolute_error():
    loss = NUMBERS.loss(torch.tensor([[1.0, -2.0], [0.0, 0.5]]), torch.tensor([[0.0, 1.0], [0.0, 1.0]]))
    assert loss.item() == pytest.approx((1 + 3 + 0 + 0.5) / 4)


@pytest.mark.parametrize("targets", [torch.tensor([1, 0]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])])
def test_loss_of_one_sigmoid_output(targets):
    logits = torch.tensor([[math.log(3)], [math.log(3)]])  # the second class has 0.75
    loss = ONE_UNIT.loss(logits, targets)
    assert loss.item() == pytest.approx(-(math.log(0.75) + math.log(0.25)) / 2)


def test_loss_of_one_sigmoid_output_with_mixed_and_smoothed_targets():
    smooth = Objective("single", 2, sigmoid_output=True, criterion=Criterion(label_smoothing=0.2))
    loss = smooth.loss(torch.tensor([[math.log(3)]]), torch.tensor([[0.75, 0.25]]))
    share = 0.25 * 0.8 + 0.1
    assert loss.item() == pytest.approx(-(share * math.log(0.75) + (1 - share) * math.log(0.25)))


def test_losses_are_float32_whatever_the_precision_of_the_logits():
    for objective, targets in (
        (SINGLE, torch.tensor([0])),
        (MULTI, torch.ones(1, 2)),
        (NUMBERS, torch.ones(1, 2)),
        (ONE_UNIT, torch.tensor([0])),
    ):
        logits = torch.zeros(1, objective.num_outputs, dtype=torch.bfloat16)
        assert objective.loss(logits, targets).dtype == torch.float32
        assert objective.values(logits).dtype == torch.float32


def test_values_by_task():
    logits = torch.tensor([[0.0, math.log(3)]])
    assert Objective("single", 2).values(logits).tolist() == [pytest.approx([0.25, 0.75])]
    assert MULTI.values(logits).tolist() == [pytest.approx([0.5, 0.75])]
    assert NUMBERS.values(logits).tolist() == [pytest.approx([0.0, math.log(3)])]
    assert ONE_UNIT.values(logits[:, 1:]).tolist() == [pytest.approx([0.25, 0.75])]


def test_only_a_sigmoid_output_has_another_number_of_units():
    assert [o.num_outputs for o in (SINGLE, MULTI, NUMBERS, ONE_UNIT)] == [3, 2, 2, 1]


@pytest.mark.parametrize(("task", "num_classes"), [("single", 3), ("multi", 2), ("regression", 2)])
def test_a_sigmoid_output_needs_two_classes(task, num_classes):
    with pytest.raises(ConfigError, match=f"model.binary_output: sigmoid needs two classes.*{num_classes}"):
        Objective(task, num_classes, sigmoid_output=True)


def test_mean_loss_by_task():
    values = np.array([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]], np.float32)
    assert SINGLE.mean_loss(values, np.array([0, 1])) == pytest.approx((math.log(2) + math.log(4)) / 2)
    tags = np.array([[1.0, 0.0]], np.float32)
    expected = -(math.log(0.25) + math.log(0.5)) / 2
    assert MULTI.mean_loss(np.array([[0.25, 0.5]], np.float32), tags) == pytest.approx(expected)
    assert NUMBERS.mean_loss(np.array([[1, 4]], np.float32), np.array([[3, 3]], np.float32)) == 1.5


def test_mean_loss_knows_no_label_smoothing():
    values, targets = np.array([[0.5, 0.5]], np.float32), np.array([0])
    smooth = Objective("single", 2, criterion=Criterion(label_smoothing=0.5))
    assert smooth.mean_loss(values, targets) == pytest.approx(math.log(2))
    smooth = Objective("multi", 1, criterion=Criterion(label_smoothing=0.5))
    assert smooth.mean_loss(np.array([[0.25]]), np.array([[1.0]])) == pytest.approx(math.log(4))


def test_mean_loss_of_a_certain_and_wrong_answer_is_large_and_finite():
    values = np.array([[1.0, 0.0]], np.float32)
    assert Objective("single", 2).mean_loss(values, np.array([1])) == pytest.approx(-math.log(LOG_FLOOR))
    wrong = MULTI.mean_loss(values, np.array([[0.0, 1.0]], np.float32))
    assert wrong == pytest.approx(-math.log(LOG_FLOOR))


def test_mean_loss_of_right_answers_is_the_training_loss():
    torch.manual_seed(1)
    logits, targets = torch.randn(5, 3), torch.tensor([0, 1, 2, 1, 0])
    assert SINGLE.mean_loss(SINGLE.values(logits).numpy(), targets.numpy()) == pytest.approx(
        SINGLE.loss(logits, targets).item(), rel=1e-5
    )


def test_numbers_learned_as_logarithms():
    """Outputs are logarithms; targets, values and the loss that is told are of the numbers and their ratio."""
    objective = Objective("regression", 1, criterion=Criterion("mse"), log_target=True)
    logits, targets = torch.tensor([[0.0], [math.log(2)]]), torch.tensor([[math.e], [8.0]])
    assert float(objective.loss(logits, targets)) == pytest.approx((1 + math.log(4) ** 2) / 2)
    assert objective.values(logits).flatten().tolist() == pytest.approx([1, 2])
    told = objective.mean_loss(objective.values(logits).numpy(), targets.numpy())
    assert told == pytest.approx((1 + math.log(4)) / 2)


def test_the_raw_value_grows_with_the_value():
    logits = torch.tensor([[3.0, -1.0]])
    assert SINGLE.raw_value(logits, 1).tolist() == [-1.0]
    assert ONE_UNIT.raw_value(logits[:, :1], 1).tolist() == [3.0]
    assert ONE_UNIT.raw_value(logits[:, :1], 0).tolist() == [-3.0]  # what speaks against the second class


def test_a_head_answers_in_float32_under_autocast():
    """7.7340 would be 7.71875 in bfloat16, and a sale of exp(7.7340) 1.5 % less."""
    model = Network()
    model.head = nn.Linear(2, 1)
    nn.init.zeros_(model.head.weight)
    nn.init.constant_(model.head.bias, 7.7340)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        answer = model.answer(torch.ones(1, 2, dtype=torch.bfloat16))
    assert answer.dtype == torch.float32
    assert answer.item() == pytest.approx(7.7340, abs=1e-6)
