"""From a run folder or a file to a scored submission, against the stand-in for Kaggle."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from kgcv.config.load import dump_config
from kgcv.config.schema import Config, DataConfig, ModelConfig, SplitConfig, StageConfig, SubmissionConfig
from kgcv.data.predictions import Predictions, write_predictions
from kgcv.errors import ConfigError, KaggleError, SubmissionError
from kgcv.events import Recorder
from kgcv.kaggle.client import KaggleClient
from kgcv.kaggle.ledger import Ledger
from kgcv.kaggle.settle import Desk
from kgcv.recipes.check_submission import CheckResult
from kgcv.recipes.own_score import make_message, read_own_score
from kgcv.recipes.submit import SubmitRequest, refresh_scores, submit

SLUG = "leaf-disease"


@pytest.fixture
def run(tmp_path):
    """A run of three folds whose sample file asks for the probability of `sick`."""
    data, folder = tmp_path / "data", tmp_path / "runs" / "one"
    data.mkdir()
    folder.mkdir(parents=True)
    (data / "sample.csv").write_text("id,label\n1,0.5\n2,0.5\n3,0.5\n")
    write_config(folder)
    values = np.array([[0.75, 0.25], [0.5, 0.5], [1, 0]], dtype=np.float32)
    write_predictions(folder / "test.npz", Predictions(("3", "1", "2"), ("sick", "well"), values, "single"))
    folds = {f"fold{fold}": {"log_loss": score} for fold, score in enumerate((0.3, 0.2, 0.4))}
    (folder / "scores.json").write_text(json.dumps({"valid": folds, "oof": {"log_loss": 0.31}}))
    return folder


def write_config(run, **changes):
    stages = tuple(StageConfig(image_size=size, lr=(0.1,)) for size in (64, 64, 128))
    sections = {
        "competition": SLUG,
        "data": DataConfig(root=str(run.parents[1] / "data"), sample_submission="sample.csv"),
        "model": ModelConfig(name="resnet18"),
        "stages": stages,
        "split": SplitConfig(kind="folds", num_folds=3),
        "submission": SubmissionConfig(format="probability", positive_class="sick"),
    }
    (run / "config.yaml").write_text(dump_config(Config(**{**sections, **changes})))


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "runs" / "submissions.jsonl")


@dataclass(frozen=True)
class Shell:
    """What a command gives to the recipe."""

    connect: Callable[[], KaggleClient]
    ledger: Ledger
    reporter: Recorder = field(default_factory=Recorder)

    def open_desk(self):
        return Desk(self.connect(), self.ledger, self.reporter, sleep=lambda _: None)

    def __call__(self, run_or_file, **how):
        return submit(SubmitRequest(run_or_file, **how), self.reporter, self.open_desk)


@pytest.fixture
def go(kaggle, ledger):
    """Submits."""
    return Shell(kaggle.connect, ledger)


def test_a_run_is_built_checked_submitted_and_scored(kaggle, ledger, go, run):
    result = go(run)
    (there,) = kaggle.submissions
    assert gzip.decompress(there.content) == b"id,label\n1,0.5\n2,1\n3,0.75\n"
    assert (there.slug, there.name) == (SLUG, "submission.csv.gz")
    assert there.content == (run / "submission.csv.gz").read_bytes()
    entry = result.entry
    assert (entry.status, entry.public_score, entry.run) == ("complete", 0.97531, "one")
    assert (entry.own_score, entry.metric, entry.greater_is_better) == (0.31, "log_loss", False)
    assert entry.own_spread == pytest.approx(0.1)  # of 0.3, 0.2 and 0.4, with N - 1
    assert entry.sha256 == there.sha256
    assert ledger.read() == (entry,)


@pytest.mark.parametrize("message", [None, "", "  \n"])
def test_a_message_is_made_where_none_is_given(kaggle, go, run, message):
    go(run, message=message)
    assert kaggle.submissions[0].description == "resnet18 64-128, log_loss 0.3100 ± 0.1000 (3 folds), one"


def test_the_given_message_is_taken_as_it_is(kaggle, go, run):
    go(run, message="zwei\nZeilen ü 🌱")
    assert kaggle.submissions[0].description == "zwei\nZeilen ü 🌱"


def test_without_waiting_it_is_submitted_and_can_be_asked_for(kaggle, ledger, go, run):
    kaggle.pending = 2
    assert go(run, wait=False).entry.status == "submitted"
    kaggle.submissions[0].pending = 0
    (entry,) = refresh_scores(go.open_desk(), None)
    assert (entry.status, entry.public_score) == ("complete", 0.97531)
    assert ledger.read() == (entry,)


def test_one_that_kaggle_cannot_score_ends_in_an_error(kaggle, ledger, go, run):
    kaggle.outcome, kaggle.error = "error", "Submission contains null values"
    with pytest.raises(KaggleError, match="could not score submission 50000001: Submission contains null values"):
        go(run)
    assert [entry.status for entry in ledger.read()] == ["error"]


def test_a_file_that_does_not_fit_sends_nothing(kaggle, go, run, tmp_path):
    (tmp_path / "data" / "sample.csv").write_text("id,label\n1,0.5\n4,0.5\n")
    with pytest.raises(SubmissionError, match="ids missing: 4"):
        go(run)
    assert kaggle.requests == []


def test_what_is_wrong_here_is_told_without_credentials(go, run, monkeypatch):
    monkeypatch.setattr("kgcv.recipes.submit.check_submission", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        submit(SubmitRequest(run), Recorder(), partial(pytest.fail, "connected before the check"))


def test_the_competition_may_be_given_and_must_be_known(kaggle, go, run, tmp_path):
    kaggle.files["other"] = {}
    go(run, competition="https://www.kaggle.com/competitions/other/overview")
    assert kaggle.submissions[0].slug == "other"
    write_config(run, competition=None)
    with pytest.raises(ConfigError, match=r"config\.yaml: competition is not set; name it with -c"):
        go(run)
    with pytest.raises(ConfigError, match=r"mine\.csv: name the competition of a file with -c"):
        go(tmp_path / "mine.csv")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("id,label\n1,0.1\n2,0.2\n3,0.3\n")
    return path


def test_a_file_is_submitted_as_it_is(kaggle, go, file, tmp_path):
    sample = tmp_path / "sample.csv"
    sample.write_text("id,label\n3,0.5\n2,0.5\n1,0.5\n")
    entry = go(file, competition=SLUG, sample=sample).entry
    assert kaggle.submissions[0].content == file.read_bytes()
    assert (entry.run, entry.own_score, entry.message) == (None, None, f"mine.csv {entry.sha256[:12]}")
    assert any("not in the sample file's order" in event.text for event in go.reporter.events if hasattr(event, "text"))


def test_a_file_is_submitted_in_order_where_asked(kaggle, go, file, tmp_path):
    sample = tmp_path / "sample.csv"
    sample.write_text("id,label\n3,0.5\n2,0.5\n1,0.5\n")
    go(file, competition=SLUG, sample=sample, output=tmp_path / "out.csv.gz")
    assert gzip.decompress(kaggle.submissions[0].content) == b"id,label\n3,0.3\n2,0.2\n1,0.1\n"
    assert kaggle.submissions[0].name == "out.csv.gz"


def test_the_sample_file_of_a_file_is_fetched(kaggle, go, file):
    go(file, competition=SLUG)
    assert len(kaggle.submissions) == 1
    assert "DownloadDataFile" in kaggle.routes()
    file.write_text("id,label\n1,0.1\n2,0.2\n")
    with pytest.raises(SubmissionError, match=r"mine\.csv: 1 ids missing: 3"):
        go(file, competition=SLUG)
    assert len(kaggle.submissions) == 1


def test_a_doubt_costs_nothing_unless_it_is_overruled(kaggle, go, file, tmp_path):
    file.write_text("id,label\n1,0.1\n2,0.2\n3,1.3\n")
    sample = tmp_path / "sample.csv"
    sample.write_text("id,label\n1,0.5\n2,0.5\n3,0.5\n")
    with pytest.raises(SubmissionError, match=r"(?s)outside 0 to 1.*if that is right all the same: --despite-doubts"):
        go(file, competition=SLUG, sample=sample)
    assert kaggle.requests == []
    go(file, competition=SLUG, sample=sample, despite_doubts=True)
    assert len(kaggle.submissions) == 1


# --- what a run says of itself

CHECKED = CheckResult(Path("submission.csv.gz"), 3, ("id", "label"), "probability", "0" * 64)


def test_tags_are_scored_with_their_decision_rule(run):
    rule = {"cross_fitted": 0.9, "metric": "f2", "like": None}
    (run / "thresholds.json").write_text(json.dumps(rule))
    own = read_own_score(run, "tags")
    assert (own.score, own.metric, own.greater_is_better) == (0.9, "f2", True)
    assert read_own_score(run, "probabilities").score == 0.31
    (run / "thresholds.json").write_text(json.dumps({**rule, "like": "runs/other"}))
    assert read_own_score(run, "tags").score == 0.31


def test_a_blend_is_told_by_its_method(run):
    record = {"rule": {"method": "ridge"}, "metric": "log_loss", "score": 0.25, "members": [{}, {}]}
    (run / "blend.json").write_text(json.dumps(record))
    own = read_own_score(run, "probability")
    assert (own.model, own.sizes, own.score, own.spread) == ("ridge of 2", (), 0.25, None)
    assert make_message(CHECKED, own) == "ridge of 2, log_loss 0.2500, one"


def test_a_run_without_scores_is_told_by_what_is_known(run):
    (run / "scores.json").unlink()
    own = read_own_score(run, "probability")
    assert (own.score, own.metric) == (None, None)
    assert make_message(CHECKED, own) == "resnet18 64-128, one"
