"""Keys that do nothing in a given config: an error where the user wrote them, and left out of the resolved file.

Each scope names the sections it reads, so that it can speak on the sound sections of a config that has other
problems.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from kgcv.config.schema import AugmentConfig, Config
from kgcv.config.table_scopes import keys_of_other_kind
from kgcv.config.yaml_source import KeyPath

Finding = tuple[KeyPath, str]
"""The path of a key and what is wrong with it."""

MAGNITUDES = ("max_rotate", "max_zoom", "max_shear", "max_lighting", "affine_probability")


@dataclass(frozen=True, slots=True)
class Scope:
    """Keys that act only in some configs."""

    keys: tuple[str, ...]
    """The keys, as `section.key`."""
    needs: str
    """What they need, for the message."""
    acts: Callable[[Config], bool]
    reads: tuple[str, ...]
    """The sections that `acts` looks at."""


def _draws(config: Config) -> bool:
    return config.split.kind in ("holdout", "folds") and not config.split.train_on_all


def _draws_groups(config: Config) -> bool:
    return config.split.group_column is not None and _draws(config)


def _goes_by_days(config: Config) -> bool:
    return config.split.kind in ("last_days", "forward") and not config.split.train_on_all


def _may_have_tags(config: Config) -> bool:
    return config.data.task in ("multi", "auto")


_DRAWN = "split.kind: holdout or folds, and no split.train_on_all"
_TAGS = "data.task: multi or auto"

_SCOPES = (
    Scope(
        ("split.kind",),
        "no split.train_on_all, except for folder, whose images then train too",
        lambda c: not c.split.train_on_all or c.split.kind == "folder",
        ("split",),
    ),
    Scope(
        ("split.valid_fraction",),
        "split.kind: holdout, and no split.train_on_all",
        lambda c: c.split.kind == "holdout" and _draws(c),
        ("split",),
    ),
    Scope(("split.stratify", "split.seed", "split.group_column"), _DRAWN, _draws, ("split",)),
    Scope(
        ("split.num_folds",),
        "split.kind: folds or forward, and no split.train_on_all",
        lambda c: c.split.kind in ("folds", "forward") and not c.split.train_on_all,
        ("split",),
    ),
    Scope(
        ("split.days", "split.gap_days"),
        "split.kind: last_days or forward, and no split.train_on_all",
        _goes_by_days,
        ("split",),
    ),
    Scope(
        ("target.log", "target.y_range", "target.y_range_margin", "rows.predict"),
        "data.task: regression",
        lambda c: c.data.task == "regression",
        ("data",),
    ),
    Scope(("split.folder",), "split.kind: folder", lambda c: c.split.kind == "folder", ("split",)),
    Scope(
        ("split.column",),
        "split.kind: column, and no split.train_on_all",
        lambda c: c.split.kind == "column" and not c.split.train_on_all,
        ("split",),
    ),
    Scope(
        ("split.file",),
        "split.kind: column or split.group_column, and no split.train_on_all",
        lambda c: not c.split.train_on_all and (c.split.kind == "column" or _draws_groups(c)),
        ("split",),
    ),
    Scope(("split.allow_twins",), "no split.train_on_all", lambda c: not c.split.train_on_all, ("split",)),
    Scope(
        ("data.train.id_column",),
        "data.train.labels or split.file",
        lambda c: c.data.train.labels is not None or c.split.file is not None,
        ("data", "split"),
    ),
    Scope(
        ("data.train.label_columns",),
        "data.train.labels",
        lambda c: c.data.train.labels is not None,
        ("data",),
    ),
    Scope(
        ("data.train.label_separator",),
        "data.train.labels with one label column, and data.task: multi or auto",
        lambda c: c.data.train.labels is not None and len(c.data.train.label_columns) < 2 and _may_have_tags(c),
        ("data",),
    ),
    Scope(
        ("data.train.weight_column",),
        "data.train.labels, and train.sampler: weighted",
        lambda c: c.data.train.labels is not None and c.train.sampler == "weighted",
        ("data", "train"),
    ),
    Scope(
        ("resize.folder",),
        "resize.store: packed or jpeg, or a stage with precompute",
        lambda c: c.resize.store != "none" or any(stage.precompute for stage in c.stages),
        ("resize", "stages"),
    ),
    Scope(
        ("model.pretrained",),
        "no model.weights, which are loaded instead",
        lambda c: c.model.weights is None or not c.model.pretrained,
        ("model",),
    ),
    Scope(
        ("model.binary_output",),
        "data.task: single or auto",
        lambda c: c.data.task in ("single", "auto"),
        ("data", "model"),
    ),
    Scope(
        ("train.metric",),
        "no train.metric_file, which is the metric",
        lambda c: c.train.metric_file is None,
        ("train",),
    ),
    Scope(("train.metric_direction",), "train.metric_file", lambda c: c.train.metric_file is not None, ("train",)),
    Scope(("train.focal_gamma",), "train.loss: focal", lambda c: c.train.loss == "focal", ("train",)),
    Scope(
        ("train.pos_weight",),
        "data.task: multi or auto, and train.loss: auto, bce or focal",
        lambda c: _may_have_tags(c) and c.train.loss in ("auto", "bce", "focal"),
        ("data", "train"),
    ),
    Scope(
        ("train.class_weights",),
        "data.task: single, multi or auto, and train.loss: auto, cross_entropy, bce or focal",
        lambda c: c.data.task != "regression" and c.train.loss in ("auto", "cross_entropy", "bce", "focal"),
        ("data", "train"),
    ),
    Scope(
        ("train.label_smoothing",),
        "data.task: single, multi or auto, and train.loss: auto, cross_entropy or bce",
        lambda c: c.data.task != "regression" and c.train.loss in ("auto", "cross_entropy", "bce"),
        ("data", "train"),
    ),
    Scope(
        ("train.soft_targets",),
        "data.task: single, multi or auto",
        lambda c: c.data.task != "regression",
        ("data",),
    ),
    Scope(
        ("train.soft_weight",),
        "train.soft_targets, and data.task: single, multi or auto",
        lambda c: c.train.soft_targets is not None and c.data.task != "regression",
        ("data", "train"),
    ),
    Scope(("tta.plain_weight",), "tta.views other than identity", lambda c: c.tta.views != "identity", ("tta",)),
    Scope(
        ("decision.thresholds", "decision.threshold", "decision.exclusive", "decision.never_empty"),
        _TAGS,
        _may_have_tags,
        ("data",),
    ),
    Scope(
        ("decision.metric",),
        "data.task: multi or auto, and decision.thresholds: global or per_class",
        lambda c: _may_have_tags(c) and c.decision.thresholds in ("global", "per_class"),
        ("data", "decision"),
    ),
    Scope(
        ("decision.prevalence",),
        "data.task: multi or auto, and decision.thresholds: prevalence",
        lambda c: _may_have_tags(c) and c.decision.thresholds == "prevalence",
        ("data", "decision"),
    ),
    Scope(
        ("submission.positive_class",),
        "submission.format: probability or auto, and data.task: single or auto",
        lambda c: c.submission.format in ("probability", "auto") and c.data.task in ("single", "auto"),
        ("data", "submission"),
    ),
    Scope(
        ("submission.separator",),
        "submission.format: tags, indices or auto, and data.task: multi or auto",
        lambda c: c.submission.format in ("tags", "indices", "auto") and _may_have_tags(c),
        ("data", "submission"),
    ),
)


def idle_keys(config: Config, broken: Collection[str] = ()) -> Iterator[Finding]:
    """Every key that does nothing in `config`, written or not, with what it would need.

    Of a section that does nothing as a whole, only the section is named. Rules that read one of the `broken`
    sections are left out.
    """
    found = dict([*_out_of_scope(config, broken), *keys_of_other_kind(config, broken)])
    for path, text in found.items():
        if not any(path[:depth] in found for depth in range(1, len(path))):
            yield path, text


def _out_of_scope(config: Config, broken: Collection[str]) -> Iterator[Finding]:
    for scope in _SCOPES:
        if not set(scope.reads) & set(broken) and not scope.acts(config):
            yield from ((tuple(key.split(".")), f"does nothing here; it needs {scope.needs}") for key in scope.keys)
    if not {"data", "augment", "stages"} & set(broken):
        yield from _idle_augmentation(config)


def _idle_augmentation(config: Config) -> Iterator[Finding]:
    sections: dict[KeyPath, AugmentConfig] = {("augment",): config.augment}
    for index, stage in enumerate(config.stages):
        if stage.augment is not None:
            sections["stages", index, "augment"] = stage.augment
    for path, augment in sections.items():
        if augment.preset == "none":
            text = "does nothing here; it needs a preset other than none"
            yield from (((*path, key), text) for key in MAGNITUDES)
        if config.data.task == "regression":
            text = "does nothing here; it needs data.task: single, multi or auto"
            yield from (((*path, key), text) for key in ("mixup", "cutmix"))
