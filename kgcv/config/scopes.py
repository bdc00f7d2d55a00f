"""Keys that do nothing in a given config: an error where the user wrote them, and left out of the resolved file.

Each scope names the sections it reads, so that it can speak on the sound sections of a config that has other
problems.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from kgcv.config.schema import AugmentConfig, Config
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


_SCOPES = (
    Scope(("split.valid_fraction",), "split.kind: holdout", lambda c: c.split.kind == "holdout", ("split",)),
    Scope(
        ("split.stratify", "split.seed"),
        "split.kind: holdout or folds",
        lambda c: c.split.kind in ("holdout", "folds"),
        ("split",),
    ),
    Scope(("split.num_folds",), "split.kind: folds", lambda c: c.split.kind == "folds", ("split",)),
    Scope(("split.folder",), "split.kind: folder", lambda c: c.split.kind == "folder", ("split",)),
    Scope(("split.column", "split.file"), "split.kind: column", lambda c: c.split.kind == "column", ("split",)),
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
        "data.train.labels and data.task: multi or auto",
        lambda c: c.data.train.labels is not None and c.data.task in ("multi", "auto"),
        ("data",),
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
        ("train.label_smoothing",),
        "data.task: single, multi or auto",
        lambda c: c.data.task != "regression",
        ("data",),
    ),
    Scope(("tta.plain_weight",), "tta.views other than identity", lambda c: c.tta.views != "identity", ("tta",)),
    Scope(
        ("decision.thresholds",),
        "data.task: multi or auto",
        lambda c: c.data.task in ("multi", "auto"),
        ("data",),
    ),
    Scope(
        ("decision.threshold",),
        "data.task: multi or auto, and decision.thresholds: fixed",
        lambda c: c.data.task in ("multi", "auto") and c.decision.thresholds == "fixed",
        ("data", "decision"),
    ),
    Scope(
        ("submission.positive_class",),
        "submission.format: probability or auto, and data.task: single or auto",
        lambda c: c.submission.format in ("probability", "auto") and c.data.task in ("single", "auto"),
        ("data", "submission"),
    ),
)


def idle_keys(config: Config, broken: Collection[str] = ()) -> Iterator[Finding]:
    """Every key that does nothing in `config`, written or not, with what it would need.

    Rules that read one of the `broken` sections are left out.
    """
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
