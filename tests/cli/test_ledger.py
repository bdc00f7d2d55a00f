import json
import subprocess
import sys
from dataclasses import replace

import pytest
from click.testing import CliRunner

from kgcv.cli.main import main
from kgcv.kaggle.ledger import Entry, Ledger


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ledger = Ledger(tmp_path / "runs" / "submissions.jsonl")
    for number, (own, public) in enumerate([(0.90, 0.905), (0.92, 0.910), (0.93, 0.909)], start=1):
        ledger.add(
            Entry(
                competition="planet",
                sha256=str(number),
                file="submission.csv.gz",
                message=f"resnet{number}\nand more",
                run=f"run-{number}",
                ref=number,
                status="complete",
                own_score=own,
                own_spread=0.002,
                metric="f2",
                greater_is_better=True,
                public_score=public,
                time=f"2026-11-0{number}T10:20:30+00:00",
            )
        )
    long = "a message of more than forty characters, cut"
    ledger.add(
        Entry(
            competition="planet",
            sha256="4",
            file="mine.csv",
            message=long,
            status="refused",
            error="daily limit\nmore",
            time="2026-11-04T10:20:30+00:00",
        )
    )
    return ledger


def invoke(*arguments):
    return CliRunner().invoke(main, ["ledger", *map(str, arguments)])


def test_the_table_and_what_it_tells(ledger):
    result = invoke()
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        "planet (f2, greater is better)",
        "time (UTC)        ref  run or file  status    message                      own  spread  public",
        "2026-11-01 10:20  1    run-1        complete  resnet1 and more          0.9000  0.0020  0.9050",
        "2026-11-02 10:20  2    run-2        complete  resnet2 and more          0.9200  0.0020  0.9100  *",
        "2026-11-03 10:20  3    run-3        complete  resnet3 and more          0.9300  0.0020  0.9090  ~",
        "2026-11-04 10:20  -    mine.csv     refused   a message of more tha...       -       -       -",
        "2026-11-04 10:20 mine.csv: refused: daily limit",
        "best by own score: run-3 (3), 0.9300",
        "best by public score: run-2 (2), 0.9100",
        "rank correlation of own and public score: 0.50 (3 submissions; 1: the same order)",
        "public - own: -0.0087 on average, spread 0.0131",
        "noise band: 0.0028; a smaller difference means nothing (from the spread over folds; "
        "how many images are behind a public score is not known)",
    ]


def test_private_scores_have_a_column_once_there_are_any(ledger):
    ledger.settle(replace(ledger.read()[0], private_score=0.89))
    assert invoke().stdout.splitlines()[1:3] == [
        "time (UTC)        ref  run or file  status    message                      own  spread  public  private",
        "2026-11-01 10:20  1    run-1        complete  resnet1 and more          0.9000  0.0020  0.9050   0.8900",
    ]


def test_json(ledger):
    (value,) = json.loads(invoke("-c", "planet", "--json").stdout)
    assert (value["competition"], value["num_pairs"], value["best_public"]["run"]) == ("planet", 3, "run-2")
    assert value["rank_correlation"] == pytest.approx(0.5)
    assert [entry["status"] for entry in value["entries"]] == ["complete"] * 3 + ["refused"]


def test_nothing_to_show_is_an_expected_failure(tmp_path):
    result = invoke("--ledger", tmp_path / "none.jsonl")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"kgcv: {tmp_path / 'none.jsonl'}: has no submission yet\n"
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_line_is_named(ledger):
    whole = ledger.path.read_text()
    ledger.path.write_text("{}\n" + whole)
    result = invoke()
    assert result.exit_code == 1
    assert result.stderr.startswith("kgcv: runs/submissions.jsonl:1: is no entry of the ledger")
    ledger.path.write_text(whole[:-3])
    result = invoke()
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: runs/submissions.jsonl: its last line was cut off")


def test_a_line_whose_message_somebody_emptied_is_shown(ledger):
    ledger.add(Entry(competition="planet", sha256="5", file="b.csv", message=""))
    result = invoke()
    assert (result.exit_code, result.stdout.splitlines()[6].split()[3:5]) == (0, ["b.csv", "pending"])


def test_the_ledger_is_shown_without_the_client(ledger):
    script = (
        "import sys\n"
        "from kgcv.cli.main import main\n"
        "main(['ledger'], standalone_mode=False)\n"
        "heavy = {'torch', 'pandas', 'kaggle', 'kagglesdk', 'requests'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
