"""Thresholds against answers worked out by hand, and against trying every cut there is."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest

from kgcv.scoring.decisions import DecisionRule, Groups
from kgcv.scoring.fbeta import FBeta, score_tags
from kgcv.scoring.thresholds import cut_columns, fit_global, fit_per_class, fit_prevalence

Average = Literal["samples", "macro", "micro"]
METRICS = [FBeta(beta, average) for beta in (0.5, 1.0, 2.0) for average in ("samples", "macro", "micro")]
F2 = FBeta(2.0, "samples")


def tags(rows: Sequence[Sequence[int]]) -> np.ndarray:
    return np.array(rows, dtype=bool)


def probabilities(rows: Sequence[Sequence[float]]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A few samples and classes; many ties, some values of 0 and 1, some classes that never occur."""
    random = np.random.default_rng(seed)
    shape = (int(random.integers(1, 8)), int(random.integers(2, 5)))
    targets = random.random(shape) < random.random(shape[1]) * random.choice([0, 0.9, 0.9, 0.9], shape[1])
    values = np.clip(targets * 0.3 + random.random(shape) * 0.9 - 0.05, 0, 1)
    return targets, values.round(int(random.integers(1, 3))).astype(np.float32)


def draw_larger(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Thirty samples of five classes, with ties."""
    random = np.random.default_rng(seed)
    targets = random.random((30, 5)) < np.array([0.7, 0.5, 0.4, 0.3, 0.2])
    return targets, np.clip(targets * 0.2 + random.random((30, 5)) * 0.8, 0, 1).round(2).astype(np.float32)


def possible_thresholds(values: np.ndarray) -> list[float]:
    """One for every set of values from 0 up that a threshold can give."""
    return sorted({0.0, *map(float, values.ravel())})


def score(targets: np.ndarray, values: np.ndarray, thresholds: np.ndarray, metric: FBeta, groups: Groups = ()) -> float:
    return score_tags(targets, DecisionRule(thresholds, groups).decide(values), metric)


def with_groups(targets: np.ndarray, seed: int) -> tuple[Groups, list[int]]:
    """For every third seed a group of the last and the first class, where there are more; and the other classes."""
    num_classes = targets.shape[1]
    if seed % 3 or num_classes == 2:
        return (), list(range(num_classes))
    return ((num_classes - 1, 0),), list(range(1, num_classes - 1))


def spread(values: Sequence[float], free: Sequence[int], num_classes: int) -> np.ndarray:
    thresholds = np.full(num_classes, np.nan)
    thresholds[list(free)] = values
    return thresholds


def test_the_threshold_lies_in_the_middle_between_the_tags_and_the_rest() -> None:
    found = fit_global(tags([[1, 0], [1, 0]]), probabilities([[0.9, 0.2], [0.6, 0.4]]), F2)
    assert found == pytest.approx([0.5, 0.5])


def test_equal_values_are_given_together() -> None:
    """Both tags have 0.7: the true one cannot be had alone, and both (5/6) are better than none."""
    targets, values = tags([[1, 0]]), probabilities([[0.7, 0.7]])
    assert fit_global(targets, values, F2) == pytest.approx([0.35, 0.35])


def test_of_equally_good_cuts_the_highest_is_taken() -> None:
    """F1 of the true tag alone is 1 / (1 + 1/2) = 2/3; with the second true one and two wrong ones it is 2/3 too."""
    targets, values = tags([[1, 0, 0, 1]]), probabilities([[0.9, 0.7, 0.5, 0.3]])
    assert fit_global(targets, values, FBeta(1.0, "samples")) == pytest.approx([0.8] * 4)


def test_nothing_is_given_where_nothing_is_true() -> None:
    targets, values = tags([[0, 0]]), probabilities([[0.4, 0.6]])
    assert fit_global(targets, values, F2) == pytest.approx([0.8, 0.8])
    assert fit_per_class(targets, values, cut_columns(values), F2, np.array([0.8, 0.8])).tolist() == [1.0, 1.0]


def test_a_value_of_zero_is_never_given() -> None:
    targets, values = tags([[1], [1]]), probabilities([[0.5], [0.0]])
    assert fit_global(targets, values, F2) == pytest.approx([0.25])
    assert fit_global(targets, -values * 0, F2) == pytest.approx([0.5])


def test_each_class_by_hand() -> None:
    """Macro F1: the first class is best cut below 0.8, the second below 0.3."""
    targets = tags([[1, 1], [0, 1], [0, 0]])
    values = probabilities([[0.8, 0.3], [0.6, 0.5], [0.4, 0.1]])
    found = fit_per_class(targets, values, cut_columns(values), FBeta(1.0, "macro"), np.array([0.35, 0.35]))
    assert found == pytest.approx([0.7, 0.2])


@pytest.mark.parametrize("metric", METRICS, ids=str)
def test_no_single_threshold_is_better(metric: FBeta) -> None:
    for seed in range(60):
        targets, values = draw(seed)
        groups, free = with_groups(targets, seed)
        tried = max(
            score(targets, values, spread([cut] * len(free), free, targets.shape[1]), metric, groups)
            for cut in possible_thresholds(values)
        )
        found = fit_global(targets, values, metric, groups)
        assert np.flatnonzero(~np.isnan(found)).tolist() == free
        assert score(targets, values, found, metric, groups) == pytest.approx(tried, abs=1e-9), seed


@pytest.mark.parametrize("metric", METRICS, ids=str)
def test_thresholds_by_class_are_never_worse_than_one_for_all(metric: FBeta) -> None:
    for seed in range(60):
        targets, values = draw(seed)
        groups, _ = with_groups(targets, seed)
        start = fit_global(targets, values, metric, groups)
        found = fit_per_class(targets, values, cut_columns(values), metric, start, groups)
        assert np.isnan(found).tolist() == np.isnan(start).tolist()
        before, after = (score(targets, values, thresholds, metric, groups) for thresholds in (start, found))
        assert after >= before - 1e-12, seed


@pytest.mark.parametrize("metric", [metric for metric in METRICS if metric.average != "samples"], ids=str)
def test_no_thresholds_by_class_are_better(metric: FBeta) -> None:
    """Every combination of cuts, for averages that are solved exactly."""
    for seed in range(40):
        targets, values = (array[:4, :3] for array in draw(seed))
        groups, free = with_groups(targets, seed)
        start = fit_global(targets, values, metric, groups)
        found = fit_per_class(targets, values, cut_columns(values), metric, start, groups)
        tried = max(
            score(targets, values, spread(cut, free, targets.shape[1]), metric, groups)
            for cut in itertools.product(*(possible_thresholds(values[:, column]) for column in free))
        )
        assert score(targets, values, found, metric, groups) == pytest.approx(tried, abs=1e-9), seed


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_the_climb_ends_where_no_class_alone_can_do_better(beta: float) -> None:
    """Also where one round through the classes is not enough, as with most of the larger sets."""
    metric = FBeta(beta, "samples")
    for seed in range(40):
        targets, values = draw(seed) if seed < 30 else draw_larger(seed)
        groups, free = with_groups(targets, seed)
        found = fit_per_class(
            targets, values, cut_columns(values), metric, fit_global(targets, values, metric, groups), groups
        )
        best = score(targets, values, found, metric, groups)
        for column in free:
            for cut in possible_thresholds(values[:, column]):
                other = np.where(np.arange(len(found)) == column, cut, found)
                assert score(targets, values, other, metric, groups) <= best + 1e-9, seed


def test_the_climb_gains_where_classes_differ() -> None:
    """One threshold cannot give the first class above 0.8 and the second above 0.2; two can, and reach 1."""
    targets = tags([[1, 1], [0, 1], [1, 0]])
    values = probabilities([[0.9, 0.3], [0.7, 0.4], [0.9, 0.1]])
    start = fit_global(targets, values, F2)
    assert score(targets, values, start, F2) < 1
    assert score(targets, values, fit_per_class(targets, values, cut_columns(values), F2, start), F2) == 1


def test_groups_count_as_given_in_the_fit() -> None:
    """By itself the third tag is worth giving to all: it is right once, and the other samples score 0 anyway."""
    targets = tags([[0, 1, 1], [1, 0, 0], [1, 0, 0], [1, 0, 0]])
    values = probabilities([[0.1, 0.9, 0.4], [0.8, 0.1, 0.5], [0.8, 0.1, 0.5], [0.8, 0.1, 0.5]])
    metric = FBeta(1.0, "samples")
    groups: Groups = ((0, 1),)
    # Given: 1 and three times 2/3. Not given: 2/3 and three times 1, which is more.
    found = fit_global(targets, values, metric, groups)
    assert np.isnan(found[:2]).all()
    assert found[2] == pytest.approx(0.75)
    assert np.isnan(fit_per_class(targets, values, cut_columns(values), metric, found, groups)[:2]).all()


@pytest.mark.parametrize("average", ["samples", "macro", "micro"])
def test_where_every_class_is_in_a_group_there_is_nothing_to_fit(average: Average) -> None:
    targets, values = tags([[1, 0], [0, 1]]), probabilities([[0.9, 0.1], [0.3, 0.2]])
    start = fit_global(targets, values, FBeta(1.0, average), ((0, 1),))
    assert np.isnan(start).all()
    assert np.isnan(fit_per_class(targets, values, cut_columns(values), FBeta(1.0, average), start, ((0, 1),))).all()


@pytest.mark.parametrize("metric", METRICS, ids=str)
def test_a_class_that_never_occurs_is_never_given(metric: FBeta) -> None:
    targets, values = tags([[1, 0], [0, 0]]), probabilities([[0.9, 0.95], [0.2, 0.99]])
    assert fit_per_class(targets, values, cut_columns(values), metric, np.array([0.1, 0.1]))[1] == 1.0


def test_more_samples_agree_with_a_grid() -> None:
    """Enough samples for bands of values to be left out of the search."""
    random = np.random.default_rng(1)
    targets = random.random((1000, 6)) < np.array([0.6, 0.4, 0.2, 0.1, 0.05, 0.01])
    values = (1 / (1 + np.exp(-random.normal(size=targets.shape) * 2 - 3 * targets + 2))).astype(np.float32)
    for metric in METRICS:
        found = score_tags(targets, values > fit_global(targets, values, metric), metric)
        tried = max(score_tags(targets, values > cut, metric) for cut in np.unique(values)[::15])
        assert found >= tried - 1e-12
        start = fit_global(targets, values, metric)
        assert (
            score_tags(targets, values > fit_per_class(targets, values, cut_columns(values), metric, start), metric)
            >= found - 1e-12
        )


def test_prevalence_by_hand() -> None:
    """Of five samples 0.4 is two; the third and the fourth have equal values, so 0.5 gives two or four: the fewer."""
    column = [0.9, 0.7, 0.5, 0.5, 0.2]
    values = probabilities([[value] * 5 for value in column])
    found = fit_prevalence(cut_columns(values), np.array([0.4, 0.6, 0.7, 1.0, 0.0]))
    # 0.6 is three: two and four are equally near. 0.7 is 3.5: four is nearer.
    assert found == pytest.approx([0.6, 0.6, 0.35, 0.1, 1.0])


def test_prevalence_leaves_groups_alone() -> None:
    found = fit_prevalence(cut_columns(probabilities([[0.9, 0.1, 0.3]])), np.array([0.5, 0.5, 1.0]), ((1, 0),))
    assert np.isnan(found[:2]).all()
    assert found[2] == pytest.approx(0.15)


def test_prevalence_is_as_near_as_cuts_allow() -> None:
    for seed in range(40):
        _, values = draw(seed)
        shares = np.random.default_rng(seed).uniform(0.001, 1, size=values.shape[1:])
        given = (values > fit_prevalence(cut_columns(values), shares)).mean(axis=0)
        for column, share in enumerate(shares.tolist()):
            cuts = [(values[:, column] > cut).mean() for cut in possible_thresholds(values[:, column])]
            assert abs(given[column] - share) == pytest.approx(min(abs(cut - share) for cut in cuts))
