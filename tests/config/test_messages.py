from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kgcv.config.messages import explained, nearest

Complaints = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("train.seed=3.5", "train.seed: must be a whole number, got 3.5"),
        ("train.seed=3.0", "train.seed: must be a whole number, got 3.0"),
        ("train.seed='3'", "train.seed: must be a whole number, got the text '3'"),
        ("train.seed=1_000", "train.seed: must be a whole number, got the text '1_000'"),
        ("train.seed=true", "train.seed: must be a whole number, got true"),
        (
            "train.seed=null",
            "train.seed: must be a whole number, got nothing; leave the key out to have its default",
        ),
        ("train.seed=[1]", "train.seed: must be a whole number, got a list"),
        ("train.seed={a: 1}", "train.seed: must be a whole number, got a section"),
        ("train.weight_decay=.nan", "train.weight_decay: must be a finite number, got NaN"),
        ("train.weight_decay=1e999", "train.weight_decay: must be a finite number, got Infinity"),
        ("train.weight_decay=true", "train.weight_decay: must be a number, got true"),
        (
            "train.compile=yes",
            "train.compile: must be true or false, got the text 'yes'; "
            "only true and false, unquoted and in small letters, are switches",
        ),
        (
            "train.compile=True",
            "train.compile: must be true or false, got the text 'True'; "
            "only true and false, unquoted and in small letters, are switches",
        ),
        ("train.compile=maybe", "train.compile: must be true or false, got the text 'maybe'"),
        ("train.compile=1", "train.compile: must be true or false, got 1"),
        ("train.metric=3", "train.metric: must be text, got 3; put it in quotes"),
        ("train.metric=true", "train.metric: must be text, got true; put it in quotes"),
        ("train.metric=[f2]", "train.metric: must be text, got a list"),
        ("train=3", "train: must be a section with keys, got 3"),
        ("stages={image_size: 3}", "stages: must be a list, got a section"),
        ("stages.0=3", "stages.0: must be a section with keys, got 3"),
        ("data.test={images: []}", "data.test.images: must not be empty"),
        ("data.train={labels: x, label_separator: ''}", "data.train.label_separator: must not be empty"),
        ("stages.0.lr=[]", "stages.0.lr: must not be empty"),
        (
            "train.precision=float16",
            "train.precision: must be one of auto, float32, bfloat16, got the text 'float16'; did you mean 'bfloat16'?",
        ),
        ("train.channels_last=true", "train.channels_last: must be one of auto, yes, no, got true"),
        (
            "stages.0.schedule=ramp",
            "stages.0.schedule: must be one of cosine, one_cycle, flat_cosine, constant, got the text 'ramp'",
        ),
        ("stages.0.image_sise=3", "stages.0.image_sise: unknown key; did you mean 'image_size'?"),
        ("stages.0.LR=3", "stages.0.LR: unknown key; did you mean 'lr'?"),
        ("seed=3", "seed: unknown key here; did you mean split.seed or train.seed?"),
        (
            "max_zoom=3",
            "max_zoom: unknown key here; did you mean augment.max_zoom or stages.0.augment.max_zoom?",
        ),
        ("tta.x=3", "tta.x: unknown key; known here: views, plain_weight"),
        ("data.test={suffix: .jpg}", "data.test.images: required, but not given"),
    ],
)
def test_a_wrong_value_is_named_in_plain_words(complaints: Complaints, override: str, problem: str) -> None:
    assert complaints(override) == [f"--set {override}: {problem}"]


def test_what_pydantic_may_come_to_say_is_passed_on() -> None:
    found: Any = {"type": "new_in_4", "loc": ("train", "seed"), "msg": "Input is odd", "input": 3}
    assert list(explained(found)) == [(("train", "seed"), "Input is odd")]


@pytest.mark.parametrize(("word", "guess"), [("lrs", "lr"), ("LR", "lr"), ("num_cycle", "num_cycles"), ("zzz", None)])
def test_the_nearest_word_is_found(word: str, guess: str | None) -> None:
    assert nearest(word, ["lr", "num_cycles", "cycle_len"]) == guess
