"""What is told of the three tasks, by hand."""

import math

import numpy as np
import pytest

from kgcv.data.predictions import Predictions
from kgcv.recipes.decision import decide_run
from kgcv.recipes.report_classes import report_classes
from kgcv.recipes.report_data import Validated, read_report_data
from kgcv.recipes.report_numbers import report_numbers
from kgcv.recipes.report_tags import report_tags
from kgcv.scoring.metrics import find_metric


def validated(task, names, targets, values):
    ids = tuple(map(str, range(len(values))))
    predictions = Predictions(ids, names, np.array(values, dtype=np.float32), task)
    return Validated(predictions, np.array(targets), np.zeros(len(ids), dtype=np.int64), "test")


def test_classes():
    found = report_classes(
        validated("single", ("a", "b", "c"), [0, 0, 1], [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.0, 1.0, 0.0]])
    )
    assert found.confusions.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    np.testing.assert_allclose(found.log_losses, [(math.log(2) + math.log(4)) / 2, 0, np.nan], atol=1e-6)
    assert found.log_loss == pytest.approx(math.log(8) / 3, abs=1e-6)
    # Said 0.5, 0.5 and 1; right, wrong, right.
    assert found.reliability.error == pytest.approx(0)
    np.testing.assert_allclose(found.scores.recall, [0.5, 1, np.nan])


def test_numbers_by_decile():
    targets = np.arange(20.0)[:, None]
    (found,) = report_numbers(validated("regression", ("price",), targets, targets + np.array([[1.0], [-3.0]] * 10)))
    assert [part.count for part in found.deciles] == [2] * 10
    first = found.deciles[0]
    assert (first.lowest, first.highest, first.mean_error, first.mae) == (0, 1, -1, 2)
    assert first.rmse == pytest.approx(math.sqrt(5))
    assert found.errors.tolist() == [1, -3] * 10


def test_equal_numbers_stay_in_one_part():
    targets = np.array([[0.0]] * 15 + [[1.0]] * 5)
    (found,) = report_numbers(validated("regression", ("rain",), targets, targets))
    assert [(part.lowest, part.highest, part.count) for part in found.deciles] == [(0, 0, 15), (1, 1, 5)]


@pytest.fixture
def tags(write_run, tmp_path):
    return write_run(tmp_path / "tags", "multi")


def test_tags_without_a_rule_are_decided_by_the_fixed_threshold(tags):
    data = read_report_data(tags)
    assert data.validated is not None
    found = report_tags(data, data.validated)
    assert (found.is_own_rule, found.beta, found.rule.thresholds.tolist()) == (False, 2, [0.2] * 3)
    # The curve at 0.2 is the score that training reported.
    assert found.curve.metric == "f2"
    at = int(np.argmin(np.abs(found.curve.thresholds - 0.2)))
    assert found.curve.scores[at] == pytest.approx(data.scores["oof"]["f2"])


def test_tags_are_decided_by_the_runs_own_rule(tags):
    text = (tags / "config.yaml").read_text()
    (tags / "config.yaml").write_text(text + 'decision: {thresholds: global, exclusive: [["class 1", "class 2"]]}\n')
    data = read_report_data(tags)
    assert data.validated is not None and data.config is not None
    result = decide_run(tags, data.config)
    found = report_tags(data, data.validated)
    assert result is not None and found.is_own_rule and np.isnan(found.rule.thresholds[1:]).all()
    assert found.rule.thresholds[0] == result.thresholds["a <b> & $c$"]
    # Of the group exactly one is given to each sample, and the best of the curve is what was fitted.
    assert found.scores.given[1:].sum() == 60
    assert found.curve.scores.max() == pytest.approx(result.in_sample, abs=0.01)


def test_curves_of_tags_are_of_each_alone(tags):
    data = read_report_data(tags)
    assert data.validated is not None
    found = report_tags(data, data.validated)
    targets, values = data.validated.targets[:, [1]], data.validated.predictions.values[:, [1]]
    for at in (10, 50, 90):
        cut = float(found.curve.thresholds[at])
        expected = find_metric("f2_micro", "multi", cut).score(targets, values)
        assert found.tag_curves[at, 1] == pytest.approx(expected)
    one = find_metric("average_precision", "multi").score(targets, values)
    assert found.average_precision[1] == pytest.approx(one)


def test_a_competitions_own_metric_is_not_run(tags):
    text = (tags / "config.yaml").read_text()
    text = text.replace("metric: f2", "metric_file: nowhere.py, metric_direction: maximize")
    (tags / "config.yaml").write_text(text.replace("root: data", "root: data, sample_submission: sample.csv"))
    data = read_report_data(tags)
    assert data.validated is not None
    found = report_tags(data, data.validated)
    assert (found.curve.metric, found.beta, found.rule.thresholds[0]) == ("f1", 1, 0.5)
