from __future__ import annotations

import numpy as np
import pytest
import torch
from timm.data import Mixup
from torch import Tensor

from kgcv.config.schema import AugmentConfig
from kgcv.engine.mixing import build_mixup, mix


def build(**keys: float) -> Mixup:
    mixup = build_mixup(AugmentConfig(**keys))  # type: ignore[arg-type]  # floats only
    assert mixup is not None
    return mixup


def batch_of(count: int) -> tuple[Tensor, Tensor]:
    """Images that are all 1, all 2, ...; their classes are 0, 1, 2, 0, ..."""
    images = torch.arange(1.0, count + 1)[:, None, None, None].repeat(1, 3, 8, 8)
    return images, torch.arange(count) % 3


def test_nothing_is_built_where_nothing_was_asked_for():
    assert build_mixup(AugmentConfig()) is None


def test_the_alphas_are_handed_on():
    mixup, cutmix = build(mixup=0.3), build(cutmix=1.0)
    assert (mixup.mixup_alpha, mixup.cutmix_alpha, mixup.label_smoothing) == (0.3, 0.0, 0.0)
    assert (cutmix.mixup_alpha, cutmix.cutmix_alpha) == (0.0, 1.0)


def test_mixup_mixes_an_image_with_its_partner_as_it_mixes_their_classes():
    """Images 1 and 4 are partners, both of class 0; images 2 and 3 are partners of the classes 1 and 2."""
    images, targets = batch_of(4)
    np.random.seed(3)
    mixed, shares = mix(build(mixup=1.0), images, targets, 3)
    part = float(shares[1, 1])
    rest = 1 - part
    assert 0.01 < part < 0.99
    assert shares.dtype == torch.float32
    for row, expected in enumerate(([1, 0, 0], [0, part, rest], [0, rest, part], [1, 0, 0])):
        assert shares[row].tolist() == pytest.approx(expected)
    pixels = [part + 4 * rest, 2 * part + 3 * rest, 3 * part + 2 * rest, 4 * part + rest]
    for image, pixel in zip(mixed, pixels, strict=True):
        assert image.flatten().tolist() == pytest.approx([pixel] * 192)


def test_cutmix_pastes_a_box_whose_area_is_the_partners_share():
    for seed in range(10):
        images, targets = batch_of(4)
        np.random.seed(seed)
        mixed, shares = mix(build(cutmix=1.0), images, targets, 3)
        own = (mixed[1, 0] == 2).float().mean().item()
        assert set(mixed[1].unique().tolist()) <= {2.0, 3.0}
        assert shares[1].tolist() == pytest.approx([0, own, 1 - own], abs=1e-6)


def test_the_last_image_of_an_odd_batch_stays_as_it_is():
    images, targets = batch_of(5)
    np.random.seed(3)
    mixed, shares = mix(build(mixup=1.0), images, targets, 3)
    assert mixed.shape == (5, 3, 8, 8)
    assert (mixed[4] == 5).all()
    assert shares[4].tolist() == [0, 1, 0]
    assert shares.dtype == torch.float32
    assert not (mixed[0] == 1).all()
    assert shares.sum(dim=1).tolist() == pytest.approx([1.0] * 5)


def test_a_lone_image_stays_as_it_is():
    images, targets = batch_of(1)
    mixed, shares = mix(build(mixup=1.0), images, targets, 3)
    assert (mixed == 1).all()
    assert shares.tolist() == [[1, 0, 0]]
    assert shares.dtype == torch.float32


def test_the_draw_is_numpys_and_so_the_trainers():
    results: list[tuple[Tensor, Tensor]] = []
    for seed in (1, 1, 2):
        np.random.seed(seed)
        torch.manual_seed(len(results))
        results.append(mix(build(mixup=0.5, cutmix=0.5), *batch_of(6), 3))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
    assert not torch.equal(results[0][1], results[2][1])


def test_with_both_each_batch_draws_one():
    mixup = build(mixup=1.0, cutmix=1.0)
    pasted = []
    np.random.seed(1)
    for _ in range(40):
        mixed, _ = mix(mixup, *batch_of(4), 3)
        pasted.append(set(mixed[1].unique().tolist()) <= {2.0, 3.0})
    assert 10 < sum(pasted) < 30


def test_tags_are_mixed_in_the_shares_of_the_images():
    images = torch.arange(4.0).reshape(4, 1, 1, 1).expand(4, 1, 2, 2).clone()
    tags = torch.tensor([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    np.random.seed(1)
    mixed, shares = mix(build(mixup=1.0), images, tags, 2)
    # Image i is i before; i * lam + (3 - i) * (1 - lam) after.
    lam = float((mixed[0, 0, 0, 0] - 3) / -3)
    assert 0 < lam < 1
    torch.testing.assert_close(shares, lam * tags + (1 - lam) * tags.flip(0))


def test_a_lone_image_keeps_its_tags():
    tags = torch.tensor([[1.0, 0.0]])
    _, shares = mix(build(mixup=1.0), torch.ones(1, 1, 2, 2), tags, 2)
    assert shares.tolist() == tags.tolist()
