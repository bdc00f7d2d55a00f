"""The decision rule of a run: fitted to its out-of-fold predictions, scored honestly, kept in `thresholds.json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from kgcv.config.schema import Config
from kgcv.data.predictions import Predictions, read_predictions
from kgcv.data.splits import NUM_PARTS
from kgcv.errors import DataError, listed
from kgcv.files import as_written, read_json, write_json
from kgcv.recipes.decision_terms import find_score, plan_decision
from kgcv.recipes.oof import read_parts
from kgcv.recipes.run_folder import RunFolder
from kgcv.scoring.decisions import DecisionRule
from kgcv.scoring.rules import Evidence, RuleScores, Terms, fit_rules, fixed_rule, judge_rules


@dataclass(frozen=True, slots=True)
class DecideResult:
    """The rule of a run, and what it and the other rules score; the content of `thresholds.json`."""

    rule: str
    """`fixed`, `global`, `per_class` or `prevalence`."""
    fitted_on: str | None
    """What all rules but `fixed` were fitted to and all scores computed on; None: a fixed rule without scores."""
    thresholds: dict[str, float | None]
    """By class name; None in an exclusive group, where no threshold acts."""
    exclusive: tuple[tuple[str, ...], ...]
    never_empty: bool
    fixed_threshold: float
    """What the rule is compared with."""
    metric: str | None = None
    """None: the competition's metric does not score tags, so there are no scores."""
    fixed: float | None = None
    """The score with the fixed threshold."""
    in_sample: float | None = None
    """The rule's score on the samples it was fitted to: optimistic."""
    cross_fitted: float | None = None
    """The rule's score with each fold decided by a rule fitted to the others: the one to believe."""
    rules: dict[str, RuleScores] = field(default_factory=dict)
    """Every rule side by side."""
    like: str | None = None
    """The run whose rule and scores these are, if another's."""
    overrides: tuple[str, ...] = ()
    """Settings put over the config of the run, for the next fit."""


def decide_run(run: Path, config: Config, overrides: Sequence[str] = ()) -> DecideResult | None:
    """Fit the rule that `config` asks for to the run's out-of-fold predictions and write `thresholds.json`.

    A fixed rule is written for a run without such predictions too, without scores. `never_empty` is applied after
    the fit.

    Args:
        run: the run folder, with labels.npz, oof.npz and split.csv. A split of a single fold is cut into five parts
            by position.
        config: `decision`, and `train.metric` where `decision.metric` is not given.
        overrides: those in `config` that the run's own does not have, to be noted.

    Returns:
        None for tasks other than `multi`, which need no rule.

    Raises:
        ConfigError: see `plan_decision`.
        DataError: a file is missing or does not fit the others.
    """
    folder = RunFolder(run)
    truth = read_predictions(folder.labels_file)
    if truth.task != "multi":
        return None
    terms = plan_decision(config, truth.class_names)
    if folder.predictions("oof").is_file():
        return _write(folder, replace(_fit(folder, config, terms, truth), overrides=tuple(overrides)))
    if config.decision.thresholds == "fixed":
        result = _describe(config, terms, truth.class_names, fixed_rule(terms), None)
        return _write(folder, replace(result, overrides=tuple(overrides)))
    raise DataError(
        f"{folder.predictions('oof')}: is not there, and {config.decision.thresholds} thresholds are fitted to it; "
        f"train all folds, or take the rule of another run: kgcv decide {run} --like OTHER_RUN"
    )


def copy_rule(run: Path, other: Path) -> DecideResult:
    """Give `run` the decision rule of the run `other`, scores of `other` included.

    Raises:
        DataError: `other` has no rule, or another set of classes.
    """
    folder = RunFolder(run)
    truth = read_predictions(folder.labels_file)
    read_rule(other, truth.class_names)
    file = RunFolder(other).thresholds_file
    with as_written(file):
        content = read_json(file)
        changes = {
            "exclusive": tuple(map(tuple, content["exclusive"])),
            "rules": {name: RuleScores(**scores) for name, scores in content["rules"].items()},
            "like": str(other),
            "overrides": (),
        }
        result = DecideResult(**{**content, **changes})
    return _write(folder, result)


def read_rule(run: Path, class_names: Sequence[str]) -> DecisionRule:
    """The decision rule of a run for predictions with the columns `class_names`.

    Raises:
        DataError: the run has no rule yet, or one for another set of classes.
    """
    file = RunFolder(run).thresholds_file
    if not file.is_file():
        raise DataError(f"{file}: is not there; make it with: kgcv decide {run}")
    content = read_json(file)
    try:
        thresholds, exclusive = content["thresholds"], content["exclusive"]
        if set(thresholds) != set(class_names):
            raise DataError(f"{file}: decides on the classes {listed(thresholds)}, not {listed(class_names)}")
        return DecisionRule(
            np.array([thresholds[name] for name in class_names], dtype=np.float64),
            tuple(tuple(class_names.index(name) for name in group) for group in exclusive),
            bool(content["never_empty"]),
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{file}: is no decision rule; make it again with: kgcv decide {run}") from error


def _fit(folder: RunFolder, config: Config, terms: Terms, truth: Predictions) -> DecideResult:
    file = folder.predictions("oof")
    oof = read_predictions(file).checked(str(file))
    oof = oof.aligned(oof.ids, truth.class_names, str(file))
    evidence, fitted_on = _gather(folder, truth, oof)
    rules = fit_rules(evidence, np.ones(len(oof.ids), dtype=bool), terms)
    result = _describe(config, terms, truth.class_names, rules[config.decision.thresholds], fitted_on)
    found = find_score(config, terms, truth.class_names, oof.ids)
    if found is None:
        return result
    metric, score = found
    scores = judge_rules(evidence, terms, rules, score)
    chosen = scores[config.decision.thresholds]
    return replace(
        result,
        metric=metric,
        fixed=scores["fixed"].in_sample,
        in_sample=chosen.in_sample,
        cross_fitted=chosen.cross_fitted,
        rules=scores,
    )


def _gather(folder: RunFolder, truth: Predictions, oof: Predictions) -> tuple[Evidence, str]:
    """What the rules are fitted to, and a description of it."""
    split_file = folder.split_file if folder.split_file.is_file() else None
    parts = read_parts(split_file, oof.ids)
    known = set(oof.ids)
    others = np.array([name not in known for name in truth.ids])
    evidence = Evidence(
        targets=truth.aligned(oof.ids, oof.class_names, str(folder.labels_file)).values > 0,
        values=oof.values,
        parts=parts,
        other_targets=truth.values[others] > 0,
    )
    by_position = np.array_equal(parts, np.arange(len(parts)) % NUM_PARTS)
    kind = "parts by position" if by_position else "folds"
    return evidence, f"oof.npz: {len(oof.ids)} samples in {len(np.unique(parts))} {kind}"


def _describe(
    config: Config, terms: Terms, class_names: Sequence[str], rule: DecisionRule, fitted_on: str | None
) -> DecideResult:
    values = [None if np.isnan(threshold) else float(threshold) for threshold in rule.thresholds]
    return DecideResult(
        rule=config.decision.thresholds,
        fitted_on=fitted_on,
        thresholds=dict(zip(class_names, values, strict=True)),
        exclusive=config.decision.exclusive,
        never_empty=rule.never_empty,
        fixed_threshold=terms.fixed,
    )


def _write(folder: RunFolder, result: DecideResult) -> DecideResult:
    write_json(folder.thresholds_file, asdict(result))
    return result
