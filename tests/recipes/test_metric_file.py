"""A competition's own metric: two files in the style that Kaggle publishes, scored by hand, and what may go wrong."""

import gzip
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

from kgcv.config.schema import (
    Config,
    DataConfig,
    DecisionConfig,
    ModelConfig,
    StageConfig,
    SubmissionConfig,
    TrainConfig,
    TrainSourceConfig,
)
from kgcv.data.labels import LabelSet
from kgcv.data.predictions import Predictions, as_predictions
from kgcv.errors import ConfigError, DataError, KgcvError, SubmissionError
from kgcv.recipes.metric import load_metric
from kgcv.recipes.metric_file import FileMetric, SubmissionForm
from kgcv.submission.build import build_submission
from kgcv.submission.formats import find_format, submission_settings
from kgcv.submission.table import read_sample, write_submission

WEIGHTED_AUC = '''
"""The area under the ROC curve of each target, weighted."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pandas.api.types
from sklearn.metrics import roc_auc_score


class ParticipantVisibleError(Exception):
    pass


@dataclass
class Weights:
    """Its annotations are text, which Python looks up in the module."""

    first: float = 1.0


def score(solution: pd.DataFrame, submission: pd.DataFrame, row_id_column_name: str, first: float = 3.0) -> float:
    del solution[row_id_column_name]
    del submission[row_id_column_name]
    for column in submission.columns:
        if not pandas.api.types.is_numeric_dtype(submission[column]):
            raise ParticipantVisibleError("Submission column must be a number")
        if submission[column].max() > 0.95:
            raise ParticipantVisibleError("Too sure\\nof itself")
    print("scoring")
    areas = [roc_auc_score(solution[column], submission[column]) for column in sorted(submission.columns)]
    return float(np.average(areas, weights=[first, Weights().first]))
'''

F_BETA = """
import pandas as pd
from beside import words


def score(solution, submission, row_id_column_name, beta=2):
    merged = solution.merge(submission, on=row_id_column_name, suffixes=("_true", "_given"))
    total = 0.0
    for true, given in zip(merged["tags_true"], merged["tags_given"]):
        true, given = words(true), words(given)
        right = len(true & given)
        total += (1 + beta**2) * right / (beta**2 * len(true) + len(given)) if right else 0.0
    return total / len(merged)
"""

BESIDE = """
def words(cell):
    return set(cell.split()) if isinstance(cell, str) else set()
"""

KEEP = """
seen = {}
def score(solution, submission, row_id_column_name):
    seen.update(solution=solution, submission=submission, row_id_column_name=row_id_column_name)
    return 1.0
"""


@pytest.fixture
def make(tmp_path):
    """Make a FileMetric from the text of a file, the text of the sample file, and what the task is."""

    def make_metric(source, sample, task, class_names, **sections):
        (tmp_path / "sample.csv").write_text(sample)
        (tmp_path / "score.py").write_text(textwrap.dedent(source))
        train = TrainConfig(metric_file=str(tmp_path / "score.py"), metric_direction="maximize")
        config = make_config(tmp_path, **{"train": train, **sections})
        metric = load_metric(config, task, class_names)
        assert isinstance(metric, FileMetric)
        return metric

    return make_metric


def make_config(root, train, separator=" ", **sections):
    source = TrainSourceConfig(label_separator=separator)
    return Config(
        data=DataConfig(root=str(root), sample_submission="sample.csv", train=source),
        model=ModelConfig(name="resnet18"),
        stages=(StageConfig(image_size=8, lr=(0.1,)),),
        train=train,
        **sections,
    )


def seen_by(metric):
    """The last call of a metric made from KEEP."""
    return sys.modules[metric.file.function.__module__].seen


IDS = ("b", "a", "c", "d")
TARGETS = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=np.float32)
VALUES = np.array([[0.9, 0.3], [0.2, 0.8], [0.15, 0.25], [0.1, 0.1]], dtype=np.float32)


def test_an_area_under_the_curve_on_probability_columns(make, capsys):
    # The sample file's columns stand the other way round. cat: 0.9 and 0.15 against 0.2 and 0.1, three of four pairs
    # in order; dog: 0.8 and 0.25 against 0.3 and 0.1, three of four.
    targets, values = TARGETS, VALUES.copy()
    metric = make(WEIGHTED_AUC, "id,dog,cat\nx,0.5,0.5\n", "multi", ("cat", "dog"))
    assert metric.score(targets, values, IDS) == pytest.approx(0.75)
    # dog in perfect order now: (3 * 0.75 + 1 * 1) / 4.
    values[0, 1] = 0.2
    assert metric.score(targets, values, IDS) == pytest.approx(0.8125)
    assert (metric.name, metric.greater_is_better) == ("score.py", True)
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "scoring\nscoring\n")


def test_an_f_beta_on_the_text_of_tags(make, tmp_path):
    (tmp_path / "beside.py").write_text(BESIDE)
    metric = make(F_BETA, "id,tags\nx,cat dog\n", "multi", ("cat", "dog"), decision=DecisionConfig(threshold=0.2))
    # b: both given, cat true: 5 / (4 + 2). a: dog. c: dog of the two: 5 / (8 + 1). d: nothing of nothing, 0 here.
    assert metric.score(TARGETS, VALUES, IDS) == pytest.approx((5 / 6 + 1 + 5 / 9 + 0) / 4)
    decisions = np.array([[True, False], [False, True], [True, True], [False, True]])
    assert metric.scores_tags
    assert metric.score_decisions(TARGETS, decisions, IDS) == pytest.approx(3 / 4)
    assert str(tmp_path) not in sys.path


def test_the_threshold_is_a_half_where_none_is_given(make):
    metric = make(KEEP, "id,tags\nx,cat dog\n", "multi", ("cat", "dog"))
    metric.score(TARGETS, VALUES, IDS)
    assert seen_by(metric)["submission"]["tags"].fillna("").tolist() == ["cat", "dog", "", ""]


FORMS = [
    ("id,dog,cat\nx,0.5,0.5\n", "multi", {}, [[0, 1], [1, 0], [1, 1], [0, 0]]),
    ("id,dog,cat\nx,0,1\n", "multi", {"format": "decisions"}, [[0, 1], [1, 0], [1, 1], [0, 0]]),
    ("id,tags\nx,cat dog\n", "multi", {}, [["cat"], ["dog"], ["cat dog"], [None]]),
    ("id,tags\nx,cat;dog\n", "multi", {"separator": ";"}, [["cat"], ["dog"], ["cat;dog"], [None]]),
    ("id,tags\nx,0 1\n", "multi", {"format": "indices"}, [["0"], ["1"], ["0 1"], [None]]),
    ("id,dog,cat\nx,0.5,0.5\n", "single", {}, [[0, 1], [1, 0], [1, 0], [0, 1]]),
    ("id,label\nx,cat\n", "single", {}, [["cat"], ["dog"], ["dog"], ["cat"]]),
    ("id,label\nx,0\n", "single", {"format": "index"}, [[0], [1], [1], [0]]),
    ("id,p\nx,0.5\n", "single", {"positive_class": "dog"}, [[0], [1], [1], [0]]),
    ("id,dog,cat\nx,0,0\n", "regression", {}, [[2.5, 1], [0, -3], [0.25, 4], [7, 1]]),
]


def targets_of(task):
    if task == "single":
        return np.array([0, 1, 1, 0])
    return TARGETS if task == "multi" else np.array([[1, 2.5], [-3, 0], [4, 0.25], [1, 7]], dtype=np.float32)


@pytest.mark.parametrize("sample, task, submission, cells", FORMS)
def test_the_solution_is_the_truth_in_the_form_of_the_submission(make, sample, task, submission, cells):
    metric = make(KEEP, sample, task, ("cat", "dog"), submission=SubmissionConfig(**submission))
    metric.score(targets_of(task), VALUES, IDS)
    seen = seen_by(metric)
    header = sample.split("\n")[0].split(",")
    assert seen["row_id_column_name"] == "id"
    assert list(seen["solution"].columns) == list(seen["submission"].columns) == header
    assert seen["solution"]["id"].tolist() == seen["submission"]["id"].tolist() == list(IDS)
    found = seen["solution"][header[1:]]
    assert found.astype(object).where(found.notna(), None).to_numpy().tolist() == cells
    if isinstance(cells[0][0], int):
        assert all(pd.api.types.is_integer_dtype(kind) for kind in found.dtypes)


@pytest.mark.parametrize("sample, task, submission, cells", FORMS)
def test_it_gets_what_submit_writes_byte_for_byte(make, tmp_path, sample, task, submission, cells):
    rng = np.random.default_rng(5)
    values = rng.random((4, 2), dtype=np.float32) * (100 if task == "regression" else 1)
    if task == "single":
        values /= values.sum(axis=1, keepdims=True)
    metric = make(KEEP, sample, task, ("cat", "dog"), submission=SubmissionConfig(**submission))
    form = metric.form
    # The same samples as a test set: the sample file with their ids in their order.
    header, example = sample.splitlines()
    rows = [",".join([id_, *example.split(",")[1:]]) for id_ in IDS]
    (tmp_path / "test.csv").write_text("\n".join([header, *rows]) + "\n")
    settings = submission_settings(make_config(tmp_path, TrainConfig(), submission=SubmissionConfig(**submission)))
    predictions = Predictions(IDS, ("cat", "dog"), values, task)
    test_sample = read_sample(tmp_path / "test.csv")
    asked = find_format(test_sample, predictions, settings)
    submitted = build_submission(predictions, test_sample, asked, settings, values > 0.5)
    write_submission(tmp_path / "out.csv.gz", submitted)
    written = gzip.decompress((tmp_path / "out.csv.gz").read_bytes())
    assert form.content(IDS, values, values > 0.5) == written
    metric.score(targets_of(task), values, IDS)
    pd.testing.assert_frame_equal(seen_by(metric)["submission"], pd.read_csv(tmp_path / "out.csv.gz"))


def test_the_truth_is_that_of_the_labels_file(make):
    labels = LabelSet("single", ("cat", "dog"), np.array([0, 1, 1, 0]))
    metric = make(KEEP, "id,dog,cat\nx,0.5,0.5\n", "single", labels.class_names)
    metric.score(labels.targets, VALUES, IDS)
    truth = as_predictions(IDS, labels)
    pd.testing.assert_frame_equal(seen_by(metric)["solution"], metric.form.frame(IDS, truth.values, None))


def test_ids_keep_the_types_that_pandas_gives_them(make):
    metric = make(KEEP, "image,label\n001,cat\n", "single", ("cat", "dog"))
    metric.score(np.array([0, 1]), VALUES[:2], ("001", "002"))
    assert seen_by(metric)["row_id_column_name"] == "image"
    assert seen_by(metric)["solution"]["image"].tolist() == [1, 2]


def test_what_the_file_does_to_its_tables_does_not_last(make):
    metric = make(WEIGHTED_AUC, "id,dog,cat\nx,0.5,0.5\n", "multi", ("cat", "dog"))
    assert metric.score(TARGETS, VALUES, IDS) == metric.score(TARGETS, VALUES, IDS)


def test_without_ids_there_is_no_table(make):
    metric = make(KEEP, "id,label\nx,cat\n", "single", ("cat", "dog"))
    with pytest.raises(ValueError, match="zip"):
        metric.score(np.array([0, 1]), VALUES[:2])


def test_the_direction_is_the_configs(make):
    train = TrainConfig(metric_direction="minimize")
    metric = make(KEEP, "id,label\nx,cat\n", "single", ("cat", "dog"))
    assert metric.is_better(0.6, 0.5) and not metric.is_better(0.5, 0.5) and metric.is_better(0.0, None)
    config = make_config(metric.file.path.parent, train)
    other = FileMetric.load(metric.file.path, config, "single", ("cat", "dog"))
    assert not other.is_better(0.6, 0.5) and other.is_better(0.4, 0.5)


def test_decisions_are_refused_where_the_file_scores_something_else(make):
    metric = make(KEEP, "id,dog,cat\nx,0.5,0.5\n", "multi", ("cat", "dog"))
    assert not metric.scores_tags
    with pytest.raises(ConfigError, match=r"train\.metric_file: score\.py scores probabilities, not decisions"):
        metric.score_decisions(TARGETS, TARGETS > 0, IDS)


def complaint(error):
    """The one line a user sees."""
    assert isinstance(error.value, KgcvError)
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    "source, told",
    [
        ("def score(:\n", r"SyntaxError: invalid syntax \(score\.py, line 1\)"),
        ("x = 1\n", r"has no function score\(solution, submission, row_id_column_name\)"),
        ("score = 1\n", r"has no function score\("),
        ("\nimport no_such_module_anywhere\n", r"ModuleNotFoundError: No module named '\w+' \(line 2\)"),
        ("raise ValueError('a\\n  b')\n", r"ValueError: a b \(line 1\)$"),
        ("import sys\nsys.exit(3)\n", r"SystemExit: 3 \(line 2\)"),
        ("assert False\n", r"AssertionError \(line 1\)"),
        ("x = '\0'\n", "SyntaxError: source code string cannot contain null bytes"),
        ("def score(solution, submission): return 1\n", "score does not take row_id_column_name"),
        ("def score(a, b, row_id_column_name): return 1\n", "score does not take solution, submission"),
        ("def score(solution, submission, row_id_column_name, /): return 1\n", "score does not take solution"),
        (
            "def score(solution, submission, row_id_column_name, k, *, top, low=1): return 1\n",
            "score wants k, top, too, of which nothing is known; give defaults in the file",
        ),
    ],
)
def test_a_file_that_is_no_metric_is_a_config_error(make, tmp_path, source, told):
    with pytest.raises(ConfigError, match=told) as error:
        make(source, "id,label\nx,cat\n", "single", ("cat", "dog"))
    assert complaint(error).startswith(f"train.metric_file: {tmp_path / 'score.py'}: ")


def test_a_file_that_is_not_there(tmp_path):
    (tmp_path / "sample.csv").write_text("id,label\nx,cat\n")
    with pytest.raises(ConfigError, match=r"train\.metric_file: .*nowhere\.py: cannot be read: No such file") as error:
        FileMetric.load(tmp_path / "nowhere.py", make_config(tmp_path, TrainConfig()), "single", ("cat", "dog"))
    complaint(error)


def test_a_sample_file_that_does_not_tell_the_form_is_asked_about(make):
    with pytest.raises(ConfigError, match=r"submission\.format: the sample file's column 'p'"):
        make(KEEP, "id,p\nx,0.5\n", "single", ("cat", "dog"))
    with pytest.raises(SubmissionError, match="needs a header, a row"):
        make(KEEP, "id,p\n", "single", ("cat", "dog"))


@pytest.mark.parametrize(
    "parameters",
    [
        "solution, submission, row_id_column_name, beta=2, *, top=3",
        "submission, row_id_column_name, solution",
        "*, solution, submission, row_id_column_name",
        "solution, submission, row_id_column_name, *rest, **more",
        "**everything",
    ],
)
def test_parameters_that_are_fine(make, parameters):
    source = f"def score({parameters}):\n    return len(locals().get('solution', '12'))\n"
    metric = make(source, "id,label\nx,cat\n", "single", ("cat", "dog"))
    assert metric.score(np.array([0, 1]), VALUES[:2], IDS[:2]) == 2.0


def test_what_a_score_raises_is_one_line_that_names_the_file(make, tmp_path):
    metric = make(WEIGHTED_AUC, "id,dog,cat\nx,0.5,0.5\n", "multi", ("cat", "dog"))
    with pytest.raises(
        DataError, match=r"score raised ParticipantVisibleError: Too sure of itself \(line 31\)$"
    ) as error:
        metric.score(TARGETS, np.where(np.float32(0.9) == VALUES, 1, VALUES), IDS)
    assert complaint(error).startswith(f"{tmp_path / 'score.py'}: ")


@pytest.mark.parametrize(
    "answer, told",
    [
        ("None", "something of type NoneType"),
        ("'0.5'", "something of type str"),
        ("float('nan')", "nan"),
        ("-float('inf')", "-inf"),
        ("solution", "something of type DataFrame"),
    ],
)
def test_an_answer_that_is_no_finite_number(make, answer, told):
    source = f"def score(solution, submission, row_id_column_name):\n    return {answer}\n"
    metric = make(source, "id,label\nx,cat\n", "single", ("cat", "dog"))
    with pytest.raises(DataError, match=f"score gave {told}, which is no finite number") as error:
        metric.score(np.array([0, 1]), VALUES[:2], IDS[:2])
    complaint(error)


@pytest.mark.parametrize("answer", ["1", "np.float32(1)", "np.int64(1)", "submission['id'].nunique() / 2"])
def test_an_answer_of_any_kind_of_number(make, answer):
    source = f"import numpy as np\ndef score(solution, submission, row_id_column_name):\n    return {answer}\n"
    metric = make(source, "id,label\nx,cat\n", "single", ("cat", "dog"))
    score = metric.score(np.array([0, 1]), VALUES[:2], IDS[:2])
    assert type(score) is float and score == 1


def test_two_files_of_one_name_do_not_meet_and_leave_nothing_behind(make, tmp_path):
    first = make("HALF = 0.5\ndef score(**tables): return HALF\n", "id,label\nx,cat\n", "single", ("cat", "dog"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "score.py").write_text("HALF = 0.25\ndef score(**tables): return HALF\n")
    config = make_config(tmp_path, TrainConfig())
    second = FileMetric.load(tmp_path / "other" / "score.py", config, "single", ("cat", "dog"))
    scores = [metric.score(np.array([0, 1]), VALUES[:2], IDS[:2]) for metric in (first, second)]
    assert scores == [0.5, 0.25]
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_metric_by_name_knows_the_classes(tmp_path):
    config = make_config(tmp_path, TrainConfig(metric="quadratic_weighted_kappa"))
    metric = load_metric(config, "single", ("0", "10", "2"))
    # True 0, 10, 2 and given 0, 10, 0: squares of 4 in sum; by chance variances of 56/3 and 200/9, means 2/3 apart.
    by_chance = 56 / 3 + 200 / 9 + 4 / 9
    assert metric.score(np.array([0, 1, 2]), np.eye(3)[[0, 1, 0]]) == pytest.approx(1 - 4 / 3 / by_chance)
    with pytest.raises(ConfigError, match="needs classes that are whole numbers"):
        load_metric(config, "single", ("cat", "dog"))


def test_the_form_is_read_without_predictions(tmp_path):
    (tmp_path / "sample.csv").write_text("id,tags\nx,cat dog\n")
    form = SubmissionForm.read(make_config(tmp_path, TrainConfig()), "multi", ["cat", "dog"])
    assert (form.header, form.form, form.config.separator) == (("id", "tags"), "tags", " ")


def test_it_loads_no_torch():
    code = "import sys, kgcv.recipes.metric; sys.exit(bool({'torch', 'pandas', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
