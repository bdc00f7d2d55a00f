"""Feeds kgcv model files, run folders, archives and configs that somebody has damaged, or made to do harm.

    python -m tests.stress.hostile [models archives configs runs] [--inputs 2000] [--seed 0]

Each part counts what it tried. Right is a value, or one documented error; wrong is a traceback, code that ran, a file
outside the folder, more than three gigabytes or, where nothing is trained, more than ten seconds. Of `archives` and
`runs`, whose inputs are drawn, `--inputs` are tried. Exit 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.stress.hostile_archives import archives
from tests.stress.hostile_models import model_files
from tests.stress.hostile_runs import runs
from tests.stress.images import encoded, photo
from tests.stress.tally import Tally, limit_memory


def main() -> None:
    """Feed what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("parts", nargs="*", metavar="PART", default=list(PARTS))
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    num_faults = 0
    for name in options.parts:
        with tempfile.TemporaryDirectory() as place:
            folder, tally, began = Path(place).resolve(), Tally(), time.perf_counter()
            PARTS[name](folder, tally, random.Random(options.seed), options.inputs)
        shown = ", ".join(f"{count} {outcome}" for outcome, count in tally.outcomes.most_common())
        seconds = time.perf_counter() - began
        print(f"{name}: {tally.outcomes.total()} tries in {seconds:.0f} s: {shown}; {len(tally.faults)} wrong")
        for fault in tally.faults[:20]:
            print(f"  {fault}", flush=True)
        num_faults += len(tally.faults)
    sys.exit(num_faults > 0)


def configs(folder: Path, tally: Tally, draws: random.Random, inputs: int) -> None:
    """Files that are no configs, and configs whose paths lead to devices and pipes."""
    from kgcv.config.load import load_config
    from kgcv.data.samples import read_train_samples
    from kgcv.submission.table import read_sample

    limit_memory()
    pipe, nowhere = folder / "pipe", folder / "pipe.jpg"
    for each in (pipe, nowhere):
        os.mkfifo(each)
    for path in (pipe, folder, Path("/dev/zero"), Path("/dev/urandom"), Path("/dev/null"), folder / "absent"):
        tally.try_one(f"config {path}", lambda path=path: load_config(path))  # type: ignore[misc]
        tally.try_one(f"sample file {path}", lambda path=path: read_sample(path))  # type: ignore[misc]
    texts = {
        "laughs": "a: &a [x, x]\n"
        + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)),
        "code": "!!python/object/apply:os.mkdir [" + str(folder / "code has run") + "]",
        "code-within": "data: !!python/object/apply:os.mkdir [" + str(folder / "code has run") + "]",
        "deep": "[" * 100_000,
        "deep-maps": "{a: " * 5000,
        "deep-lines": "".join("  " * n + "a:\n" for n in range(2000)),
        "digits": "train: {batch_size: " + "9" * 100_000 + "}",
        "many-keys": "".join(f"k{n}: 1\n" for n in range(20_000)),
        "many-items": "stages: [" + "1, " * 50_000 + "]",
        "long-line": "a" * 900_000,
        "long-key": "? " + "a" * 2000 + "\n: 1\n",
        "large": "#" * (2 << 20),
        "nul": "a: \0",
    }
    for name, text in texts.items():
        file = folder / f"{name}.yaml"
        file.write_text(text)
        tally.try_one(name, lambda file=file: load_config(file), file)  # type: ignore[misc]
    if (folder / "code has run").exists():
        tally.faults.append("code in a config has run")
    (folder / "train").mkdir()
    (folder / "train/a.png").write_bytes(encoded(photo(), "PNG"))
    plain = "data: {root: %s, train: {images: train, labels: %s, suffix: .png}}\n"
    plain += "model: {name: resnet18}\nstages: [{image_size: 64, lr: 1}]\n"
    for labels in ("/dev/zero", "/dev/null", str(pipe), str(folder), "../../../etc/passwd", "absent"):
        file = folder / "paths.yaml"
        file.write_text(plain % (folder, labels))
        config = load_config(file)
        tally.try_one(f"labels {labels}", lambda config=config: read_train_samples(config.data, config.split))  # type: ignore[misc]
    from kgcv.data.images import read_image

    tally.try_one("an image that is a pipe", lambda: read_image(nowhere, 3), nowhere)


PARTS = {"models": model_files, "archives": archives, "configs": configs, "runs": runs}


if __name__ == "__main__":
    main()
