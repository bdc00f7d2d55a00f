"""How the cost of a run grows with the number of images: start, memory, files, an epoch, a resume, a submission.

    python -m tests.benchmarks.growth [1000 10000 100000 1000000] [--folder FOLDER]

The images are JPEGs of 40 x 30 with bytes of their own, in folders of a thousand, stored at 32 px; the network is
timm's test_resnet. So what is measured is what each image costs besides its pixels. Each step is a process of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.process_memory import memory

CONFIG = """
data: {{root: {root}, train: {{images: images}}, sample_submission: sample.csv}}
split: {{kind: holdout, valid_fraction: 0.1}}
resize: {{ratio: 1, folder: {root}/cache}}
model: {{name: test_resnet.r160_in1k, pretrained: false}}
train: {{batch_size: 512, metric: accuracy}}
augment: {{preset: side_on}}
submission: {{positive_class: class1, format: probability}}
stages: [{{image_size: 32, lr: 0.01, cycle_len: 2}}]
"""

COLUMNS = {
    "resize": "store made",
    "resize again": "found current",
    "start": "start to first step",
    "epoch": "one epoch",
    "peak": "peak GB",
    "anonymous": "of it own GB",
    "resume": "resume to first step",
    "state": "state MB",
    "split": "split MB",
    "index": "index MB",
    "submit": "submission",
    "submit peak": "its peak GB",
}


def main() -> None:
    """Measure each number of images, and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("numbers", nargs="*", type=int, default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, default=Path("cache/growth"))
    parser.add_argument("--only", metavar="STEP", help="one step, in this process: what the others are started with")
    options = parser.parse_args()
    if options.only:
        print(json.dumps(STEPS[options.only](options.folder / str(options.numbers[0]))))
        return
    print(f"{'images':>10} " + " ".join(f"{title:>{len(title)}}" for title in COLUMNS.values()))
    for number in options.numbers:
        root = options.folder.resolve() / str(number)
        write_images(root, number)
        found: dict[str, float] = {}
        for step in STEPS:
            found |= run(step, number, options.folder)
        cells = (f"{found[key]:>{len(title)}.{1 if found[key] >= 10 else 2}f}" for key, title in COLUMNS.items())
        print(f"{number:>10,} " + " ".join(cells), flush=True)


def run(step: str, number: int, folder: Path) -> dict[str, float]:
    """A step in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.growth", str(number), "--folder", str(folder), "--only", step]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{step} of {number}: {done.stderr[-3000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def write_images(root: Path, number: int) -> None:
    """Small JPEGs, no two alike, of lengths that differ as those of photos do."""
    if (root / "done").exists():
        return
    import numpy as np
    from PIL import Image

    random, pictures = np.random.default_rng(0), []
    for _ in range(32):
        stream = io.BytesIO()
        Image.fromarray(random.integers(0, 255, (30, 40, 3), dtype=np.uint8)).save(stream, "JPEG")
        pictures.append(stream.getvalue())
    for index in range(number):
        folder = root / "images" / f"class{index % 2}" / f"{index // 1000:04}"
        if index % 1000 < 2:
            folder.mkdir(parents=True, exist_ok=True)
        tail = index.to_bytes(8, "big") + bytes(index * 7919 % 1021)
        (folder / f"{index:07}.jpg").write_bytes(pictures[index % 32] + tail)
    (root / "done").touch()


def read_config(root: Path) -> Any:
    """The config of `root`, written there."""
    from kgcv.config.load import load_config

    file = root / "config.yaml"
    file.write_text(CONFIG.format(root=root))
    return load_config(file, [])


def measure_resize(root: Path) -> dict[str, float]:
    """Seconds to make the store, and to find it current."""
    from kgcv.data.watch import Watch
    from kgcv.events import Silent, never_stop
    from kgcv.recipes.resize import resize

    config, watch = read_config(root), Watch(Silent(), never_stop)
    shutil.rmtree(root / "cache", ignore_errors=True)
    first = time.perf_counter()
    results = resize(config, watch)
    again = time.perf_counter()
    resize(config, watch)
    index = results[0].report.num_images * 16 / 1e6
    return {"resize": again - first, "resize again": time.perf_counter() - again, "index": index}


class Watcher:
    """Hears of a training, and stops it after its first event of the kind `last`."""

    def __init__(self, last: str) -> None:
        self.started, self.last = 0.0, last
        self.first_step = self.epoch = 0.0
        self.is_over = False

    def report(self, event: object) -> None:
        """Note the time."""
        kind = type(event).__name__
        if kind == "StepDone" and not self.first_step:
            self.first_step = time.perf_counter() - self.started
        elif kind == "EpochDone":
            self.epoch = event.seconds  # type: ignore[attr-defined]
        self.is_over = self.is_over or kind == self.last

    def should_stop(self) -> int | None:
        """SIGTERM when it is over."""
        return signal.SIGTERM if self.is_over else None


def train_until(watcher: Watcher, run: Any) -> None:
    """Train until `watcher` stops it."""
    from kgcv.errors import StopRequested
    from kgcv.recipes.train import train

    watcher.started = time.perf_counter()
    with contextlib.suppress(StopRequested):
        train(run, None, watcher, watcher.should_stop)


def measure_train(root: Path) -> dict[str, float]:
    """Seconds from the config to the first step, and of the first epoch; then it is stopped."""
    from kgcv.recipes.train import start_run

    shutil.rmtree(root / "run", ignore_errors=True)
    watcher = Watcher(last="EpochDone")
    train_until(watcher, start_run(read_config(root), "growth", root / "run"))
    state = sum(file.stat().st_size for file in (root / "run").rglob("*.pt")) / 1e6
    split = (root / "run" / "split.csv").stat().st_size / 1e6
    return {"start": watcher.first_step, "epoch": watcher.epoch, "state": state, "split": split} | {
        "peak": memory("VmHWM") / 1e3,
        "anonymous": memory("RssAnon") / 1e3,
    }


def measure_resume(root: Path) -> dict[str, float]:
    """Seconds until an interrupted training takes its next step."""
    from kgcv.recipes.run_folder import RunFolder

    watcher = Watcher(last="StepDone")
    train_until(watcher, RunFolder(root / "run"))
    return {"resume": watcher.first_step}


def measure_submission(root: Path) -> dict[str, float]:
    """Seconds from test predictions to a checked file."""
    import numpy as np

    from kgcv.data.predictions import Predictions, write_predictions
    from kgcv.data.samples import read_train_samples
    from kgcv.recipes.check_submission import check_submission

    config = read_config(root)
    ids = read_train_samples(config.data, config.split).ids
    draws = np.random.default_rng(0).random(len(ids), np.float32)
    write_predictions(
        root / "run" / "test.npz",
        Predictions(ids, ("class0", "class1"), np.stack([1 - draws, draws], axis=1), "single"),
    )
    (root / "sample.csv").write_text("id,label\n" + "".join(f"{id_},0.5\n" for id_ in ids))
    start = time.perf_counter()
    check_submission(root / "run")
    return {"submit": time.perf_counter() - start, "submit peak": memory("VmHWM") / 1e3}


STEPS = {
    "resize": measure_resize,
    "train": measure_train,
    "resume": measure_resume,
    "submission": measure_submission,
}

if __name__ == "__main__":
    main()
