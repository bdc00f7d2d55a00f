"""The table of runs, from folders made by hand as training leaves them."""

import json
import math
import os
import shutil
import subprocess
import sys
import time

import pytest

from kgcv.config.load import dump_config
from kgcv.config.schema import Config, DataConfig, ModelConfig, SplitConfig, StageConfig, TrainConfig
from kgcv.errors import CheckpointError, DataError
from kgcv.recipes.blend import blend
from kgcv.recipes.blend_scores import BlendRequest
from kgcv.recipes.runs import compare_runs, list_runs, summarize_run
from kgcv.scoring.blending import BlendRule


def config_of(num_folds=3, **sections):
    split = SplitConfig(kind="folds", num_folds=num_folds) if num_folds > 1 else SplitConfig()
    stages = (StageConfig(image_size=64, lr=(0.1,)), StageConfig(image_size=128, lr=(0.1,)))
    defaults = {"data": DataConfig(root="data"), "model": ModelConfig(name="resnet18"), "stages": stages}
    return Config(**{**defaults, "split": split, **sections})


def write_run(folder, config, scores=None, sessions=(), day=1, folds_done=0):
    """A run folder; `day` is when it was made."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(dump_config(config))
    os.utime(folder / "config.yaml", (day * 86400, day * 86400))
    if scores is not None:
        (folder / "scores.json").write_text(json.dumps(scores))
    if sessions:
        (folder / "sessions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in sessions))
    for fold in range(folds_done):
        (folder / f"fold{fold}").mkdir()
        (folder / f"fold{fold}" / "valid.npz").write_bytes(b"never read")
        (folder / f"fold{fold}" / "best.safetensors").write_bytes(b"0" * 2_500_000)
    return folder


def session(seconds, ended):
    return {"started": "2026-01-01T00:00:00", "seconds": seconds, "ended": ended}


FOLD_SCORES = {f"fold{fold}": {"f2": score, "accuracy": 0.1} for fold, score in enumerate((0.7, 0.8, 0.9))}


def test_a_finished_run(tmp_path):
    folder = write_run(
        tmp_path / "planet",
        config_of(train=TrainConfig(metric="f2")),
        {"valid": FOLD_SCORES, "oof": {"accuracy": 0.1, "f2": 0.81}},
        [session(60.5, "stopped"), session(39.5, "finished")],
        folds_done=3,
    )
    (folder / "thresholds.json").write_text('{"rule": "global", "cross_fitted": 0.85}')
    run = summarize_run(folder)
    assert (run.name, run.state, run.model, run.note) == ("planet", "finished", "resnet18", None)
    assert (run.metric, run.greater_is_better, run.score, run.decided) == ("f2", True, 0.81, 0.85)
    assert run.spread == pytest.approx(0.1)  # of 0.7, 0.8 and 0.9, with N - 1
    assert (run.folds_done, run.num_folds, run.image_size) == (3, 3, 128)
    assert (run.seconds, run.weights_bytes) == (100.0, 2_500_000)


@pytest.mark.parametrize(
    "sessions, folds_done, state",
    [
        ([session(1, "finished")], 3, "finished"),
        ([session(1, "stopped"), session(1, "finished")], 1, "partial"),
        ([session(1, "finished"), session(1, "stopped")], 2, "interrupted"),
        ([session(1, "failed")], 0, "interrupted"),
        ([], 1, "interrupted"),
    ],
)
def test_states(tmp_path, sessions, folds_done, state):
    run = summarize_run(write_run(tmp_path / "a", config_of(), sessions=sessions, folds_done=folds_done))
    assert (run.state, run.folds_done, run.score) == (state, folds_done, None)
    assert run.seconds == (sum(line["seconds"] for line in sessions) if sessions else None)


@pytest.mark.parametrize(
    "split, rows, num_folds",
    [
        (SplitConfig(), None, 1),
        (SplitConfig(kind="folds", num_folds=7), None, 7),
        (SplitConfig(kind="column", column="part"), "a,0\nb,3\nc,-1\n", 4),
        (SplitConfig(kind="column", column="part"), None, None),
        (SplitConfig(train_on_all=True), None, 1),
    ],
)
def test_the_number_of_folds(tmp_path, split, rows, num_folds):
    folder = write_run(tmp_path / "a", config_of(split=split))
    if rows:
        (folder / "split.csv").write_text(f"id,fold\n{rows}")
    assert summarize_run(folder).num_folds == num_folds


def test_a_run_that_trained_on_all_has_no_scores(tmp_path):
    config = config_of(split=SplitConfig(train_on_all=True))
    folder = write_run(tmp_path / "a", config, {"valid": {"fold0": {}}}, [session(5, "finished")])
    run = summarize_run(folder)
    assert (run.state, run.metric, run.score, run.spread) == ("finished", None, None, None)


def test_a_metric_that_the_config_does_not_name_is_the_first_that_was_scored(tmp_path):
    scores = {"valid": {"fold0": {"rmse": 2.0}}, "oof": {"rmse": 2.0, "mae": 1.0}}
    run = summarize_run(write_run(tmp_path / "a", config_of(1), scores))
    assert (run.metric, run.greater_is_better, run.score, run.spread) == ("rmse", False, 2.0, None)


def test_a_metric_of_a_file_has_the_direction_of_the_config(tmp_path):
    train = TrainConfig(metric_file="score.py", metric_direction="minimize")
    run = summarize_run(write_run(tmp_path / "a", config_of(1, train=train), {"oof": {"score": 0.3}}))
    assert (run.metric, run.greater_is_better) == ("score", False)
    run = summarize_run(write_run(tmp_path / "b", config_of(1), {"oof": {"of another age": 0.3}}))
    assert (run.metric, run.greater_is_better) == ("of another age", None)


def test_nan_is_no_score(tmp_path):
    scores = {"valid": {"fold0": {"f2": math.nan}, "fold1": {"f2": 0.5}}, "oof": {"f2": math.nan}}
    run = summarize_run(write_run(tmp_path / "a", config_of(), scores))
    assert (run.metric, run.score, run.spread) == ("f2", None, None)


def test_a_session_that_a_crash_cut_off_is_passed_over(tmp_path):
    folder = write_run(tmp_path / "a", config_of(1), sessions=[session(5, "stopped")])
    with (folder / "sessions.jsonl").open("a") as stream:
        stream.write('{"started": "2026-')
    assert summarize_run(folder).seconds == 5


def write_blend(folder, score=0.9):
    folder.mkdir()
    record = {"rule": {"method": "weights", "power": 2.0}, "metric": "f2", "score": score, "members": [{}, {}, {}]}
    (folder / "blend.json").write_text(json.dumps(record))
    return folder


def test_a_blend(tmp_path):
    folder = write_blend(tmp_path / "mix")
    run = summarize_run(folder)
    assert (run.state, run.model, run.metric, run.score) == ("blend", "weights of 3", "f2", 0.9)
    assert (run.greater_is_better, run.folds_done, run.image_size, run.seconds) == (True, None, None, None)
    (folder / "config.yaml").write_text(dump_config(config_of()))
    assert summarize_run(folder).state == "blend"


def test_foreign_and_damaged_folders_are_listed_with_a_note(tmp_path):
    (tmp_path / "foreign").mkdir()
    damaged: dict[str, tuple[str, str | bytes, str]] = {
        "no-yaml": ("config.yaml", "a: [", "config.yaml: not valid YAML"),
        "no-keys": ("config.yaml", "", "config.yaml: holds no keys"),
        "no-model": ("config.yaml", "model: 3", "its files are not as kgcv writes them: TypeError"),
        "no-text": ("config.yaml", b"\xff", "its files are not as kgcv writes them: UnicodeDecodeError"),
        "no-json": ("scores.json", "{", "scores.json: is not valid JSON"),
        "no-scores": ("scores.json", '{"oof": 3}', "scores.json: is not as kgcv writes it (TypeError"),
        "no-session": ("sessions.jsonl", "3\n", "its files are not as kgcv writes them: TypeError"),
        "no-blend": ("blend.json", "{}", "its files are not as kgcv writes them: KeyError"),
    }
    for name, (file, content, _) in damaged.items():
        path = write_run(tmp_path / name, config_of()) / file
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    sound = write_run(tmp_path / "sound", config_of())
    runs = {run.name: run for run in list_runs(tmp_path)}
    assert runs["foreign"].note == "is not a run folder (it has no config.yaml)"
    for name, (_, _, note) in damaged.items():
        assert note in (runs[name].note or ""), name
        assert runs[name].state == "unreadable"
    assert runs[sound.name].state == "interrupted"


def test_a_key_that_is_no_more_does_not_hide_a_run(tmp_path):
    folder = write_run(tmp_path / "a", config_of())
    with (folder / "config.yaml").open("a") as stream:
        stream.write("of_yesterday: 3\n")
    assert summarize_run(folder).model == "resnet18"


def test_which_folders_are_listed(tmp_path):
    write_run(tmp_path / "a", config_of())
    (tmp_path / "latest").symlink_to("a")
    (tmp_path / ".blend.1234.tmp").mkdir()
    (tmp_path / "notes.txt").write_text("")
    assert [run.name for run in list_runs(tmp_path)] == ["a"]
    assert [run.name for run in list_runs(tmp_path / "latest")] == ["a"]
    with pytest.raises(DataError, match="nowhere: there is no such folder"):
        list_runs(tmp_path / "nowhere")


def test_the_order(tmp_path):
    for day, (name, scores) in enumerate(
        {
            "e": {"f2": 0.5},
            "a": {"rmse": 3.0},
            "d": {"f2": 0.7},
            "c": {"rmse": 1.0},
            "b": None,
            "f": {"of another age": 9.0},
        }.items(),
        start=1,
    ):
        write_run(tmp_path / name, config_of(), scores and {"oof": scores}, day=day)
    assert [run.name for run in list_runs(tmp_path)] == list("eadcbf")
    assert [run.name for run in list_runs(tmp_path, "name")] == list("abcdef")
    assert [run.name for run in list_runs(tmp_path, "score")] == list("decabf")


def test_two_runs_side_by_side(tmp_path):
    first = write_run(tmp_path / "a", config_of(), {"oof": {"f2": 0.5, "accuracy": 0.6}})
    stages = (StageConfig(image_size=64, lr=(0.1, 0.2)),)
    config = config_of(train=TrainConfig(seed=7), stages=stages, augment=config_of().augment)
    second = write_run(tmp_path / "b", config, {"oof": {"f2": 0.7}})
    found = compare_runs([first, second])
    assert [run.name for run in found.runs] == ["a", "b"]
    assert found.scores == {"f2": (0.5, 0.7), "accuracy": (0.6, None)}
    differences = dict(found.differences)
    assert differences.pop("stages.0.lr") == ([0.1], [0.1, 0.2])
    assert differences.pop("train.seed") == (42, 7)
    assert differences.pop("stages.1.image_size") == (128, None)
    assert all(key.startswith("stages.1.") for key in differences)


def test_equal_runs_differ_in_nothing(tmp_path):
    folders = [write_run(tmp_path / name, config_of()) for name in "ab"]
    assert compare_runs(folders).differences == {}


def test_a_blend_beside_a_run(tmp_path):
    found = compare_runs([write_blend(tmp_path / "mix"), write_run(tmp_path / "a", config_of())])
    assert found.differences["model.name"] == (None, "resnet18")


def test_only_runs_can_be_compared(tmp_path):
    (tmp_path / "b").mkdir()
    with pytest.raises(CheckpointError, match="b: is not a run folder"):
        compare_runs([write_run(tmp_path / "a", config_of()), tmp_path / "b"])


def test_a_run_as_training_leaves_it(straight, tmp_path):
    run = summarize_run(shutil.copytree(straight.folder, tmp_path / "runs" / "a"))
    (tmp_path / "runs" / "latest").symlink_to("a")
    assert (run.state, run.model, run.metric, run.image_size) == ("finished", "tiny_resnet", "accuracy", 20)
    assert run.score == straight.oof_scores["accuracy"]
    assert (run.folds_done, run.num_folds) == (1, 1)
    assert run.seconds is not None and run.weights_bytes is not None
    again = blend(BlendRequest((run.path, run.path), BlendRule("mean"), output=tmp_path / "runs" / "b"))
    assert again.score == run.score
    assert [row.name for row in list_runs(tmp_path / "runs")] == ["a", "b"]


def test_two_hundred_runs_are_listed_in_a_moment(tmp_path):
    scores = {"valid": FOLD_SCORES, "oof": {"f2": 0.8}}
    one = write_run(tmp_path / "one", config_of(), scores, [session(1, "finished")])
    for number in range(200):
        shutil.copytree(one, tmp_path / "runs" / f"run{number}")
    start = time.process_time()
    assert len(list_runs(tmp_path / "runs")) == 200
    assert time.process_time() - start < 5  # a tenth of that on an idle core


def test_listing_runs_loads_nothing_heavy(tmp_path):
    write_run(tmp_path / "a", config_of(), {"oof": {"f2": 0.8}})
    script = (
        "import sys\n"
        "from kgcv.cli.main import main\n"
        f"main(['runs', {str(tmp_path)!r}], standalone_mode=False)\n"
        f"main(['runs', {str(tmp_path / 'a')!r}, {str(tmp_path / 'a')!r}], standalone_mode=False)\n"
        "assert not {'torch', 'timm', 'pandas', 'sklearn', 'scipy', 'matplotlib'} & sys.modules.keys()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
