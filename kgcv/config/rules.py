"""Values of a config that contradict each other across sections.

Each rule names the sections it reads, so that it can speak on the sound sections of a config that has other
problems.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import pairwise

from kgcv.config.schema import Config, StageConfig
from kgcv.config.scopes import Finding
from kgcv.config.table_rules import TABLE_RULES

FORMATS = {
    "single": ("auto", "probabilities", "probability", "label", "index"),
    "multi": ("auto", "probabilities", "tags", "indices", "decisions"),
    "regression": ("auto", "numbers"),
}
"""The forms of a submission that fit each task."""

LOSSES = {
    "single": ("auto", "cross_entropy", "focal"),
    "multi": ("auto", "bce", "focal", "asymmetric"),
    "regression": ("auto", "l1", "mse", "smooth_l1"),
}
"""The losses that fit each task."""


def contradictions(config: Config, broken: Collection[str] = ()) -> Iterator[Finding]:
    """Values of `config` that cannot go together; rules that read a `broken` section are left out."""
    for rule, reads in _RULES:
        if not set(reads) & set(broken):
            yield from rule(config)


def _source_of_columns(config: Config) -> Iterator[Finding]:
    split = config.split
    if split.train_on_all or split.file is not None or config.data.train.labels is not None:
        return
    if config.data.kind == "table":  # whose columns may say it
        return
    text = "needs a CSV file; give split.file or data.train.labels"
    if split.kind == "column":
        yield ("split", "column"), text
    elif split.kind != "folder" and split.group_column is not None:
        yield ("split", "group_column"), text


def _no_validation(config: Config) -> Iterator[Finding]:
    if not config.split.train_on_all:
        return
    if config.train.early_stopping:
        yield ("train", "early_stopping"), "needs a validation score, and split.train_on_all leaves none"
    if config.tta.views == "auto":
        text = "chooses views on validation images, and split.train_on_all leaves none; name the views"
        yield ("tta", "views"), text
    if config.data.task in ("multi", "auto") and config.decision.thresholds != "fixed":
        text = (
            f"{config.decision.thresholds} is fitted on validation predictions, and split.train_on_all leaves none; "
            "set fixed, or take the rule of a run that has them: kgcv decide RUN --like OTHER"
        )
        yield ("decision", "thresholds"), text


def _metric_file(config: Config) -> Iterator[Finding]:
    if config.train.metric_file is None:
        return
    path = ("train", "metric_file")
    if config.train.metric_direction is None:
        yield path, "needs train.metric_direction: maximize or minimize; the file cannot tell"
    if config.data.sample_submission is None:
        yield path, "needs data.sample_submission, which shows the table that the file scores"
    is_fitted = config.data.task in ("multi", "auto") and config.decision.thresholds in ("global", "per_class")
    if is_fitted and config.decision.metric is None:
        text = f"{config.decision.thresholds} needs decision.metric; thresholds cannot be fitted to train.metric_file"
        yield ("decision", "thresholds"), text


def _loss(config: Config) -> Iterator[Finding]:
    task, loss = config.data.task, config.train.loss
    if task != "auto" and loss not in LOSSES[task]:
        yield ("train", "loss"), f"{loss} does not fit data.task: {task}; use one of {', '.join(LOSSES[task])}"
    if task in ("single", "auto") and config.model.binary_output == "sigmoid":
        text = "must be left out with model.binary_output: sigmoid, which has a loss of its own"
        if loss != "auto":
            yield ("train", "loss"), text
        if config.train.class_weights != "none":
            yield ("train", "class_weights"), text


def _sampler(config: Config) -> Iterator[Finding]:
    path, sampler = ("train", "sampler"), config.train.sampler
    if sampler == "weighted" and config.data.train.weight_column is None:
        yield path, "weighted needs data.train.weight_column, a column of data.train.labels"
    if sampler == "class_balanced" and config.data.task == "regression":
        yield path, "class_balanced needs classes, and data.task: regression has none"


def _stored_channels(config: Config) -> Iterator[Finding]:
    channels = config.model.channels
    if config.resize.store == "jpeg" and channels not in (1, 3):
        yield ("resize", "store"), f"jpeg holds 1 or 3 channels, not {channels} (model.channels); use packed"


def _form_of_submission(config: Config) -> Iterator[Finding]:
    task, form = config.data.task, config.submission.format
    if task != "auto" and form not in FORMATS[task]:
        fitting = ", ".join(FORMATS[task])
        yield ("submission", "format"), f"{form} does not fit data.task: {task}; use one of {fitting}"


def _batch_size(config: Config) -> Iterator[Finding]:
    asked = [config.train.batch_size, *(stage.batch_size for stage in config.stages)]
    total = config.train.total_batch_size
    if "auto" in asked and total is None:
        yield ("train", "batch_size"), "auto needs train.total_batch_size, the images of an optimizer step; 64 is usual"
    if "auto" not in asked and total is not None:
        yield ("train", "total_batch_size"), "is read with batch_size: auto alone; the total is batch_size * accumulate"
    if "auto" in asked and config.train.accumulate > 1:
        yield ("train", "accumulate"), "batch_size: auto adds up as many batches as the total needs; leave it out"


def _stage_after_stage(config: Config) -> Iterator[Finding]:
    if config.stages[0].keep_optimizer:
        yield ("stages", 0, "keep_optimizer"), "the first stage has no optimizer to go on with"
    for index, (before, stage) in enumerate(pairwise(config.stages), start=1):
        if stage.image_size < before.image_size and not stage.may_shrink:
            yield (
                ("stages", index, "image_size"),
                f"{stage.image_size} is below the {before.image_size} of the stage before; "
                "if that is meant, add may_shrink: true",
            )


def _cycles(config: Config) -> Iterator[Finding]:
    for index, stage in enumerate(config.stages):
        schedule = stage.schedule or config.train.schedule
        if schedule != "cosine" and stage.cycle_mult != 1:
            yield (
                ("stages", index, "cycle_mult"),
                f"must be 1 with schedule: {schedule}, got {stage.cycle_mult}; only cosine has restarts",
            )


def _layer_groups(config: Config) -> Iterator[Finding]:
    num_groups = config.model.num_groups
    for index, stage in enumerate(config.stages):
        num_rates = len(stage.lr)
        if stage.precompute and num_rates != 1:
            yield (
                ("stages", index, "lr"),
                f"a precompute stage trains the head alone and has 1, got {num_rates}",
            )
        elif num_rates not in (1, num_groups):
            text = f"must have 1 value, or one for each of the {num_groups} layer groups (model.num_groups)"
            yield ("stages", index, "lr"), f"{text}, got {num_rates}"
        if (stage.frozen_groups or 0) >= num_groups:
            text = f"must be less than model.num_groups ({num_groups}), got {stage.frozen_groups}"
            yield ("stages", index, "frozen_groups"), text


def _precompute(config: Config) -> Iterator[Finding]:
    for index, stage in enumerate(config.stages):
        if not stage.precompute:
            continue
        augment = stage.augment or config.augment
        if augment.preset != "none" or augment.mixup or augment.cutmix:
            yield (
                ("stages", index, "precompute"),
                "precompute runs the body once, so augmentation cannot act; "
                "give this stage augment: {preset: none}, or take precompute out",
            )
        if stage.bn_frozen:
            text = "has no use with precompute: the body stands still anyway, and the head has to learn"
            yield ("stages", index, "bn_frozen"), text
        if config.train.ema_decay > 0 and any(_trains_body(earlier, config) for earlier in config.stages[:index]):
            text = "must come before the body trains: with train.ema_decay there are two bodies from then on"
            yield ("stages", index, "precompute"), text


def _trains_body(stage: StageConfig, config: Config) -> bool:
    return not stage.frozen and (stage.frozen_groups or 0) < config.model.num_groups - 1


_RULES: tuple[tuple[Callable[[Config], Iterator[Finding]], tuple[str, ...]], ...] = (
    (_source_of_columns, ("data", "split")),
    (_no_validation, ("split", "train", "tta", "data", "decision")),
    (_metric_file, ("train", "data", "decision")),
    (_loss, ("train", "data", "model")),
    (_sampler, ("train", "data")),
    (_stored_channels, ("resize", "model")),
    (_form_of_submission, ("data", "submission")),
    (_stage_after_stage, ("stages",)),
    (_batch_size, ("stages", "train")),
    (_cycles, ("stages", "train")),
    (_layer_groups, ("stages", "model")),
    (_precompute, ("stages", "augment", "train", "model")),
    *TABLE_RULES,
)
"""Each rule and the sections it reads."""
