from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from kgcv.data import balance
from kgcv.data.balance import deal_groups, join_groups

FIVE = [0.2] * 5


def realistic(seed: int, is_single: bool) -> tuple[np.ndarray, np.ndarray]:
    """Groups `(2000,)` and strata: 300 groups of skewed sizes, each with its own leaning among 17 skewed tags."""
    generator = np.random.default_rng(seed)
    sizes = generator.lognormal(0, 1, 300)
    groups = np.concatenate([np.arange(300), generator.choice(300, 1700, p=sizes / sizes.sum())])
    prior = np.exp(-np.arange(17) / 4)
    leanings = generator.dirichlet(20 * prior / prior.sum() + 0.01, 300)[groups]
    if not is_single:
        return groups, (generator.random((2000, 17)) < np.minimum(3 * leanings, 0.95)).astype(np.int64)
    return groups, (leanings.cumsum(axis=1) < generator.random((2000, 1))).sum(axis=1).clip(max=16)


def indicators(strata: np.ndarray) -> np.ndarray:
    return np.eye(17)[strata] if strata.ndim == 1 else strata


def unevenness(folds: np.ndarray, strata: np.ndarray) -> tuple[float, float, float]:
    """Largest difference of a tag's share in a fold, mean of a tag's part in a fold from a fifth, of a size too."""
    tags = indicators(strata)
    tags = tags[:, tags.any(axis=0)]
    counts = np.array([tags[folds == fold].sum(axis=0) for fold in range(5)])
    sizes = np.bincount(folds, minlength=5)
    shares = np.abs(counts / sizes[:, None] - tags.mean(axis=0)).max()
    parts = np.abs(counts / tags.sum(axis=0) - 0.2).mean()
    return float(shares), float(parts), float(np.abs(5 * sizes / len(folds) - 1).max())


def peer(groups: np.ndarray, classes: np.ndarray, seed: int) -> np.ndarray:
    folds = np.empty(len(groups), dtype=np.int64)
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    for fold, (_, valid) in enumerate(splitter.split(classes, classes, groups)):
        folds[valid] = fold
    return folds


# Joining


def test_a_name_is_a_group() -> None:
    assert join_groups(["b", "a", "b", "c"], []).tolist() == [1, 0, 1, 2]


def test_links_join_whole_groups_through_others() -> None:
    groups = join_groups(["a", "a", "b", "c", "d", "e"], [(1, 2), (2, 3), (4, 0)])
    assert len(set(groups[:5].tolist())) == 1
    assert sorted(set(groups.tolist())) == [0, 1]


def test_links_within_a_group_and_round_in_circles_change_nothing() -> None:
    assert join_groups(["a", "a", "b"], [(0, 1)]).tolist() == [0, 0, 1]
    assert join_groups(["a", "b", "c"], [(0, 1), (1, 2), (0, 2)]).tolist() == [0, 0, 0]


# Dealing


def test_dealing_and_exchanging_make_parts_even() -> None:
    # 5, 4, 3, 3, 3 in two parts: dealing gives 5 + 3 against 4 + 3 + 3, and exchanging 3 for 4 makes it even.
    parts = deal_groups(np.repeat(np.arange(5), [5, 4, 3, 3, 3]), None, (0.5, 0.5), 0)
    assert np.bincount(parts).tolist() == [9, 9]


def test_shares_need_not_be_equal() -> None:
    parts = deal_groups(np.arange(100) // 2, None, (0.3, 0.7), 0)
    assert np.bincount(parts).tolist() == [30, 70]


def test_a_rare_class_counts_more_than_its_samples() -> None:
    # Two samples of class 1 in groups of their own, beside 98 of class 0: each part gets one.
    classes = np.array([1, 1] + [0] * 98)
    for seed in range(10):
        parts = deal_groups(np.arange(100), classes, (0.5, 0.5), seed)
        assert parts[0] != parts[1]
        assert np.bincount(parts).tolist() == [50, 50]


def test_tags_that_exclude_each_other_are_balanced_at_once() -> None:
    tags = np.array([[1, 0], [0, 1], [1, 1], [0, 0]] * 5)
    parts = deal_groups(np.arange(20), tags, FIVE, 3)
    for part in range(5):
        assert tags[parts == part].sum(axis=0).tolist() == [2, 2]


@pytest.mark.parametrize("strata", [np.zeros(6, dtype=np.int64), np.zeros((6, 2), dtype=np.int64), None])
def test_every_part_gets_a_group_if_there_are_enough(strata: np.ndarray | None) -> None:
    parts = deal_groups(np.arange(6).clip(max=4), strata, FIVE, 0)
    assert sorted(set(parts.tolist())) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("is_single", [True, False])
@pytest.mark.parametrize("shares", [FIVE, [0.2, 0.8]])
def test_no_group_is_cut_whatever_the_seed(is_single: bool, shares: list[float]) -> None:
    groups, strata = realistic(0, is_single)
    for seed in range(10):
        parts = deal_groups(groups, strata, shares, seed)
        assert parts.shape == (2000,)
        assert sorted(set(parts.tolist())) == list(range(len(shares)))
        assert all(len(set(parts[groups == group].tolist())) == 1 for group in range(300))


def test_a_seed_gives_one_deal_and_another_seed_another() -> None:
    groups, strata = realistic(0, is_single=False)
    one, same, other = (deal_groups(groups, strata, FIVE, seed) for seed in (1, 1, 2))
    assert one.tolist() == same.tolist()
    assert one.tolist() != other.tolist()


@pytest.mark.filterwarnings("ignore:The least populated class")
def test_one_label_is_dealt_out_at_least_as_evenly_as_by_scikit_learn() -> None:
    measured = []
    for seed in range(8):
        groups, classes = realistic(seed, is_single=True)
        ours, theirs = deal_groups(groups, classes, FIVE, seed), peer(groups, classes, seed)
        measured.append((unevenness(ours, classes), unevenness(theirs, classes)))
    ours_mean, theirs_mean = np.mean(measured, axis=0)
    assert (ours_mean <= theirs_mean).all()
    assert ours_mean[0] < 0.005


def test_many_tags_are_within_a_point_or_two_of_their_share() -> None:
    measured = []
    for seed in range(8):
        groups, tags = realistic(seed, is_single=False)
        measured.append(unevenness(deal_groups(groups, tags, FIVE, seed), tags))
    shares, parts, sizes = np.transpose(measured)
    assert shares.mean() < 0.01
    assert shares.max() < 0.02
    assert parts.mean() < 0.01
    assert sizes.max() < 0.02


def test_a_holdout_of_groups_keeps_its_size_and_shares() -> None:
    for seed in range(8):
        groups, tags = realistic(seed, is_single=False)
        valid = deal_groups(groups, tags, (0.2, 0.8), seed) == 0
        assert abs(valid.mean() - 0.2) < 0.005
        assert np.abs(tags[valid].mean(axis=0) - tags.mean(axis=0)).max() < 0.02


def test_exchanges_even_out_what_dealing_leaves_uneven(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure() -> Any:
        cases = [realistic(seed, is_single=False) for seed in range(4)]
        return np.array([unevenness(deal_groups(*case, FIVE, 0), case[1]) for case in cases]).mean(axis=0)

    with_exchanges = measure()
    monkeypatch.setattr(balance, "_MAX_EXCHANGED", 299)
    assert (with_exchanges < measure()).all()
