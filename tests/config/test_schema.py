from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from annotated_types import Ge, Gt, Le, Lt

from kgcv.config.bounds import WrongKeysError
from kgcv.config.keys import is_list, is_section, item_type, keys_of
from kgcv.config.schema import Config, ModelConfig, StageConfig, TrainSourceConfig, TtaConfig

Complaints = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("wrong", "key", "problem"),
    [
        (
            "stages.0={image_size: 9, lr: 1, precompute: true}",
            "stages.0.precompute",
            "needs frozen: true; only a frozen body can run just once",
        ),
        (
            "stages.0={image_size: 9, lr: 1, frozen: true, frozen_groups: 1}",
            "stages.0.frozen_groups",
            "give frozen: true or frozen_groups, not both",
        ),
        (
            "stages.0.frozen_groups=0",
            "stages.0.frozen_groups",
            "0 freezes nothing; leave it out to train every layer",
        ),
        (
            "data.train={labels: x.csv, pattern: '(?P<label>a)'}",
            "data.train.pattern",
            "labels come from data.train.labels or a pattern, not from both",
        ),
        (
            "data.train.pattern='[a'",
            "data.train.pattern",
            "not a regular expression: unterminated character set at position 0",
        ),
        (
            "data.train.pattern=a{99999999999999999999}",
            "data.train.pattern",
            "not a regular expression: the repetition number is too large",
        ),
        (
            "data.train.pattern='(?P<class>cat|dog)'",
            "data.train.pattern",
            "needs a group named label, such as (?P<label>cat|dog)",
        ),
        (
            "model={name: x, hidden: [512], dropout: [1, 1, 1]}",
            "model.dropout",
            "needs one value, or one for each of the 2 linear layers of the head (hidden: [512]), got 3",
        ),
        ("decision.exclusive=[[a, b], [c]]", "decision.exclusive", "a group needs two tags, got ['c']"),
        ("decision.exclusive=a", "decision.exclusive", "a group needs two tags, got ['a']"),
        (
            "decision.exclusive=[[a, b], [b, c]]",
            "decision.exclusive",
            "'b' is named twice; a tag is in one group",
        ),
    ],
)
def test_keys_of_one_section_that_contradict_each_other_are_named(
    complaints: Complaints, wrong: str, key: str, problem: str
) -> None:
    assert complaints(wrong) == [f"--set {wrong}: {key}: {problem}"]


@pytest.mark.parametrize(
    "views", ["auto", "identity", "flip", "dihedral", "crops", "random:1", "random:12", "plain,top left"]
)
def test_views_that_exist_are_accepted(views: str) -> None:
    assert TtaConfig(views=views).views == views


@pytest.mark.parametrize(
    "views",
    [
        "",
        "all",
        "random",
        "random:",
        "random:0",
        "random:-1",
        "random:x",
        "Flip",
        "flip ",
        "random:\u0661",
        "plain",
        "plain,",
        "a,b",
    ],
)
def test_views_that_do_not_exist_are_refused(complaints: Complaints, views: str) -> None:
    assert complaints(f"tta.views='{views}'") == [
        f"--set tta.views='{views}': tta.views: "
        f"must be auto, identity, flip, dihedral, crops, random:N with N from 1 or a list such as plain,mirrored, "
        f"got {views!r}"
    ]


def test_a_section_made_in_code_is_checked_as_well() -> None:
    with pytest.raises(WrongKeysError, match=r"^dropout: needs one value"):
        ModelConfig(name="x", dropout=(0.1, 0.2))
    with pytest.raises(ValueError, match=r"^frozen_groups: 0 freezes .*; precompute: needs"):
        StageConfig(image_size=1, lr=(1.0,), frozen_groups=0, precompute=True)
    with pytest.raises(WrongKeysError, match=r"^pattern: labels come from"):
        TrainSourceConfig(labels="x.csv", pattern="(?P<label>a)")


# The smallest and the largest value that is accepted and those beside them that are not; None: no such end.
BOUNDS: dict[str, tuple[Any, Any, Any, Any]] = {
    "split.valid_fraction": (0, 1e-9, 0.999, 1),
    "split.seed": (-1, 0, 2**32 - 1, 2**32),
    "split.num_folds": (1, 2, None, None),
    "split.days": (0, 1, None, None),
    "split.gap_days": (-1, 0, None, None),
    "columns.embedding_sizes.clear": (0, 1, None, None),
    "target.y_range_margin": (-0.01, 0, None, None),
    "resize.ratio": (0.99, 1, 4, 4.01),
    "model.channels": (0, 1, None, None),
    "model.hidden.0": (0, 1, None, None),
    "model.dropout.0": (-0.01, 0, 1, 1.01),
    "model.num_groups": (1, 2, None, None),
    "augment.max_rotate": (-0.1, 0, 180, 180.1),
    "augment.max_zoom": (0.99, 1, 4, 4.01),
    "augment.max_shear": (-0.1, 0, 89.9, 90),
    "augment.max_lighting": (-0.01, 0, 0.99, 1),
    "augment.affine_probability": (-0.01, 0, 1, 1.01),
    "augment.mixup": (-0.1, 0, None, None),
    "augment.cutmix": (-0.1, 0, None, None),
    "train.total_batch_size": (0, 1, None, None),
    "train.accumulate": (0, 1, None, None),
    "train.momentum": (-0.1, 0, 0.999, 1),
    "train.weight_decay": (-0.1, 0, None, None),
    "train.focal_gamma": (-0.1, 0, None, None),
    "train.soft_weight": (0, 1e-9, 0.999, 1),
    "train.label_smoothing": (-0.1, 0, 0.99, 1),
    "train.clip_norm": (-0.1, 0, None, None),
    "train.ema_decay": (-0.1, 0, 0.9999, 1),
    "train.checkpoint_minutes": (0, 1e-9, None, None),
    "train.early_stopping": (-1, 0, None, None),
    "train.seed": (-1, 0, 2**32 - 1, 2**32),
    "train.workers": (-1, 0, None, None),
    "stages.0.image_size": (0, 1, None, None),
    "stages.0.lr.0": (0, 1e-9, None, None),
    "stages.0.frozen_groups": (-1, 1, None, None),
    "stages.0.num_cycles": (0, 1, None, None),
    "stages.0.cycle_len": (0, 1, None, None),
    "stages.0.cycle_mult": (0, 1, None, None),
    "tta.plain_weight": (-0.01, 0, 1, 1.01),
    "decision.threshold": (-0.01, 0, 1, 1.01),
    "decision.prevalence.clear": (-0.01, 0, 1, 1.01),
}
TABLE = [
    "stages.0={lr: 1}",
    "data={root: d, kind: table, tables: {train: a.csv}, target: y, date_column: when}",
    "columns={categories: [clear]}",
    "model={name: embeddings}",
]
UNBOUNDED = {"rows.predict.0.value", "target.y_range.0"}  # answers, which may be any numbers
CONTEXT = {
    "train.total_batch_size": ["train.batch_size=auto"],
    "split.num_folds": ["split.kind=folds"],
    "split.days": [*TABLE, "split.kind=last_days"],
    "split.gap_days": [*TABLE, "split={kind: last_days, days: 9}"],
    "columns.embedding_sizes.clear": TABLE,
    "target.y_range_margin": [*TABLE, "data.task=regression"],
    "model.hidden.0": ["model.hidden=[1]"],
    "model.dropout.0": ["model.dropout=[0]"],
    "tta.plain_weight": ["tta.views=flip"],
    "train.focal_gamma": ["train.loss=focal"],
    "train.soft_weight": ["train.soft_targets=oof.npz"],
    "decision.prevalence.clear": ["decision.thresholds=prevalence"],
}


@pytest.mark.parametrize("key", BOUNDS)
def test_each_end_of_each_range_is_where_it_is_said_to_be(complaints: Complaints, key: str) -> None:
    too_low, lowest, highest, too_high = BOUNDS[key]
    context = ["augment.preset=basic"] if key.startswith("augment.") else CONTEXT.get(key, [])
    for accepted in (lowest, highest):
        if accepted is not None:
            assert complaints(*context, f"{key}={accepted}") == []
    for refused, words in ((too_low, ("at least", "more than")), (too_high, ("at most", "less than"))):
        if refused is not None:
            (problem,) = complaints(*context, f"{key}={refused}")
            assert any(f": {key}: must be {word} " in problem for word in words)
            assert problem.endswith(f", got {refused}")


def _bounded(section: type[Any] = Config, above: str = "") -> Iterator[str]:
    hints = get_type_hints(section, include_extras=True)
    for key, kind in keys_of(section).items():
        path = f"{above}{key}"
        inner = item_type(kind) if is_list(kind) else kind
        if is_section(inner):
            yield from _bounded(inner, f"{path}.0." if is_list(kind) else f"{path}.")
        elif _numeric_bounds(hints[key]):
            yield f"{path}{_below(kind)}"


def _below(kind: Any) -> str:
    """The way to a value below a list or a mapping."""
    return ".0" if is_list(kind) else ".clear" if get_origin(kind) is dict else ""


def _numeric_bounds(hint: Any) -> bool:
    marks = getattr(hint, "__metadata__", ())
    return any(isinstance(mark, Ge | Gt | Le | Lt) for mark in marks) or any(map(_numeric_bounds, get_args(hint)))


def test_the_table_of_bounds_has_every_bounded_key() -> None:
    assert {path for path in _bounded() if not path.startswith("stages.0.augment.")} == set(BOUNDS)


def test_every_number_of_the_schema_has_bounds() -> None:
    numbers = {path for path, kind in _leaves() if kind in (int, float) and not path.startswith("stages.0.augment.")}
    assert numbers == set(BOUNDS) | UNBOUNDED


def _leaves(section: type[Any] = Config, above: str = "") -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(section):
        kind = keys_of(section)[field.name]
        path = f"{above}{field.name}"
        path += _below(kind)
        if get_origin(kind) is dict:
            kind = str if get_args(kind)[1] is str else float
        elif is_list(kind):
            kind = item_type(kind)
        if is_section(kind):
            yield from _leaves(kind, f"{path}.")
        else:
            yield path, kind


@pytest.mark.parametrize("key", ["train.batch_size", "stages.0.batch_size"])
@pytest.mark.parametrize(
    "value, shown", [("0", "0"), ("-3", "-3"), ("1.5", "1.5"), ("true", "true"), ("Auto", "the text 'Auto'")]
)
def test_a_batch_has_at_least_one_image_or_as_many_as_fit(
    complaints: Complaints, key: str, value: str, shown: str
) -> None:
    (line,) = complaints(f"{key}={value}")
    assert line.endswith(f"{key}: must be a whole number of at least 1, or auto, got {shown}")
    assert complaints(f"{key}=1") == []
    assert complaints(f"{key}=auto", "train.total_batch_size=96") == []
