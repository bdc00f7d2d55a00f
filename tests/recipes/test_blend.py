"""Blends of run folders made by hand: three samples, two classes, answers worked out on paper."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kgcv.config.load import dump_config
from kgcv.config.schema import Config, DataConfig, DecisionConfig, ModelConfig, StageConfig, TrainConfig
from kgcv.data.predictions import Predictions, read_predictions, write_predictions
from kgcv.errors import ConfigError, DataError
from kgcv.files import hash_file
from kgcv.recipes.blend import blend
from kgcv.recipes.blend_report import as_record
from kgcv.recipes.blend_scores import BlendRequest
from kgcv.recipes.check_submission import check_submission
from kgcv.recipes.decision import read_rule
from kgcv.recipes.run_folder import RunFolder, only_here
from kgcv.scoring.blending import FITTED, BlendRule
from kgcv.scoring.metrics import find_metric

OOF = {"first": [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], "second": [[0.5, 0.5], [0.2, 0.8], [0.8, 0.2]]}
TEST = {"first": [[0.9, 0.1], [0.3, 0.7]], "second": [[0.5, 0.5], [0.1, 0.9]]}
TRUTH = [[1, 0], [0, 1], [0, 1]]
IDS, TEST_IDS, CLASSES = ("a", "b", "c"), ("x", "y"), ("cat", "dog")
MEAN = BlendRule("mean")


def predictions(ids, values, task="single", class_names=CLASSES):
    return Predictions(tuple(ids), tuple(class_names), np.array(values, dtype=np.float32), task)


def config_of(tmp_path, **sections):
    return Config(
        data=DataConfig(root=str(tmp_path), sample_submission="sample.csv"),
        model=ModelConfig(name="resnet18"),
        stages=(StageConfig(image_size=8, lr=(0.1,)),),
        **sections,
    )


def write_run(folder, oof=None, test=None, truth=None, config=None, folds=None):
    """A run folder with what is given."""
    folder.mkdir(parents=True)
    for name, content in (("oof", oof), ("test", test), ("labels", truth)):
        if content is not None:
            write_predictions(folder / f"{name}.npz", content)
    if config is not None:
        (folder / "config.yaml").write_text(dump_config(config))
    if folds is not None:
        rows = "".join(f"{name},{fold}\n" for name, fold in zip(truth.ids, folds, strict=True))
        (folder / "split.csv").write_text(f"id,fold\n{rows}")
    return folder


@pytest.fixture
def runs(tmp_path):
    """Two runs of one task, both with all that a run has."""
    (tmp_path / "sample.csv").write_text("id,label\ny,cat\nx,cat\n")
    truth = predictions(IDS, TRUTH)
    return [
        write_run(
            tmp_path / name,
            predictions(IDS, OOF[name]),
            predictions(TEST_IDS, TEST[name]),
            truth,
            config_of(tmp_path, train=TrainConfig(metric="accuracy")),
            folds=[0, 1, 1],
        )
        for name in ("first", "second")
    ]


def ask(tmp_path, members, rule=MEAN, **rest):
    return BlendRequest(tuple(members), rule, output=rest.pop("output", tmp_path / "blend"), **rest)


def values_of(folder, part="oof"):
    return read_predictions(folder / f"{part}.npz").values


def shuffled(content):
    """The same predictions with rows and columns in another order."""
    return content.aligned(content.ids[1:] + content.ids[:1], content.class_names[::-1], "here")


def test_a_mean_by_hand(runs, tmp_path):
    result = blend(ask(tmp_path, runs))
    np.testing.assert_allclose(values_of(tmp_path / "blend"), [[0.7, 0.3], [0.4, 0.6], [0.5, 0.5]], atol=1e-6)
    np.testing.assert_allclose(values_of(tmp_path / "blend", "test"), [[0.7, 0.3], [0.2, 0.8]], atol=1e-6)
    # Of three samples the first alone has 2 right, the second 2, the two together 2 or, at the tie, 3.
    assert result.metric == "accuracy"
    assert [member.score for member in result.members] == pytest.approx([2 / 3, 2 / 3])
    assert [member.score_without for member in result.members] == pytest.approx([2 / 3, 2 / 3])
    assert [member.weight for member in result.members] == [0.5, 0.5]
    assert (result.in_sample, result.notes, result.correlated) == (None, (), "oof")


def test_the_folder_is_a_run(runs, tmp_path):
    result = blend(ask(tmp_path, runs))
    folder = tmp_path / "blend"
    assert sorted(path.name for path in folder.iterdir() if path.name != ".lock") == [
        "blend.json",
        "config.yaml",
        "labels.npz",
        "oof.npz",
        "scores.json",
        "split.csv",
        "test.npz",
    ]
    for name in ("config.yaml", "labels.npz", "split.csv"):
        assert (folder / name).read_bytes() == (runs[0] / name).read_bytes()
    assert json.loads((folder / "scores.json").read_text()) == {"oof": {"accuracy": result.score}}
    record = json.loads((folder / "blend.json").read_text())
    assert record == json.loads(json.dumps(as_record(result)))
    assert record["rule"]["method"] == "mean"
    assert [member["path"] for member in record["members"]] == [str(run) for run in runs]
    expected = {name: hash_file(runs[1] / name) for name in ("oof.npz", "test.npz")}
    assert record["members"][1]["sha256"] == expected


def test_the_order_of_rows_and_columns_is_nothing(runs, tmp_path):
    blend(ask(tmp_path, runs, BlendRule("hill_climb"), metric="brier"))
    for name in ("oof", "test", "labels"):
        write_predictions(runs[1] / f"{name}.npz", shuffled(read_predictions(runs[1] / f"{name}.npz")))
    # Even within a run the parts may have their classes in different orders.
    write_predictions(runs[0] / "test.npz", shuffled(read_predictions(runs[0] / "test.npz")))
    blend(ask(tmp_path, runs, BlendRule("hill_climb"), metric="brier", output=tmp_path / "other"))
    assert (tmp_path / "other" / "oof.npz").read_bytes() == (tmp_path / "blend" / "oof.npz").read_bytes()
    before, after = (read_predictions(tmp_path / name / "test.npz") for name in ("blend", "other"))
    np.testing.assert_array_equal(after.aligned(before.ids, before.class_names, "here").values, before.values)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda own: predictions("ab", own.values[:2]), r"oof\.npz \(beside .*first/oof\.npz\): 1 ids are missing: c"),
        (lambda own: predictions("abcd", [*own.values, [0, 1]]), "has 1 ids that .*first/oof.npz has not: d"),
        (lambda own: replace(own, class_names=("cat", "cow")), "has the classes cat, cow, not cat, dog"),
        (lambda own: replace(own, task="multi"), "has predictions of task multi, .*first/oof.npz of task single"),
        (lambda own: replace(own, ids=("a", "b", "a")), "ids that occur more than once: a"),
        (lambda own: replace(own, values=own.values * np.nan), "NaN or infinite values at 3 ids: a, b, c"),
        (lambda own: replace(own, values=own.values * 1.5), r"values outside \[0, 1\] at 2 ids: b, c"),
    ],
)
def test_members_that_do_not_fit_are_named(runs, tmp_path, change, message):
    file = runs[1] / "oof.npz"
    write_predictions(file, change(read_predictions(file)))
    with pytest.raises(DataError, match=f"second/oof.npz.*{message}" if "beside" not in message else message):
        blend(ask(tmp_path, runs))
    assert not (tmp_path / "blend").exists()


def test_a_rounding_error_beyond_one_is_no_error(runs, tmp_path):
    values = np.array(OOF["second"], dtype=np.float32)
    values[0] = [1.0000001, -1e-8]
    write_predictions(runs[1] / "oof.npz", predictions(IDS, values))
    blend(ask(tmp_path, runs, BlendRule("power", 0.5)))
    assert np.isfinite(values_of(tmp_path / "blend")).all()


def test_a_run_named_twice_counts_twice(runs, tmp_path):
    result = blend(ask(tmp_path, [runs[0], runs[0], runs[1]]))
    expected = (2 * np.array(OOF["first"]) + np.array(OOF["second"])) / 3
    np.testing.assert_allclose(values_of(tmp_path / "blend"), expected, atol=1e-6)
    assert result.correlation[0][:2] == pytest.approx((1, 1))


def test_correlations_and_scores_without_a_member(runs, tmp_path):
    third = write_run(tmp_path / "third", predictions(IDS, OOF["first"]), truth=predictions(IDS, TRUTH))
    result = blend(ask(tmp_path, [*runs, third], metric="log_loss"))
    flat = [np.ravel(OOF[name]) for name in ("first", "second", "first")]
    for row, expected in zip(result.correlation, np.corrcoef(flat), strict=True):
        assert row == pytest.approx(tuple(expected), abs=1e-6)
    pair = -np.log([0.7, 0.6, 0.5]).mean()
    alone = -np.log([0.9, 0.4, 0.8]).mean()
    assert [member.score_without for member in result.members] == pytest.approx([pair, alone, pair], rel=1e-5)
    assert result.members[0].score == pytest.approx(alone, rel=1e-5)


def test_a_missing_part_is_told(runs, tmp_path):
    (runs[1] / "test.npz").unlink()
    result = blend(ask(tmp_path, runs))
    assert result.notes == (f"cannot be submitted: no test.npz in {runs[1]}",)
    assert not (tmp_path / "blend" / "test.npz").exists()


def test_test_predictions_alone_can_be_averaged(runs, tmp_path):
    for run in runs:
        (run / "oof.npz").unlink()
    result = blend(ask(tmp_path, runs))
    np.testing.assert_allclose(values_of(tmp_path / "blend", "test"), [[0.7, 0.3], [0.2, 0.8]], atol=1e-6)
    assert (result.metric, result.score, result.correlated) == (None, None, "test")
    assert result.notes == (f"cannot be scored: no oof.npz in {runs[0]}, {runs[1]}",)


def test_members_without_a_part_in_common_are_refused(runs, tmp_path):
    (runs[0] / "oof.npz").unlink()
    (runs[1] / "test.npz").unlink()
    with pytest.raises(DataError, match="first: holds no part of the predictions that every other member has"):
        blend(ask(tmp_path, runs))
    (runs[0] / "test.npz").unlink()
    with pytest.raises(DataError, match=r"first: holds neither oof\.npz nor test\.npz"):
        blend(ask(tmp_path, runs))


def test_fitting_asks_for_what_it_needs(runs, tmp_path):
    (runs[0] / "labels.npz").rename(tmp_path / "labels.npz")
    (runs[1] / "labels.npz").unlink()
    assert blend(ask(tmp_path, runs)).notes == ("not scored: no member has labels.npz; name one with --labels",)
    again = ask(tmp_path, runs, BlendRule("weights"), output=tmp_path / "again")
    with pytest.raises(DataError, match=r"--method weights fits weights to true labels.*name it with --labels"):
        blend(again)
    assert blend(replace(again, labels=tmp_path / "labels.npz")).score is not None
    (runs[1] / "oof.npz").unlink()
    with pytest.raises(DataError, match=r"fits weights to out-of-fold predictions, and .*second has none"):
        blend(replace(again, output=tmp_path / "third"))


def test_labels_that_disagree_are_refused_until_one_is_named(runs, tmp_path):
    write_predictions(runs[1] / "labels.npz", predictions(IDS, [[1, 0], [1, 0], [0, 1]]))
    with pytest.raises(DataError, match=r"second/labels\.npz: has other labels than .*first/labels\.npz at b; say"):
        blend(ask(tmp_path, runs))
    result = blend(ask(tmp_path, runs, labels=runs[1] / "labels.npz"))
    # The first member has a, b and c right by these labels.
    assert result.members[0].score == 1
    assert (tmp_path / "blend" / "labels.npz").read_bytes() == (runs[1] / "labels.npz").read_bytes()


def test_labels_of_another_task_are_refused(runs, tmp_path):
    write_predictions(tmp_path / "other.npz", predictions(IDS, TRUTH, "multi"))
    with pytest.raises(DataError, match=r"other\.npz: has labels of task multi, and the predictions are of task singl"):
        blend(ask(tmp_path, runs, labels=tmp_path / "other.npz"))


def test_the_metric_is_the_first_config_s_or_the_one_asked_for(runs, tmp_path):
    assert blend(ask(tmp_path, runs)).metric == "accuracy"
    assert blend(ask(tmp_path, runs, metric="log_loss", output=tmp_path / "b")).metric == "log_loss"
    with pytest.raises(ConfigError, match="rmse"):
        blend(ask(tmp_path, runs, metric="rmse", output=tmp_path / "c"))
    for run in runs:
        (run / "config.yaml").unlink()
    result = blend(ask(tmp_path, runs, output=tmp_path / "d"))
    assert result.metric == "accuracy"  # the task's own
    assert result.notes == (
        "no member has a config.yaml, without which kgcv decide and kgcv submit cannot work on the blend",
    )


def many(tmp_path, task="single", num_samples=30, seed=0, **sections):
    """Three runs of many samples in three folds, whose members know the truth a little."""
    rng = np.random.default_rng(seed)
    ids = [f"s{number}" for number in range(num_samples)]
    truth = np.eye(2)[rng.integers(0, 2, num_samples)]
    if task == "multi":
        truth = (rng.random((num_samples, 2)) < 0.4).astype(float)
    folders = []
    for name in ("p", "q", "r"):
        noise = rng.dirichlet([1, 1], num_samples) if task == "single" else rng.random(truth.shape)
        oof = predictions(ids, 0.3 * truth + 0.7 * noise, task)
        test = predictions(TEST_IDS, TEST["first"], task)
        folds = np.arange(num_samples) % 3
        config = config_of(tmp_path, **sections)
        folders.append(write_run(tmp_path / name, oof, test, predictions(ids, truth, task), config, folds))
    return folders


@pytest.mark.parametrize("method", sorted(FITTED))
def test_the_labels_of_a_fold_have_no_say_in_its_own_blend(tmp_path, method):
    runs = many(tmp_path)
    rule = BlendRule(method)
    result = blend(ask(tmp_path, runs, rule, metric="brier"))
    before = values_of(tmp_path / "blend")
    truth = read_predictions(runs[0] / "labels.npz")
    lies = truth.values.copy()
    held_out = np.arange(30) % 3 == 1  # fold 1
    lies[held_out] = 1 - lies[held_out]
    write_predictions(tmp_path / "lies.npz", replace(truth, values=lies))
    blend(ask(tmp_path, runs, rule, metric="brier", labels=tmp_path / "lies.npz", output=tmp_path / "other"))
    after = values_of(tmp_path / "other")
    np.testing.assert_array_equal(after[held_out], before[held_out])
    assert (after[~held_out] != before[~held_out]).any()
    # What stands in oof.npz is what the score is of.
    score = find_metric("brier", "single").score(truth.values.argmax(axis=1), before)
    assert result.score == pytest.approx(score)


@pytest.mark.parametrize("folds", [None, [0] * 30, [-1] * 10 + [0] * 20])
def test_without_several_folds_every_fifth_sample_is_held_out(tmp_path, folds):
    runs = many(tmp_path)
    for run in runs:
        (run / "split.csv").unlink()
    if folds is not None:
        rows = "".join(f"s{number},{fold}\n" for number, fold in enumerate(folds))
        (runs[0] / "split.csv").write_text(f"id,fold\n{rows}")
    if folds is not None and -1 in folds:  # rows that always train are in no out-of-fold predictions
        for run in runs:
            own = read_predictions(run / "oof.npz")
            write_predictions(run / "oof.npz", own.aligned(own.ids[10:], own.class_names, "here"))
    blend(ask(tmp_path, runs, BlendRule("weights")))
    before, ids = values_of(tmp_path / "blend"), read_predictions(runs[0] / "oof.npz").ids
    truth = read_predictions(runs[0] / "labels.npz")
    part = np.arange(len(ids)) % 5 == 2
    lies = truth.values.copy()
    lies[[truth.ids.index(name) for name in np.array(ids)[part]]] = [0.0, 1.0]
    write_predictions(tmp_path / "lies.npz", replace(truth, values=lies))
    blend(ask(tmp_path, runs, BlendRule("weights"), labels=tmp_path / "lies.npz", output=tmp_path / "other"))
    np.testing.assert_array_equal(values_of(tmp_path / "other")[part], before[part])


def test_a_split_that_lacks_an_id_is_named(tmp_path):
    runs = many(tmp_path)
    (runs[0] / "split.csv").write_text("id,fold\ns0,0\n")
    with pytest.raises(DataError, match=r"p/split\.csv: 29 ids are missing: s1, s2"):
        blend(ask(tmp_path, runs, BlendRule("ridge")))


def test_one_sample_fits_nothing(tmp_path):
    runs = many(tmp_path, num_samples=1)
    with pytest.raises(DataError, match="cross-fitting needs at least two samples, and there are 1"):
        blend(ask(tmp_path, runs, BlendRule("ridge")))


def test_fitted_weights_act_on_the_test_predictions(tmp_path):
    runs = many(tmp_path)
    for run, share in zip(runs, (0.1, 0.5, 0.9), strict=True):
        write_predictions(run / "test.npz", predictions(TEST_IDS, [[share, 1 - share]] * 2))
    result = blend(ask(tmp_path, runs, BlendRule("weights"), metric="log_loss"))
    weights = [member.weight for member in result.members]
    assert sum(weights) == pytest.approx(1)
    assert max(weights) < 0.9
    np.testing.assert_allclose(values_of(tmp_path / "blend", "test")[:, 0], np.dot(weights, [0.1, 0.5, 0.9]), rtol=1e-5)
    assert result.in_sample is not None and result.score is not None
    assert result.in_sample < result.score
    scores = json.loads((tmp_path / "blend" / "scores.json").read_text())
    assert scores == {"oof": {"log_loss": result.score}, "in_sample": {"log_loss": result.in_sample}}


def test_each_class_of_the_test_predictions_has_its_own_ridge(tmp_path):
    runs = many(tmp_path, "multi")
    rule = BlendRule("ridge")
    blend(ask(tmp_path, runs, rule, metric="brier"))
    test = shuffled(read_predictions(runs[0] / "test.npz"))
    write_predictions(runs[0] / "test.npz", test)  # dog before cat, as nowhere else
    blend(ask(tmp_path, runs, rule, metric="brier", output=tmp_path / "other"))
    before, after = (read_predictions(tmp_path / name / "test.npz") for name in ("blend", "other"))
    np.testing.assert_array_equal(after.aligned(before.ids, before.class_names, "here").values, before.values)


def test_ridge_tells_its_coefficients(tmp_path):
    runs = many(tmp_path)
    result = blend(ask(tmp_path, runs, BlendRule("ridge")))
    assert list(result.ridge) == list(CLASSES)
    means = np.mean([row["coefficients"] for row in result.ridge.values()], axis=0)
    np.testing.assert_allclose([member.weight for member in result.members], means)
    assert {"coefficients", "intercept", "alpha"} == result.ridge["cat"].keys()


def test_a_blend_is_a_member_like_any_other(runs, tmp_path):
    blend(ask(tmp_path, runs))
    result = blend(ask(tmp_path, [tmp_path / "blend", runs[0]], output=tmp_path / "second-floor"))
    expected = (3 * np.array(OOF["first"]) + np.array(OOF["second"])) / 4
    np.testing.assert_allclose(values_of(tmp_path / "second-floor"), expected, atol=1e-6)
    assert result.metric == "accuracy"


def test_ranks_are_said_to_be_no_probabilities(runs, tmp_path):
    result = blend(ask(tmp_path, runs, BlendRule("rank")))
    # The ranks of a, b, c in the column cat: 2.5, 1.5, 0.5 and 1.5, 0.5, 2.5 of three.
    np.testing.assert_allclose(values_of(tmp_path / "blend")[:, 0], [4 / 6, 2 / 6, 3 / 6], atol=1e-6)
    assert "no probabilities" in result.notes[0]


@pytest.mark.parametrize("method", ["geometric", "power", "rank", "mean"])
def test_numbers_have_fewer_means(tmp_path, method):
    numbers = [predictions(IDS, [[-1.0], [4.0], [2.0]], "regression", ["price"])] * 2
    folders = [write_run(tmp_path / str(number), oof) for number, oof in enumerate(numbers)]
    request = ask(tmp_path, folders, BlendRule(method, 2.0))
    match method:
        case "mean":
            blend(request)
            assert values_of(tmp_path / "blend").tolist() == [[-1.0], [4.0], [2.0]]
        case "rank":
            with pytest.raises(ConfigError, match=r"--method rank: .*0/oof\.npz holds numbers"):
                blend(request)
        case _:
            with pytest.raises(DataError, match=rf"0/oof\.npz: has negative numbers \({method}\) at 1 ids: a"):
                blend(request)


def test_what_exists_is_never_overwritten(runs, tmp_path):
    (tmp_path / "blend").mkdir()
    blend(ask(tmp_path, runs))  # an empty folder is free
    with pytest.raises(DataError, match="blend: exists already, and a run is never overwritten"):
        blend(ask(tmp_path, runs))


def test_the_folder_appears_whole_or_not_at_all(runs, tmp_path, monkeypatch):
    def fail(run, config):
        assert (run / "oof.npz").is_file()
        raise DataError("no rule")

    monkeypatch.setattr("kgcv.recipes.blend.decide_run", fail)
    with pytest.raises(DataError, match="no rule"):
        blend(ask(tmp_path, runs, output=tmp_path / "new" / "blend"))
    assert list((tmp_path / "new").iterdir()) == []


def test_what_a_killed_blend_left_vanishes_and_what_another_is_at_stays(runs, tmp_path):
    left, busy = tmp_path / ".blend.0000.tmp", tmp_path / ".blend.1111.tmp"
    for folder in (left, busy):
        folder.mkdir()
        (folder / "oof.npz").write_bytes(b"half")
    with only_here(RunFolder(busy)):
        blend(ask(tmp_path, runs, output=tmp_path / "blend"))
    assert (left.exists(), busy.exists()) == (False, True)


def test_the_default_folder_is_named_by_the_time(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = blend(ask(tmp_path, runs, output=None))
    assert result.path.parent == Path("runs")
    assert result.path.name.startswith("blend-")
    assert (result.path / "config.yaml").is_file()


def test_files_give_a_file(runs, tmp_path):
    files = [run / "test.npz" for run in runs]
    result = blend(ask(tmp_path, files, output=tmp_path / "mean.npz"))
    np.testing.assert_allclose(read_predictions(tmp_path / "mean.npz").values, [[0.7, 0.3], [0.2, 0.8]], atol=1e-6)
    assert (result.score, result.notes) == (None, ())


def test_files_with_labels_are_out_of_fold(tmp_path):
    runs = many(tmp_path)
    files = [run / "oof.npz" for run in runs]
    request = ask(tmp_path, files, BlendRule("weights"), labels=runs[0] / "labels.npz", output=tmp_path / "ab.npz")
    result = blend(replace(request, metric="log_loss"))
    for run in runs:
        (run / "split.csv").unlink()  # files have no folds either
    of_runs = blend(ask(tmp_path, runs, BlendRule("weights"), metric="log_loss"))
    assert (result.score, result.in_sample) == (of_runs.score, of_runs.in_sample)
    assert (tmp_path / "ab.npz").read_bytes() == (tmp_path / "blend" / "oof.npz").read_bytes()


def test_files_and_folders_do_not_mix(runs, tmp_path):
    with pytest.raises(ConfigError, match=r"test\.npz: is a file beside run folders"):
        blend(ask(tmp_path, [runs[0], runs[1] / "test.npz"]))
    with pytest.raises(ConfigError, match=r"files give a file: -o FILE\.npz"):
        blend(ask(tmp_path, [run / "test.npz" for run in runs]))
    with pytest.raises(ConfigError, match="run folders give a folder: -o DIR"):
        blend(ask(tmp_path, runs, output=tmp_path / "blend.npz"))
    with pytest.raises(ConfigError, match="two members or more"):
        blend(ask(tmp_path, runs[:1]))


def test_a_blend_of_one_label_can_be_submitted(runs, tmp_path):
    blend(ask(tmp_path, runs))
    result = check_submission(tmp_path / "blend", tmp_path / "mine.csv")
    assert result.path.read_text() == "id,label\ny,dog\nx,cat\n"


def test_a_blend_of_tags_is_decided_and_can_be_submitted(tmp_path):
    (tmp_path / "sample.csv").write_text("id,tags\ny,cat\nx,cat dog\n")
    runs = many(tmp_path, "multi", decision=DecisionConfig(thresholds="global"))
    blend(ask(tmp_path, runs, BlendRule("weights")))
    assert read_rule(tmp_path / "blend", CLASSES).thresholds.shape == (2,)
    assert check_submission(tmp_path / "blend", tmp_path / "mine.csv").num_rows == 2


@pytest.mark.parametrize("thresholds, has_rule", [("fixed", True), ("global", False)])
def test_without_out_of_fold_predictions_only_a_fixed_rule_can_be_had(tmp_path, thresholds, has_rule):
    runs = many(tmp_path, "multi", decision=DecisionConfig(thresholds=thresholds))
    (runs[0] / "oof.npz").unlink()
    assert blend(ask(tmp_path, runs)).decided is None
    assert (tmp_path / "blend" / "thresholds.json").is_file() == has_rule


def test_the_rule_s_score_is_told(tmp_path):
    runs = many(tmp_path, "multi", decision=DecisionConfig(thresholds="global"))
    result = blend(ask(tmp_path, runs))
    assert result.notes[0].startswith("f2 is of tags above one fixed threshold")
    assert blend(ask(tmp_path, runs, metric="roc_auc", output=tmp_path / "other")).notes == ()
    assert result.decided == json.loads((tmp_path / "blend" / "thresholds.json").read_text())["cross_fitted"]
    assert result.decided == json.loads((tmp_path / "blend" / "blend.json").read_text())["decided"]


def test_blending_loads_no_torch(runs, tmp_path):
    script = (
        "import sys\n"
        "from kgcv.cli.main import main\n"
        f"main(['blend', *{[str(run) for run in runs]!r}, '-o', {str(tmp_path / 'out')!r}], standalone_mode=False)\n"
        "loaded = {'torch', 'timm', 'matplotlib', 'kaggle'} & sys.modules.keys()  # scikit-learn loads pandas\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr
