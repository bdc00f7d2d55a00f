"""Rules side by side, and that what is told across folds is honest."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from kgcv.scoring.decisions import DecisionRule
from kgcv.scoring.fbeta import FBeta, score_tags
from kgcv.scoring.rules import Evidence, Terms, fit_rules, judge_rules

F1_MACRO = FBeta(1.0, "macro")
ALL = ("fixed", "global", "per_class", "prevalence")


def terms_of(num_classes: int, **changes: object) -> Terms:
    terms = Terms(F1_MACRO, 0.5, np.full(num_classes, np.nan))
    return replace(terms, **changes)  # type: ignore[arg-type]


def evidence_of(targets: list[list[int]], values: list[list[float]], parts: list[int]) -> Evidence:
    true = np.array(targets, dtype=bool)
    return Evidence(true, np.array(values, dtype=np.float32), np.array(parts), np.zeros((0, true.shape[1]), dtype=bool))


def all_of(evidence: Evidence) -> np.ndarray:
    return np.ones(len(evidence.targets), dtype=bool)


def judged(evidence: Evidence, terms: Terms) -> dict[str, tuple[float, float]]:
    rules = fit_rules(evidence, all_of(evidence), terms)
    scores = judge_rules(evidence, terms, rules, partial(score_tags, metric=F1_MACRO))
    return {name: (score.in_sample, score.cross_fitted) for name, score in scores.items()}


def test_each_part_is_decided_by_thresholds_from_the_others() -> None:
    """Part 0 has its tags above 0.7, part 1 above 0.3. By hand, F1 of the one class:

    In sample the best cut is below 0.4: right 4, given 6: 8/10. Across: part 0 is cut at 0.3 (all four given, two
    right), part 1 at 0.7 (nothing given): right 2, given 4, true 4: 4/8.
    """
    targets = [[1], [1], [0], [0], [1], [1], [0], [0]]
    values = [[0.8], [0.9], [0.6], [0.5], [0.4], [0.45], [0.2], [0.1]]
    scores = judged(evidence_of(targets, values, [0] * 4 + [1] * 4), terms_of(1))
    assert tuple(scores) == ALL
    for name in ("global", "per_class"):
        assert list(scores[name]) == pytest.approx([8 / 10, 4 / 8])
    assert scores["fixed"][0] == scores["fixed"][1]


def test_no_label_of_a_part_decides_on_that_part() -> None:
    """If one part's labels are turned round, the tags that it is given stay the same, whatever the rule."""
    random = np.random.default_rng(3)
    targets = random.random((60, 4)) < 0.4
    values = np.clip(targets * 0.3 + random.random((60, 4)) * 0.7, 0, 1).astype(np.float32)
    parts = np.arange(60) % 3
    turned = targets.copy()
    turned[parts == 1] = ~turned[parts == 1]
    seen = []
    for true in (targets, turned):
        evidence = Evidence(true, values, parts, np.zeros((0, 4), dtype=bool))
        rules = fit_rules(evidence, all_of(evidence), terms_of(4))
        given: list[np.ndarray] = []

        def note(_: np.ndarray, tags: np.ndarray, given: list[np.ndarray] = given) -> float:
            given.append(tags.copy())
            return 0.0

        judge_rules(evidence, terms_of(4), rules, note)
        seen.append(given[1::2])  # in sample, across folds, in sample, ...
    assert len(seen[0]) == len(ALL)
    for before, after in zip(*seen, strict=True):
        assert (before[parts == 1] == after[parts == 1]).all()
    assert any((before[parts != 1] != after[parts != 1]).any() for before, after in zip(*seen, strict=True))


def test_macro_scores_pool_the_decisions_of_all_parts() -> None:
    """The class occurs in part 0 alone; a mean over parts would count part 1 as 0 and give 1/2."""
    targets = [[1], [1], [0], [0]]
    values = [[0.9], [0.8], [0.1], [0.2]]
    evidence = evidence_of(targets, values, [0, 0, 1, 1])
    assert judged(evidence, terms_of(1))["fixed"] == (1.0, 1.0)


def test_prevalence_is_that_of_the_labels_or_the_wanted_one() -> None:
    values = [[0.8, 0.8], [0.6, 0.6], [0.4, 0.4], [0.2, 0.2]]
    evidence = evidence_of([[1, 1], [0, 0], [0, 0], [0, 0]], values, [0, 1, 0, 1])
    rule = fit_rules(evidence, all_of(evidence), terms_of(2, shares=np.array([np.nan, 0.75])))["prevalence"]
    assert rule.thresholds == pytest.approx([0.7, 0.3])
    # Four labelled samples without predictions, all with the tag: 5/8 of all have it, so two or three of four.
    more = replace(evidence, other_targets=np.ones((4, 2), dtype=bool))
    assert fit_rules(more, all_of(more), terms_of(2))["prevalence"].thresholds == pytest.approx([0.5, 0.5])
    # Fitted to the samples without the tag, there is none to give.
    rows = np.array([False, True, True, True])
    assert fit_rules(evidence, rows, terms_of(2))["prevalence"].thresholds.tolist() == [1.0, 1.0]


def test_groups_and_never_empty_hold_for_every_rule() -> None:
    evidence = evidence_of([[1, 0, 1], [0, 1, 0]], [[0.9, 0.1, 0.3], [0.2, 0.6, 0.1]], [0, 1])
    rules = fit_rules(evidence, all_of(evidence), terms_of(3, exclusive=((0, 1),), never_empty=True))
    assert tuple(rules) == ALL
    for rule in rules.values():
        assert np.isnan(rule.thresholds).tolist() == [True, True, False]
        assert (rule.exclusive, rule.never_empty) == (((0, 1),), True)
    assert isinstance(rules["fixed"], DecisionRule)
    assert rules["fixed"].thresholds[2] == 0.5


def test_never_empty_plays_no_part_in_the_fit() -> None:
    evidence = evidence_of([[1, 0], [0, 1], [1, 1]], [[0.9, 0.1], [0.2, 0.3], [0.6, 0.7]], [0, 1, 0])
    with_it, without = (fit_rules(evidence, all_of(evidence), terms_of(2, never_empty=it)) for it in (True, False))
    for name in ALL:
        assert with_it[name].thresholds.tolist() == without[name].thresholds.tolist()


def test_without_an_fbeta_nothing_is_fitted_to_one() -> None:
    evidence = evidence_of([[1], [0]], [[0.9], [0.1]], [0, 1])
    assert list(fit_rules(evidence, all_of(evidence), terms_of(1, metric=None))) == ["fixed", "prevalence"]
