import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from kgcv.cli.main import main
from kgcv.kaggle.ledger import Entry, Ledger
from kgcv.recipes.check_submission import CheckResult

SLUG = "leaf-disease"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A submission file and the sample file it fits, in the working directory."""
    monkeypatch.chdir(tmp_path)
    mine, sample = tmp_path / "mine.csv", tmp_path / "sample.csv"
    mine.write_text("id,label\na,cat\nb,dog\n")
    sample.write_text("id,label\na,cat\nb,cat\n")
    return mine, sample


def invoke(*arguments):
    return CliRunner().invoke(main, ["submit", *map(str, arguments)])


# --- --check


def test_a_file_that_fits_is_said_to(files):
    mine, sample = files
    result = invoke(mine, "--check", "--sample", sample)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"{mine}: 2 rows, 2 columns, format file: fits the sample file",
        "note: column 'label' has words that the sample file does not show: 'dog'",
        f"submit it with: kgcv submit {mine} -c COMPETITION --sample {sample}",
    ]


def test_json(files, tmp_path):
    mine, sample = files
    output = tmp_path / "out.csv"
    arguments = [mine, "--check", "--sample", sample, "-o", output, "--json"]
    value = json.loads(invoke(*arguments).stdout)
    assert value.pop("sha256") and value.pop("warnings")
    assert value == {
        "path": str(output),
        "num_rows": 2,
        "columns": ["id", "label"],
        "format": "file",
        "competition": None,
    }
    assert output.read_text() == "id,label\na,cat\nb,dog\n"


def test_the_closing_line_is_the_command_that_submits_it(files, monkeypatch):
    result = CheckResult(Path("a.csv"), 2, ("id", "tags"), "tags", "0", "planet", ("1 of 2 images have no tag",))
    monkeypatch.setattr("kgcv.recipes.submit.check_submission", lambda *_: result)
    lines = [
        "a.csv: 2 rows, 2 columns, format tags: fits the sample file",
        "note: 1 of 2 images have no tag",
        "submit it with: kgcv submit ",
    ]
    assert invoke(".", "--check").stdout == "\n".join(lines) + ".\n"
    given = ["-c", "leaf", "-o", "out.csv"]
    assert invoke(".", "--check", *given).stdout == "\n".join(lines) + ". -c leaf -o out.csv\n"


def test_a_file_that_does_not_fit_is_an_expected_failure(files):
    mine, sample = files
    sample.write_text("id,label\na,cat\nb,cat\nc,cat\n")
    result = invoke(mine, "--check", "--sample", sample)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"kgcv: {mine}: 1 ids missing: c\n"


def test_doubts_fail_the_check_too(files):
    mine, sample = files
    mine.write_text("id,label\na,Cat\nb,dog\n")
    result = invoke(mine, "--check", "--sample", sample)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "column 'label': the sample file's words in other letters at 1 ids: a ('Cat')" in result.stderr
    assert "--despite-doubts" in result.stderr
    assert invoke(mine, "--check", "--sample", sample, "--despite-doubts").exit_code == 0


def test_a_file_without_sample_is_a_wrong_command_line(files):
    result = invoke(files[0], "--check")
    assert result.exit_code == 2
    assert result.stderr.endswith("against a sample file; name it with --sample, or the competition with -c\n")


def test_a_file_may_be_checked_against_the_sample_file_that_kaggle_has(kaggle, files, tmp_path):
    mine = files[0]
    result = invoke(mine, "--check", "-c", SLUG, "--progress", "none")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"kgcv: {mine}: 3 ids missing: 1, 2, 3; 2 ids not in the sample file: a, b\n"
    mine.write_text("id,label\n1,0.1\n2,0.2\n3,0.3\n")
    result = invoke(mine, "--check", "-c", SLUG)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, f"submit it with: kgcv submit {mine} -c {SLUG}")
    assert "StartSubmissionUpload" not in kaggle.routes()
    assert not (tmp_path / "runs").exists()


def test_checking_loads_neither_torch_nor_the_client(files):
    mine, sample = files
    script = (
        "import sys\n"
        "from kgcv.cli.main import main\n"
        f"main(['submit', {str(mine)!r}, '--check', '--sample', {str(sample)!r}], standalone_mode=False)\n"
        "heavy = {'torch', 'timm', 'pandas', 'matplotlib', 'kaggle', 'kagglesdk', 'requests'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- submitting


@pytest.fixture
def ready(kaggle, files):
    """The arguments of a submission that will succeed."""
    kaggle.pending = 0
    return [files[0], "-c", SLUG, "--sample", files[1], "--progress", "plain"]


def test_a_submission_is_told_with_its_score(kaggle, ready, tmp_path):
    result = invoke(*ready, "-m", "my first", "--wait")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{ready[0]}: submission 50000001 to leaf-disease: my first\npublic score 0.9753\n"
    assert [one.description for one in kaggle.submissions] == ["my first"]
    (entry,) = Ledger(tmp_path / "runs" / "submissions.jsonl").read()
    assert (entry.ref, entry.status) == (50000001, "complete")


def test_json_of_a_submission_is_its_line_in_the_ledger(ready, tmp_path):
    value = json.loads(invoke(*ready, "--wait", "--json").stdout)
    assert value.pop("path") == str(ready[0])
    assert value == json.loads((tmp_path / "runs" / "submissions.jsonl").read_text())
    assert (value["public_score"], value["competition"]) == (0.97531, SLUG)


def test_without_a_terminal_it_does_not_wait_and_says_how_to_ask(kaggle, ready):
    kaggle.pending = 1
    result = invoke(*ready)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1] == "not scored yet; ask later: kgcv submit --refresh"
    assert kaggle.routes().count("GetSubmission") == 1  # to confirm it
    result = invoke("--refresh", "--progress", "plain")
    assert result.exit_code == 0
    assert result.stdout == "leaf-disease, submission 50000001, mine.csv: complete, public score 0.9753\n"
    assert invoke("--refresh").stdout == "nothing new\n"
    entry = Entry(competition=SLUG, sha256="0", file="b.csv", message="b", asked="2026-01-02T03:04:05+00:00")
    Ledger(Path("runs/submissions.jsonl")).add(entry)
    assert invoke("--refresh").stdout == "leaf-disease, b.csv: refused: it never arrived at Kaggle\n"
    assert invoke("--refresh", "-c", "other", "--json").stdout == "[]\n"


def test_own_and_public_score_stand_side_by_side(kaggle, ready, tmp_path):
    kaggle.pending = 1
    invoke(*ready)
    ledger = Ledger(tmp_path / "runs" / "submissions.jsonl")
    (entry,) = ledger.read()
    own = {"own_score": 0.98, "own_spread": 0.0023, "metric": "f2", "run": "one"}
    ledger.settle(Entry(**{**{name: getattr(entry, name) for name in entry.__slots__}, **own}))
    line = "complete, public score 0.9753; own f2 0.9800 (spread over folds 0.0023)"
    assert invoke("--refresh").stdout == f"leaf-disease, submission 50000001, one: {line}\n"


def test_a_refused_submission_is_exit_code_4_with_the_servers_words(kaggle, ready):
    kaggle.fault("limit")
    result = invoke(*ready)
    assert (result.exit_code, result.stdout) == (4, "")
    assert "Your team has used its daily submission allowance" in result.stderr
    assert "success" not in result.stderr.lower()


def test_one_that_cannot_be_scored_is_exit_code_4_with_kaggles_reason(kaggle, ready):
    kaggle.outcome, kaggle.error = "error", "Submission must have 3 rows"
    result = invoke(*ready, "--wait")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "Kaggle could not score submission 50000001: Submission must have 3 rows" in result.stderr


def test_the_same_bytes_are_refused_without_again(kaggle, ready):
    assert invoke(*ready).exit_code == 0
    result = invoke(*ready)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "these very bytes were submitted to leaf-disease" in result.stderr
    assert invoke(*ready, "--again").exit_code == 0
    assert len(kaggle.submissions) == 2


def test_another_ledger(kaggle, ready, tmp_path, monkeypatch):
    assert invoke(*ready, "--ledger", tmp_path / "mine.jsonl").exit_code == 0
    monkeypatch.setenv("KGCV_LEDGER", str(tmp_path / "mine.jsonl"))
    assert invoke(*ready).exit_code == 1


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "name a RUN or a FILE, or ask for scores with --refresh"),
        (["mine.csv", "--sample", "sample.csv"], "name the competition of a file with -c"),
        (["mine.csv", "--sample", "sample.csv", "-c", "a b"], "is no competition's name"),
    ],
)
def test_wrong_command_lines(files, arguments, message):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_no_credentials_are_exit_code_4(kaggle, ready, tmp_path):
    (tmp_path / "home" / ".kaggle" / "kaggle.json").unlink()
    result = invoke(*ready)
    assert result.exit_code == 4
    assert "no Kaggle credentials found" in result.stderr


def start(arguments, cwd, stdout=subprocess.PIPE):
    command = [sys.executable, "-m", "kgcv", "submit", *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, env=dict(os.environ), stdout=stdout, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("name", ["VERBOSE", "VERBOSE_OUTPUT"])
def test_nothing_secret_is_shown_or_kept(kaggle, ready, tmp_path, monkeypatch, name):
    monkeypatch.setenv(name, "1")  # at which the client prints every request with its key
    kaggle.fault("5xx", "upload")
    kaggle.fault("lost-answer")
    done = start([*ready, "--wait"], tmp_path)
    shown = "".join(done.communicate(timeout=60))
    assert (done.returncode, "public score 0.9753" in shown, "trying again" in shown) == (0, True, True)
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != ".kaggle"]
    kept = "".join(path.read_text() for path in files)
    for secret in ("5ecre7", "Basic", "Bearer", "blob-"):
        assert secret not in shown + kept


def test_on_a_terminal_it_waits_and_ctrl_c_ends_the_waiting(kaggle, ready, tmp_path):
    kaggle.pending = 10**6
    keyboard, terminal = pty.openpty()
    process = start(ready, tmp_path, stdout=terminal)
    assert process.stderr is not None
    assert any("submission 50000001: waiting for its score" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    os.close(keyboard)
    os.close(terminal)
    assert process.returncode == 130
    assert "submission 50000001 is with Kaggle, and kgcv submit --refresh asks for its score" in errors
    assert [entry.status for entry in Ledger(tmp_path / "runs" / "submissions.jsonl").read()] == ["submitted"]


# --- killed


@pytest.mark.parametrize("moment", ["upload", "CreateSubmission"])
def test_a_killed_process_is_made_good_by_the_next(kaggle, ready, tmp_path, moment):
    # The last call is carried out, though its answer comes too late for the process.
    kaggle.fault("stall", moment, seconds=1.5)
    process = start(ready, tmp_path)
    deadline = time.monotonic() + 60
    while moment not in kaggle.routes() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    ledger = Ledger(tmp_path / "runs" / "submissions.jsonl")
    assert [(entry.status, entry.asked is None) for entry in ledger.read()] == [("pending", moment == "upload")]
    if moment == "CreateSubmission":
        while not kaggle.submissions:
            time.sleep(0.05)
    again = start(ready, tmp_path)
    _, errors = again.communicate(timeout=120)
    assert again.returncode == 0, errors
    assert len(kaggle.submissions) == 1
    assert [entry.ref for entry in ledger.read() if entry.ref is not None] == [50000001]
