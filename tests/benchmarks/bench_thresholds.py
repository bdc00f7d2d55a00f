"""Exact thresholds against the usual loops over scikit-learn's `fbeta_score`, on a set of the size of Planet's.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_thresholds.py [--rounds 3] [--class-rounds 1]

The loops are those that competitors write. One threshold: 99 from 0.01 to 0.99. One a class: start from 0.2 for all,
then class by class 100 thresholds from 0.00 to 0.99, keep the best, go on. Both sides get the same arrays, in the
form that each is quickest with, and take turns. Scores are scikit-learn's for both.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from sklearn.metrics import fbeta_score

from kgcv.scoring.fbeta import FBeta
from kgcv.scoring.thresholds import cut_columns, fit_global, fit_per_class

NUM_SAMPLES = 40_479
COUNTS = (28431, 7261, 2697, 2089, 37513, 12315, 8071, 7411, 4547, 3660, 862, 340, 339, 332, 209, 101, 98)
"""How many of Planet's 40,479 training images have each tag; the first four are weather, one an image."""
F2 = FBeta(2.0, "samples")


def make_predictions(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Tags as frequent as Planet's, `(N, 17)` bool, and probabilities that say about as much as a good model's."""
    random = np.random.default_rng(seed)
    shares = np.array(COUNTS) / NUM_SAMPLES
    weather = np.eye(4, dtype=bool)[random.choice(4, NUM_SAMPLES, p=shares[:4] / shares[:4].sum())]
    ground = random.random((NUM_SAMPLES, 13)) < shares[4:]
    targets = np.concatenate([weather, ground], axis=1)
    # Two normal distributions 3 apart: the logit of the true probability is linear in the place between them.
    places = random.normal(size=targets.shape) + 3 * targets
    logits = 3 * (places - 1.5) + np.log(shares / (1 - shares))
    return targets, (1 / (1 + np.exp(-logits))).astype(np.float32)


def loop_global(targets: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The best of 99 thresholds."""
    steps = np.arange(1, 100) / 100
    return np.full(values.shape[1], max(steps, key=lambda step: score(targets, values > step)))


def loop_per_class(targets: np.ndarray, values: np.ndarray) -> np.ndarray:
    """100 thresholds a class, one class after the other."""
    thresholds = np.full(values.shape[1], 0.2)
    for number in range(values.shape[1]):
        best = (-1.0, 0.0)
        for step in np.arange(100) / 100:
            thresholds[number] = step
            best = max(best, (score(targets, values > thresholds), float(step)))
        thresholds[number] = best[1]
    return thresholds


def exact_global(targets: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What kgcv does for `thresholds: global`."""
    return fit_global(targets, values, F2)


def exact_per_class(targets: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What kgcv does for `thresholds: per_class`, the start included."""
    return fit_per_class(targets, values, cut_columns(values), F2, fit_global(targets, values, F2))


def score(targets: np.ndarray, given: np.ndarray) -> float:
    """F2 averaged over samples."""
    return float(fbeta_score(targets, given, beta=2, average="samples", zero_division=0))


def timed(fit: Callable[..., np.ndarray], arrays: tuple[np.ndarray, np.ndarray]) -> tuple[float, np.ndarray]:
    """Seconds and thresholds."""
    start = time.perf_counter()
    thresholds = fit(*arrays)
    return time.perf_counter() - start, thresholds


def compare(name: str, loop: Callable[..., np.ndarray], exact: Callable[..., np.ndarray], rounds: int) -> None:
    """Print medians, ratio and scores of both ways."""
    arrays = make_predictions()
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for side, fit in enumerate((loop, exact)):
            spent, thresholds = timed(fit, arrays)
            seconds[side].append(spent)
            if side == 0:
                loop_score = score(arrays[0], arrays[1] > thresholds)
            else:
                exact_score = score(arrays[0], arrays[1] > thresholds)
    slow, quick = (statistics.median(side) for side in seconds)
    sys.stdout.write(
        f"{name:<10} {slow:>10.2f} {quick:>10.4f} {slow / quick:>8.0f}x {loop_score:>12.6f} {exact_score:>12.6f}\n"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--class-rounds", type=int, default=1)
    options = parser.parse_args()
    sys.stdout.write(
        f"{'thresholds':<10} {'loop, s':>10} {'exact, s':>10} {'ratio':>9} {'loop, F2':>12} {'exact, F2':>12}\n"
    )
    compare("global", loop_global, exact_global, options.rounds)
    if options.class_rounds:
        compare("per class", loop_per_class, exact_per_class, options.class_rounds)


if __name__ == "__main__":
    main()
