"""What is fitted to a run, kept in its folder, and read again for its submission."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kgcv.config.load import dump_config
from kgcv.config.schema import (
    Config,
    DataConfig,
    DecisionConfig,
    ModelConfig,
    StageConfig,
    TrainConfig,
    TrainSourceConfig,
)
from kgcv.data.predictions import Predictions, write_predictions
from kgcv.errors import CheckpointError, ConfigError, DataError
from kgcv.recipes.decide import decide, decide_again
from kgcv.recipes.decision import copy_rule, decide_run, read_rule
from kgcv.recipes.decision_terms import plan_decision

NAMES = ("clear", "haze", "road")
CONFIG = Config(
    data=DataConfig(root="data", task="multi", train=TrainSourceConfig(labels="train.csv")),
    model=ModelConfig(name="resnet18"),
    stages=(StageConfig(image_size=8, lr=(0.1,)),),
)


def decided(**keys: object) -> Config:
    return replace(CONFIG, decision=DecisionConfig(**keys))  # type: ignore[arg-type]


def write_run(
    folder: Path,
    targets: np.ndarray,
    values: np.ndarray,
    folds: Sequence[int] | np.ndarray,
    names: tuple[str, ...] = NAMES,
) -> Path:
    """A run with predictions for its first samples; the others have labels alone."""
    folder.mkdir()
    ids = tuple(f"i{number}" for number in range(len(targets)))
    (folder / "config.yaml").write_text(dump_config(CONFIG))
    write_predictions(folder / "labels.npz", Predictions(ids, names, targets.astype(np.float32), "multi"))
    write_predictions(folder / "oof.npz", Predictions(ids[: len(values)], names, values, "multi"))
    rows = "".join(f"{name},{fold}\n" for name, fold in zip(ids, folds, strict=True))
    (folder / "split.csv").write_text(f"id,fold\n{rows}")
    return folder


def draw(num_samples: int = 40) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    targets = random.random((num_samples, 3)) < np.array([0.6, 0.3, 0.2])
    values = np.clip(targets * 0.3 + random.random(targets.shape) * 0.7, 0, 1)
    return targets, values.astype(np.float32)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Forty samples in four folds."""
    targets, values = draw()
    return write_run(tmp_path / "run", targets, values, np.arange(40) // 10)


@pytest.mark.parametrize("rule", ["fixed", "global", "per_class", "prevalence"])
def test_the_rule_is_kept_and_read_again(run: Path, rule: str) -> None:
    result = decide_run(run, decided(thresholds=rule))
    assert result is not None
    kept = json.loads((run / "thresholds.json").read_text())
    assert (kept["rule"], kept["metric"], kept["fitted_on"]) == (rule, "f2", "oof.npz: 40 samples in 4 folds")
    assert (kept["fixed"], kept["in_sample"], kept["cross_fitted"]) == (
        result.rules["fixed"].in_sample,
        result.rules[rule].in_sample,
        result.rules[rule].cross_fitted,
    )
    assert tuple(kept["thresholds"]) == NAMES
    assert read_rule(run, NAMES).thresholds.tolist() == list(result.thresholds.values())
    assert list(kept["rules"]) == ["fixed", "global", "per_class", "prevalence"]


def test_tuned_scores_are_above_the_fixed_one_in_sample(run: Path) -> None:
    result = decide_run(run, decided(thresholds="per_class"))
    assert result is not None
    fixed, one, each = (result.rules[name].in_sample for name in ("fixed", "global", "per_class"))
    assert fixed <= one <= each
    assert result.rules["per_class"].cross_fitted < each


def test_a_rule_is_read_for_columns_in_any_order(run: Path) -> None:
    decide_run(run, decided(thresholds="per_class", exclusive=(("clear", "haze"),), never_empty=True))
    kept = json.loads((run / "thresholds.json").read_text())
    assert (kept["thresholds"]["clear"], kept["exclusive"], kept["never_empty"]) == (None, [["clear", "haze"]], True)
    rule = read_rule(run, ("road", "haze", "clear"))
    assert rule.thresholds[0] == kept["thresholds"]["road"]
    assert np.isnan(rule.thresholds[1:]).all()
    assert (rule.exclusive, rule.never_empty) == (((2, 1),), True)
    with pytest.raises(DataError, match=r"thresholds\.json: decides on the classes clear, haze, road, not a, b"):
        read_rule(run, ("a", "b"))


def test_a_holdout_is_cut_into_five_parts_by_position(tmp_path: Path) -> None:
    """The samples that never validate have labels alone; they count for the prevalence."""
    targets, values = draw(30)
    run = write_run(tmp_path / "run", targets, values[:20], [0] * 20 + [-1] * 10)
    result = decide_run(run, decided(thresholds="prevalence"))
    assert result is not None
    assert result.fitted_on == "oof.npz: 20 samples in 5 parts by position"
    given = (values[:20] > np.array(list(result.thresholds.values()), dtype=np.float64)).mean(axis=0)
    assert given == pytest.approx(targets.mean(axis=0), abs=1 / 40 + 1e-9)


def test_folds_are_the_parts(run: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", *draw(), folds=np.arange(40) % 4)
    first, second = (decide_run(each, decided(thresholds="per_class")) for each in (run, other))
    assert first is not None
    assert second is not None
    assert first.in_sample == second.in_sample
    assert first.cross_fitted != second.cross_fitted


def test_rows_are_matched_by_id_and_columns_by_name(run: Path) -> None:
    before = decide_run(run, decided(thresholds="per_class"))
    assert before is not None
    targets, _ = draw()
    order, columns = np.arange(40)[::-1], [2, 0, 1]
    names = tuple(NAMES[column] for column in columns)
    ids = tuple(f"i{number}" for number in order)
    turned = Predictions(ids, names, targets[order][:, columns].astype(np.float32), "multi")
    write_predictions(run / "labels.npz", turned)
    after = decide_run(run, decided(thresholds="per_class"))
    assert after is not None
    assert after.thresholds == before.thresholds
    assert after.cross_fitted == pytest.approx(before.cross_fitted)


def test_a_wanted_prevalence_is_reached(run: Path) -> None:
    result = decide_run(run, decided(thresholds="prevalence", prevalence={"road": 0.5}))
    assert result is not None
    rule = read_rule(run, NAMES)
    assert rule.decide(draw()[1])[:, 2].sum() == 20


def test_other_tasks_need_no_rule(run: Path) -> None:
    labels = Predictions(("a",), ("cat", "dog"), np.eye(2, dtype=np.float32)[:1], "single")
    write_predictions(run / "labels.npz", labels)
    assert decide_run(run, CONFIG) is None
    assert not (run / "thresholds.json").exists()
    with pytest.raises(DataError, match="decision rules are for task multi"):
        decide(run)


def test_a_fixed_rule_needs_no_predictions_and_others_do(run: Path) -> None:
    (run / "oof.npz").unlink()
    result = decide_run(run, decided(threshold=0.3))
    assert result is not None
    assert (result.fitted_on, result.metric, result.fixed, result.rules) == (None, None, None, {})
    assert read_rule(run, NAMES).thresholds.tolist() == [0.3] * 3
    with pytest.raises(DataError, match=r"oof\.npz: is not there, and global .* kgcv decide .* --like OTHER_RUN"):
        decide_run(run, decided(thresholds="global"))


def test_no_rule_or_a_damaged_one_names_the_command(run: Path) -> None:
    with pytest.raises(DataError, match=rf"thresholds\.json: is not there; make it with: kgcv decide {run}"):
        read_rule(run, NAMES)
    for text in ('{"rule": "global", "threshold": 0.2}', "[]", '{"thresholds": 1, "exclusive": [], "never_empty": 0}'):
        (run / "thresholds.json").write_text(text)
        with pytest.raises(DataError, match=r"is no decision rule; make it again with: kgcv decide"):
            read_rule(run, NAMES)


@pytest.mark.parametrize("wrong", [float("nan"), 1.1, -0.1])
def test_what_is_no_probability_is_refused(run: Path, wrong: float) -> None:
    _, values = draw()
    values[7, 1] = wrong
    write_predictions(run / "oof.npz", Predictions(tuple(f"i{i}" for i in range(40)), NAMES, values, "multi"))
    with pytest.raises(DataError, match=r"oof\.npz: has .* at 1 ids: i7$"):
        decide_run(run, CONFIG)


def test_rounding_beyond_one_is_forgiven(run: Path) -> None:
    _, values = draw()
    values[7, 1] = np.nextafter(np.float32(1), np.float32(2))
    write_predictions(run / "oof.npz", Predictions(tuple(f"i{i}" for i in range(40)), NAMES, values, "multi"))
    assert decide_run(run, decided(thresholds="per_class")) is not None


def test_another_runs_rule(run: Path, tmp_path: Path) -> None:
    targets, values = draw()
    other = write_run(tmp_path / "all", targets[:, ::-1], values[:, ::-1], np.arange(40), NAMES[::-1])
    (other / "oof.npz").unlink()
    with pytest.raises(DataError, match=rf"is not there; make it with: kgcv decide {run}"):
        copy_rule(other, run)
    source = decide_run(run, decided(thresholds="per_class", never_empty=True))
    result = decide(other, like=run)
    assert source is not None
    assert result == replace(source, like=str(run))
    assert json.loads((other / "thresholds.json").read_text())["like"] == str(run)
    mine, theirs = read_rule(other, NAMES), read_rule(run, NAMES)
    assert mine.thresholds.tolist() == theirs.thresholds.tolist()


def test_another_runs_rule_is_for_the_same_classes(run: Path, tmp_path: Path) -> None:
    decide_run(run, CONFIG)
    other = write_run(tmp_path / "other", *draw(), folds=[0] * 40, names=("a", "b", "c"))
    with pytest.raises(DataError, match=r"decides on the classes clear, haze, road, not a, b, c"):
        copy_rule(other, run)
    assert not (other / "thresholds.json").exists()


def test_overrides_stand_over_the_config_of_the_run(run: Path) -> None:
    config = (run / "config.yaml").read_text()
    assert decide(run).rule == "fixed"
    assert decide(run, ["decision.thresholds=global", "decision.metric=f1_macro"]).metric == "f1_macro"
    assert (run / "config.yaml").read_text() == config
    (run / "config.yaml").unlink()
    with pytest.raises(CheckpointError, match="is not a run folder"):
        decide(run)


def test_what_was_decided_last_is_fitted_to_new_predictions(run: Path) -> None:
    first = decide(run, ["decision.thresholds=per_class", "decision.never_empty=true"])
    _, values = draw()
    ids = tuple(f"i{number}" for number in range(40))
    write_predictions(run / "oof.npz", Predictions(ids, NAMES, values**2, "multi"))
    decide_again(run)
    again = json.loads((run / "thresholds.json").read_text())
    assert (again["rule"], again["never_empty"]) == ("per_class", True)
    assert again["thresholds"] != first.thresholds
    assert again["in_sample"] == pytest.approx(first.in_sample)  # squares keep the order within a class
    assert decide(run).rule == "fixed"  # without --set the config counts again
    decide_again(run)
    assert json.loads((run / "thresholds.json").read_text())["rule"] == "fixed"


def test_a_rule_that_somebody_changed_is_named(run: Path, tmp_path: Path) -> None:
    decide_run(run, decided())
    other = shutil.copytree(run, tmp_path / "other")
    file = run / "thresholds.json"
    content = json.loads(file.read_text())
    for change in ({"rules": 3}, {"rules": {"fixed": {"x": 1}}}, {"unknown": 1}):
        file.write_text(json.dumps({**content, **change}))
        with pytest.raises(DataError, match=r"thresholds\.json: is not as kgcv writes it"):
            copy_rule(other, run)
    for text in ("[]", '{"overrides": 3}'):
        file.write_text(text)
        with pytest.raises(DataError, match=r"thresholds\.json: is not as kgcv writes it"):
            decide_again(run)


def test_another_runs_rule_stays(run: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "all", *draw(), folds=[0] * 40)
    decide(run, ["decision.thresholds=global"])
    decide(other, like=run)
    before = (other / "thresholds.json").read_bytes()
    decide_again(other)
    assert (other / "thresholds.json").read_bytes() == before


@pytest.mark.parametrize(
    "metric, threshold, expected",
    [("auto", None, 0.2), ("f2_macro", None, 0.2), ("f1", None, 0.5), ("jaccard", None, 0.5), ("f1", 0.3, 0.3)],
)
def test_the_fixed_threshold_is_that_of_training(metric: str, threshold: float | None, expected: float) -> None:
    config = replace(decided(threshold=threshold), train=TrainConfig(metric=metric))
    assert plan_decision(config, NAMES).fixed == expected


def test_a_metric_of_tags_that_is_no_fbeta_scores_what_needs_no_fit_to_it(run: Path) -> None:
    config = replace(CONFIG, train=TrainConfig(metric="jaccard"))
    result = decide_run(run, config)
    assert result is not None
    assert (result.metric, list(result.rules)) == ("jaccard", ["fixed", "prevalence"])
    targets, values = draw()
    given = values > 0.5
    union = (targets | given).sum(axis=1)
    assert result.fixed == pytest.approx(((targets & given).sum(axis=1) / np.maximum(union, 1)).mean())


def test_a_metric_of_probabilities_scores_no_tags(run: Path) -> None:
    result = decide_run(run, replace(CONFIG, train=TrainConfig(metric="roc_auc")))
    assert result is not None
    assert (result.rule, result.metric, result.fixed, result.rules) == ("fixed", None, None, {})
    assert read_rule(run, NAMES).thresholds.tolist() == [0.5] * 3


def test_a_metric_file_that_wants_tags_scores_them(run: Path, tmp_path: Path) -> None:
    (tmp_path / "score.py").write_text(
        "def score(solution, submission, row_id_column_name):\n"
        "    return float((solution['tags'].fillna('') == submission['tags'].fillna('')).mean())\n"
    )
    (tmp_path / "sample.csv").write_text("id,tags\ni0,clear road\ni1,haze\n")
    config = replace(
        CONFIG,
        data=replace(CONFIG.data, root=str(tmp_path), sample_submission="sample.csv"),
        train=TrainConfig(metric_file=str(tmp_path / "score.py"), metric_direction="maximize"),
    )
    result = decide_run(run, config)
    assert result is not None
    targets, values = draw()
    assert result.metric == "score.py"
    assert result.fixed == pytest.approx(((values > 0.5) == targets).all(axis=1).mean())
    with pytest.raises(ConfigError, match=r"decision\.metric: .* train\.metric_file .*score\.py is none"):
        decide_run(run, replace(config, decision=DecisionConfig(thresholds="global")))
    fitted = decide_run(run, replace(config, decision=DecisionConfig(thresholds="global", metric="f1_micro")))
    assert fitted is not None
    assert fitted.metric == "f1_micro"


@pytest.mark.parametrize("rule", ["global", "per_class"])
def test_thresholds_are_fitted_to_an_fbeta_alone(rule: str) -> None:
    config = replace(decided(thresholds=rule), train=TrainConfig(metric="roc_auc"))
    with pytest.raises(ConfigError, match=rf"^decision\.metric: thresholds: {rule} .* train\.metric 'roc_auc' is none"):
        plan_decision(config, NAMES)
    with pytest.raises(ConfigError, match=r"^decision\.metric: 'jaccard' is no F-beta"):
        plan_decision(decided(thresholds=rule, metric="jaccard"), NAMES)
    chosen = replace(decided(thresholds=rule, metric="f0.5_micro"), train=TrainConfig(metric="roc_auc"))
    metric = plan_decision(chosen, NAMES).metric
    assert metric is not None
    assert (metric.beta, metric.average) == (0.5, "micro")


def test_classes_that_there_are_not_are_named(run: Path) -> None:
    config = decided(thresholds="prevalence", exclusive=(("clear", "hazy"),), prevalence={"roads": 0.1, "q": 0.1})
    with pytest.raises(ConfigError) as caught:
        decide_run(run, config)
    assert caught.value.problems == (
        "decision.exclusive: there is no class 'hazy'; did you mean 'haze'?",
        "decision.prevalence: there is no class 'roads'; did you mean 'road'?",
        "decision.prevalence: there is no class 'q'; the classes are clear, haze, road",
    )
    config = decided(thresholds="prevalence", exclusive=(("clear", "haze"),), prevalence={"haze": 0.1})
    with pytest.raises(ConfigError, match=r"^decision\.prevalence: 'haze' is in a group of decision\.exclusive"):
        decide_run(run, config)


def test_deciding_loads_no_torch_and_no_scikit_learn(run: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from kgcv.recipes.decide import decide\n"
        f"decide(Path({str(run)!r}), ['decision.thresholds=per_class'])\n"
        "heavy = {'torch', 'timm', 'sklearn', 'scipy', 'pandas', 'matplotlib'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
