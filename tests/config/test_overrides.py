from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kgcv.config.schema import Config

Load = Callable[..., Config]
Complaints = Callable[..., list[str]]

FULL = """\
data: {root: d, test: {images: test}}
model: {name: resnet34}
stages:
  - {image_size: 64, lr: 0.1}
  - {image_size: 128, lr: [0.1, 0.2, 0.3]}
"""


def test_an_override_that_is_not_utf8_is_refused(complaints: Complaints) -> None:
    # Python hands such bytes of a command line on as halves of characters.
    for override in ("train.\udcff=1", "competition=\udcff"):
        assert complaints(override, text=FULL) == [f"--set {override}: is not UTF-8 text"]


@pytest.mark.parametrize(
    ("override", "look", "value"),
    [
        ("stages.0.lr=[0.2]", lambda c: c.stages[0].lr, (0.2,)),
        ("stages.0.lr=1e-2", lambda c: c.stages[0].lr, (0.01,)),
        ("stages.1.lr.2=0.5", lambda c: c.stages[1].lr, (0.1, 0.2, 0.5)),
        ("stages.0.lr.0=0.5", lambda c: c.stages[0].lr, (0.5,)),
        ("data.root=a=b", lambda c: c.data.root, "a=b"),
        ("data.test.images=[a, b]", lambda c: c.data.test.images, ("a", "b")),
        ("data.test=null", lambda c: c.data.test, None),
        ("data.test=", lambda c: c.data.test, None),
        ("tta.views=flip", lambda c: c.tta.views, "flip"),
        ("split={kind: folds, num_folds: 3}", lambda c: (c.split.kind, c.split.num_folds), ("folds", 3)),
        ("stages.1.augment.preset=side_on", lambda c: c.stages[1].augment.preset, "side_on"),
        (" train.seed = 7", lambda c: c.train.seed, 7),
        ("train.compile=true", lambda c: c.train.compile, True),
        ("competition='007'", lambda c: c.competition, "007"),
        ("competition=007", lambda c: c.competition, "007"),
    ],
)
def test_an_override_replaces_a_value(load: Load, override: str, look: Callable[[Config], Any], value: Any) -> None:
    assert look(load(override, text=FULL)) == value


def test_the_later_override_wins(load: Load) -> None:
    assert load("train.seed=1", "train.seed=2").train.seed == 2


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("train.seed", "must be KEY=VALUE, such as stages.0.lr=[0.1]"),
        ("=3", "must be KEY=VALUE, such as stages.0.lr=[0.1]"),
        ("train..seed=3", "must be KEY=VALUE, such as stages.0.lr=[0.1]"),
        ("stages.2.lr=1", "stages: has no entry 2; its entries are 0 to 1"),
        ("stages.-1.lr=1", "stages: has no entry -1; its entries are 0 to 1"),
        ("stages.first.lr=1", "stages: has no entry first; its entries are 0 to 1"),
        (
            "stages.99999999999999999999=1",
            "stages: has no entry 99999999999999999999; its entries are 0 to 1",
        ),
        ("data.root.x=1", "data.root: is not a section, so it has no key 'x'"),
        ("trian.seed=1", "trian: unknown key; did you mean 'train'?"),
        ("train.sed=1", "train.sed: unknown key; did you mean 'seed'?"),
        ("train.seed=x", "train.seed: must be a whole number, got the text 'x'"),
        ("stages.1.lr.1=-1", "stages.1.lr.1: must be more than 0, got -1"),
        ("stages.0.lr=fast", "stages.0.lr: must be a number, got the text 'fast'"),
        ("stages=[]", "stages: must not be empty"),
        ("stages.0={lr: 1}", "stages.0.image_size: required, but not given"),
        ("train={seed: 1, seed: 2}", "train.seed: given twice"),
        ("train.seed=&x 3", "train.seed: anchors (&x) are not allowed; write the value out"),
        (
            "train.seed=[",
            "not valid YAML: while parsing a flow node: expected the node content, but found '<stream end>'",
        ),
    ],
)
def test_a_wrong_override_is_named(complaints: Complaints, override: str, problem: str) -> None:
    assert complaints(override, text=FULL) == [f"--set {override}: {problem}"]


def test_an_empty_list_has_no_entries(complaints: Complaints) -> None:
    assert complaints("model.hidden=[]", "model.hidden.0=3") == [
        "--set model.hidden.0=3: model.hidden: has no entry 0; its entries are none, it is empty"
    ]


def test_an_override_takes_the_problems_of_what_it_replaces_with_it(load: Load) -> None:
    text = FULL + "train: {seed: 1, seed: &x fast}\n"
    assert load("train.seed=3", text=text).train.seed == 3


def test_all_overrides_are_looked_at_after_the_problems_of_the_file(complaints: Complaints) -> None:
    assert complaints("nonsense", "train.workers=-1", "train.seed=-1", text=FULL + "tta: {view: flip}\n") == [
        "c.yaml:6:7: tta.view: unknown key; did you mean 'views'?",
        "--set train.seed=-1: train.seed: must be at least 0, got -1",
        "--set train.workers=-1: train.workers: must be at least 0, got -1",
        "--set nonsense: must be KEY=VALUE, such as stages.0.lr=[0.1]",
    ]


def test_a_key_that_an_override_makes_idle_is_reported_where_it_is_written(complaints: Complaints) -> None:
    text = FULL + "split: {valid_fraction: 0.1}\n"
    assert complaints("split.kind=folds", text=text) == [
        "c.yaml:6:9: split.valid_fraction: does nothing here; it needs split.kind: holdout, and no split.train_on_all"
    ]
