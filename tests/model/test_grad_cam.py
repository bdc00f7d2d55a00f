from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  torch's own name for it
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


@mark.parametrize(
    ("name", "layer", "places"),
    [
        ("test_vit", "blocks.4", 2),  # the places of the last block reach no answer, for its class token alone is read
        ("test_vit3", "features", 2),  # pooled by attention
        ("eva", "features", 4),  # pooled by a mean
        ("deit", "blocks.0", 4),
        ("tnt", "blocks.0", 2),
        ("crossvit", "blocks.0", 2),
        ("cait", "blocks.1", 4),  # the class token joins after the last block
    ],
)
def test_transformers_are_asked_for_the_places_that_they_read_last(timm_model, name, layer, places):
    evidence = evidence_of(timm_model(name), noise(32), 0)
    assert (evidence.layer, evidence.places.shape) == (layer, (places, places))
    assert evidence.places.any()


def test_a_transformer_points_to_the_bright_spot(timm_model):
    """Trained for half a second to tell red, blue and no spot on any of nine patches; it reads a class token.

    Attention in the first block is off: otherwise patches could tell each other, and the evidence be anywhere.
    """
    model, draws = timm_model("vit"), torch.Generator().manual_seed(0)
    for parameter in model.body.blocks[0].attn.proj.parameters():
        nn.init.zeros_(parameter.requires_grad_(False))

    def draw_spots(places: Tensor, colours: Tensor) -> Tensor:
        images = torch.rand(len(places), 3, 24, 24, generator=draws) - 0.5
        for image, place, colour in zip(images, places.tolist(), colours.tolist(), strict=True):
            y, x = 8 * (place // 3), 8 * (place % 3)
            image[2 * colour : 2 * colour + 1, y + 1 : y + 7, x + 1 : x + 7] += 2  # a third colour there is not
        return images

    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=2e-3)
    for _ in range(100):
        places, colours = (torch.randint(high, (16,), generator=draws) for high in (9, 3))
        loss = F.cross_entropy(model(draw_spots(places, colours)), colours)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    places, colours = torch.arange(18) % 9, torch.arange(18) % 2
    images = draw_spots(places, colours)
    found = [evidence_of(model, image[None], colour) for image, colour in zip(images, colours.tolist(), strict=True)]
    assert {evidence.layer for evidence in found} == {"blocks.0"}
    assert [int(evidence.places.argmax()) for evidence in found] == places.tolist()


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
