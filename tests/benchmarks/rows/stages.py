"""Whole stages: a network from scratch, and a head on precomputed features."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.pictures import photos, prepare_photos, write_photos
from tests.benchmarks.row import Row
from tests.benchmarks.rows.training import build

NUM_PHOTOS, EPOCHS, BATCH_SIZE = 2000, 7, 64

RATE, WEIGHT_DECAY = 0.003, 0.01
"""Of AdamW for everybody, in one cycle; rate and decay are fastai's own defaults for it."""

CONFIG = """
data: {{root: {root}, train: {{images: {images}}}}}
split: {{kind: holdout, valid_fraction: 0.2}}
resize: {{ratio: 1.3, folder: {cache}}}
model: {{name: {model}, pretrained: false}}
augment: {augment}
train: {{batch_size: 64, optimizer: adamw, metric: accuracy, weight_decay: {decay}}}
stages: [{stage}]
"""


def stage_photos(folder: Path) -> Path:
    """2,000 photos of 500 x 375 in two classes."""
    return folder / "photos-stage"


def accuracies(folder: Path) -> Path:
    """A line for each contender and round of the stage: who, and the accuracy after the last epoch."""
    return folder / "stage-accuracies.txt"


def note_accuracy(folder: Path, who: str, accuracy: float) -> None:
    with accuracies(folder).open("a") as stream:
        stream.write(f"{who},{accuracy}\n")


def describe_accuracies(folder: Path) -> str:
    """Mean over the rounds, for a faster way to a worse network is none."""
    by_name: dict[str, list[float]] = {}
    for line in accuracies(folder).read_text().splitlines():
        who, accuracy = line.rsplit(",", 1)
        by_name.setdefault(who, []).append(float(accuracy))
    means = ", ".join(f"{who} {sum(each) / len(each):.3f}" for who, each in by_name.items())
    return f"accuracy on {NUM_PHOTOS // 5} photos after the last epoch, mean of the rounds: {means}"


def prepare_stage(folder: Path) -> None:
    write_photos(stage_photos(folder), NUM_PHOTOS, (500, 375))
    accuracies(folder).unlink(missing_ok=True)


def train_kgcv(folder: Path, **values: object) -> tuple[float, float]:
    """Seconds of kgcv's training, from the config to the best weights, the store being there; last accuracy."""
    import tempfile

    from kgcv.config.load import load_config
    from kgcv.data.watch import Watch
    from kgcv.events import Silent, never_stop
    from kgcv.recipes.resize import resize
    from kgcv.recipes.train import start_run, train

    with tempfile.TemporaryDirectory(dir=folder) as name:
        file = Path(name) / "config.yaml"
        # A cache of its own, or the features of the round before would be found there.
        file.write_text(CONFIG.format(root=folder, cache=Path(name) / "cache", decay=WEIGHT_DECAY, **values))
        config = load_config(file, [])
        resize(config, Watch(Silent(), never_stop))
        start = time.perf_counter()
        result = train(start_run(config, "run", Path(name) / "run"), None, Silent(), never_stop)
        seconds = time.perf_counter() - start
        last = (result.folder / "fold0/metrics.jsonl").read_text().splitlines()[-1]
    return seconds, json.loads(last)["scores"]["accuracy"]


def kgcv_stage(folder: Path) -> float:
    stage = f"{{image_size: 64, lr: {RATE}, schedule: one_cycle, cycle_len: {EPOCHS}}}"
    augment = "{preset: side_on, max_zoom: 1.1}"
    images = stage_photos(folder).name
    seconds, accuracy = train_kgcv(folder, images=images, model="resnet18", augment=augment, stage=stage)
    note_accuracy(folder, "kgcv", accuracy)
    return seconds


def fastai_stage(folder: Path) -> float:
    """Item transforms on the originals, batch transforms on the batch, as the lessons of fastai 2 have them."""
    from fastai.learner import Learner  # type: ignore[import-not-found]
    from fastai.vision.all import (  # type: ignore[import-not-found]
        CrossEntropyLossFlat,
        ImageDataLoaders,
        Normalize,
        Resize,
        accuracy,
        aug_transforms,
        imagenet_stats,
    )

    loaders = ImageDataLoaders.from_folder(
        stage_photos(folder),
        valid_pct=0.2,
        seed=42,
        item_tfms=Resize(83),
        batch_tfms=[*aug_transforms(size=64), Normalize.from_stats(*imagenet_stats)],
        bs=BATCH_SIZE,
        num_workers=2,
    )
    learner = Learner(loaders, build("resnet18"), CrossEntropyLossFlat(), metrics=accuracy, wd=WEIGHT_DECAY)
    start = time.perf_counter()
    with learner.no_bar():
        learner.fit_one_cycle(EPOCHS, RATE)
    seconds = time.perf_counter() - start
    note_accuracy(folder, "fastai", float(learner.recorder.values[-1][-1]))
    return seconds


def timm_stage(folder: Path) -> float:
    """timm's loader and the loop of its script; crops of at least 0.6 of the photo, or it learns less in 7 epochs."""
    import torch
    from timm.data import create_dataset, create_loader

    root = str(stage_photos(folder))
    rows = torch.randperm(NUM_PHOTOS, generator=torch.Generator().manual_seed(42)).tolist()
    held_out = NUM_PHOTOS // 5
    loaders = []
    for is_training, part in ((True, rows[held_out:]), (False, rows[:held_out])):
        data = create_dataset("", root=root)
        data.reader.samples = [data.reader.samples[row] for row in part]
        loader = create_loader(
            data,
            input_size=(3, 64, 64),
            batch_size=BATCH_SIZE,
            is_training=is_training,
            scale=(0.6, 1.0),
            use_prefetcher=False,
            num_workers=2,
            persistent_workers=True,
            device=torch.device("cpu"),
        )
        loaders.append(loader)
    net = build("resnet18")
    optimizer = torch.optim.AdamW(net.parameters(), RATE, betas=(0.9, 0.99), weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=EPOCHS * len(loaders[0]), pct_start=0.25
    )
    start = time.perf_counter()
    for _ in range(EPOCHS):
        train_epoch(net, loaders[0], optimizer, schedule)
        accuracy = validate(net, loaders[1])
    seconds = time.perf_counter() - start
    note_accuracy(folder, "timm's loader", accuracy)
    return seconds


def train_epoch(net: Any, loader: Any, optimizer: Any, schedule: Any) -> None:
    import torch.nn.functional as F  # noqa: N812

    net.train()
    for images, targets in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(images), targets)
        loss.backward()
        optimizer.step()
        schedule.step()
        loss.item()


def validate(net: Any, loader: Any) -> float:
    """Accuracy."""
    import torch

    net.eval()
    with torch.inference_mode():
        right = [net(images).argmax(1) == targets for images, targets in loader]
    return float(torch.cat(right).float().mean())


def head_epochs(precompute: str) -> Callable[[Path], float]:
    def measure(folder: Path) -> float:
        stage = f"{{image_size: 64, lr: {RATE}, cycle_len: 5, frozen: true, precompute: {precompute}}}"
        images = photos(folder).name
        return train_kgcv(folder, images=images, model="resnet34", augment="{preset: none}", stage=stage)[0]

    return measure


ROWS = (
    Row(
        name="precompute",
        work="five epochs of resnet34's head at 64 px on 800 images, and their validation, from the config on",
        contenders={"kgcv": head_epochs("true"), "kgcv, no precompute": head_epochs("false")},
        targets={"kgcv, no precompute": 4},
        prepare=prepare_photos,
        limit=900,
        rounds=3,
    ),
    Row(
        name="stage",
        work="seven epochs of resnet18 at 64 px on 1,600 photos of 500 x 375, augmented, from scratch, and validation",
        contenders={"kgcv": kgcv_stage, "fastai": fastai_stage, "timm's loader": timm_stage},
        targets={"fastai": 2.5, "timm's loader": 2.5},
        prepare=prepare_stage,
        limit=900,
        rounds=2,
        note=describe_accuracies,
    ),
)
