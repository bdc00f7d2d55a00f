"""Losses against values worked out by hand or by another route, and the weights that counts give."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  torch's own name for it
from torch import Tensor, nn

from kgcv.errors import ConfigError
from kgcv.model.heads import Objective
from kgcv.model.losses import (
    Criterion,
    balanced_class_weights,
    balanced_sample_weights,
    class_counts,
    positive_weights,
)

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.3, -0.7]])
TAGS = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
CLASSES = torch.tensor([0, 2])


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def by_hand(weight: list[float], pos_weight: list[float], gamma: float = 0.0) -> float:
    """Binary cross entropy of LOGITS against TAGS, element by element."""
    total = 0.0
    for logits, tags in zip(LOGITS.tolist(), TAGS.tolist(), strict=True):
        for column, (logit, tag) in enumerate(zip(logits, tags, strict=True)):
            p = sigmoid(logit) if tag else 1 - sigmoid(logit)
            factor = pos_weight[column] if tag else 1.0
            total -= weight[column] * factor * (1 - p) ** gamma * math.log(p)
    return total / LOGITS.numel()


@pytest.mark.parametrize(
    ("criterion", "expected"),
    [
        (Criterion("bce"), by_hand([1, 1, 1], [1, 1, 1])),
        (Criterion("bce", pos_weight=(2.0, 3.0, 5.0)), by_hand([1, 1, 1], [2, 3, 5])),
        (Criterion("bce", class_weights=(0.5, 2.0, 0.25)), by_hand([0.5, 2, 0.25], [1, 1, 1])),
        (Criterion("focal", focal_gamma=2.0), by_hand([1, 1, 1], [1, 1, 1], gamma=2)),
        (
            Criterion("focal", focal_gamma=1.5, pos_weight=(2.0, 3.0, 5.0), class_weights=(0.5, 2.0, 0.25)),
            by_hand([0.5, 2, 0.25], [2, 3, 5], gamma=1.5),
        ),
    ],
)
def test_losses_of_several_labels(criterion: Criterion, expected: float) -> None:
    assert float(criterion.loss("multi", LOGITS, TAGS)) == pytest.approx(expected, rel=1e-5)


def test_asymmetric_loss_by_hand() -> None:
    """Gammas 4 and 1, and negatives below a probability of 0.05 cost nothing."""
    logits, tags = torch.tensor([[0.0, 0.0, -4.0]]), torch.tensor([[1.0, 0.0, 0.0]])
    positive = (1 - 0.5) * -math.log(0.5)
    negative = (1 - 0.55) ** 4 * -math.log(0.55)  # 1 - p is moved up by 0.05
    easy = 0.0  # p = 0.018
    loss = Criterion("asymmetric").loss("multi", logits, tags)
    assert float(loss) == pytest.approx((positive + negative + easy) / 3, rel=1e-5)


def test_losses_of_one_class() -> None:
    log_p = F.log_softmax(LOGITS, dim=1)
    plain = -(log_p[0, 0] + log_p[1, 2]) / 2
    weighted = -(0.2 * log_p[0, 0] + 3.0 * log_p[1, 2]) / 2
    focal = -((1 - log_p[0, 0].exp()) ** 2 * log_p[0, 0] + (1 - log_p[1, 2].exp()) ** 2 * log_p[1, 2]) / 2
    weights = (0.2, 1.0, 3.0)
    assert float(Criterion().loss("single", LOGITS, CLASSES)) == pytest.approx(float(plain))
    assert float(Criterion(class_weights=weights).loss("single", LOGITS, CLASSES)) == pytest.approx(float(weighted))
    assert float(Criterion("focal").loss("single", LOGITS, CLASSES)) == pytest.approx(float(focal))


@pytest.mark.parametrize("criterion", [Criterion(), Criterion("focal"), Criterion(class_weights=(0.2, 1.0, 3.0))])
def test_shares_of_classes_are_the_mean_of_both_classes(criterion: Criterion) -> None:
    shares = torch.tensor([[0.7, 0.3, 0.0], [0.7, 0.3, 0.0]])
    first, second = (criterion.loss("single", LOGITS, torch.full((2,), label)) for label in (0, 1))
    expected = 0.7 * float(first) + 0.3 * float(second)
    assert float(criterion.loss("single", LOGITS, shares)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("criterion", [Criterion(), Criterion("focal"), Criterion(class_weights=(0.2, 1.0, 3.0))])
def test_gradients_of_halves_add_up_to_those_of_the_whole(criterion: Criterion) -> None:
    def gradient(rows: slice) -> Tensor:
        logits = LOGITS.clone().requires_grad_()
        share = len(range(*rows.indices(2))) / 2
        (criterion.loss("single", logits[rows], CLASSES[rows]) * share).backward()
        assert logits.grad is not None
        return logits.grad

    torch.testing.assert_close(gradient(slice(0, 1)) + gradient(slice(1, 2)), gradient(slice(0, 2)))


# Distances 0.5, 2, 1.5 and 0; below 1 the smooth loss is half the square, above it the distance less a half.
@pytest.mark.parametrize(("name", "expected"), [("l1", 4 / 4), ("mse", 6.5 / 4), ("smooth_l1", 2.625 / 4)])
def test_losses_of_numbers(name: str, expected: float) -> None:
    predicted, true = torch.tensor([[0.5], [2.0], [-1.0], [1.0]]), torch.tensor([[1.0], [4.0], [0.5], [1.0]])
    assert float(Criterion(name).loss("regression", predicted, true)) == pytest.approx(expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "task"), [("bce", "single"), ("cross_entropy", "multi"), ("focal", "regression"), ("l1", "single")]
)
def test_a_loss_of_another_task_is_refused(name: str, task: str) -> None:
    with pytest.raises(ConfigError, match=f"train.loss: '{name}' does not fit task '{task}', which has: "):
        Objective(task, 3, criterion=Criterion(name))  # type: ignore[arg-type]


def test_one_output_unit_has_its_own_loss() -> None:
    for criterion in (Criterion("focal"), Criterion(class_weights=(1.0, 2.0))):
        with pytest.raises(ConfigError, match="binary_output: sigmoid has its own loss"):
            Objective("single", 2, sigmoid_output=True, criterion=criterion)


def test_counts_become_weights() -> None:
    classes = np.array([0, 0, 0, 2])
    assert class_counts(classes, 3).tolist() == [3, 0, 1]
    # scikit-learn's balanced: N / (classes that occur * count); the mean over the four samples is 1.
    assert balanced_class_weights(classes, 3) == pytest.approx((4 / 6, 0.0, 4 / 2))
    tags = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 0], [0, 0, 0]], dtype=np.float32)
    assert class_counts(tags, 3).tolist() == [3, 1, 0]
    assert positive_weights(tags) == pytest.approx((1 / 3, 3.0, 1.0))
    # 1/3 and 1, scaled to a mean of 1 over the two tags that occur.
    assert balanced_class_weights(tags, 3) == pytest.approx((0.5, 1.5, 0.0))


def test_rare_samples_are_drawn_as_often_as_common_ones() -> None:
    assert balanced_sample_weights(np.array([0, 0, 0, 2]), 3) == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2])
    tags = np.array([[1, 1], [1, 0], [0, 0], [0, 0]], dtype=np.float32)
    # Rarest tag: 1 of 1 sample, 1 of 2, and 2 without any.
    assert balanced_sample_weights(tags, 2) == pytest.approx(np.array([1, 0.5, 0.5, 0.5]) / 2.5)


def trained_probabilities(criterion: Criterion) -> Tensor:
    """What a bias alone learns of two tags, given to 8 and to 2 samples of 10."""
    targets = torch.zeros(10, 2)
    targets[:8, 0] = targets[:2, 1] = 1
    bias = nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.LBFGS([bias], max_iter=100)

    def closure() -> float:
        optimizer.zero_grad()
        loss = criterion.loss("multi", bias.expand(10, 2), targets)
        loss.backward()
        return float(loss.detach())

    optimizer.step(closure)
    return torch.sigmoid(bias.detach())


def test_what_each_loss_makes_of_common_and_rare_tags() -> None:
    plain = trained_probabilities(Criterion("bce"))
    torch.testing.assert_close(plain, torch.tensor([0.8, 0.2]), atol=1e-3, rtol=0)
    even = trained_probabilities(Criterion("bce", pos_weight=(2 / 8, 8 / 2)))
    torch.testing.assert_close(even, torch.tensor([0.5, 0.5]), atol=1e-3, rtol=0)
    smooth = trained_probabilities(Criterion("bce", label_smoothing=0.2))
    torch.testing.assert_close(smooth, torch.tensor([0.74, 0.26]), atol=1e-3, rtol=0)
    focal = trained_probabilities(Criterion("focal"))
    assert 0.5 < focal[0] < 0.8
    assert 0.2 < focal[1] < 0.5
    asymmetric = trained_probabilities(Criterion("asymmetric"))
    assert asymmetric[1] > 0.3  # the rare tag is lifted
