"""Training beside the machine's limit and beside peers on a GPU: images a second, memory, and the cores that feed it.

    python -m tests.benchmarks.gpu [--models resnet34 convnext_tiny] [--sizes 64 128 224] [--json FILE]

Who trains, on the same machine in the same call: kgcv from its packed store, augmented; the same loop over batches
that lie on the device already (the limit; kgcv is meant to reach 0.95 of it); timm's loader on JPEG copies with a bare
loop; fastai where it is installed. All in bfloat16, channels last where kgcv chooses so, with fused AdamW, and all
measured over the second epoch. Then kgcv with fewer cores, and test-time augmentation with eight views.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.benchmarks.bench import describe_machine
from tests.benchmarks.fastai_timer import training_timer
from tests.benchmarks.rows.training import build, train_twice

NUM_COPIES = 2048
"""JPEG copies for the peers; they are read again until an epoch is full."""


def main() -> None:
    """Measure, and print a line for each."""
    options = read_options()
    if options.only:
        print(json.dumps(measure_here(options)))
        return
    machine = describe_machine() | {"device": options.device, "gpu": gpu_name()}
    print(" ".join(f"{name} {value}," for name, value in machine.items()).rstrip(","))
    print(f"\n{'model':<16} {'px':>4} {'who':<18} {'cores':>5} {'images/s':>10} {'of the limit':>12} {'peak GB':>8}")
    found = []
    for model in options.models:
        for size in options.sizes:
            limit = None
            for who, cores in plan(options.cores):
                result = measure(options, who, model, size, cores)
                found.append(result)
                if who == "limit" and "rate" in result:
                    limit = result["rate"]
                print_line(result, limit)
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "rows": found}, indent=1) + "\n")


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", nargs="+", default=["resnet34", "convnext_tiny"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[64, 128, 224])
    parser.add_argument("--cores", nargs="+", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--images", type=int, default=16_384, help="in an epoch")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--folder", type=Path, default=Path("cache/gpu"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", metavar="WHO", help="one measurement, in this process")
    return parser.parse_args()


def plan(cores: list[int]) -> Iterator[tuple[str, int]]:
    """Who is measured, and on how many cores."""
    everything = len(os.sched_getaffinity(0))
    yield from ((who, everything) for who in ("limit", "kgcv", "timm", "fastai", "kgcv tta"))
    yield from (("kgcv", number) for number in cores if number < everything)


def measure(options: argparse.Namespace, who: str, model: str, size: int, cores: int) -> dict[str, Any]:
    """One measurement, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.gpu", "--only", who, "--models", model, "--sizes", str(size)]
    command += ["--images", str(options.images), "--batch-size", str(options.batch_size)]
    command += ["--device", options.device, "--folder", str(options.folder)]
    chosen = sorted(os.sched_getaffinity(0))[:cores]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, chosen),
    )
    about = {"model": model, "size": size, "who": who, "cores": cores}
    if done.returncode:
        return about | {"failure": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return about | measured


def print_line(result: dict[str, Any], limit: float | None) -> None:
    """A measurement for people."""
    head = f"{result['model']:<16} {result['size']:>4} {result['who']:<18} {result['cores']:>5}"
    if "failure" in result:
        print(f"{head} {result['failure']}", flush=True)
        return
    share = f"{result['rate'] / limit:.2f}" if limit and result["who"] != "kgcv tta" else ""
    print(f"{head} {result['rate']:>10,.0f} {share:>12} {result['memory']:>8.2f}", flush=True)


def measure_here(options: argparse.Namespace) -> dict[str, float]:
    """Images a second, and the most memory that tensors held on the device, in GB."""
    size, device = options.sizes[0], torch.device(options.device)
    contenders: dict[str, Callable[[], float]] = {
        "limit": lambda: limit_rate(options, size, device),
        "kgcv": lambda: kgcv_rate(options, size),
        "timm": lambda: timm_rate(options, size, device),
        "fastai": lambda: fastai_rate(options, size),
        "kgcv tta": lambda: tta_rate(options, size),
    }
    rate = contenders[options.only]()
    peak = torch.cuda.max_memory_allocated() / 1e9 if device.type == "cuda" else 0.0
    return {"rate": rate, "memory": peak}


def limit_rate(options: argparse.Namespace, size: int, device: torch.device) -> float:
    """kgcv's settings on batches that lie on the device."""
    import torch.nn.functional as F  # noqa: N812

    from kgcv.config.schema import TrainConfig
    from kgcv.engine.runtime import resolve_runtime

    model = build(options.models[0]).train()
    runtime = resolve_runtime(TrainConfig(device=options.device), model)
    model = runtime.place_model(model)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    images = runtime.place(torch.randn(options.batch_size, 3, size, size))
    targets = torch.randint(0, 2, (options.batch_size,), device=device)

    def epoch() -> None:
        for _ in range(options.images // options.batch_size):
            optimizer.zero_grad(set_to_none=True)
            with runtime.autocast():
                loss = F.cross_entropy(model(images), targets)
            loss.backward()
            optimizer.step()

    return float(options.images / seconds_of(epoch, device))


def seconds_of(epoch: Callable[[], object], device: torch.device) -> float:
    """Seconds of the second call."""
    epoch()
    wait(device)
    start = time.perf_counter()
    epoch()
    wait(device)
    return time.perf_counter() - start


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def kgcv_rate(options: argparse.Namespace, size: int) -> float:
    """kgcv's trainer on a packed store, augmented as `side_on` is by default."""
    from kgcv.config.schema import AugmentConfig, TrainConfig
    from kgcv.engine.inputs import ImageInputs
    from kgcv.model.vision import normalization

    source, edge = open_store(options, size)
    model = build(options.models[0])
    normal = normalization(model.body, 3)
    seconds = train_twice(
        model,
        lambda runtime: ImageInputs(source, edge, size, normal, runtime),
        np.arange(options.images) % 2,
        TrainConfig(batch_size=options.batch_size, optimizer="adamw", device=options.device),
        (size, AugmentConfig(preset="side_on")),
        options.folder,
    )
    return float(options.images / seconds)


def open_store(options: argparse.Namespace, size: int) -> tuple[Any, int]:
    """A packed store of noise whose shorter side is 1.3 times `size`, 4 to 3; made once."""
    from kgcv.data.packed import PackedImages, PackedWriter
    from kgcv.data.resize import stored_edge
    from kgcv.data.store_notes import ENTRY, StoreNotes

    edge = stored_edge(size, 1.3)
    path = options.folder / f"{options.images}-{edge}.packed"
    if not path.exists():
        random = np.random.default_rng(0)
        pictures = [random.integers(0, 255, (edge, edge * 4 // 3, 3), dtype=np.uint8) for _ in range(64)]
        writer = PackedWriter(path, 3, lambda _: pictures[0])
        entries = np.array([writer.place(row, pictures[row % 64]) for row in range(options.images)], ENTRY)
        writer.finish(entries, StoreNotes("noise"))
        writer.close()
    return PackedImages(path), edge


def write_copies(options: argparse.Namespace, size: int) -> Path:
    """JPEG copies of the store's first images, in two folders by class."""
    from kgcv.data.images import write_jpeg

    source, edge = open_store(options, size)
    folder: Path = options.folder / f"copies-{edge}"
    for row in range(min(NUM_COPIES, options.images)):
        path = folder / f"class{row % 2}" / f"{row:06}.jpg"
        if not path.exists():
            write_jpeg(path, source.read(row), sync=False)
    return folder


def timm_rate(options: argparse.Namespace, size: int, device: torch.device) -> float:
    """timm's loader, with its prefetcher and workers for all cores, and the loop of its script."""
    import torch.nn.functional as F  # noqa: N812
    from timm.data import create_dataset, create_loader

    data = create_dataset("", root=str(write_copies(options, size)))
    loader = create_loader(
        data,
        input_size=(3, size, size),
        batch_size=options.batch_size,
        is_training=True,
        num_workers=len(os.sched_getaffinity(0)),
        use_prefetcher=device.type == "cuda",
        persistent_workers=True,
        device=device,
    )
    model = build(options.models[0]).train().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)

    def epoch() -> None:
        for images, targets in loader:
            ready = images.to(device).contiguous(memory_format=torch.channels_last)
            with torch.autocast(device.type, dtype=torch.bfloat16):
                loss = F.cross_entropy(model(ready), targets.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return float(len(loader) * options.batch_size / seconds_of(epoch, device))


def fastai_rate(options: argparse.Namespace, size: int) -> float:
    """fastai's Learner with its batch transforms, in bfloat16."""
    from fastai.vision.all import (  # type: ignore[import-not-found]
        CrossEntropyLossFlat,
        ImageDataLoaders,
        Learner,
        MixedPrecision,
        RandomCrop,
        aug_transforms,
    )

    loaders = ImageDataLoaders.from_folder(
        write_copies(options, size),
        valid_pct=0.02,
        item_tfms=RandomCrop(int(size * 1.3)),
        batch_tfms=aug_transforms(size=size),
        bs=options.batch_size,
        num_workers=len(os.sched_getaffinity(0)),
        device=torch.device(options.device),
    )
    timer = training_timer(lambda: wait(torch.device(options.device)))
    model = build(options.models[0]).to(options.device)
    callbacks = [timer, MixedPrecision(amp_mode="bf16")]
    learner = Learner(loaders, model, CrossEntropyLossFlat(), cbs=callbacks)
    with learner.no_bar(), learner.no_logging():
        learner.fit(2)
    return float(len(loaders.train) * options.batch_size / timer.seconds)


def tta_rate(options: argparse.Namespace, size: int) -> float:
    """Views a second of eight dihedral views."""
    from kgcv.config.schema import TrainConfig
    from kgcv.engine.inference import Predictor
    from kgcv.engine.inputs import ImageInputs
    from kgcv.engine.runtime import resolve_runtime
    from kgcv.engine.tta import VIEW_SETS
    from kgcv.model.heads import Objective
    from kgcv.model.vision import normalization

    model = build(options.models[0])
    runtime = resolve_runtime(TrainConfig(device=options.device), model)
    model = runtime.place_model(model)
    source, edge = open_store(options, size)
    inputs = ImageInputs(source, edge, size, normalization(model.body, 3), runtime)
    predictor = Predictor(model, Objective("single", 2), inputs, options.batch_size, runtime)
    rows = np.arange(min(len(source), 4096))
    weights = (1 / 8,) * 8

    def work() -> None:
        predictor.predict(rows, VIEW_SETS["dihedral"], weights)

    return float(len(rows) * 8 / seconds_of(work, torch.device(options.device)))


def gpu_name() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none"


if __name__ == "__main__":
    main()
