import numpy as np
import pytest

from kgcv.config.load import load_config
from kgcv.config.schema import StageConfig
from kgcv.errors import DataError
from kgcv.recipes.report_epochs import describe_stage, find_sweeps, learning_rates, read_histories
from kgcv.recipes.run_folder import RunFolder


@pytest.fixture
def run(write_run, tmp_path):
    return RunFolder(write_run(tmp_path / "one"))


def test_folds_in_order_with_their_best_epoch_and_borders(run):
    (run.path / "fold2").mkdir()
    (run.path / "fold2/metrics.jsonl").write_text("")
    first, second = read_histories(run)
    assert (first.fold, second.fold) == (0, 1)
    # The fifth epoch was not better than the fourth; the second stage begins with the third.
    assert (first.best, first.borders) == (4, {0: 1, 1: 3})
    assert [epoch.step for epoch in first.epochs] == [10, 20, 30, 40, 50]


def test_the_tenth_fold_comes_after_the_second(run):
    (run.path / "fold0").rename(run.path / "fold10")
    assert [history.fold for history in read_histories(run)] == [1, 10]


def test_a_line_that_is_no_epoch_is_named(run):
    with (run.path / "fold1/metrics.jsonl").open("a") as stream:
        stream.write('{"stage": 0}\n')
    with pytest.raises(DataError, match=r"fold1/metrics\.jsonl:6: is no epoch"):
        read_histories(run)


def test_rates_are_those_that_training_noted(finished):
    """The curve passes through the rate of each epoch's last step."""
    (history,) = read_histories(finished)
    rates = learning_rates(history, finished.read_config())
    at_ends = np.interp(np.arange(1, len(history.epochs) + 1), rates.epochs, rates.lrs)
    np.testing.assert_allclose(at_ends, [epoch.lr for epoch in history.epochs])


def test_rates_of_long_stages_are_thinned(run):
    (history, _) = read_histories(run)
    long = "".join(
        line.replace('"step": ', '"step": 1000') + "\n"
        for line in (run.path / "fold0/metrics.jsonl").read_text().splitlines()
    )
    (run.path / "fold0/metrics.jsonl").write_text(long)
    rates = learning_rates(read_histories(run)[0], load_config(run.config_file))
    assert len(learning_rates(history, load_config(run.config_file)).lrs) == 50
    assert len(rates.lrs) < 2500 and rates.lrs.max() <= 0.1


@pytest.mark.parametrize(
    "stage, text",
    [
        (StageConfig(image_size=64, lr=(0.1,), frozen=True), "64 px, frozen"),
        (StageConfig(image_size=64, lr=(0.1,), frozen_groups=2), "64 px, 2 groups frozen"),
        (StageConfig(image_size=64, lr=(0.1,), frozen_groups=1), "64 px, 1 group frozen"),
        (StageConfig(lr=(0.1,)), ""),
    ],
)
def test_what_tells_a_stage_from_the_next(stage, text):
    assert describe_stage(stage) == text


def test_sweeps_in_the_run_and_in_its_folds(run):
    (run.path / "fold1/lr_find.csv").write_text("step,lr,loss,smoothed_loss\n0,0.001,2.0,2.1\n1,0.01,nan,1.9\n")
    ((name, sweep),) = find_sweeps(run, [0, 1]).items()
    assert (name, sweep.lrs.tolist(), sweep.smoothed.tolist()) == ("fold1/lr_find.csv", [0.001, 0.01], [2.1, 1.9])
    (run.path / "lr_find.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"lr_find\.csv: is no sweep"):
        find_sweeps(run, [0, 1])
