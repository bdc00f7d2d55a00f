"""A competition of tables from files to a checked submission, on the engine that images use."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kgcv.config.schema import (
    ColumnsConfig,
    Config,
    DataConfig,
    KnownAnswerConfig,
    ModelConfig,
    RowsConfig,
    SplitConfig,
    StageConfig,
    TargetConfig,
    TrainConfig,
)
from kgcv.data.csv_table import read_csv_table
from kgcv.data.predictions import read_predictions
from kgcv.engine.lr_finder import Sweep
from kgcv.errors import CheckpointError, ConfigError, DataError, StopRequested
from kgcv.events import EpochDone, Message, Recorder, never_stop
from kgcv.model.checkpoint import read_card
from kgcv.recipes.check import check
from kgcv.recipes.check_submission import check_submission
from kgcv.recipes.embeddings import export_embeddings
from kgcv.recipes.lr_find import find_learning_rate
from kgcv.recipes.predict_one import predict_images, predict_rows
from kgcv.recipes.report_data import read_report_data
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.summary import summarize_config
from kgcv.recipes.train import start_run, train
from kgcv.recipes.tta import TtaRequest, run_tta
from kgcv.recipes.tta_compare import compare_views
from kgcv.report.page import Folded, Picture, Table, Text, render_page
from kgcv.report.sample_sections import sample_sections

NUM_DAYS, NUM_TEST_DAYS = 60, 7
SHOPS = {"a": 1000, "b": 2000, "c": 4000}


def day(number: int) -> str:
    return str(np.datetime64("2021-01-04") + number)  # a Monday


def sales(shop: str, number: int) -> int:
    """Closed on Sundays; twice as much on Mondays."""
    weekday = number % 7
    return 0 if weekday == 6 else SHOPS[shop] * (2 if weekday == 0 else 1) + number


def write_shops(folder: Path) -> Config:
    """Three shops on 60 days, of which the last 14 validate, and 7 days to predict, when a shop `d` has opened."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["shop,day,weekday,open,size,sales"]
    for number in range(NUM_DAYS):
        for shop, size in SHOPS.items():
            amount = sales(shop, number)
            lines.append(f"{shop},{day(number)},{number % 7},{int(amount > 0)},{size / 100},{amount}")
    (folder / "train.csv").write_text("\n".join(lines) + "\n")
    tests = ["id,shop,day,weekday,open,size"]
    for number in range(NUM_DAYS, NUM_DAYS + NUM_TEST_DAYS):
        for shop in (*SHOPS, "d"):
            is_open = int(number % 7 != 6)
            tests.append(f"{shop}-{number},{shop},{day(number)},{number % 7},{is_open},{SHOPS.get(shop, 3000) / 100}")
    (folder / "test.csv").write_text("\n".join(tests) + "\n")
    ids = [line.split(",")[0] for line in tests[1:]]
    (folder / "sample.csv").write_text("id,sales\n" + "".join(f"{name},0\n" for name in ids))
    return Config(
        data=DataConfig(
            root=str(folder),
            kind="table",
            tables={"train": "train.csv", "test": "test.csv"},
            id_column="id",
            date_column="day",
            target="sales",
            task="regression",
            sample_submission="sample.csv",
            cache=str(folder / "cache"),
        ),
        columns=ColumnsConfig(categories=("shop", "weekday"), numbers=("size",)),
        target=TargetConfig(log=True),
        rows=RowsConfig(keep_where=("sales > 0",), predict=(KnownAnswerConfig(where=("open == 0",), value=0.0),)),
        split=SplitConfig(kind="last_days", days=14),
        model=ModelConfig(name="embeddings", hidden=(16,), dropout=(0.01, 0.1)),
        train=TrainConfig(batch_size=16, optimizer="adamw", loss="mse", metric="rmspe", ema_decay=0.9),
        stages=(StageConfig(lr=(0.03,), cycle_len=6), StageConfig(lr=(0.01,), cycle_len=3, frozen_groups=1)),
    )


@pytest.fixture
def shops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.chdir(tmp_path)
    return write_shops(tmp_path / "data")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunFolder]:
    """Trained, and both parts predicted; for tests that only read."""
    folder = tmp_path_factory.mktemp("shops")
    before = Path.cwd()
    os.chdir(folder)
    made = train_it(write_shops(folder / "data"), folder / "run")
    for part in ("valid", "test"):
        run_tta(made, part, TtaRequest(), Recorder(), never_stop)
    yield made
    os.chdir(before)


def train_it(config: Config, folder: Path, recorder: Recorder | None = None) -> RunFolder:
    made = start_run(config, "run", folder)
    train(made, None, recorder or Recorder(), never_stop)
    return made


def rmspe(predicted: np.ndarray, true: np.ndarray) -> float:
    return math.sqrt((((predicted - true) / true) ** 2).mean())


def test_a_report_shows_rows_groups_days_and_embeddings(run: RunFolder) -> None:
    sections = {section.anchor: section for section in sample_sections(read_report_data(run.path))}
    assert list(sections) == ["samples", "groups", "time-of-errors", "embeddings"]
    page = render_page("", list(sections.values()))
    assert "2021-02-22, shop c, weekday 0" in page  # the only Monday but one in the last 14 days
    assert "By shop: 3 groups" in page and "By weekday: 6 groups" in page
    assert "<td>36</td>" in page or "12" in page
    pictures = [block for block in sections["embeddings"].blocks if isinstance(block, Picture)]
    assert [picture.caption.split(":")[0] for picture in pictures] == ["shop", "weekday"]
    assert pictures[0].caption.startswith("shop: 3 values, 2 numbers each, of which two directions hold 100% of")
    days = next(block for block in sections["time-of-errors"].blocks if isinstance(block, Folded)).blocks[0]
    assert isinstance(days, Table) and len(days.rows) == 12  # two of the 14 days are Sundays
    assert {row[1] for row in days.rows} == {"3"}


def test_a_report_without_the_rows_says_so(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)
    text = run.config_file.read_text()
    (copy / "config.yaml").write_text(text.replace(run.read_config().data.root, str(tmp_path / "nowhere")))
    sections = {section.anchor: section for section in sample_sections(read_report_data(copy))}
    assert list(sections) == ["samples", "groups", "embeddings"]
    (told,) = sections["groups"].blocks
    assert isinstance(told, Text) and "nowhere" in told.paragraph


def test_the_score_is_of_the_numbers_themselves_and_of_open_days_alone(run: RunFolder) -> None:
    oof = read_predictions(run.predictions("oof"))
    table = read_csv_table(Path(run.read_config().data.root) / "train.csv")
    amounts = {str(row): float(text) for row, text in enumerate(table.column("sales"), start=1)}
    assert len(oof.ids) == 3 * 12  # two of the 14 days are Sundays
    true = np.array([amounts[name] for name in oof.ids])
    assert (true > 0).all()
    assert run.read_scores()["oof"]["rmspe"] == pytest.approx(rmspe(oof.values[:, 0], true), rel=1e-5)
    assert run.read_scores()["oof"]["rmspe"] < 0.2  # the mean of all would be 0.7 off
    assert 500 < oof.values.min() < oof.values.max() < 20000


def test_the_card_and_the_metrics_name_no_sizes(run: RunFolder) -> None:
    card = read_card(run.fold(0).best_weights)
    assert (card.task, card.class_names, card.geometry) == ("regression", ("sales",), None)
    lines = [json.loads(line) for line in run.fold(0).metrics.read_text().splitlines()]
    assert len(lines) == 9
    assert {line["image_size"] for line in lines} == {None}


def test_rows_that_a_rule_answers_have_its_answer_and_the_others_the_networks(run: RunFolder) -> None:
    found = read_predictions(run.predictions("test"))
    value = dict(zip(found.ids, found.values[:, 0].tolist(), strict=True))
    closed = {name for name in found.ids if int(name.split("-")[1]) % 7 == 6}
    assert len(found.ids) == 28
    assert {name for name in found.ids if value[name] == 0} == closed
    assert len(closed) == 4
    assert value["c-61"] > 2 * value["a-61"]
    assert value["b-63"] > 1.5 * value["b-64"]  # a Monday


def test_the_submission_fits_the_sample(run: RunFolder) -> None:
    result = check_submission(run.path, None, None)
    rows = read_csv_table(result.path)
    assert (result.format, rows.names) == ("numbers", ("id", "sales"))
    assert float(rows.column("sales")[3 + 4 * 6 - 4]) >= 0


def test_a_row_alone_is_predicted_as_it_is_among_the_others(run: RunFolder) -> None:
    found = read_predictions(run.predictions("test"))
    value = dict(zip(found.ids, found.values[:, 0].tolist(), strict=True))
    row = {"shop": "b", "day": day(63), "weekday": 0, "open": 1, "size": 20.0}
    closed = {**row, "day": day(62), "weekday": 6, "open": 0}
    one, other = predict_rows(run, [row, closed])
    assert one.values == {"sales": pytest.approx(value["b-63"], rel=1e-5)}
    assert (one.name, one.rule, one.tags) == ("row 1", None, None)
    assert (other.name, other.values, other.rule) == ("row 2", {"sales": 0.0}, "open == 0")


def test_a_row_that_does_not_fit_is_refused(run: RunFolder) -> None:
    with pytest.raises(DataError, match="shopp"):
        predict_rows(run, [{"shopp": "b", "day": day(63)}])
    with pytest.raises(ConfigError, match=r"run: is a run on tables; give it a row with --row FILE"):
        predict_images(run, [Path("x.png")])


def test_rows_have_the_plain_view_alone(run: RunFolder) -> None:
    with pytest.raises(ConfigError, match=r"^--views flip: rows of a table have the plain view alone$"):
        run_tta(run, "valid", TtaRequest(views="flip"), Recorder(), never_stop)
    with pytest.raises(ConfigError, match=r"^--compare: rows of a table have the plain view alone$"):
        compare_views(run, None, Recorder(), never_stop)


def test_plain_predictions_are_those_of_training(run: RunFolder, tmp_path: Path) -> None:
    trained = train_it(run.read_config(), tmp_path / "again")
    one = read_predictions(trained.fold(0).predictions("valid"))
    other = read_predictions(run.fold(0).predictions("valid"))
    assert one.ids == other.ids
    assert np.array_equal(one.values, other.values)
    assert trained.fold(0).best_weights.read_bytes() == run.fold(0).best_weights.read_bytes()


def test_embeddings_are_the_rows_of_the_weights(run: RunFolder, tmp_path: Path) -> None:
    files = export_embeddings(run, 0, tmp_path)
    assert [(file.name, file.num_values, file.size) for file in files] == [("shop", 4, 2), ("weekday", 7, 4)]
    table = read_csv_table(files[0].path)
    assert table.names == ("shop", "e0", "e1")
    assert list(table.column("shop")) == ["", "a", "b", "c"]
    from safetensors.torch import load_file

    weight = load_file(run.fold(0).best_weights)["body.embeddings.0.weight"]
    assert [float(text) for text in table.column("e1")] == pytest.approx(weight[:, 1].tolist(), rel=1e-6)


def test_stopped_anywhere_and_resumed_it_is_the_run_that_was_never_stopped(run: RunFolder, tmp_path: Path) -> None:
    whole = run.fold(0)
    for count in (1, 9, 40, 77):
        left = iter(range(count))
        stopped = start_run(run.read_config(), "run", tmp_path / f"run{count}")
        with pytest.raises(StopRequested):
            train(stopped, None, Recorder(), lambda left=left: None if next(left, None) is not None else 15)  # type: ignore[misc]
        train(stopped, None, Recorder(), never_stop)
        assert stopped.fold(0).best_weights.read_bytes() == whole.best_weights.read_bytes()
        assert stopped.fold(0).metrics.read_bytes() == whole.metrics.read_bytes()


def test_the_encoding_is_learned_from_the_rows_that_train(shops: Config, tmp_path: Path) -> None:
    """A shop that opens when validation begins is unknown to the network."""
    table = Path(shops.data.root) / "train.csv"
    late = "".join(f"e,{day(number)},{number % 7},1,500,900\n" for number in range(50, 60))
    table.write_text(table.read_text() + late)
    made = train_it(shops, tmp_path / "run")
    encoding = json.loads(made.fold(0).encoding.read_text())
    assert encoding["categories"][0]["values"] == ["a", "b", "c"]
    assert encoding["numbers"][0]["mean"] == pytest.approx((10 + 20 + 40) / 3)
    assert len(read_predictions(made.predictions("oof")).ids) == 3 * 12 + 10


def test_data_that_changed_since_the_fold_began_are_refused(shops: Config, tmp_path: Path) -> None:
    left = iter(range(10))
    made = start_run(shops, "run", tmp_path / "run")
    with pytest.raises(StopRequested):
        train(made, None, Recorder(), lambda: None if next(left, None) is not None else 15)
    table = Path(shops.data.root) / "train.csv"
    table.write_text(table.read_text().replace("c,2021-01-04,0,1,40.0", "c,2021-01-04,0,1,41.0"))
    with pytest.raises(CheckpointError, match=r"encoding\.json: the values of the columns have changed"):
        train(made, None, Recorder(), never_stop)


def test_folds_go_forward_in_time(shops: Config, tmp_path: Path) -> None:
    split = SplitConfig(kind="forward", num_folds=2, days=7, gap_days=2)
    made = train_it(replace(shops, split=split, stages=shops.stages[:1]), tmp_path / "run")
    oof = read_predictions(made.predictions("oof"))
    assert len(oof.ids) == 2 * 3 * 6
    assert set(made.read_scores()["valid"]) == {"fold0", "fold1"}
    run_tta(made, "test", TtaRequest(), Recorder(), never_stop)
    each = [read_predictions(made.fold(fold).predictions("test")).values for fold in (0, 1)]
    joined = read_predictions(made.predictions("test")).values
    np.testing.assert_allclose(joined, (each[0] + each[1]) / 2, rtol=1e-6)


def test_a_random_split_of_dated_rows_is_warned_of(shops: Config, tmp_path: Path) -> None:
    recorder = Recorder()
    config = replace(shops, split=SplitConfig(kind="holdout"), stages=(StageConfig(lr=(0.01,)),))
    train_it(config, tmp_path / "run", recorder)
    texts = [event.text for event in recorder.events if isinstance(event, Message) and event.level == "warning"]
    assert any("split.kind: holdout draws rows at random, though they have dates (day)" in text for text in texts)


def test_all_rows_train_where_nothing_validates(shops: Config, tmp_path: Path) -> None:
    made = train_it(replace(shops, split=SplitConfig(train_on_all=True)), tmp_path / "run")
    result = run_tta(made, "test", TtaRequest(), Recorder(), never_stop)
    assert (result.num_samples, result.unit) == (28, "rows")


def test_classes_of_rows(shops: Config, tmp_path: Path) -> None:
    data = replace(shops.data, target="shop", task="single", sample_submission=None, date_column=None)
    config = replace(
        shops,
        data=data,
        columns=ColumnsConfig(categories=("weekday",), numbers=("size",)),
        target=TargetConfig(),
        rows=RowsConfig(),
        split=SplitConfig(kind="holdout"),
        train=replace(shops.train, loss="auto", metric="auto"),
    )
    made = train_it(config, tmp_path / "run")
    assert made.read_scores()["oof"]["accuracy"] == 1.0  # the size tells the shop
    (found,) = predict_rows(made, [{"weekday": 1, "size": 20.0}])
    assert next(iter(found.values)) == "b"
    assert sum(found.values.values()) == pytest.approx(1)


def test_a_range_of_answers_holds(shops: Config, tmp_path: Path) -> None:
    """Whatever it learns, the network cannot leave its range, also after its weights were loaded."""
    for target in (
        TargetConfig(log=True, y_range=(math.log(1500), math.log(3000))),
        TargetConfig(log=True, y_range_margin=0.0),
    ):
        made = train_it(replace(shops, target=target), tmp_path / f"run{target.y_range_margin}")
        run_tta(made, "test", TtaRequest(), Recorder(), never_stop)
        answers = read_predictions(made.predictions("test")).values
        low, high = (1500, 3000) if target.y_range else (1000, 8000 + 42)
        assert ((answers == 0) | (answers >= low * 0.999)).all()
        assert (answers <= high * 1.001).all()


def test_the_network_begins_at_the_mean(shops: Config, tmp_path: Path) -> None:
    """With a rate that changes nothing all answers are the mean of the logarithms."""
    recorder = Recorder()
    made = train_it(replace(shops, stages=(StageConfig(lr=(1e-9,)),)), tmp_path / "run", recorder)
    taught = [math.log(sales(shop, number)) for number in range(46) for shop in SHOPS if number % 7 != 6]
    answers = read_predictions(made.predictions("oof")).values
    assert np.log(answers) == pytest.approx(sum(taught) / len(taught), abs=1e-4)
    (done,) = [event for event in recorder.events if isinstance(event, EpochDone)]
    assert done.unit == "rows"


def test_the_finder_sweeps_rows(shops: Config, tmp_path: Path) -> None:
    found = find_learning_rate(shops, 0, tmp_path / "lr.csv", Sweep(1e-4, 1.0, 40), Recorder(), never_stop)
    assert 10 <= len(found.curve.lrs) <= 40


def test_the_summary_shows_the_layers(shops: Config) -> None:
    first = summarize_config(shops, 0)
    second = summarize_config(shops, 1)
    kinds = [layer.kind for layer in first.layers]
    assert kinds == [
        "Embedding",
        "Embedding",
        "Dropout",
        "BatchNorm1d",
        "Linear",
        "ReLU",
        "BatchNorm1d",
        "Dropout",
        "Linear",
    ]
    assert first.num_parameters == 4 * 2 + 7 * 4 + 2 + (7 * 16 + 16) + 32 + (16 + 1)
    assert first.num_trainable - second.num_trainable == 4 * 2 + 7 * 4


def test_the_check_counts_rows_and_what_the_network_does_not_know(shops: Config) -> None:
    report = check(shops, Recorder(), never_stop)
    table = report.table
    assert table is not None
    assert report.problems == ()
    assert (report.num_labelled, report.num_test) == (3 * (60 - 8), 28)
    assert (table.num_left_out, table.num_known) == (3 * 8, 4)
    assert [(c.name, c.num_values, c.embedding_size, c.num_missing, c.num_unseen) for c in table.categories] == [
        ("shop", 3, 2, 0, 7),
        ("weekday", 6, 4, 0, 4),
    ]
    assert (table.numbers[0].spread.min, table.numbers[0].spread.max, table.numbers[0].num_missing) == (10, 40, 0)
    assert report.warnings == (
        "categories with values in the rows to predict that no training row has (2): shop 25%, weekday 14%",
    )


def test_the_check_names_what_training_would_refuse(shops: Config) -> None:
    folder = Path(shops.data.root)
    (folder / "sample.csv").write_text("id,sales\na-60,0\nz,0\n")
    (folder / "test.csv").write_text("id,shop,day,weekday,open,size\na-60,a,2021-03-05,4,1,\n")
    report = check(shops, Recorder(), never_stop)
    assert report.problems == (
        f"{folder}/sample.csv: ids without a test row (1): z",
        "columns.numbers: rows without a value in size (1); fill them with a step of features (step: fill), "
        "or set columns.missing_numbers: mean",
    )
    broken = replace(shops, columns=ColumnsConfig(categories=("shopp",)))
    (problem,) = check(broken, Recorder(), never_stop).problems[1:]
    assert "'shopp'" in problem
