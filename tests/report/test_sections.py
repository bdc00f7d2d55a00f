"""Every section on run folders as training leaves them."""

import json

import pytest

from kgcv.files import hash_file, write_json
from kgcv.kaggle.ledger import Entry, Ledger
from kgcv.recipes.blend import blend
from kgcv.recipes.blend_scores import BlendRequest
from kgcv.recipes.decision import decide_run
from kgcv.recipes.report_data import read_report_data
from kgcv.report.answer_sections import blend_section, view_section
from kgcv.report.class_section import class_section
from kgcv.report.history_section import history_section
from kgcv.report.number_section import number_section
from kgcv.report.page import Folded, Picture, Table, Text, render_page
from kgcv.report.sections import build_sections
from kgcv.report.summary_section import summary_section
from kgcv.report.tag_section import tag_section
from kgcv.report.time_section import time_section
from kgcv.scoring.blending import BlendRule


def build(builder, run, ledger=None):
    return builder(read_report_data(run, ledger))


def pick(section, kind):
    return [block for block in section.blocks if isinstance(block, kind)]


def rows_of(section, start):
    """The rows of the table whose caption begins with `start`, by their first cell."""
    (table,) = [table for table in pick(section, Table) if table.caption.startswith(start)]
    assert all(len(row) == len(table.header) for row in table.rows)
    return {row[0]: row[1:] for row in table.rows}


@pytest.fixture
def run(write_run, tmp_path):
    return write_run(tmp_path / "one")


TASKS = {"single": class_section, "multi": tag_section, "regression": number_section}


@pytest.mark.parametrize("task", TASKS)
def test_each_task_has_its_section(write_run, tmp_path, task):
    run = write_run(tmp_path / "one", task)
    section = build(TASKS[task], run)
    for block in pick(section, Picture) + pick(section, Table):
        assert "60 validation samples (oof.npz)" in block.caption
    for picture in pick(section, Picture):
        assert picture.alt.endswith(".") and len(picture.alt) > 30
    assert [build(TASKS[other], run) for other in TASKS if other != task] == [None, None]


def test_the_summary_has_the_scores_as_reported(run):
    summary = build(summary_section, run)
    scores = json.loads((run / "scores.json").read_text())
    score = scores["oof"]["accuracy"]
    assert rows_of(summary, "Scores")["accuracy"] == (f"{score:.4f}", f"{score:.4f}", f"{score + 0.01:.4f}", "0.0071")
    assert f"accuracy {score:.4f} ± 0.0071 between folds (greater is better)" in pick(summary, Text)[0].paragraph
    facts = rows_of(summary, "The run")
    assert facts["training + validation"] == ("30 + 30; 30 + 30",)
    assert facts["command"] == ("kgcv train 'a b.yaml'",)
    assert facts["git commit of the working directory"] == ("0123abc",)
    assert facts["time trained"] == ("1m23s in 1 session",)
    assert rows_of(summary, "Stages")["2"] == ("128 px", "1 + 2", "64", "0.001, 0.01, 0.1", "cosine")


def test_the_summary_has_thresholds_in_sample_and_cross_fitted(write_run, tmp_path):
    run = write_run(tmp_path / "one", "multi")
    data = read_report_data(run)
    assert data.config is not None
    result = decide_run(run, data.config)
    assert result is not None
    summary = build(summary_section, run)
    rows = rows_of(summary, "Decision rules")
    assert rows["fixed 0.2"][0] == "chosen" and rows["global"][0] == ""
    assert rows["global"][1:] == tuple(
        f"{score:.4f}" for score in (result.rules["global"].in_sample, result.rules["global"].cross_fitted)
    )
    (table,) = [table for table in pick(summary, Table) if table.caption.startswith("Scores")]
    assert "f2: tags with a probability above 0.2 count as given" in table.caption


def test_the_summary_has_submissions_where_the_ledger_has_some(run, tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    entry = Entry(
        competition="leaf", sha256="0", file="f", message="", run="one", own_score=0.9, metric="f2", public_score=0.875
    )
    ledger.add(entry)
    rows = rows_of(build(summary_section, run, ledger.path), "Submissions")
    assert rows[entry.time] == ("pending", "f2", "0.9000", "-", "0.8750", "-", "-0.0250")


def test_views_behind_the_predictions_are_named(run):
    for fold in (0, 1):
        file = run / f"fold{fold}/valid.npz"
        note = {"weights": "", "samples": "", "views": ["plain", "mirrored"], "view_weights": [0.5, 0.5], "details": ""}
        write_json(file.with_suffix(".json"), {"sha256": hash_file(file), **note})
    caption = pick(build(summary_section, run), Table)[0].caption
    assert "averaged over the views plain, mirrored" in caption


def test_the_history_names_best_epochs_stages_and_sweeps(run):
    (run / "fold0/lr_find.csv").write_text("step,lr,loss,smoothed_loss\n0,0.001,2.0,2.1\n1,0.01,1.5,1.9\n")
    history = build(history_section, run)
    assert "fold 1: epoch 4 of 5 (stage 2), 0.8000" in pick(history, Text)[0].paragraph
    score, _, rates, sweep = pick(history, Picture)
    assert "Stages, between dotted lines: 1: 64 px, frozen; 2: 128 px." in score.caption
    assert "fold 0: 0.5 at first, best 0.8 in epoch 4, 0.9 at last" in score.alt
    svg = score.content.decode("utf-8")
    assert ">1: 64 px<" in svg and ">2: 128 px<" in svg and ">fold 1<" in svg
    assert "lowest near 0.01" in sweep.alt and "fold0/lr_find.csv" in sweep.caption
    assert "at most 0.1" in rates.alt
    (folded,) = pick(history, Folded)
    assert [len(table.rows) for table in folded.blocks if isinstance(table, Table)] == [5, 5]


def test_a_run_that_validates_nothing_has_losses_and_rates(run):
    for file in run.glob("fold*/metrics.jsonl"):
        rows = [{**json.loads(line), "scores": {}, "valid_loss": None} for line in file.read_text().splitlines()]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    history = build(history_section, run)
    assert "Nothing validated" in pick(history, Text)[0].paragraph
    loss, _ = pick(history, Picture)
    assert "fold 0: training 2 to 0.4; fold 1" in loss.alt


def test_what_was_not_recorded_is_said_so(run):
    time = build(time_section, run)
    assert "not recorded (the run folder has no events.jsonl)" in pick(time, Text)[0].paragraph
    assert rows_of(time, "Sessions") == {"1": ("2026-01-02T03:04:05", "1m23s", "finished")}
    (run / "sessions.jsonl").unlink()
    assert [text.paragraph for text in pick(build(time_section, run), Text)][1:] == ["Sessions: not recorded."]


def test_throughput_and_where_time_went(run):
    moments = [
        {"event": "run_started", "second": 0},
        {"event": "stage_started", "second": 10, "stage": 0},
        {"event": "epoch_done", "second": 40, "stage": 0, "epoch": 0, "seconds": 20, "samples_per_second": 300},
        {"event": "epoch_done", "second": 55, "stage": 0, "epoch": 1, "seconds": 10, "samples_per_second": 600},
    ]
    lines = [{"at": f"2026-01-02T03:04:{each.pop('second'):02d}+00:00", "fold": 0, **each} for each in moments]
    (run / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    time = build(time_section, run)
    pace, spent = pick(time, Picture)
    assert "from 300 to 600" in pace.alt
    assert (
        spent.alt
        == "Time by what was done: training 30s, validation and checkpoints 15s, starting, stopping, the rest 10s."
    )
    # Two epochs of as many images: 2 / (1/300 + 1/600).
    (table,) = [table for table in pick(time, Table) if table.caption.startswith("Training throughput")]
    assert table.rows == (("0", "1", "2", "400", "300", "600"),)


def test_long_tables_are_folded_below_the_worst(write_run, tmp_path):
    classes = build(class_section, write_run(tmp_path / "one", num_classes=30))
    assert [block.title for block in pick(classes, Folded)] == ["All 30 classes"]
    assert len(rows_of(classes, "The 20 classes with the lowest F1")) == 20


def test_names_of_classes_are_text_everywhere(write_run, tmp_path):
    page = render_page("x", [build(class_section, write_run(tmp_path / "one"))])
    assert "a &lt;b&gt; &amp; $c$" in page and "<b>" not in page


@pytest.mark.parametrize("with_sweep", [True, False])
def test_views_are_shown_where_they_were_compared(run, with_sweep):
    if not with_sweep:
        assert build(view_section, run) is None
        return
    plain = {"name": "identity", "views": ["plain"], "passes": 1, "score": 0.8, "gain": 0.0}
    better = {"name": "greedy", "views": ["plain", "mirrored"], "passes": 2, "score": 0.85, "gain": 0.05}
    noted = {
        "metric": "accuracy",
        "num_images": 60,
        "sets": [plain],
        "singles": [{**better, "name": "plain + mirrored"}],
        "greedy": better,
        "cross_fitted": 0.82,
        "cross_fitted_gain": 0.02,
        "parts": "folds",
    }
    (run / "tta.json").write_text(json.dumps(noted))
    views = build(view_section, run)
    rows = rows_of(views, "Sets of views, on 60 validation images")
    assert rows["greedy, cross-fitted"] == ("", "0.8200", "+0.0200") and rows["greedy"] == ("2", "0.8500", "+0.0500")
    assert "a gain of +0.0200 over the plain view: the one to believe" in pick(views, Text)[0].paragraph


def test_a_blend_has_its_members_and_no_training(write_run, tmp_path):
    members = tuple(write_run(tmp_path / name) for name in ("one", "two"))
    blend(BlendRequest(members=members, rule=BlendRule("mean"), output=tmp_path / "both"))
    section = build(blend_section, tmp_path / "both")
    assert [build(builder, tmp_path / "both") for builder in (time_section, history_section)] == [None, None]
    assert "This run is a blend of others" in pick(build(summary_section, tmp_path / "both"), Text)[0].paragraph
    score = json.loads((tmp_path / "one/scores.json").read_text())["oof"]["accuracy"]
    numbers = ("0.5000", f"{score:.4f}", f"{score:.4f}")
    assert rows_of(section, "Members") == {"one": numbers, "two": numbers}
    assert "from 1.000 to 1.000" in pick(section, Picture)[0].alt


def test_a_run_without_predictions_has_a_summary_all_the_same(run):
    for file in [run / "scores.json", run / "oof.npz", *run.glob("fold*/*")]:
        file.unlink()
    (run / "sessions.jsonl").unlink()
    summary, *others = build_sections(read_report_data(run))
    assert [section.anchor for section in others] == ["time"]
    assert "There is nothing to compute scores on" in pick(summary, Text)[0].paragraph
