from __future__ import annotations

import numpy as np
import torch
from pytest import approx, mark
from torch import Tensor, nn

from kgcv.model.grad_cam import Evidence, find_evidence, spread_evidence, weighted_places
from kgcv.model.vision import VisionModel
from kgcv.model.watched import watch

QUADRANTS = {
    "top left": (slice(0, 16), slice(0, 16)),
    "top right": (slice(0, 16), slice(16, 32)),
    "bottom left": (slice(16, 32), slice(0, 16)),
    "bottom right": (slice(16, 32), slice(16, 32)),
}


def evidence_of(model: VisionModel, image: Tensor, output: int) -> Evidence:
    passed = watch(model, image)
    evidence = find_evidence(passed, passed.logits[0, output])
    assert evidence is not None
    return evidence


def noise(side: int) -> Tensor:
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(3))


def test_weights_and_maps_by_hand():
    outputs = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[4.0, 3.0], [2.0, 1.0]]])
    weights = torch.tensor([2.0, -1.0])[:, None, None]
    assert weighted_places(outputs, weights).tolist() == [[0.0, 1.0], [4.0, 7.0]]  # 2 - 4 = -2 speaks against


@mark.parametrize("layout", ["NCHW", "NHWC", "tokens"])
@mark.parametrize("place", QUADRANTS)
def test_the_quadrant_with_the_evidence_and_no_other(colour_model, layout, place):
    image, (rows, columns) = torch.zeros(1, 3, 32, 32), QUADRANTS[place]
    opposite = (slice(32 - rows.stop, 32 - rows.start), slice(32 - columns.stop, 32 - columns.start))
    image[0, 0, rows, columns] = image[0, 2, opposite[0], opposite[1]] = 1.0  # red here, blue over there
    model = colour_model(layout)
    for output, factor, (y, x) in ((0, 2, (rows, columns)), (1, 3, opposite)):
        expected = np.zeros((8, 8))
        expected[y.start // 4 : y.stop // 4, x.start // 4 : x.stop // 4] = factor / 64  # its share of the mean
        evidence = evidence_of(model, image, output)
        assert evidence.layer == "features"
        assert evidence.places == approx(expected)
        heat = spread_evidence(evidence.places, model.body, 32)
        wide = np.zeros((32, 32), bool)
        wide[max(0, y.start - 2) : y.stop + 2, max(0, x.start - 2) : x.stop + 2] = True
        assert (heat[y, x] >= 0.25).all()  # the corner is between four places, one of them hot
        assert not heat[~wide].any()
        assert heat.max() == 1


@mark.parametrize(
    ("name", "side", "axes"), [("test_resnet", 96, "bcyx"), ("test_efficientnet", 96, "bcyx"), ("swin", 32, "byxc")]
)
def test_a_linear_head_on_mean_features_gives_class_activation_mapping(timm_model, name, side, axes):
    """Zhou et al. 2016: the head's weights times the features, by place; here divided by the number of places."""
    model = timm_model(name)
    with torch.no_grad():
        features = model.body.forward_features(noise(side))
        expected = torch.einsum(f"c,{axes}->yx", model.head[0].weight[1], features).relu()
    evidence = evidence_of(model, noise(side), 1)
    assert evidence.places.any()
    assert evidence.places == approx(expected.numpy() / expected.numel(), rel=1e-4, abs=1e-7)


def test_the_course_head_has_evidence_as_well(timm_model):
    evidence = evidence_of(timm_model("test_resnet", pool="concat", hidden=(8,)), noise(96), 0)
    assert (evidence.layer, evidence.places.shape) == ("features", (3, 3))


@mark.parametrize(("name", "places"), [("test_vit3", 2), ("eva", 4)], ids=["pooled by attention", "by a mean"])
def test_transformers_whose_places_are_pooled(timm_model, name, places):
    evidence = evidence_of(timm_model(name), noise(32), 0)
    assert (evidence.layer, evidence.places.shape) == ("features", (places, places))
    assert evidence.places.any()


@mark.parametrize("name", ["test_vit", "deit", "tnt", "crossvit", "cait"])
def test_a_class_token_has_no_evidence_by_place(timm_model, name):
    passed = watch(timm_model(name), noise(32))
    assert find_evidence(passed, passed.logits[0, 0]) is None


def test_a_map_of_one_place_gives_way_to_the_stage_before(timm_model):
    evidence = evidence_of(timm_model("test_resnet"), noise(32), 0)  # a thirty-second of the image's side
    assert (evidence.layer, evidence.places.shape) == ("layer3", (2, 2))


def test_no_place_at_all(colour_model):
    passed = watch(colour_model("pooled"), torch.ones(1, 3, 32, 32))
    assert passed.maps == ()
    assert find_evidence(passed, passed.logits[0, 0]) is None


def test_nothing_speaks_for_the_class(colour_model):
    blue = torch.zeros(1, 3, 32, 32)
    blue[:, 2] = 1
    places = evidence_of(colour_model("NCHW"), blue, 0).places
    assert not places.any()
    assert not spread_evidence(places, nn.Identity(), 32).any()


def test_the_padding_of_whole_patches_is_cut_off(timm_model):
    """40 pixels are padded to three patches of 16: the third covers pixels 32 to 48, of which 8 are there."""
    places = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 1]], np.float32)
    heat = spread_evidence(places, timm_model("test_vit").body, 40)
    assert heat.shape == (40, 40)
    assert heat[39, 39] == 1.0  # the middle of the third patch is where the image ends
    assert heat[32, 39] == approx(0.53125 / 0.96875)  # bilinear, between the middles of two patches
    assert not heat[:24].any()
