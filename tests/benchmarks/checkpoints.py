"""The share of a training that goes into saving: states, and the best weights.

    python -m tests.benchmarks.checkpoints [--minutes 12] [--model resnet34] [--images 1600] [--folder FOLDER]

Trains on noise at 64 px, with a state at most `checkpoint_minutes: 1` apart, ten times as often as by default, and an
average of the weights, which makes states half as large again. Prints how often each was saved, and what of the time it
took. Noise is never learned, so that the best weights are as rare as they are in a training that has settled; their
share is shown per file as well.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CONFIG = """
data: {{root: {root}, train: {{images: images}}}}
split: {{kind: holdout, valid_fraction: 0.2}}
resize: {{ratio: 1.0, folder: {root}/cache}}
model: {{name: {model}, pretrained: false}}
train: {{batch_size: 64, optimizer: sgd, ema_decay: 0.99, metric: accuracy, checkpoint_minutes: 1}}
augment: {{preset: side_on}}
stages: [{{image_size: 64, lr: 0.001, cycle_len: 1000}}]
"""


class Stopwatch:
    """Times the calls of a method."""

    def __init__(self, owner: type, name: str) -> None:
        self.times: list[float] = []
        self._called: Callable[..., Any] = getattr(owner, name)
        watch = self

        def timed(*arguments: Any) -> Any:
            began = time.perf_counter()
            try:
                return watch._called(*arguments)
            finally:
                watch.times.append(time.perf_counter() - began)

        setattr(owner, name, timed)


def main() -> None:
    """Train for so long and tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--model", default="resnet34")
    parser.add_argument("--images", type=int, default=1600)
    parser.add_argument("--folder", type=Path, default=Path("cache/checkpoints"))
    options = parser.parse_args()
    root = options.folder.resolve()
    shutil.rmtree(root, ignore_errors=True)
    write_noise(root, options.images)
    seconds, watches = train(root, options.model, 60 * options.minutes)
    for name, watch in watches.items():
        took = sum(watch.times)
        print(
            f"{name}: {len(watch.times)} times, {took:.2f} s of {seconds:.0f} s, {took / seconds:.2%}; "
            f"{took / max(len(watch.times), 1):.2f} s each",
            flush=True,
        )
    shutil.rmtree(root)


def write_noise(root: Path, count: int) -> None:
    """Images of noise in two classes."""
    draws = np.random.default_rng(0)
    for number in range(count):
        file = root / "images" / f"class{number % 2}" / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draws.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(file)


def train(root: Path, model: str, seconds: float) -> tuple[float, dict[str, Stopwatch]]:
    """Seconds from the first step to the last, and how long saving took."""
    from kgcv.config.load import load_config
    from kgcv.engine.fold_folder import FoldFolder
    from kgcv.engine.trainer import Trainer
    from kgcv.errors import StopRequested
    from kgcv.events import Silent
    from kgcv.recipes.train import start_run, train

    file = root / "config.yaml"
    file.write_text(CONFIG.format(root=root, model=model))
    watches = {"states": Stopwatch(Trainer, "save"), "best weights": Stopwatch(FoldFolder, "write_best")}
    fitted = Stopwatch(Trainer, "fit")
    end = time.monotonic() + seconds
    try:
        run = start_run(load_config(file, []), "noise", root / "run")
        train(run, None, Silent(), lambda: signal.SIGTERM if time.monotonic() > end else None)
    except StopRequested:
        pass
    return sum(fitted.times), watches


if __name__ == "__main__":
    main()
