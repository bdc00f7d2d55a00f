"""A competition of tables, command by command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kgcv.cli.main import main

CONFIG = """\
competition: shops
data:
  kind: table
  root: data
  tables: {train: train.csv, test: test.csv}
  id_column: id
  target: sales
  task: regression
  sample_submission: sample.csv
columns: {categories: [shop, weekday]}
target: {log: true}
rows: {predict: [{where: open == 0, value: 0}]}
model: {name: embeddings, hidden: 8}
train: {batch_size: 8, optimizer: adamw, metric: rmspe}
stages: [{lr: 0.02, cycle_len: 6}]
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("run").mkdir()
    rows = [f"{shop},{number % 7},1,{(1 + (shop == 'b')) * 100}" for number in range(40) for shop in "ab"]
    Path("data/train.csv").write_text("shop,weekday,open,sales\n" + "\n".join(rows) + "\n")
    Path("data/test.csv").write_text("id,shop,weekday,open\nx,a,1,1\ny,b,1,1\nz,b,6,0\n")
    Path("data/sample.csv").write_text("id,sales\nx,0\ny,0\nz,0\n")
    Path("shops.yaml").write_text(CONFIG)
    return "shops.yaml"


def kgcv(*args: object, given: str | None = None, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(arg) for arg in args], input=given)
    assert result.exit_code == code, result.output
    return result


def test_the_whole_job(config: str) -> None:
    checked = kgcv("check", config).stdout
    assert "\ntest      3 rows\nknown     1 test rows by rows.predict\n" in checked
    assert (
        "category  values  embedding  missing  unseen in test\nshop           2          2        0               0\n"
        in checked
    )
    assert "rows     80 to learn from, 3 to predict" in kgcv("features", config).stdout
    assert kgcv("folds", config).exit_code == 0
    assert "valley" in kgcv("lr-find", config, "--steps", 30).stdout
    assert "Embedding" in kgcv("summary", config).stdout

    trained = kgcv("train", config, "--run-dir", "run")
    assert trained.stdout.startswith("run run\nfold 0: rmspe ")
    assert "stage 1/1: batch size 8, epochs 6 of 8 steps, 3 of 3 layer groups train" in trained.stderr
    assert "  rows/s " in trained.stderr

    predicted = kgcv("tta", "run").stdout
    assert "oof.npz: 16 rows" in predicted
    assert "test.npz: 3 rows" in predicted
    submitted = kgcv("submit", "run", "--check", "-o", "answer.csv").stdout
    assert submitted.startswith("answer.csv: 3 rows, 2 columns, format numbers: fits the sample file")
    lines = Path("answer.csv").read_text().splitlines()
    assert lines[0] == "id,sales"
    assert float(lines[1].split(",")[1]) < float(lines[2].split(",")[1])
    assert float(lines[3].split(",")[1]) == 0

    runs = json.loads(kgcv("runs", ".", "--json").stdout)
    (listed,) = [run for run in runs if run["name"] == "run"]
    assert (listed["state"], listed["metric"], listed["image_size"]) == ("finished", "rmspe", None)
    assert "embeddings" in kgcv("runs", ".").stdout
    written = kgcv("embeddings", "run").stdout.splitlines()
    assert written[0] == "run/fold0/embeddings/shop.csv: 3 values of shop, 2 numbers each"

    row = {"shop": "b", "weekday": 6, "open": 0}
    said = kgcv("predict-one", "run", "--row", "-", given=json.dumps(row)).stdout
    assert said == "row 1\n  0.0000  sales  by rule: open == 0\n"
    Path("rows.json").write_text(json.dumps([{**row, "open": 1}, {**row, "shop": "a", "open": 1}]))
    both = json.loads(kgcv("predict-one", "run", "--row", "rows.json", "--json").stdout)
    assert both[0]["values"]["sales"] > both[1]["values"]["sales"] > 0


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("{", "standard input: is no JSON: "),
        ("[]", 'standard input: must hold a row such as {"Store": 1, "Promo": 0}, or a list of rows'),
        ("[1]", "standard input: must hold a row"),
    ],
)
def test_what_is_no_row_is_said_so(config: str, given: str, complaint: str) -> None:
    assert complaint in kgcv("predict-one", "run", "--row", "-", given=given, code=1).stderr


def test_one_gives_images_or_rows(config: str) -> None:
    for wrong in ([], ["a.png", "--row", "r.json"]):
        assert "Give images, or rows with --row FILE." in kgcv("predict-one", "run", *wrong, code=2).stderr
    assert "none.json: cannot be read: No such file" in kgcv("predict-one", "run", "--row", "none.json", code=1).stderr


def test_images_have_no_embeddings(competition: object) -> None:
    from kgcv.recipes.train import start_run

    start_run(competition, "run", Path("run"))  # type: ignore[arg-type]
    assert "run: is a run on images, which have no embeddings" in kgcv("embeddings", "run", code=2).stderr
    assert (
        "run: is a run on images; name image files"
        in kgcv("predict-one", "run", "--row", "-", given="{}", code=2).stderr
    )
