from __future__ import annotations

import numpy as np
import torch
from pytest import mark
from torch import nn

from kgcv.model.first_layer import first_convolution, strongest_channels


def test_what_varies_most_over_the_image_comes_first():
    convolution = nn.Conv2d(3, 3, 2)
    responses = torch.tensor([[[100.0, 100.0]], [[-1.0, 1.0]], [[7.0, 3.0]]])
    first, second = strongest_channels(convolution, responses, 2)
    assert (first.index, first.strength) == (2, 2.0)
    assert (second.index, second.strength) == (1, 1.0)
    assert first.response.tolist() == [[7.0, 3.0]]
    assert len(strongest_channels(convolution, responses, 8)) == 3


def test_a_kernel_as_colours_half_of_which_is_a_weight_of_nothing():
    convolution = nn.Conv2d(3, 1, (1, 2), bias=False)
    with torch.no_grad():
        convolution.weight.copy_(torch.tensor([[[[4.0, 0.0]], [[-2.0, 0.0]], [[0.0, -4.0]]]]))
    (channel,) = strongest_channels(convolution, torch.zeros(1, 2, 2), 1)
    assert channel.kernel is not None
    assert channel.kernel.tolist() == [[[1.0, 0.25, 0.5], [0.5, 0.5, 0.0]]]


def test_grey_kernels_and_those_of_nothing_at_all():
    convolution = nn.Conv2d(1, 1, 2, bias=False)
    nn.init.zeros_(convolution.weight)
    (channel,) = strongest_channels(convolution, torch.zeros(1, 2, 2), 1)
    assert channel.kernel is not None
    np.testing.assert_array_equal(channel.kernel, np.full((2, 2, 3), 0.5))


@mark.parametrize("convolution", [nn.Conv2d(12, 1, 3), nn.Conv2d(3, 1, 1)], ids=["not colours", "one weight"])
def test_kernels_that_are_no_pictures(convolution):
    (channel,) = strongest_channels(convolution, torch.zeros(1, 2, 2), 1)
    assert channel.kernel is None


@mark.parametrize(("name", "layer"), [("test_resnet", "conv1.0"), ("test_vit", "patch_embed.proj")])
def test_the_first_convolution_or_patch_embedding(timm_model, name, layer):
    found = first_convolution(timm_model(name).body)
    assert found is not None
    assert found[0] == layer


def test_no_convolution():
    assert first_convolution(nn.Linear(2, 2)) is None
