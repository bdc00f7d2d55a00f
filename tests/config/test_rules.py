from __future__ import annotations

from collections.abc import Callable

import pytest

from kgcv.config.keys import choices, keys_of
from kgcv.config.rules import FORMATS, LOSSES
from kgcv.config.schema import Config, DataConfig, ModelConfig, StageConfig, SubmissionConfig, TrainConfig
from kgcv.config.scopes import MAGNITUDES, idle_keys

Load = Callable[..., Config]
Complaints = Callable[..., list[str]]

TWO_STAGES = "stages=[{image_size: 64, lr: 1}, {image_size: 64, lr: 1}]"
PRECOMPUTE = "stages.0={image_size: 64, lr: 1, frozen: true, precompute: true}"
NUMBERS = "data.task=regression"
DRAWN = "split.kind: holdout or folds, and no split.train_on_all"
METRIC_FILE = ("data.sample_submission=s.csv", "train.metric_direction=maximize", "train.metric_file=score.py")


@pytest.mark.parametrize(
    ("context", "idle", "needs"),
    [
        (["split.kind=folds"], "split.valid_fraction=0.2", "split.kind: holdout, and no split.train_on_all"),
        (["split.kind=folder"], "split.valid_fraction=0.2", "split.kind: holdout, and no split.train_on_all"),
        (["split.kind=folder"], "split.stratify=yes", DRAWN),
        (["split.kind=folder"], "split.seed=42", DRAWN),
        (["split.kind=column", "data.train.labels=x.csv"], "split.group_column=patient", DRAWN),
        ([], "split.num_folds=5", "split.kind: folds or forward, and no split.train_on_all"),
        ([], "split.folder=valid", "split.kind: folder"),
        (["split.kind=folds"], "split.column=valid", "split.kind: column, and no split.train_on_all"),
        ([], "split.file=x.csv", "split.kind: column or split.group_column, and no split.train_on_all"),
        *(
            (["split.train_on_all=true"], f"split.{key}", "no split.train_on_all, except for folder, whose images "
             "then train too" if key.startswith("kind") else needs)
            for key, needs in (
                ("kind=column", ""),
                ("kind=folds", ""),
                ("valid_fraction=0.2", "split.kind: holdout, and no split.train_on_all"),
                ("stratify=no", DRAWN),
                ("seed=1", DRAWN),
                ("group_column=patient", DRAWN),
                ("num_folds=5", "split.kind: folds or forward, and no split.train_on_all"),
                ("column=fold", "split.kind: column, and no split.train_on_all"),
                ("file=x.csv", "split.kind: column or split.group_column, and no split.train_on_all"),
                ("allow_twins=true", "no split.train_on_all"),
            )
        ),
        ([], "data.train.id_column=id", "data.train.labels or split.file"),
        ([], "data.train.label_columns=[a]", "data.train.labels"),
        *(
            (context, "data.train.label_separator=;", "data.train.labels with one label column, and data.task: "
             "multi or auto")
            for context in (
                [],
                ["data.train.labels=x.csv", "data.task=single"],
                ["data.train.labels=x.csv", "data.train.label_columns=[a, b]"],
            )
        ),
        (
            ["data.train.labels=x.csv"],
            "data.train.weight_column=w",
            "data.train.labels, and train.sampler: weighted",
        ),
        (
            ["resize.store=none"],
            "resize.folder=cache",
            "resize.store: packed or jpeg, or a stage with precompute",
        ),
        (["model.weights=x.pth"], "model.pretrained=true", "no model.weights, which are loaded instead"),
        ([NUMBERS], "model.binary_output=sigmoid", "data.task: single or auto"),
        (["data.task=multi"], "model.binary_output=sigmoid", "data.task: single or auto"),
        ([], "train.metric_direction=maximize", "train.metric_file"),
        ([*METRIC_FILE], "train.metric=f2", "no train.metric_file, which is the metric"),
        *((context, "train.label_smoothing=0.1", "data.task: single, multi or auto, and train.loss: auto, "
           "cross_entropy or bce") for context in ([NUMBERS], ["train.loss=focal"], ["train.loss=asymmetric"])),
        ([], "train.focal_gamma=2", "train.loss: focal"),
        *((context, "train.pos_weight=counts", "data.task: multi or auto, and train.loss: auto, bce or focal")
          for context in ([NUMBERS], ["data.task=single"], ["train.loss=asymmetric"])),
        *((context, "train.class_weights=balanced", "data.task: single, multi or auto, and train.loss: auto, "
           "cross_entropy, bce or focal") for context in ([NUMBERS], ["train.loss=asymmetric"])),
        ([NUMBERS], "train.soft_targets=oof.npz", "data.task: single, multi or auto"),
        *((context, "train.soft_weight=0.5", "train.soft_targets, and data.task: single, multi or auto")
          for context in ([], [NUMBERS])),
        ([NUMBERS], "augment.mixup=0.2", "data.task: single, multi or auto"),
        ([NUMBERS], "augment.cutmix=1", "data.task: single, multi or auto"),
        ([NUMBERS], "stages.0.augment.cutmix=1", "data.task: single, multi or auto"),
        ([], "tta.plain_weight=0.5", "tta.views other than identity"),
        *(
            (context, f"decision.{key}", "data.task: multi or auto")
            for context in ([NUMBERS], ["data.task=single"])
            for key in ("thresholds=global", "threshold=0.2", "exclusive=[[a, b]]", "never_empty=true")
        ),
        *((context, "decision.metric=f1", "data.task: multi or auto, and decision.thresholds: global or per_class")
          for context in ([], ["data.task=single"], ["decision.thresholds=prevalence"])),
        *((context, "decision.prevalence={clear: 0.3}", "data.task: multi or auto, and decision.thresholds: prevalence")
         for context in ([], [NUMBERS], ["decision.thresholds=global"])),
        *((context, "submission.separator=;", "submission.format: tags, indices or auto, and data.task: multi or auto")
          for context in ([NUMBERS], ["data.task=single"], ["submission.format=decisions"])),
        *(
            (context, "submission.positive_class=dog", "submission.format: probability or auto, "
             "and data.task: single or auto")
            for context in (["submission.format=label"], ["data.task=multi"], [NUMBERS])
        ),
        *(
            ([], f"augment.{key}={0.05 if key == 'max_lighting' else 1}", "a preset other than none")
            for key in MAGNITUDES
        ),
        (
            ["augment.preset=side_on", "stages.0.augment.preset=none"],
            "stages.0.augment.max_zoom=1.1",
            "a preset other than none",
        ),
    ],
)  # fmt: skip
def test_a_key_that_does_nothing_is_refused_where_it_is_written(
    complaints: Complaints, context: list[str], idle: str, needs: str
) -> None:
    assert complaints(*context) == []
    key = idle.partition("=")[0]
    assert complaints(*context, idle) == [f"--set {idle}: {key}: does nothing here; it needs {needs}"]


@pytest.mark.parametrize(
    "overrides",
    [
        ["split.kind=holdout", "split.valid_fraction=0.1", "split.stratify=no", "split.seed=1"],
        ["split.kind=folds", "split.num_folds=3", "split.stratify=no", "split.seed=1"],
        ["split.kind=folder", "split.folder=v"],
        ["split.kind=folds", "split.group_column=g", "split.file=g.csv", "data.train.id_column=id"],
        ["split.group_column=g", "data.train.labels=x.csv", "split.allow_twins=true"],
        ["split.train_on_all=true", "decision.threshold=0.3", "tta.views=flip"],
        ["split.train_on_all=true", "split.kind=folder", "split.folder=v"],
        ["split.train_on_all=true", "data.task=single", "train.seed=1"],
        [*METRIC_FILE],
        [*METRIC_FILE, "decision.thresholds=prevalence"],
        ["data.train.labels=x.csv", "data.train.weight_column=w", "train.sampler=weighted"],
        ["train.sampler=class_balanced", "data.task=multi"],
        ["data.task=single", "train.loss=focal", "train.focal_gamma=1", "train.class_weights=balanced"],
        ["data.task=multi", "train.loss=bce", "train.pos_weight=counts", "train.label_smoothing=0.1"],
        ["data.task=multi", "train.loss=focal", "train.pos_weight=counts"],
        ["data.task=multi", "train.loss=asymmetric"],
        ["data.task=regression", "train.loss=smooth_l1"],
        ["train.loss=bce", "train.soft_targets=oof.npz", "train.soft_weight=0.5"],
        ["decision.thresholds=per_class", "decision.metric=f1_macro", "decision.threshold=0.5"],
        ["decision.thresholds=prevalence", "decision.prevalence={clear: 0.3, haze: 1}"],
        ["decision.exclusive=[[a, b], [c, d]]", "decision.never_empty=true"],
        ["data.task=multi", "submission.format=indices", "submission.separator=;"],
        ["submission.separator=;"],
        ["split.kind=column", "split.column=fold", "split.file=split.csv", "data.train.id_column=id"],
        ["split.kind=column", "data.train.labels=x.csv"],
        ["data.train.labels=x.csv", "data.train.id_column=id", "data.train.label_columns=[a, b]"],
        ["data.train.labels=x.csv", "data.train.label_separator=;", "data.task=multi"],
        ["data.train.labels=x.csv", "data.train.label_separator=;"],
        ["data.task=single", "data.train.labels=x.csv", "data.train.label_columns=[a]"],
        ["data.task=single", "data.train.labels=x.csv", "data.train.label_columns=[a, b]"],
        ["resize.store=none", "resize.ratio=1.2", "resize.enlarge=true"],
        ["resize.store=jpeg", "resize.folder=f", "resize.enlarge=true"],
        ["resize.store=none", "resize.folder=f", PRECOMPUTE],
        ["resize.store=packed", "model.channels=4"],
        ["resize.store=jpeg", "model.channels=1"],
        ["model.weights=x.pth", "model.pretrained=false"],
        ["model.pretrained=true"],
        ["model.binary_output=sigmoid", "data.task=single"],
        ["data.task=multi", "decision.threshold=0.5", "train.label_smoothing=0.1", "augment.mixup=0.2"],
        ["augment.preset=basic", "augment.max_rotate=20"],
        ["stages.0.augment={preset: basic, max_rotate: 20}"],
        ["tta.views=flip", "tta.plain_weight=0.5"],
        ["tta.views=auto", "tta.plain_weight=0.5"],
        ["submission.format=probability", "submission.positive_class=dog"],
        ["submission.positive_class=dog"],
        ["data.task=regression", "submission.format=numbers"],
        ["stages.0.cycle_mult=2"],
        ["train.schedule=one_cycle", "stages.0.schedule=cosine", "stages.0.cycle_mult=2"],
        [
            "train.schedule=one_cycle",
            "stages.0.cycle_mult=1",
            "stages.0.num_cycles=3",
            "stages.0.cycle_len=2",
        ],
        ["stages.0.lr=[1, 2, 3]"],
        ["model.num_groups=2", "stages.0.lr=[1, 2]"],
        ["stages.0.frozen_groups=2"],
        [PRECOMPUTE],
        [PRECOMPUTE, "augment.preset=side_on", "stages.0.augment.preset=none"],
        [TWO_STAGES, "stages.1.keep_optimizer=true"],
        [TWO_STAGES, "stages.1.image_size=65"],
        [TWO_STAGES, "stages.1.image_size=63", "stages.1.may_shrink=true"],
    ],
    ids=" ".join,
)
def test_keys_that_act_and_values_that_agree_are_accepted(complaints: Complaints, overrides: list[str]) -> None:
    assert complaints(*overrides) == []


@pytest.mark.parametrize(
    ("context", "wrong", "problem"),
    [
        ([], "train.batch_size=auto",
         "auto needs train.total_batch_size, the images of an optimizer step; 64 is usual"),
        (["train.batch_size=auto", "train.total_batch_size=96"], "train.accumulate=2",
         "batch_size: auto adds up as many batches as the total needs; leave it out"),
        ([], "train.total_batch_size=96",
         "is read with batch_size: auto alone; the total is batch_size * accumulate"),
        (["split.train_on_all=true"], "train.early_stopping=3",
         "needs a validation score, and split.train_on_all leaves none"),
        (["split.train_on_all=true"], "tta.views=auto",
         "chooses views on validation images, and split.train_on_all leaves none; name the views"),
        (["split.train_on_all=true"], "decision.thresholds=per_class",
         "per_class is fitted on validation predictions, and split.train_on_all leaves none; "
         "set fixed, or take the rule of a run that has them: kgcv decide RUN --like OTHER"),
        ([METRIC_FILE[0]], METRIC_FILE[2],
         "needs train.metric_direction: maximize or minimize; the file cannot tell"),
        ([*METRIC_FILE], "decision.thresholds=global",
         "global needs decision.metric; thresholds cannot be fitted to train.metric_file"),
        (["data.task=single"], "train.loss=bce",
         "bce does not fit data.task: single; use one of auto, cross_entropy, focal"),
        (["data.task=multi"], "train.loss=cross_entropy",
         "cross_entropy does not fit data.task: multi; use one of auto, bce, focal, asymmetric"),
        ([NUMBERS], "train.loss=focal",
         "focal does not fit data.task: regression; use one of auto, l1, mse, smooth_l1"),
        (["model.binary_output=sigmoid"], "train.loss=cross_entropy",
         "must be left out with model.binary_output: sigmoid, which has a loss of its own"),
        (["model.binary_output=sigmoid"], "train.class_weights=balanced",
         "must be left out with model.binary_output: sigmoid, which has a loss of its own"),
        ([], "train.sampler=weighted", "weighted needs data.train.weight_column, a column of data.train.labels"),
        ([NUMBERS], "train.sampler=class_balanced", "class_balanced needs classes, and data.task: regression has none"),
        (
            ["model.channels=4"],
            "resize.store=jpeg",
            "jpeg holds 1 or 3 channels, not 4 (model.channels); use packed",
        ),
        (
            ["model.channels=2"],
            "resize.store=jpeg",
            "jpeg holds 1 or 3 channels, not 2 (model.channels); use packed",
        ),
        (
            ["data.task=single"],
            "submission.format=tags",
            "tags does not fit data.task: single; use one of auto, probabilities, probability, label, index",
        ),
        (
            ["data.task=multi"],
            "submission.format=label",
            "label does not fit data.task: multi; use one of auto, probabilities, tags, indices, decisions",
        ),
        (
            ["data.task=regression"],
            "submission.format=probability",
            "probability does not fit data.task: regression; use one of auto, numbers",
        ),
        ([], "stages.0.keep_optimizer=true", "the first stage has no optimizer to go on with"),
        (
            [TWO_STAGES],
            "stages.1.image_size=63",
            "63 is below the 64 of the stage before; if that is meant, add may_shrink: true",
        ),
        (
            ["train.schedule=one_cycle"],
            "stages.0.cycle_mult=2",
            "must be 1 with schedule: one_cycle, got 2; only cosine has restarts",
        ),
        (
            ["stages.0.schedule=constant"],
            "stages.0.cycle_mult=3",
            "must be 1 with schedule: constant, got 3; only cosine has restarts",
        ),
        (
            ["stages.0.schedule=flat_cosine"],
            "stages.0.cycle_mult=2",
            "must be 1 with schedule: flat_cosine, got 2; only cosine has restarts",
        ),
        (
            [],
            "stages.0.lr=[1, 2]",
            "must have 1 value, or one for each of the 3 layer groups (model.num_groups), got 2",
        ),
        (
            [],
            "stages.0.lr=[1, 2, 3, 4]",
            "must have 1 value, or one for each of the 3 layer groups (model.num_groups), got 4",
        ),
        (
            [PRECOMPUTE],
            "stages.0.lr=[1, 2, 3]",
            "a precompute stage trains the head alone and has 1, got 3",
        ),
        ([], "stages.0.frozen_groups=3", "must be less than model.num_groups (3), got 3"),
        (
            [PRECOMPUTE],
            "stages.0.bn_frozen=true",
            "has no use with precompute: the body stands still anyway, and the head has to learn",
        ),
    ],
)  # fmt: skip
def test_values_that_contradict_each_other_are_named(
    complaints: Complaints, context: list[str], wrong: str, problem: str
) -> None:
    assert complaints(*context) == []
    key = wrong.partition("=")[0]
    assert complaints(*context, wrong) == [f"--set {wrong}: {key}: {problem}"]


def test_a_split_by_column_needs_a_file(complaints: Complaints) -> None:
    assert complaints("split={kind: column, column: fold}") == [
        "--set split={kind: column, column: fold}: split.column: needs a CSV file; give split.file or data.train.labels"
    ]


def test_groups_need_a_file(complaints: Complaints) -> None:
    assert complaints("split.group_column=patient") == [
        "--set split.group_column=patient: split.group_column: needs a CSV file; give split.file or data.train.labels"
    ]


def test_a_metric_file_needs_a_sample_file(complaints: Complaints) -> None:
    assert complaints(*METRIC_FILE[1:]) == [
        "--set train.metric_file=score.py: train.metric_file: "
        "needs data.sample_submission, which shows the table that the file scores"
    ]


def test_every_loss_fits_a_task() -> None:
    assert {loss for losses in LOSSES.values() for loss in losses} == set(choices(keys_of(TrainConfig)["loss"]))


@pytest.mark.parametrize("augment", ["augment.preset=side_on", "augment.mixup=0.2", "stages.0.augment.cutmix=1"])
def test_precompute_with_augmentation_says_why_not(complaints: Complaints, augment: str) -> None:
    assert complaints(PRECOMPUTE, augment) == [
        f"--set {PRECOMPUTE}: stages.0.precompute: "
        "precompute runs the body once, so augmentation cannot act; "
        "give this stage augment: {preset: none}, or take precompute out"
    ]


def test_precompute_after_the_body_has_trained_needs_one_body(complaints: Complaints) -> None:
    stages = "stages=[{image_size: 64, lr: 1}, {image_size: 64, lr: 1, frozen: true, precompute: true}]"
    assert complaints(stages) == []
    assert complaints(stages, "train.ema_decay=0.9") == [
        f"--set {stages}: stages.1.precompute: must come before the body trains: "
        "with train.ema_decay there are two bodies from then on"
    ]
    assert complaints(stages.replace("lr: 1}", "lr: 1, frozen: true}", 1), "train.ema_decay=0.9") == []


def test_every_form_of_submission_fits_a_task() -> None:
    assert {form for forms in FORMATS.values() for form in forms} == set(choices(keys_of(SubmissionConfig)["format"]))


def test_idle_keys_are_told_of_a_config_made_in_code() -> None:
    config = Config(
        data=DataConfig(root="d"),
        model=ModelConfig(name="x"),
        stages=(StageConfig(image_size=1, lr=(1.0,)),),
    )
    idle = {path for path, _ in idle_keys(config)}
    assert ("split", "num_folds") in idle
    assert ("split", "valid_fraction") not in idle
    assert ("split", "num_folds") not in {path for path, _ in idle_keys(config, broken={"split"})}
