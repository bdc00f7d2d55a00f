"""How to train on images of these sizes: stages from small to large with the course's rates, in few epochs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kgcv.data.images import ImageFacts, peek_image
from kgcv.errors import DataError
from kgcv.recipes.guessing.guess import Guess, Instead

NUM_LOOKED_AT = 200
"""Images whose headers are read, spread evenly; their sizes hardly differ from those of all."""

SIZES = (64, 128, 224)
"""Sides of the stages: the course's satellite lesson doubles them, and ImageNet's weights are of 224."""

WORTH_A_STAGE = 1.25
"""Images must be this many times larger than the last stage for a stage of their own size."""

RATIO = 1.3
"""The course's share of an image around its centre: copies of 83 pixels for 64."""

STEPS_AN_EPOCH = 20
"""With fewer, an epoch ends before its learning rate has moved."""

HEAD_RATE, RATES = 0.01, [0.0001, 0.001, 0.01]
"""The course's first lesson: the head alone, then from the stem to the head."""


def look_at_images(root: Path, files: Sequence[str]) -> list[ImageFacts]:
    """The facts of some of the images that can be read, spread over all `files` below `root`."""
    rows = np.linspace(0, len(files) - 1, min(len(files), NUM_LOOKED_AT)).astype(int)
    facts = []
    for row in rows:
        try:
            facts.append(peek_image(root / files[row]))
        except DataError:  # damage is for `kgcv check` to tell
            continue
    return facts


def guess_resize(facts: Sequence[ImageFacts]) -> Guess:
    """The ratio of copies: none is cut off where the images are hardly larger than what the network sees."""
    edge, largest = _edge(facts), stage_sizes(facts)[-1]
    if edge >= RATIO * largest:
        return Guess(
            "resize.ratio", RATIO, f"copies have {RATIO} times a stage's pixels, of which training cuts squares"
        )
    other = Instead(RATIO, "to cut squares out of enlarged copies")
    because = f"images of {edge} pixels leave nothing to cut off at {largest}"
    return Guess("resize.ratio", 1.0, because, (other,))


def guess_model(facts: Sequence[ImageFacts]) -> tuple[Guess, ...]:
    """A network that small machines train."""
    name = Guess("model.name", "resnet34", "the course's; any classifier of timm, for instance convnext_atto")
    pretrained = Guess("model.pretrained", True, "timm's weights, downloaded once")
    if facts and all(fact.mode in ("L", "1", "I;16") for fact in facts):
        return name, pretrained, Guess("model.channels", 1, f"all {len(facts)} images looked at are grey")
    return name, pretrained


def guess_augment() -> tuple[Guess, ...]:
    """What photos allow; no file tells whether up and down mean anything."""
    top_down = Instead("top_down", "if images have no up and down: satellite, microscope, skin, leaves")
    basic = Instead("basic", "if a mirrored image would be wrong: digits, texts, left and right")
    preset = Guess("augment.preset", "side_on", "photos may be mirrored; no file tells it", (top_down, basic))
    return preset, Guess("augment.max_zoom", 1.1, "the course's, for photos")


def guess_batch_size(num_images: int) -> Guess:
    """As in the course, but smaller where few images would make few steps."""
    fitting = [size for size in (64, 32, 16) if size * STEPS_AN_EPOCH <= num_images]
    size = fitting[0] if fitting else 8
    because = f"{num_images // size:,} steps an epoch" if size < 64 else "the course's; less where memory ends"
    return Guess("train.batch_size", size, because)


def guess_stages(facts: Sequence[ImageFacts]) -> Guess:
    """First the head alone, then all layers, at growing sizes."""
    sizes = stage_sizes(facts)
    stages: list[dict[str, Any]] = [{"image_size": sizes[0], "frozen": True, "lr": HEAD_RATE, "cycle_len": 2}]
    stages += [{"image_size": size, "lr": RATES, "cycle_len": 3} for size in sizes]
    seen = _sizes_seen(facts)
    because = f"{seen}; the head alone, then all layers, at growing sizes; run `kgcv lr-find` for better rates"
    return Guess("stages", stages, because)


def stage_sizes(facts: Sequence[ImageFacts]) -> list[int]:
    """Sides of squares, ascending, none larger than half of the images are."""
    edge = _edge(facts)
    sizes = [size for size in SIZES if size <= edge]
    if not sizes:
        return [edge]
    return [*sizes, edge] if sizes[-1] * WORTH_A_STAGE <= edge < SIZES[-1] else sizes


def _edge(facts: Sequence[ImageFacts]) -> int:
    """Half of the images have a shortest edge of at least this; that of ImageNet where nothing is known."""
    edges = sorted(min(fact.width, fact.height) for fact in facts)
    return edges[len(edges) // 2] if edges else SIZES[-1]


def _sizes_seen(facts: Sequence[ImageFacts]) -> str:
    if not facts:
        return "no image could be read"
    edges = [min(fact.width, fact.height) for fact in facts]
    what = f"of {len(facts)} images looked at the shortest edge is"
    if min(edges) == max(edges):
        return f"{what} {edges[0]}"
    return f"{what} {min(edges)} to {max(edges)}, median {_edge(facts)}"
