import gzip
import hashlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from kgcv.config.load import dump_config
from kgcv.config.schema import (
    Config,
    DataConfig,
    DecisionConfig,
    ModelConfig,
    StageConfig,
    SubmissionConfig,
    TrainSourceConfig,
)
from kgcv.data.predictions import Predictions, write_predictions
from kgcv.errors import ConfigError, DataError, SubmissionError
from kgcv.recipes.check_submission import check_submission
from kgcv.recipes.decision import decide_run
from kgcv.submission.table import Submission

FROM_FOLDERS = TrainSourceConfig()


@pytest.fixture
def run(tmp_path):
    """A run folder with two test predictions in fold 0, whose sample file asks for labels."""
    data, folder = tmp_path / "data", tmp_path / "runs" / "one"
    data.mkdir()
    folder.mkdir(parents=True)
    (data / "sample.csv").write_text("id,label\nb,cat\na,cat\n")
    write_config(folder, data)
    write_test(folder / "fold0" / "test.npz", [[0.75, 0.25], [0.25, 0.75]])
    return folder


def write_config(run, data, sample="sample.csv", train=FROM_FOLDERS, **sections):
    config = Config(
        data=DataConfig(root=str(data), train=train, sample_submission=sample),
        model=ModelConfig(name="resnet18"),
        stages=(StageConfig(image_size=8, lr=(0.1,)),),
        **sections,
    )
    (run / "config.yaml").write_text(dump_config(config))
    return config


def write_test(path, values, task="single", class_names=("cat", "dog")):
    predictions = Predictions(("a", "b"), class_names, np.array(values, dtype=np.float32), task)
    write_predictions(path, predictions)


def test_a_run_gives_a_file_in_its_folder(run):
    result = check_submission(run)
    assert result.path == run / "submission.csv.gz"
    content = result.path.read_bytes()
    assert gzip.decompress(content) == b"id,label\nb,dog\na,cat\n"
    assert result.sha256 == hashlib.sha256(content).hexdigest()
    assert (result.num_rows, result.columns, result.format) == (2, ("id", "label"), "label")


def test_it_may_go_elsewhere(run, tmp_path):
    assert check_submission(run, tmp_path / "out" / "mine.csv").path.read_text() == "id,label\nb,dog\na,cat\n"
    assert not (run / "submission.csv.gz").exists()


def test_the_same_predictions_give_the_same_bytes(run):
    assert check_submission(run).sha256 == check_submission(run).sha256


def test_predictions_over_all_folds_come_first(run):
    write_test(run / "fold1" / "test.npz", [[0.9, 0.1], [0.1, 0.9]])
    write_test(run / "test.npz", [[0.0, 1.0], [1.0, 0.0]])
    check_submission(run)
    assert gzip.decompress((run / "submission.csv.gz").read_bytes()) == b"id,label\nb,cat\na,dog\n"


def test_a_folder_without_folds_such_as_a_blend_is_enough(run):
    shutil.rmtree(run / "fold0")
    write_test(run / "test.npz", [[0.0, 1.0], [1.0, 0.0]])
    assert check_submission(run).format == "label"


def test_the_only_fold_that_was_trained_is_enough(run):
    (run / "fold0").rename(run / "fold3")
    check_submission(run)
    assert gzip.decompress((run / "submission.csv.gz").read_bytes()) == b"id,label\nb,dog\na,cat\n"


def test_one_of_several_folds_is_not_enough(run):
    (run / "fold1").mkdir()
    message = r"one: holds no mean of the test predictions of its 2 folds; make them with: kgcv tta \S+ --split test$"
    with pytest.raises(DataError, match=message):
        check_submission(run)


def test_the_config_says_the_format(run, tmp_path):
    write_config(run, tmp_path / "data", submission=SubmissionConfig(format="probability", positive_class="dog"))
    assert check_submission(run, tmp_path / "a.csv").path.read_text() == "id,label\nb,0.75\na,0.25\n"


@pytest.fixture
def tagged(run, tmp_path):
    """The run with tags, of which 0.6 and more are given."""
    config = write_config(run, tmp_path / "data", decision=DecisionConfig(threshold=0.5))
    names = ("bare ground", "road")
    write_test(run / "fold0" / "test.npz", [[0.6, 0.3], [0.6, 0.7]], "multi", names)
    (tmp_path / "data" / "sample.csv").write_text("id,tags\nb,bare ground;road\na,road\n")
    for name in ("oof.npz", "labels.npz"):
        write_test(run / name, [[1, 0], [0, 1]], "multi", names)
    (run / "split.csv").write_text("id,fold\na,0\nb,0\n")
    decide_run(run, config)
    return run


def retag(run, root, **sections):
    """Other settings for a run of tags separated by semicolons."""
    source = TrainSourceConfig(labels="train.csv", label_separator=";")
    return write_config(run, root, train=source, **sections)


def test_tags_are_decided_by_the_run_and_joined_as_the_labels_are(tagged, tmp_path):
    retag(tagged, tmp_path / "data")
    result = check_submission(tagged, tmp_path / "a.csv")
    assert result.path.read_text() == "id,tags\nb,bare ground;road\na,bare ground\n"
    assert (result.format, result.warnings) == ("tags", ())


def test_the_submission_may_have_another_separator_than_the_labels(tagged, tmp_path):
    (tmp_path / "data" / "sample.csv").write_text("id,tags\nb,bare ground|road\na,road\n")
    retag(tagged, tmp_path / "data", submission=SubmissionConfig(separator="|"))
    assert "b,bare ground|road\n" in check_submission(tagged, tmp_path / "a.csv").path.read_text()
    retag(tagged, tmp_path / "data")
    with pytest.raises(ConfigError, match=r"submission\.separator: the sample file puts '\|' between the tags"):
        check_submission(tagged)


def test_images_without_a_tag_are_told(tagged, tmp_path):
    retag(tagged, tmp_path / "data")
    write_test(tagged / "fold0" / "test.npz", [[0.3, 0.3], [0.6, 0.7]], "multi", ("bare ground", "road"))
    (warning,) = check_submission(tagged, tmp_path / "a.csv").warnings
    assert warning.startswith("1 of 2 images have no tag (a); their cells are empty, which Kaggle reads as missing;")
    assert "decision.never_empty" in warning


def test_probabilities_need_no_decision(tagged, tmp_path):
    retag(tagged, tmp_path / "data")
    (tagged / "thresholds.json").unlink()
    with pytest.raises(DataError, match=r"kgcv decide"):
        check_submission(tagged)
    (tmp_path / "data" / "sample.csv").write_text("id,road,bare ground\nb,0.5,0.5\na,0.5,0.5\n")
    result = check_submission(tagged, tmp_path / "a.csv")
    assert result.path.read_text() == "id,road,bare ground\nb,0.7,0.6\na,0.3,0.6\n"


def test_what_is_written_is_compared_with_the_predictions(run, monkeypatch):
    check_submission(run)
    before = (run / "submission.csv.gz").read_bytes()
    # A mistake in the building of rows, which leaves a file that looks like any other.
    wrong = Submission(("id", "label"), (("b", "a"), ("cat", "cat")), "label")
    monkeypatch.setattr("kgcv.recipes.check_submission.build_submission", lambda *_: wrong)
    with pytest.raises(SubmissionError, match=r"does not say what the predictions say at 1 ids: b$"):
        check_submission(run)
    assert (run / "submission.csv.gz").read_bytes() == before


def test_no_predictions_say_how_to_make_them(run):
    (run / "fold0" / "test.npz").unlink()
    with pytest.raises(DataError, match=r"holds no test predictions; make them with: kgcv tta .* --split test"):
        check_submission(run)


def test_no_sample_file_is_asked_for(run, tmp_path):
    write_config(run, tmp_path / "data", sample=None)
    with pytest.raises(ConfigError, match=r"data\.sample_submission is not set"):
        check_submission(run)
    result = check_submission(run, sample=tmp_path / "data" / "sample.csv")
    assert result.num_rows == 2


def test_a_refused_submission_leaves_the_older_file(run):
    check_submission(run)
    before = (run / "submission.csv.gz").read_bytes()
    write_test(run / "fold0" / "test.npz", [[np.nan, 0.25], [0.25, 0.75]])
    with pytest.raises(DataError, match=r"fold0/test\.npz: has NaN or infinite values at 1 ids"):
        check_submission(run)
    assert (run / "submission.csv.gz").read_bytes() == before


def test_a_file_is_checked_and_not_touched(tmp_path):
    mine, sample = tmp_path / "mine.csv", tmp_path / "sample.csv"
    mine.write_text("id,x\nb,2\na,1\n")
    sample.write_text("id,x\na,0\nb,0\n")
    result = check_submission(mine, sample=sample)
    assert (result.path, result.format, result.num_rows) == (mine, "file", 2)
    assert mine.read_text() == "id,x\nb,2\na,1\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.csv", "sample.csv"]


def test_a_file_is_written_in_order_where_asked(tmp_path):
    mine, sample = tmp_path / "mine.csv", tmp_path / "sample.csv"
    mine.write_text("id,x\nb,2\na,1\n")
    sample.write_text("id,x\na,0\nb,0\n")
    result = check_submission(mine, tmp_path / "out.csv", sample)
    assert result.path.read_text() == "id,x\na,1\nb,2\n"


def test_a_file_needs_a_sample(tmp_path):
    (tmp_path / "mine.csv").write_text("id,x\na,1\n")
    with pytest.raises(ConfigError, match=r"mine\.csv: .*name it with --sample"):
        check_submission(tmp_path / "mine.csv")


def test_checking_a_submission_loads_no_torch():
    code = (
        "import sys, kgcv.recipes.check_submission; sys.exit(bool({'torch', 'pandas', 'sklearn'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
