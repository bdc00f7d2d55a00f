from __future__ import annotations

import itertools
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from kgcv.engine.tta import view_weights
from kgcv.engine.view_choice import ViewJudge, weighted_mean


@dataclass(frozen=True)
class Closeness:
    """Minus the mean distance between numbers and targets, or the distance itself."""

    name: str = "closeness"
    greater_is_better: bool = True

    def score(self, targets: np.ndarray, values: np.ndarray, ids: Sequence[str] = ()) -> float:
        assert len(ids) == len(values) == len(targets)
        distance = float(np.abs(targets - values).mean())
        return -distance if self.greater_is_better else distance

    def is_better(self, score: float, best: float | None) -> bool:
        return best is None or (score > best if self.greater_is_better else score < best)


def judge(
    views: dict[str, list[float]] | dict[str, np.ndarray],
    targets: list[float],
    weight: float | None = None,
    greater: bool = True,
) -> ViewJudge:
    arrays = {name: np.array(values, dtype=np.float32).reshape(len(targets), -1) for name, values in views.items()}
    ids = [str(row) for row in range(len(targets))]
    wanted = np.array(targets, dtype=np.float32)[:, None]
    return ViewJudge(lambda name: arrays[name].copy(), wanted, ids, Closeness(greater_is_better=greater), weight)


HAND = {
    "plain": [0.0, 0.0],
    "up": [8.0, 8.0],
    "down": [-9.0, -9.0],
    "little": [4.0, 4.0],
}


def test_a_set_is_scored_on_its_mean():
    one = judge(HAND, [2.0, 3.0])
    assert one.score(["plain"]) == -2.5
    assert one.score(["plain", "up"]) == -1.5  # mean 4
    assert one.score(["plain", "up", "down", "little"]) == pytest.approx(-(1.25 + 2.25) / 2)  # mean 0.75


def test_the_plain_views_weight_counts():
    one = judge(HAND, [2.0, 3.0], weight=0.75)
    assert one.score(["plain", "up"]) == -0.5  # 0.25 * 8 = 2
    assert one.score(["plain", "up", "little"]) == pytest.approx(-1.0)  # 0.125 * (8 + 4) = 1.5


@pytest.mark.parametrize("greater", [True, False])
def test_greedy_by_hand(greater):
    """From 0 to the target 3: 'up' gives 4, 'little' 2, both as near, so the first listed; then (8 + 4) / 3 = 4."""
    one = judge(HAND, [3.0, 3.0], greater=greater)
    sign = -1 if greater else 1
    (step,) = one.choose(["down", "up", "little", "plain"])
    assert (step.added, step.score) == ("up", sign * 1.0)
    (other,) = one.choose(["down", "little", "up"])
    assert other.added == "little"
    assert one.gain(step.score, one.score(["plain"])) == 2.0
    assert one.gain(one.score(["plain", "down"]), one.score(["plain"])) == -4.5


def test_nothing_is_added_where_nothing_helps():
    assert judge(HAND, [0.0, 0.0]).choose(["up", "down", "little"]) == ()
    assert judge({"plain": [1.0, 2.0], "same": [1.0, 2.0]}, [0.0, 0.0]).choose(["same"]) == ()
    assert judge(HAND, [0.0, 0.0]).choose([]) == ()


def brute_greedy(score: Callable[[Sequence[str]], float], names: Sequence[str]) -> list[str]:
    """The textbook's loop, from whole sets every time."""
    chosen = ["plain"]
    while rest := [name for name in names if name not in chosen]:
        best = max(rest, key=lambda name: score([*chosen, name]))
        if score([*chosen, best]) <= score(chosen):
            break
        chosen.append(best)
    return chosen[1:]


@pytest.mark.parametrize("weight", [None, 0.3])
def test_greedy_is_the_textbooks_loop_and_never_beats_the_best_of_all_sets(weight):
    lengths = Counter[int]()
    for seed in range(20):
        random = np.random.default_rng(seed)
        names = [f"view {number}" for number in range(5)]
        arrays = {name: random.normal(size=(30, 1)).astype(np.float32) for name in ("plain", *names)}
        targets = (np.hstack(list(arrays.values())) @ random.uniform(size=6)).tolist()

        def score(views: Sequence[str], arrays=arrays, targets=targets) -> float:
            weights = view_weights(len(views), weight)
            mean = sum(w * arrays[name].astype(np.float64) for w, name in zip(weights, views, strict=True))
            return -float(np.abs(np.array(targets, dtype=np.float32)[:, None] - mean).mean())

        one = judge(arrays, targets, weight)
        steps = one.choose(names)
        assert [step.added for step in steps] == brute_greedy(score, names)
        scores = [one.score(["plain"]), *(step.score for step in steps)]
        assert scores == sorted(set(scores))
        every = (("plain", *some) for size in range(6) for some in itertools.combinations(names, size))
        assert scores[-1] <= max(score(views) for views in every) + 1e-6
        for number, step in enumerate(steps, start=2):
            assert step.score == pytest.approx(one.score(["plain", *(s.added for s in steps[: number - 1])]), abs=1e-6)
        lengths[len(steps)] += 1
    assert len(lengths) > 1


def test_cross_fitted_score_uses_the_views_of_the_other_part():
    """'even' is right on even images and wrong on odd ones; chosen on the others it only does harm."""
    targets = [2.0, 0.0, 2.0, 0.0]
    one = judge({"plain": [0.0, 0.0, 0.0, 0.0], "even": [4.0, 4.0, 4.0, 4.0]}, targets)
    parts = np.array([0, 1, 0, 1])
    assert one.choose(["even"], np.array([0, 2]))[0].score == 0.0
    assert one.choose(["even"], np.array([1, 3])) == ()
    # Part 0 (targets 2) is predicted with what suits part 1, the plain view: 2 off. Part 1 with both: 2 off.
    assert one.cross_fitted(["even"], parts) == -2.0
    assert one.score(["plain"]) == -1.0


def test_cross_fitted_score_of_what_helps_everywhere_is_the_greedy_score():
    random = np.random.default_rng(1)
    targets = random.normal(size=40)
    one = judge({"plain": targets - 1, "good": targets + 1, "bad": targets - 5}, targets.tolist())
    assert one.cross_fitted(["good", "bad"], np.arange(40) % 5) == pytest.approx(0, abs=1e-6)


def test_one_view_is_its_own_mean_to_the_bit():
    plain = np.random.default_rng(0).random((5, 2)).astype(np.float32)
    assert weighted_mean(plain, np.zeros_like(plain), 1, 0.3) is plain
    assert weighted_mean(plain, plain, 2, None).dtype == np.float32


def peak_memory(num_views: int) -> int:
    """Bytes held at most while views of 20,000 images were compared."""
    shape = (20_000, 3)

    def read(name: str) -> np.ndarray:
        return np.full(shape, 0 if name == "plain" else 1, dtype=np.float32)

    names = [f"view {number}" for number in range(num_views)]
    one = ViewJudge(read, np.ones(shape, dtype=np.float32), [str(row) for row in range(shape[0])], Closeness())
    tracemalloc.start()
    try:
        assert len(one.choose(names)) == num_views  # each brings the mean nearer to 1
        one.score(["plain", *names])
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_views():
    one_view = 20_000 * 3 * 4
    assert peak_memory(8) < peak_memory(2) + one_view / 4
