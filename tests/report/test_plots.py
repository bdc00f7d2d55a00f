import json

import numpy as np
import pytest
from PIL import Image

from kgcv.errors import DataError
from kgcv.report.plots import draw_lr_find, draw_metrics


def write_metrics(folder, stages, **changes):
    folder.mkdir(parents=True)
    rows = [
        {
            "stage": stage,
            "epoch": epoch,
            "lr": 0.1 / (epoch + 1),
            "train_loss": 1.0 / (epoch + 1),
            "valid_loss": 1.1 / (epoch + 1),
            "scores": {"accuracy": 0.5 + 0.1 * epoch, "log_loss": 1.0},
            **changes,
        }
        for epoch, stage in enumerate(stages)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def has_ink(path):
    return np.asarray(Image.open(path).convert("L")).min() < 128


@pytest.mark.parametrize("stages", [[0], [0, 0, 1]])
def test_three_plots_are_drawn_beside_the_fold(tmp_path, stages):
    write_metrics(tmp_path / "fold0", stages)
    paths = draw_metrics(tmp_path / "fold0")
    assert paths == [tmp_path / "plots" / f"fold0_{name}.png" for name in ("loss", "lr", "metric")]
    assert all(has_ink(path) for path in paths)


def test_a_run_without_validation_has_no_metric_to_draw(tmp_path):
    write_metrics(tmp_path / "fold0", [0, 1], valid_loss=None, scores={})
    paths = draw_metrics(tmp_path / "fold0")
    assert [path.name for path in paths] == ["fold0_loss.png", "fold0_lr.png"]
    assert all(has_ink(path) for path in paths)


def test_plots_are_drawn_anew(tmp_path):
    write_metrics(tmp_path / "fold0", [0])
    before = draw_metrics(tmp_path / "fold0")[0].read_bytes()
    (tmp_path / "fold0" / "metrics.jsonl").unlink()
    (tmp_path / "fold0").rmdir()
    write_metrics(tmp_path / "fold0", [0, 0, 1])
    assert draw_metrics(tmp_path / "fold0")[0].read_bytes() != before


def test_no_epoch_is_an_error(tmp_path):
    write_metrics(tmp_path / "fold0", [])
    with pytest.raises(DataError, match=r"metrics\.jsonl: holds no epoch"):
        draw_metrics(tmp_path / "fold0")


def test_drawing_leaves_no_trace_in_pyplot(tmp_path):
    import matplotlib.pyplot as plt

    write_metrics(tmp_path / "fold0", [0])
    draw_metrics(tmp_path / "fold0")
    assert plt.get_fignums() == []


def test_the_curve_of_the_finder_is_drawn(tmp_path):
    table = tmp_path / "lr_find.csv"
    table.write_text("step,lr,loss,smoothed_loss\n0,0.001,2.0,2.0\n1,0.01,1.5,1.7\n2,0.1,nan,1.6\n")
    draw_lr_find(table, tmp_path / "out" / "lr_find.png")
    assert has_ink(tmp_path / "out" / "lr_find.png")


@pytest.mark.parametrize("losses", [[2.0] * 20, [2.0] * 15 + [5.0, 10.0, 1e3, 1e6, 1e9]], ids=["flat", "explosion"])
def test_long_sweeps_are_drawn_without_their_explosion(tmp_path, losses, monkeypatch):
    limits = []
    monkeypatch.setattr("kgcv.report.plots._save", lambda figure, png: limits.append(figure.axes[0].get_ylim()))
    rows = "".join(f"{i},{10.0 ** (i - 20)},{loss},{loss}\n" for i, loss in enumerate(losses))
    (tmp_path / "lr.csv").write_text(f"step,lr,loss,smoothed_loss\n{rows}")
    draw_lr_find(tmp_path / "lr.csv", tmp_path / "lr.png")
    assert limits == [pytest.approx((1.95, 2.05))]
