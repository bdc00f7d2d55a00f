"""Which views help a run: each predicted once on its validation images, sets of them scored, the best set chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from kgcv.config.schema import Config
from kgcv.data.predictions import Predictions
from kgcv.data.splits import NUM_PARTS, parts_of_folds
from kgcv.engine.processes import ALONE, Processes
from kgcv.engine.tta import NAMED_VIEWS, PLAIN, candidate_sets
from kgcv.engine.view_choice import GreedyStep, ViewJudge
from kgcv.errors import ConfigError, DataError, StopRequested
from kgcv.events import Message, Reporter, StopCheck
from kgcv.files import as_written, hash_file, read_json, write_json
from kgcv.recipes.oof import targets_of
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.tta_samples import FoldSamples, open_part, trained_folds
from kgcv.recipes.workbench import choose_metrics


@dataclass(frozen=True, slots=True)
class SetScore:
    """A set of views and what it is worth."""

    name: str
    views: tuple[str, ...]
    """Names, the plain one first."""
    passes: int
    """How often each image is predicted: the cost."""
    score: float
    gain: float
    """By how much it is better than the plain view alone; negative is worse, whatever the metric's direction."""


@dataclass(frozen=True, slots=True)
class CompareResult:
    """What views of a run's validation images are worth."""

    file: Path
    """`tta.json`, where all this stands."""
    metric: str
    greater_is_better: bool
    folds: tuple[int, ...]
    num_images: int
    sets: tuple[SetScore, ...]
    """The sets that have names; the plain view alone comes first."""
    singles: tuple[SetScore, ...]
    """The plain view with one other, for each of the others."""
    path: tuple[GreedyStep, ...]
    """Which views were added to the plain one, in order, until none helped."""
    greedy: SetScore
    """The set at the end of the path; its score is on the very images that it was chosen on."""
    cross_fitted: float
    """The score of choosing, each part with the views chosen on the others: the one to believe."""
    cross_fitted_gain: float
    parts: str
    """What the parts are."""


def compare_views(
    run: RunFolder, fold: int | None, reporter: Reporter, should_stop: StopCheck, processes: Processes = ALONE
) -> CompareResult:
    """Score sets of views on the validation images and choose the best set; write `tta.json`.

    Each view is predicted once and kept in the run folder; a comparison that was cut short goes on from there.

    Args:
        run: a trained run.
        fold: the only fold to look at; None is all of them.
        reporter: hears what happens.
        should_stop: asked between batches and between sets.
        processes: that predict together; this is for the first of them.

    Raises:
        ConfigError: nothing validates, or there is no such fold.
        CheckpointError: the run has no usable weights.
        DataError: images cannot be read, or fewer than five validate.
        StopRequested: a signal arrived; finished views are kept.
    """
    folds = trained_folds(run, fold)
    images = open_part(run, "valid", reporter, should_stop, processes)
    if images.config.data.kind == "table":
        raise ConfigError(["--compare: rows of a table have the plain view alone"])
    each = [images.of_fold(number) for number in folds]
    sets = candidate_sets(all(one.augment.preset == "top_down" for one in each))
    views = {name: NAMED_VIEWS[name] for names in sets.values() for name in names}
    for one in each:
        one.keep_views(list(views.values()))
        one.forget_model()
    reporter.report(Message(f"choosing among {len(views)} views"))
    result = _compare(_judge(run, each, should_stop), sets, each, run.path / "tta.json")
    weights = {str(one.fold): one.weights for one in each}
    noted = {**asdict(result), "file": result.file.name, "weights": weights, "settings": _settings(images.config)}
    write_json(result.file, noted)
    return result


def chosen_views(
    run: RunFolder, fold: int | None, reporter: Reporter, should_stop: StopCheck, processes: Processes = ALONE
) -> str:
    """The greedy best set of `tta.json` in the form of `tta.views`; where it is missing or old, compare first.

    Raises:
        KgcvError: see `compare_views`.
    """
    folds = trained_folds(run, fold)
    views = _noted_choice(run, folds)
    if views is None:
        reporter.report(Message("views: auto: comparing views on the validation images first"))
        views = compare_views(run, fold, reporter, should_stop, processes).greedy.views
    reporter.report(Message(f"views: auto: {', '.join(views)}"))
    return ",".join(views) if len(views) > 1 else "identity"


def _noted_choice(run: RunFolder, folds: Sequence[int]) -> tuple[str, ...] | None:
    """The greedy best set of `tta.json`, if it was chosen with the weights and for the metric there are now."""
    if not (file := run.path / "tta.json").is_file():
        return None
    settings = _settings(run.read_config())
    weights = {str(fold): hash_file(run.fold(fold).best_weights) for fold in folds}
    with as_written(file):
        noted = read_json(file)
        is_current = weights.items() <= noted["weights"].items() and noted["settings"] == settings
        return tuple(map(str, noted["greedy"]["views"])) if is_current else None


def _settings(config: Config) -> dict[str, object]:
    """What else the choice depends on."""
    train = config.train
    return {
        "metric": train.metric,
        "metric_file": train.metric_file,
        "threshold": config.decision.threshold,
        "plain_weight": config.tta.plain_weight,
    }


def _judge(run: RunFolder, each: Sequence[FoldSamples], should_stop: StopCheck) -> ViewJudge:
    """Scores sets of views on the images of all these folds, whose views have been kept."""

    def read(name: str) -> np.ndarray:
        if (number := should_stop()) is not None:
            raise StopRequested(number, "stopped while comparing views; their predictions are kept")
        return np.concatenate([one.read_view(name) for one in each])

    ids = tuple(name for one in each for name in one.ids)
    if len(ids) < NUM_PARTS:
        raise DataError(f"{run.path}: only {len(ids)} images validate; comparing views needs at least {NUM_PARTS}")
    config, card = run.read_config(), each[0].card
    plain = Predictions(ids, card.class_names, read(PLAIN.name), card.task)
    metric = choose_metrics(config, card.task, card.class_names)[0]
    return ViewJudge(read, targets_of(run, plain), ids, metric, config.tta.plain_weight)


def _compare(
    judge: ViewJudge, sets: Mapping[str, tuple[str, ...]], each: Sequence[FoldSamples], file: Path
) -> CompareResult:
    others = tuple(dict.fromkeys(name for views in sets.values() for name in views if name != PLAIN.name))
    plain = judge.score((PLAIN.name,))

    def scored(name: str, views: tuple[str, ...]) -> SetScore:
        score = judge.score(views)
        return SetScore(name, views, len(views), score, judge.gain(score, plain))

    path = judge.choose(others)
    folds = np.concatenate([np.full(len(one.rows), one.fold) for one in each])
    cross_fitted = judge.cross_fitted(others, parts_of_folds(folds))
    return CompareResult(
        file=file,
        metric=judge.scorer.name,
        greater_is_better=judge.scorer.greater_is_better,
        folds=tuple(one.fold for one in each),
        num_images=len(folds),
        sets=tuple(scored(name, views) for name, views in sets.items()),
        singles=tuple(scored(f"plain + {name}", (PLAIN.name, name)) for name in others),
        path=path,
        greedy=scored("greedy", (PLAIN.name, *(step.added for step in path))),
        cross_fitted=cross_fitted,
        cross_fitted_gain=judge.gain(cross_fitted, plain),
        parts="folds" if len(each) > 1 else f"position modulo {NUM_PARTS}",
    )
