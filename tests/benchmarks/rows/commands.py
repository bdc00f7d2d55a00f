"""Whole commands, from the shell's line to its prompt."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.pictures import photos, prepare_photos
from tests.benchmarks.row import Row, kgcv_command, timed_command

NUM_ROWS, NUM_TAGS = 61_191, 17

TAGS_CONFIG = """
data: {task: multi, root: ., train: {images: train, labels: train.csv}, test: {images: [test]}, sample_submission: S}
model: {name: resnet18, pretrained: false}
decision: {thresholds: fixed}
submission: {separator: " "}
stages: [{image_size: 64, lr: 0.1}]
"""

RUN_CONFIG = """
data: {{root: {root}, train: {{images: {photos}}}}}
split: {{kind: holdout, valid_fraction: 0.5}}
resize: {{ratio: 1, folder: {root}/cache-commands}}
model: {{name: resnet18, pretrained: false}}
train: {{batch_size: 64}}
stages: [{{image_size: 224, lr: 0.01, frozen: true}}]
"""

FORWARD = """
import sys
import timm
import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor
model = timm.create_model("resnet18", num_classes=2).eval()
pixels = pil_to_tensor(Image.open(sys.argv[1]).convert("RGB").resize((224, 224)))
with torch.inference_mode():
    print(model(pixels[None] / 255).softmax(1))
"""


def python(*arguments: str) -> list[str]:
    """This environment's Python."""
    return [sys.executable, *arguments]


def whole(command: Callable[[Path], Sequence[str]]) -> Callable[[Path], float]:
    """The second of two runs, so that none pays for files that are not in memory yet."""

    def measure(folder: Path) -> float:
        timed_command(command(folder), folder)
        return timed_command(command(folder), folder)

    return measure


def tags_run(folder: Path) -> Path:
    return folder / "run-tags"


def prepare_tags(folder: Path) -> None:
    """A run with the predictions of the Planet competition's test images, and its sample file."""
    import numpy as np

    from kgcv.config.load import load_config
    from kgcv.data.predictions import Predictions, write_predictions
    from kgcv.recipes.decision import decide_run

    run = tags_run(folder)
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    names = tuple(f"tag_{index:02}" for index in range(NUM_TAGS))
    ids = tuple(f"test_{index}" for index in range(NUM_ROWS))
    values = np.random.default_rng(0).beta(0.3, 1, (NUM_ROWS, NUM_TAGS)).astype(np.float32)
    (run / "config.yaml").write_text(TAGS_CONFIG.replace("root: .", f"root: {run}").replace("S}", "sample.csv}"))
    cells = "".join(f"{name},tag_00 tag_03\n" for name in ids)
    (run / "sample.csv").write_text(f"image_name,tags\n{cells}")
    write_predictions(run / "test.npz", Predictions(ids, names, values, "multi"))
    write_predictions(run / "labels.npz", Predictions(ids, names, (values > 0.5).astype(np.float32), "multi"))
    decide_run(run, load_config(run / "config.yaml"))


def trained_run(folder: Path) -> Path:
    return folder / "run-photos"


def prepare_run(folder: Path) -> None:
    """A trained resnet18."""
    prepare_photos(folder)
    config = folder / "commands.yaml"
    config.write_text(RUN_CONFIG.format(root=folder, photos=photos(folder).name))
    if not trained_run(folder).exists():
        command = kgcv_command("train", str(config), "--run-dir", str(trained_run(folder)), "--progress", "none")
        subprocess.run(command, cwd=folder, check=True, capture_output=True)


def photo(folder: Path) -> str:
    return str(photos(folder) / "class0" / "000000.jpg")


ROWS = (
    Row(
        name="help",
        work="kgcv --help; meant to take at most 0.12 s more than Python alone",
        contenders={
            "kgcv": whole(lambda folder: kgcv_command("--help")),
            "python -c pass": whole(lambda folder: python("-c", "pass")),
            "import click, rich": whole(lambda folder: python("-c", "import click, rich")),
            "kaggle --help": whole(lambda folder: [str(Path(sys.executable).with_name("kaggle")), "--help"]),
        },
    ),
    Row(
        name="submit-check",
        work=f"kgcv submit --check of {NUM_ROWS:,} rows of {NUM_TAGS} tags; meant to take less than 2 s",
        contenders={"kgcv": whole(lambda folder: kgcv_command("submit", str(tags_run(folder)), "--check"))},
        prepare=prepare_tags,
    ),
    Row(
        name="predict-one",
        work="the first answer for one photo of 500 x 375, resnet18 at 224 px",
        contenders={
            "kgcv": whole(lambda folder: kgcv_command("predict-one", str(trained_run(folder)), photo(folder))),
            "timm, forward pass": whole(lambda folder: python("-c", FORWARD, photo(folder))),
        },
        targets={"timm, forward pass": 0.909},
        prepare=prepare_run,
    ),
)
