"""Resident memory of a long training, and of a store that is far larger than what is read of it.

    python -m tests.benchmarks.memory [--epochs 50] [--folder FOLDER]

The first part prints the process's own memory after each tenth of the epochs, which is meant to stay flat. The second
makes a sparse store of 40 GB, reads a batch of it, and prints by how much the process grew.
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.process_memory import memory

CONFIG = """
data: {{root: {root}, train: {{images: images}}}}
split: {{kind: holdout, valid_fraction: 0.2}}
resize: {{ratio: 1.3, folder: {root}/cache}}
model: {{name: test_resnet.r160_in1k, pretrained: false}}
train: {{batch_size: 64, metric: accuracy}}
augment: {{preset: side_on}}
stages: [{{image_size: 64, lr: 0.01, cycle_len: {epochs}}}]
"""


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--folder", type=Path, default=Path("cache/memory"))
    parser.add_argument("--only", choices=["train", "store"])
    options = parser.parse_args()
    if options.only == "train":
        measure_training(options.folder.resolve(), options.epochs)
    elif options.only == "store":
        measure_store(options.folder.resolve())
    else:
        for part in ("train", "store"):
            command = [sys.executable, "-m", "tests.benchmarks.memory", "--only", part]
            command += ["--epochs", str(options.epochs), "--folder", str(options.folder)]
            subprocess.run(command, check=True)


class Watcher:
    """Notes memory after each epoch."""

    def __init__(self) -> None:
        self.found: list[float] = []

    def report(self, event: Any) -> None:
        """After an epoch, what is left when garbage has gone."""
        if type(event).__name__ == "EpochDone":
            gc.collect()
            self.found.append(memory("RssAnon"))


def measure_training(root: Path, epochs: int) -> None:
    """Train on 640 photos."""
    import shutil

    from kgcv.config.load import load_config
    from kgcv.events import never_stop
    from kgcv.recipes.train import start_run, train
    from tests.benchmarks.pictures import write_photos

    write_photos(root / "images", 640, (120, 90))
    (root / "config.yaml").write_text(CONFIG.format(root=root, epochs=epochs))
    shutil.rmtree(root / "run", ignore_errors=True)
    watcher = Watcher()
    train(start_run(load_config(root / "config.yaml", []), "memory", root / "run"), None, watcher, never_stop)
    print("own memory in MB after epochs:")
    for number in sorted({1, *range(max(epochs // 10, 1), epochs + 1, max(epochs // 10, 1))}):
        print(f"{number:>6} {watcher.found[number - 1]:>8.1f}")


def measure_store(root: Path) -> None:
    """Open a sparse store of 120,000 images of 336 x 336 and read some."""
    from kgcv.data.loader import BatchRequest, read_batch
    from kgcv.data.packed import PackedImages, PackedWriter
    from kgcv.data.store_notes import ENTRY, StoreNotes

    number, edge = 120_000, 336
    path = root / "sparse.packed"
    root.mkdir(parents=True, exist_ok=True)
    writer = PackedWriter(path, 3, lambda _: np.zeros((1, 1, 3), np.uint8))
    length = edge * edge * 3
    os.truncate(path.with_name(f"{path.name}.part"), number * length)
    writer.resume(np.array([((number - 1) * length, edge, edge)], ENTRY))
    entries = np.array([(row * length, edge, edge) for row in range(number)], ENTRY)
    writer.finish(entries, StoreNotes("sparse"))
    writer.close()
    before, start = memory("VmRSS"), time.perf_counter()
    store = PackedImages(path)
    opened, opening = memory("VmRSS"), time.perf_counter() - start
    rows = np.random.default_rng(0).integers(0, number, 64)
    read_batch(store, edge, BatchRequest(rows, np.full(64, 0.5)))
    print(f"store of {path.stat().st_size / 1e9:.1f} GB: opened in {opening:.3f} s with {opened - before:.1f} MB more,")
    print(f"a batch of 64 ({64 * length / 1e6:.1f} MB): {memory('VmRSS') - opened:.1f} MB more")
    path.unlink()


if __name__ == "__main__":
    main()
