"""Test-time augmentation with a run: predictions for its validation or test samples, in the run folder.

Rows of a table have the plain view alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kgcv.config.schema import Config
from kgcv.data.predictions import Predictions, read_predictions
from kgcv.data.splits import count_folds
from kgcv.engine.processes import ALONE, Processes
from kgcv.engine.tta import PLAIN, AnyView, build_views, view_weights
from kgcv.engine.view_choice import weighted_mean
from kgcv.errors import ConfigError, listed
from kgcv.events import Message, Reporter, StopCheck
from kgcv.recipes.dataset import has_test
from kgcv.recipes.oof import gather_test, targets_of
from kgcv.recipes.origins import Averaged, is_current, views_behind
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.train import judge_run
from kgcv.recipes.tta_compare import chosen_views
from kgcv.recipes.tta_samples import FoldSamples, Part, open_part, trained_folds
from kgcv.recipes.workbench import choose_metrics


@dataclass(frozen=True, slots=True)
class TtaResult:
    """What a pass over one part gave."""

    part: Part
    file: Path
    """The predictions: over all folds, or those of the one fold where the others are missing."""
    folds: tuple[int, ...]
    """The folds that were asked for."""
    num_samples: int
    unit: str
    """What a sample is: images or rows."""
    views: tuple[str, ...]
    """Names of the views, plain first."""
    plain_scores: dict[str, float] | None = None
    """`valid`: scores of the plain view, on all samples of these folds."""
    scores: dict[str, float] | None = None
    """`valid`: scores of all views together."""


@dataclass(frozen=True, slots=True)
class TtaRequest:
    """Which views of which folds."""

    fold: int | None = None
    """The only fold; None is all of them."""
    views: str | None = None
    """Instead of the config's `tta.views`."""


def parts_of(run: RunFolder) -> tuple[Part, ...]:
    """What there is to predict: validation samples where some are, and test samples where the config names some."""
    config = run.read_config()
    if config.split.train_on_all:
        return ("test",)
    return ("valid", "test") if has_test(config) else ("valid",)


def predict_parts(
    run: RunFolder,
    parts: Sequence[Part],
    request: TtaRequest,
    reporter: Reporter,
    should_stop: StopCheck,
    processes: Processes = ALONE,
) -> tuple[TtaResult, ...]:
    """`run_tta` for each part; warns where the test samples were predicted with other views than thresholds fit."""
    results = tuple(run_tta(run, part, request, reporter, should_stop, processes) for part in parts)
    _warn_of_other_views(run, reporter)
    return results


def run_tta(
    run: RunFolder,
    part: Part,
    request: TtaRequest,
    reporter: Reporter,
    should_stop: StopCheck,
    processes: Processes = ALONE,
) -> TtaResult:
    """Predict `part` with the best weights of each fold, averaged over views, and write the predictions.

    Validation predictions are joined to `oof.npz`, scored, and the decision rule is fitted to them anew; test
    predictions are averaged over the folds to `test.npz`. A fold whose predictions are already made from just these
    weights, samples and views is not predicted again. Of several processes the first runs this, and the others
    `help_predict`.

    Raises:
        ConfigError: no such views or fold, the config names no test samples, or nothing validates.
        DataError: images or rows cannot be read.
        CheckpointError: the run has no usable weights.
        StopRequested: a signal arrived; finished folds are kept.
    """
    folds = trained_folds(run, request.fold)
    samples = open_part(run, part, reporter, should_stop, processes)
    config = samples.config
    name = request.views or config.tta.views
    if config.data.kind == "table" and name != "identity":
        raise ConfigError([f"--views {name}: rows of a table have the plain view alone"])
    if name == "auto":
        name = chosen_views(run, request.fold, reporter, should_stop, processes)
    answers = [_predict_fold(samples.of_fold(fold), name, config) for fold in folds]
    result = TtaResult(part, answers[0].file, folds, answers[0].num_samples, answers[0].unit, answers[0].views)
    joined = _join_valid(run, config, result, answers) if part == "valid" else _join_test(run, result)
    _warn_of_mixed_folds(run, part, reporter)
    return joined


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one fold predicted."""

    file: Path
    num_samples: int
    unit: str
    views: tuple[str, ...]
    plain: np.ndarray | None
    """`valid`: `(N, C)` float32, the plain view alone."""


def _predict_fold(fold: FoldSamples, name: str, config: Config) -> _Answer:
    views = build_views(name, fold.augment, config.train.seed, len(fold.all_ids))
    average_views(fold, views, config.tta.plain_weight)
    plain = fold.read_view(PLAIN.name) if fold.part == "valid" else None
    return _Answer(fold.file, len(fold.rows), fold.unit, tuple(view.name for view in views), plain)


def average_views(fold: FoldSamples, views: Sequence[AnyView], plain_weight: float | None) -> None:
    """Write the fold's predictions averaged over `views`, from kept views where these are all there.

    The plain view of validation samples is kept, for it is what the others are measured by.
    """
    weights = view_weights(len(views), plain_weight)
    origin = fold.origin(views, weights)
    is_valid = fold.part == "valid"
    if is_valid:
        fold.keep_views([PLAIN])
    if is_current(fold.file, origin):
        return
    others = views[1:]
    if is_valid and all(fold.has_view(view) for view in others):
        plain, rest = fold.read_view(PLAIN.name), _sum_kept(fold, others)
    elif is_valid:
        with fold.task(others):
            plain, rest = fold.read_view(PLAIN.name), fold.predict(others)
    else:
        with fold.task(views):
            plain, rest = fold.predict(views[:1]), fold.predict(others)
    fold.write(fold.file, weighted_mean(plain, rest, len(views), plain_weight), origin)


def _sum_kept(fold: FoldSamples, views: Sequence[AnyView]) -> np.ndarray:
    total = np.zeros((len(fold.rows), len(fold.card.class_names)), dtype=np.float32)
    for view in views:
        total += fold.read_view(view.name)
    return total


def _join_test(run: RunFolder, result: TtaResult) -> TtaResult:
    file = gather_test(run)
    return result if file is None else replace(result, file=file)


def _join_valid(run: RunFolder, config: Config, result: TtaResult, answers: Sequence[_Answer]) -> TtaResult:
    scored = _score(run, config, answers)
    run.add_scores("tta", {"views": list(result.views), **scored, "folds": list(result.folds)})
    judge_run(run, config)
    is_whole = all((run.fold_path(fold) / "valid.npz").is_file() for fold in range(count_folds(run.split_file)))
    return replace(
        result,
        file=run.predictions("oof") if is_whole else result.file,
        num_samples=sum(answer.num_samples for answer in answers),
        plain_scores=scored["plain"],
        scores=scored["all"],
    )


def _score(run: RunFolder, config: Config, answers: Sequence[_Answer]) -> dict[str, dict[str, float]]:
    """Every metric of the run for the plain view and for all views, on all samples of the folds at once."""
    parts = [read_predictions(answer.file) for answer in answers]
    ids = tuple(name for part in parts for name in part.ids)
    values = np.concatenate([part.values for part in parts])
    averaged = Predictions(ids, parts[0].class_names, values, parts[0].task)
    targets = targets_of(run, averaged)
    metrics = choose_metrics(config, averaged.task, averaged.class_names)
    plain = np.concatenate([answer.plain for answer in answers if answer.plain is not None])
    return {
        name: {metric.name: metric.score(targets, array, ids) for metric in metrics}
        for name, array in (("plain", plain), ("all", averaged.values))
    }


def _warn_of_mixed_folds(run: RunFolder, part: Part, reporter: Reporter) -> None:
    """Predictions over all folds mean little where the folds looked at different views."""
    folds = [fold for fold in range(count_folds(run.split_file)) if (run.fold_path(fold) / f"{part}.npz").is_file()]
    different = views_behind(run, part, folds)
    if len(different) > 1:
        found = "; ".join(_views_text(views) for views in different)
        again = f"kgcv tta {run.path} --split {part}"
        text = f"the folds' {part} predictions are averages over different views ({found}); make them alike: {again}"
        reporter.report(Message(text, "warning"))


def _warn_of_other_views(run: RunFolder, reporter: Reporter) -> None:
    """Thresholds fit predictions that were averaged in the same way as those that they were fitted to."""
    needed = (run.thresholds_file, run.predictions("oof"), run.predictions("test"))
    if run.read_config().decision.thresholds == "fixed" or not all(file.is_file() for file in needed):
        return
    folds = range(count_folds(run.split_file))
    valid, test = (views_behind(run, part, folds)[0] for part in ("valid", "test"))
    if valid != test:
        text = (
            f"the thresholds were fitted to predictions of {_views_text(valid)}, but the test images were predicted "
            f"with {_views_text(test)}; predict both alike: kgcv tta {run.path}"
        )
        reporter.report(Message(text, "warning"))


def _views_text(averaged: Averaged) -> str:
    """The plain view alone, or how many views with which weight of the plain one."""
    names, weights = averaged
    if len(names) == 1:
        return "the plain view"
    return f"{len(names)} views ({listed(names, 3)}; plain counts {weights[0]:.2g})"
