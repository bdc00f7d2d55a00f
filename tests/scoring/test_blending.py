"""Blends whose answers are known by hand, by brute force, or in closed form."""

from dataclasses import dataclass

import numpy as np
import pytest

from kgcv.errors import DataError
from kgcv.scoring.blend_fits import ALPHAS, fit_ridge, fit_weights, hill_climb
from kgcv.scoring.blending import (
    FITTED,
    Average,
    BlendRule,
    Evidence,
    Stack,
    correlations,
    cross_fit,
    equal_shares,
    fit_blender,
    ranks,
)
from kgcv.scoring.metrics import beats, find_metric


class Squared:
    """Mean squared error of probabilities or numbers; quick, as these tests ask for it thousands of times."""

    name = "squared"
    greater_is_better = False

    def score(self, targets, values, ids=()):
        truth = np.eye(values.shape[1])[targets] if targets.ndim == 1 else targets
        return float(np.square(truth - values).mean())

    def is_better(self, score, best):
        return beats(score, best, greater_is_better=False)


SQUARED = Squared()


def as_members(*members):
    return np.array(members, dtype=np.float32)


def close(values, expected):
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, expected, rtol=1e-5)


SINGLE = as_members([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9], [0.8, 0.2]])
MULTI = as_members([[0.9, 0.6], [0.5, 0.0], [0.2, 1.0]], [[0.5, 0.8], [0.5, 0.4], [0.8, 1.0]])


@pytest.mark.parametrize(
    "rule, members, task, expected",
    [
        (BlendRule("mean"), SINGLE, "single", [[0.7, 0.3], [0.3, 0.7], [0.5, 0.5]]),
        (BlendRule("mean"), MULTI, "multi", [[0.7, 0.7], [0.5, 0.2], [0.5, 1.0]]),
        # Odds of 9 and 1 have the geometric mean 3; so have 1 and 1/9 the mean 1/3.
        (BlendRule("geometric"), SINGLE, "single", [[0.75, 0.25], [0.25, 0.75], [0.5, 0.5]]),
        (BlendRule("geometric"), MULTI[:, :, :1], "multi", [[0.75], [0.5], [0.5]]),
        (BlendRule("geometric"), as_members([[4.0], [0.25]], [[9.0], [4.0]]), "regression", [[6.0], [1.0]]),
        # (0.36 + 0.64) / 2 = 0.5
        (BlendRule("power", 2.0), MULTI[:, :1, 1:], "multi", [[0.5**0.5]]),
        # Roots of 0.53 and 0.13, then divided by their sum.
        (BlendRule("power", 2.0), SINGLE[:, :1], "single", [np.sqrt([0.53, 0.13]) / np.sqrt([0.53, 0.13]).sum()]),
        (BlendRule("power", 3.0), as_members([[0.0], [3.0]], [[2.0], [3.0]]), "regression", [[4 ** (1 / 3)], [3.0]]),
        # Ranks 2.5, 1.5, 0.5 and 1, 1, 2.5 of three; the second column has 1.5, 0.5, 2.5 and 1.5, 0.5, 2.5.
        (BlendRule("rank"), MULTI, "multi", [[3.5 / 6, 0.5], [2.5 / 6, 1 / 6], [0.5, 2.5 / 3]]),
    ],
)
def test_means_by_hand(rule, members, task, expected):
    close(equal_shares(rule, len(members), task).blend(members), expected)


def test_weights_count():
    close(Average(np.array([0.75, 0.25]), "multi").blend(MULTI), [[0.8, 0.65], [0.5, 0.1], [0.35, 1.0]])


def test_a_member_that_is_infinitely_sure_can_be_outvoted():
    sure, other = [[1.0, 0.0]], [[1e-3, 0.999]]
    for task in ("single", "multi"):
        blended = equal_shares(BlendRule("geometric"), 4, task).blend(as_members(sure, other, other, other))
        assert np.isfinite(blended).all()
        assert blended[0, 1] > blended[0, 0] > 0


@pytest.mark.parametrize("method", ["mean", "geometric", "power"])
def test_rows_of_one_label_sum_to_one(method):
    members = np.random.default_rng(0).dirichlet(np.ones(4), size=(3, 50)).astype(np.float32)
    members[:, :, :3] *= 0.999  # as rounding leaves them, only more so
    blended = equal_shares(BlendRule(method, 0.5), 3, "single").blend(members)
    np.testing.assert_allclose(blended.sum(axis=1), 1, atol=1e-6)


def test_ranks_by_hand():
    np.testing.assert_allclose(ranks(np.array([[0.1], [0.9], [0.9], [0.5]])), [[0.125], [0.75], [0.75], [0.375]])
    np.testing.assert_allclose(ranks(np.array([[7.0]])), [[0.5]])


def test_ranks_see_only_order():
    rank = equal_shares(BlendRule("rank"), 2, "multi")
    np.testing.assert_array_equal(rank.blend(MULTI), rank.blend(np.stack([MULTI[0] ** 3, MULTI[1]])))


def evidence_of(members, targets, task):
    return Evidence(members, targets, tuple(map(str, range(len(targets)))), task)


def random_evidence(task, seed=0, num_members=3, num_samples=40):
    """Members that know the truth a little, each with noise of its own."""
    rng = np.random.default_rng(seed)
    if task == "regression":
        targets = rng.normal(size=(num_samples, 2)).astype(np.float32)
        return evidence_of(targets + rng.normal(size=(num_members, *targets.shape)).astype(np.float32), targets, task)
    if task == "multi":
        targets = (rng.random((num_samples, 3)) < 0.4).astype(np.float32)
        noise = rng.random((num_members, *targets.shape))
        return evidence_of((0.3 * targets + 0.7 * noise).astype(np.float32), targets, task)
    targets = rng.integers(0, 3, num_samples)
    noise = rng.dirichlet(np.ones(3), size=(num_members, num_samples))
    return evidence_of((0.3 * np.eye(3)[targets] + 0.7 * noise).astype(np.float32), targets, task)


def climb(members, targets):
    return hill_climb(members, lambda values: SQUARED.score(targets, values), SQUARED)


def test_climbing_finds_the_mixture_that_made_the_truth():
    members = np.random.default_rng(1).normal(size=(2, 30, 1)).astype(np.float32)
    # Half and half is no better than the first alone, so the first has to be picked again before the second helps.
    assert climb(members, 0.75 * members[0] + 0.25 * members[1]).tolist() == [0.75, 0.25]


def test_climbing_comes_close_to_brute_force():
    for seed in range(5):
        evidence = random_evidence("regression", seed, num_members=2, num_samples=6)
        first, second = evidence.members
        mixtures = [(share * first + (1 - share) * second) for share in np.linspace(0, 1, 1001)]
        best = min(SQUARED.score(evidence.targets, mixture.astype(np.float32)) for mixture in mixtures)
        reached = fit_blender(BlendRule("hill_climb"), evidence, SQUARED).blend(evidence.members)
        assert best * 0.999 <= SQUARED.score(evidence.targets, reached) <= best * 1.005


def test_a_climb_starts_from_the_best_member_and_never_ends_below_it():
    accuracy = find_metric("accuracy", "single")
    for seed in range(2):
        evidence = random_evidence("single", seed)
        reached = fit_blender(BlendRule("hill_climb"), evidence, accuracy).blend(evidence.members)
        best = max(evidence.score(accuracy, member) for member in evidence.members)
        assert evidence.score(accuracy, reached) >= best


def test_of_equals_a_climb_picks_the_first():
    member = np.random.default_rng(2).normal(size=(10, 1)).astype(np.float32)
    worse = member + 5
    assert climb(np.stack([worse, member, member]), member).tolist() == [0, 1, 0]


def test_a_climb_by_a_metric_without_a_value_is_refused():
    auc = find_metric("roc_auc", "single")
    evidence = evidence_of(SINGLE, np.zeros(3, dtype=np.int64), "single")
    with pytest.raises(DataError, match="no blend has a value of roc_auc"):
        fit_blender(BlendRule("hill_climb"), evidence, auc)


@dataclass(frozen=True)
class Wrapped:
    """A metric in other clothes, which the quick way of scoring does not know."""

    metric: object

    def __getattr__(self, name):
        return getattr(self.metric, name)


@pytest.mark.parametrize("name", ["f2", "f1_macro", "f0.5_micro"])
def test_scoring_by_counts_climbs_the_same_way(name):
    metric = find_metric(name, "multi", 0.4)
    for seed in range(2):
        evidence = random_evidence("multi", seed, num_members=2)
        quick, slow = (fit_blender(BlendRule("hill_climb"), evidence, scorer) for scorer in (metric, Wrapped(metric)))
        assert quick.weights.tolist() == slow.weights.tolist()


def test_weights_of_two_members_in_closed_form():
    for seed in range(5):
        evidence = random_evidence("regression", seed, num_members=2, num_samples=8)
        first, second = evidence.members - evidence.targets
        share = np.clip((second * (second - first)).sum() / np.square(first - second).sum(), 0, 1)
        weights = fit_weights(evidence.members, evidence.targets.astype(np.float64), "regression")
        np.testing.assert_allclose(weights, [share, 1 - share], atol=1e-5)


@pytest.mark.parametrize("task", ["single", "multi"])
def test_weights_by_log_loss_are_the_shares_of_who_is_right(task):
    # The first member is always sure of class 0, which is right three times in four; the second of class 1.
    members = as_members([[1.0, 0.0]] * 4, [[0.0, 1.0]] * 4)
    truth = np.eye(2)[[0, 0, 1, 0]]
    np.testing.assert_allclose(fit_weights(members, truth, task), [0.75, 0.25], atol=1e-5)


@pytest.mark.parametrize("task", ["single", "multi", "regression"])
def test_no_weights_have_less_loss(task):
    for seed in range(10):
        evidence = random_evidence(task, seed, num_members=4)
        truth = np.eye(3)[evidence.targets] if task == "single" else evidence.targets.astype(np.float64)
        weights = fit_weights(evidence.members, truth, task)
        assert weights.sum() == pytest.approx(1)
        assert (weights >= 0).all()
        rivals = np.random.default_rng(seed).dirichlet(np.full(4, 0.5), size=200)
        least = min(loss(task, evidence.members, truth, rival) for rival in [*rivals, *np.eye(4)])
        assert loss(task, evidence.members, truth, weights) <= least + 1e-7


def loss(task, members, truth, weights):
    mixed = np.tensordot(weights, members.astype(np.float64), 1)
    if task == "regression":
        return np.square(mixed - truth).mean()
    if task == "single":
        return -np.log(mixed[truth > 0]).mean()
    return -(truth * np.log(mixed) + (1 - truth) * np.log(1 - mixed)).mean()


def test_weights_do_not_depend_on_the_size_of_numbers():
    evidence = random_evidence("regression")
    small, large = (
        fit_weights(evidence.members * scale, evidence.targets.astype(np.float64) * scale, "regression")
        for scale in (1.0, 1e5)
    )
    np.testing.assert_allclose(small, large, atol=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_ridge_is_the_closed_form_with_the_penalty_that_leaves_one_out_best(seed):
    evidence = random_evidence("regression", seed, num_samples=6)
    coefficients, intercepts, alphas = fit_ridge(evidence.members, evidence.targets.astype(np.float64))
    for column in range(2):
        said, truth = evidence.members[:, :, column].T.astype(np.float64), evidence.targets[:, column]
        errors = [sum(left_out_error(said, truth, alpha, row) for row in range(6)) for alpha in ALPHAS]
        assert alphas[column] == ALPHAS[np.argmin(errors)]
        expected = solve_ridge(said, truth, alphas[column])
        np.testing.assert_allclose(np.append(coefficients[column], intercepts[column]), expected, rtol=1e-6)


def solve_ridge(said, truth, alpha):
    """Coefficients, then the intercept, which is not penalised: the normal equations as they stand in textbooks."""
    design = np.column_stack([said, np.ones(len(said))])
    penalty = alpha * np.diag([1.0] * said.shape[1] + [0.0])
    return np.linalg.solve(design.T @ design + penalty, design.T @ truth)


def left_out_error(said, truth, alpha, row):
    rest = np.arange(len(truth)) != row
    solved = solve_ridge(said[rest], truth[rest], alpha)
    return (said[row] @ solved[:-1] + solved[-1] - truth[row]) ** 2


def test_a_stack_stays_within_probabilities():
    stack = Stack(np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([-0.5, 0.0]), np.ones(2), "multi")
    # 2 * 0.9 - 0.5 = 1.3 is clipped, and so is 2 * 0.2 - 0.5 = -0.1; 0.6 + 0.8 and 1 + 1 in the second column.
    close(stack.blend(MULTI), [[1.0, 1.0], [0.5, 0.4], [0.0, 1.0]])
    assert stack.weights.tolist() == [1.5, 0.5]


def test_a_stack_of_one_label_sums_to_one():
    stack = Stack(np.array([[2.0, 0.0], [0.0, 0.25]]), np.array([0.0, 0.0]), np.ones(2), "single")
    members = as_members([[0.375, 0.625], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]])
    close(stack.blend(members), [[0.75, 0.25], [0.5, 0.5]])


def test_a_class_that_never_occurs_is_stacked_to_nothing():
    evidence = random_evidence("multi")
    truth = evidence.targets.astype(np.float64)
    truth[:, 1] = 0
    coefficients, intercepts, _ = fit_ridge(evidence.members, truth)
    assert (np.abs(coefficients[1]) < 1e-12).all()
    assert abs(intercepts[1]) < 1e-12


@pytest.mark.parametrize("method", sorted(FITTED))
@pytest.mark.parametrize("task", ["single", "multi", "regression"])
def test_cross_fitting_never_sees_the_truth_of_the_part(method, task):
    evidence, parts = random_evidence(task), np.arange(40) % 4
    before = cross_fit(BlendRule(method), evidence, SQUARED, parts)
    # With another truth in part 0 the other parts' weights change, but not those that part 0 is blended with.
    lies = evidence.targets.copy()
    lies[parts == 0] = lies[parts == 0][::-1]
    after = cross_fit(BlendRule(method), Evidence(evidence.members, lies, evidence.ids, task), SQUARED, parts)
    np.testing.assert_array_equal(after[parts == 0], before[parts == 0])
    assert (after[parts != 0] != before[parts != 0]).any()
    assert before.dtype == np.float32


@pytest.mark.parametrize("method", sorted(FITTED))
def test_each_part_is_blended_with_the_weights_of_the_others(method):
    evidence = random_evidence("multi")
    parts = np.array([7] * 25 + [-1] * 15)
    values = cross_fit(BlendRule(method), evidence, SQUARED, parts)
    other = fit_blender(BlendRule(method), evidence.at(parts == -1), SQUARED)
    np.testing.assert_array_equal(values[:25], other.blend(evidence.members[:, :25]))


@pytest.mark.parametrize("method", sorted(FITTED))
def test_one_member_can_be_fitted(method):
    evidence = random_evidence("single", num_members=1)
    blender = fit_blender(BlendRule(method), evidence, SQUARED)
    assert blender.weights.shape == (1,)
    if method != "ridge":
        assert blender.weights == pytest.approx([1])
        np.testing.assert_allclose(blender.blend(evidence.members), evidence.members[0], atol=1e-6)


def test_a_rule_without_fitting_needs_no_truth():
    evidence = random_evidence("multi")
    fitted = fit_blender(BlendRule("geometric"), evidence, SQUARED)
    expected = equal_shares(BlendRule("geometric"), 3, "multi").blend(evidence.members)
    np.testing.assert_array_equal(fitted.blend(evidence.members), expected)
    assert fitted.weights == pytest.approx([1 / 3] * 3)


def test_evidence_in_part():
    evidence = evidence_of(SINGLE, np.array([0, 1, 1]), "single")
    some = evidence.at(np.array([False, True, True]))
    assert (some.ids, some.targets.tolist()) == (("1", "2"), [1, 1])
    np.testing.assert_array_equal(some.members, SINGLE[:, 1:])
    np.testing.assert_array_equal(evidence.without(0).members, SINGLE[1:])


def test_correlations_by_hand():
    # Deviations (-1, 0, 1) and (-2, 1, 1): 3 / sqrt(2 * 6).
    members = as_members([[1.0], [2.0], [3.0]], [[0.0], [3.0], [3.0]], [[5.0], [5.0], [5.0]])
    found = correlations(members)
    np.testing.assert_allclose(found[:2, :2], [[1, 0.75**0.5], [0.75**0.5, 1]])
    assert np.isnan(found[2]).all()
