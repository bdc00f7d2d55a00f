import json
import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from kgcv.cli.main import main

SIGNATURE = "5ecre7"


@pytest.fixture
def invoke(kaggle, tmp_path, monkeypatch):
    """Runs `kgcv download ...` in tmp_path against the server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("kgcv.recipes.download._NAP", 0.0)

    def run(*arguments, **how):
        return CliRunner().invoke(main, ["download", *map(str, arguments)], **how)

    return run


def quick(monkeypatch):
    """Waiting between attempts takes no time."""
    monkeypatch.setattr(
        "kgcv.kaggle.patience.Patience.delay", lambda self, attempt, asked=None: 0 if attempt < 3 else None
    )


def test_a_competition(invoke, kaggle, tmp_path):
    result = invoke("leaf-disease")
    assert result.exit_code == 0, result.stderr
    size = len(kaggle.archive("leaf-disease"))
    assert result.stdout == f"data/leaf-disease: 4 files, 4 of them new; {size} bytes received\n"
    assert f"leaf-disease.zip: {size} bytes" in result.stderr
    assert (tmp_path / "data/leaf-disease/train_images/a b.png").read_bytes() == b"first image"
    assert invoke("leaf-disease").stdout == "data/leaf-disease: 4 files, all current\n"


def test_json(invoke):
    result = invoke("leaf-disease", "-o", "x", "--archive", "keep", "--progress", "none", "--json")
    value = json.loads(result.stdout)
    assert value.pop("num_bytes_received") > 0
    assert value == {
        "competition": "leaf-disease",
        "folder": "x",
        "num_files": 4,
        "num_new": 4,
        "was_resumed": False,
        "archive": "x/leaf-disease.zip",
    }
    assert result.stderr == ""


def test_single_files(invoke, tmp_path):
    result = invoke("leaf-disease", "-o", "x", "--file", "train.csv", "--file", "test_*/*")
    assert result.exit_code == 0
    assert sorted(path.name for path in (tmp_path / "x").rglob("*.*") if path.is_file() and path.suffix != ".json") == [
        "a b.png",
        "train.csv",
    ]


def test_verify(invoke, tmp_path):
    invoke("leaf-disease", "-o", "x")
    path = tmp_path / "x/train.csv"
    before = path.stat()
    path.write_bytes(b"X" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "all current" in invoke("leaf-disease", "-o", "x").stdout
    result = invoke("leaf-disease", "-o", "x", "--verify")
    assert "1 of them new" in result.stdout
    assert "warning: train.csv: not as downloaded" in result.stderr


def test_a_link(invoke, kaggle, tmp_path):
    url = f"{kaggle.url}/storage/leaf-disease/all.zip?X-Goog-Signature={SIGNATURE}"
    result = invoke("--url", url, "--header", "X-Key: 1")
    assert (result.exit_code, result.stdout) == (0, f"all.zip: {len(kaggle.archive('leaf-disease'))} bytes received\n")
    assert kaggle.requests[-1].headers["x-key"] == "1"
    assert invoke("--url", url).stdout == "all.zip: current\n"
    result = invoke("--url", url, "--archive", "remove", "-o", "y", "--json")
    assert len(json.loads(result.stdout)["files"]) == 4


def test_a_paste_from_stdin(invoke, kaggle, tmp_path):
    url = f"{kaggle.url}/storage/leaf-disease/file/train.csv"
    result = invoke("--curl", "-", input=f"curl '{url}' \\\n  -b 'session={SIGNATURE}' \\\n  --compressed\n")
    assert (result.exit_code, result.stdout) == (0, "train.csv: 17 bytes received\n")
    assert kaggle.requests[-1].headers["cookie"] == f"session={SIGNATURE}"
    (tmp_path / "paste.txt").write_text(f"curl '{url}' --output x")
    result = invoke("--curl", "paste.txt")
    assert result.exit_code == 2
    assert result.stderr == "kgcv: --output is no flag that a browser's copy has; it is not understood\n"


def test_a_paste_that_is_no_text(invoke, tmp_path):
    (tmp_path / "paste.txt").write_bytes(b"curl 'https://a.org/\xff5ecre7'")
    result = invoke("--curl", "paste.txt")
    assert result.exit_code == 2
    assert "--curl: this is not text" in result.stderr
    assert SIGNATURE not in result.stderr


def test_a_kept_archive_is_told(invoke):
    assert invoke("leaf-disease", "-o", "x", "--archive", "keep").stdout.endswith(
        "; archive kept: x/leaf-disease.zip\n"
    )


def test_cookies_from_a_file(invoke, kaggle, tmp_path):
    (tmp_path / "cookies.txt").write_text(f"127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\t{SIGNATURE}\n")
    url = f"{kaggle.url}/storage/leaf-disease/file/train.csv"
    assert invoke("--url", url, "--cookies", "cookies.txt").exit_code == 0
    assert kaggle.requests[-1].headers["cookie"] == f"session={SIGNATURE}"


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "name one of: COMPETITION, --url, --curl"),
        (["leaf-disease", "--url", "https://a.org/b"], "name one of"),
        (["--url", "https://a.org/b", "--file", "x"], "--file and --verify go with COMPETITION"),
        (["--url", "https://a.org/b", "--verify"], "--file and --verify go with COMPETITION"),
        (["leaf-disease", "--header", "a: b"], "--header and --cookies go with --url and --curl"),
        (["leaf-disease", "--archive", "burn"], "Invalid value for '--archive'"),
        (["leaf disease"], "is no competition's name"),
        (["leaf-disease", "--file", "train.cvs"], "did you mean train.csv?"),
        (["--url", "file:///etc/passwd"], "must be of the form https://HOST/PATH"),
        (["--url", "https://a.org/b", "--header", f"{SIGNATURE}"], "a header is of the form"),
        (["--url", "https://a.org/b", "--cookies", "none.txt"], "does not exist"),
    ],
)
def test_wrong_command_lines(invoke, arguments, words, tmp_path):
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert SIGNATURE not in result.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "fault, route, how, words",
    [
        ("403-rules", "ListDataFiles", {}, "1. the competition's rules are not accepted yet: https://www.kaggle.com/"),
        ("403-rules", "DownloadDataFiles", {}, "You must accept this competition's rules"),
        ("401", "", {}, "kgcv kaggle doctor"),
        ("404", "ListDataFiles", {}, "is the name right?"),
        ("429", "", {"retry_after": 1}, "too many requests"),
        ("5xx", "ListDataFiles", {}, 'Kaggle refused with 503: "The service is unavailable."'),
        ("hangup", "ListDataFiles", {}, "Kaggle cannot be reached: the connection was cut"),
        ("html", "ListDataFiles", {}, "a web page called 'Sign in'"),
        ("html", "DownloadDataFiles", {}, "a web page called 'Sign in'"),
        ("html", "storage", {}, "leaf-disease.zip: a web page called 'Sign in' came instead of the file"),
        ("json-error", "DownloadDataFiles", {}, "Something went wrong"),
        ("5xx", "storage", {}, 'leaf-disease.zip: 127.0.0.1 refused with 503: "The service is unavailable."'),
        ("404", "storage", {}, 'leaf-disease.zip: 127.0.0.1 refused with 404: "Not found"'),
        ("truncate", "storage", {"after": 10}, "leaf-disease.zip: 127.0.0.1 stopped sending: the answer was cut"),
        ("hangup", "storage", {}, "leaf-disease.zip: 127.0.0.1 cannot be reached: the connection was cut"),
    ],
)
def test_a_fault_ends_in_4_and_the_next_run_repairs(invoke, kaggle, tmp_path, monkeypatch, fault, route, how, words):
    quick(monkeypatch)
    kaggle.fault(fault, route, times=-1, **how)
    result = invoke("leaf-disease", "-o", "x")
    assert (result.exit_code, result.stdout) == (4, "")
    assert words in result.stderr
    assert SIGNATURE not in result.stderr and kaggle.key not in result.stderr
    kaggle.faults.clear()
    assert invoke("leaf-disease", "-o", "x").exit_code == 0
    assert (tmp_path / "x/train.csv").read_bytes() == kaggle.files["leaf-disease"]["train.csv"]


def start(kaggle, tmp_path, *arguments):
    """A process of its own, with the environment of the test."""
    command = [sys.executable, "-m", "kgcv", "download", *arguments]
    return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition):
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    assert condition()


@pytest.mark.parametrize("number, code", [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_process_that_is_ended_goes_on(invoke, kaggle, tmp_path, number, code):
    content = os.urandom(3_000_000)
    kaggle.files["leaf-disease"] = {"train.bin": content}
    kaggle.rate = 3_000_000
    process = start(kaggle, tmp_path, "leaf-disease", "-o", "x")
    incoming = tmp_path / "x/.kgcv/incoming"
    wait_for(lambda: any(path.stat().st_size > 200_000 for path in incoming.glob("*/.part")))
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == code
    if number != signal.SIGKILL:
        assert "download stopped; run the same command again to go on" in errors
    assert not (tmp_path / "x/train.bin").exists()
    kaggle.rate = 0
    result = invoke("leaf-disease", "-o", "x", "--json")
    assert json.loads(result.stdout)["was_resumed"]
    assert json.loads(result.stdout)["num_bytes_received"] < len(kaggle.archive("leaf-disease"))
    assert (tmp_path / "x/train.bin").read_bytes() == content
