"""What the client does by itself when it is imported or called, and does not do under kgcv.

Each test runs in a process of its own, as the client's import happens once.
"""

import io
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import kgcv
from kgcv.errors import KaggleError
from kgcv.kaggle.session import import_api, open_session

CONNECT = "from kgcv.kaggle.client import connect; client = connect()"
PACKAGE = Path(kgcv.__file__).parent
LIST = "print(len(client.list_files('leaf-disease')))"


def run(kaggle, home, *lines, login="key", **environ):
    """Run lines of Python with a home and an environment of their own."""
    own = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        env={**own, **kaggle.environment(home, login), **environ},
        input="a line\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_connecting_sends_nothing_prints_nothing_and_leaves_stdin_open(kaggle, tmp_path):
    done = run(kaggle, tmp_path, CONNECT, "print(input())", login="token")
    assert (done.returncode, done.stdout, done.stderr) == (0, "a line\n", "")
    assert kaggle.requests == []


def test_a_server_that_stalls_does_not_stall_the_import(kaggle, tmp_path):
    kaggle.fault("stall", route="", times=-1, seconds=30)
    done = run(kaggle, tmp_path, "import time; start = time.monotonic()", CONNECT, "print(time.monotonic() - start)")
    assert float(done.stdout) < 10


def test_no_folder_is_made_in_the_home(kaggle, tmp_path):
    home = tmp_path / "empty"
    done = run(kaggle, home, CONNECT, LIST, login="none", KAGGLE_API_TOKEN=kaggle.token)
    assert (done.returncode, done.stdout) == (0, "4\n")
    assert [path.name for path in home.rglob("*")] == [".kaggle"]  # by `environment`


def test_a_home_in_which_nothing_can_be_made_is_no_hindrance(kaggle, tmp_path):
    (tmp_path / "file").touch()
    home = {"HOME": str(tmp_path / "file"), "XDG_CONFIG_HOME": str(tmp_path / "file")}
    done = run(kaggle, tmp_path / "other", CONNECT, LIST, login="none", KAGGLE_API_TOKEN=kaggle.token, **home)
    assert (done.returncode, done.stdout, done.stderr) == (0, "4\n", "")


def test_a_token_too_long_for_a_file_name_does_not_break_the_import(kaggle, tmp_path):
    kaggle.token = "x" * 5000
    done = run(kaggle, tmp_path, CONNECT, LIST, login="none", KAGGLE_API_TOKEN=kaggle.token)
    assert (done.returncode, done.stdout, done.stderr) == (0, "4\n", "")


def test_the_environment_is_as_before(kaggle, tmp_path):
    before = "import os; before = dict(os.environ)"
    done = run(kaggle, tmp_path, before, CONNECT, "print(before == dict(os.environ))", VERBOSE="1", KAGGLE_PATH="x")
    assert done.stdout == "True\n"


@pytest.mark.parametrize("name", ["VERBOSE", "VERBOSE_OUTPUT"])
def test_verbose_prints_nothing(kaggle, tmp_path, name):
    logs = "import logging; print(logging.getLogger().level == logging.WARNING, logging.getLogger().handlers)"
    done = run(kaggle, tmp_path, CONNECT, LIST, logs, **{name: "true"})
    assert (done.stdout, done.stderr) == ("4\nTrue []\n", "")


def test_a_warning_of_the_client_stays_out_of_stdout(kaggle, tmp_path):
    # It tells everybody whose key file is readable, and whose version is old, on stdout.
    (tmp_path / ".kaggle").mkdir()
    (tmp_path / ".kaggle/kaggle.json").touch(0o644)
    done = run(
        kaggle, tmp_path, "import os", "os.chmod(os.environ['HOME'] + '/.kaggle/kaggle.json', 0o644)", CONNECT, LIST
    )
    assert (done.stdout, done.stderr) == ("4\n", "")


def test_a_stale_token_file_is_not_sent_once_it_is_known(kaggle, tmp_path):
    environ = kaggle.environment(tmp_path)
    (tmp_path / ".kaggle/access_token").write_text("KGAT_stale")
    done = run(kaggle, tmp_path, CONNECT, LIST, LIST, **environ)
    assert (done.stdout, done.stderr) == ("4\n4\n", "")
    assert [request.headers["authorization"].split()[0] for request in kaggle.requests] == ["Bearer", "Basic", "Basic"]


def test_a_login_out_of_netrc_is_not_sent_to_storage(kaggle, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password 5ecre7\n")
    (tmp_path / ".netrc").chmod(0o600)
    (tmp_path / "mine.csv").write_text("id\n")
    upload = (
        f"from pathlib import Path; client.upload('leaf-disease', Path({str(tmp_path / 'mine.csv')!r}), lambda n: 0)"
    )
    done = run(kaggle, tmp_path, CONNECT, upload)
    assert (done.returncode, done.stderr) == (0, "")
    assert "authorization" not in kaggle.requests[-1].headers


@pytest.mark.parametrize("missing", ["six", "kaggle"])
def test_a_client_that_is_not_there_is_named(kaggle, tmp_path, missing):
    hide = f"import sys; sys.modules[{missing!r}] = None"
    catch = "from kgcv.kaggle.client import connect\ntry: connect()\nexcept Exception as error: print(repr(error))"
    done = run(kaggle, tmp_path, hide, catch)
    assert done.stdout.startswith(("KaggleError('the kaggle client cannot", 'KaggleError("the kaggle client cannot'))
    assert missing in done.stdout and "pip install kaggle six" in done.stdout


def test_a_client_that_breaks_at_its_import_is_named(kaggle, tmp_path):
    (tmp_path / "six.py").write_text("print('noise')\nraise TypeError('descriptors of another version')")
    shadow = f"import sys; sys.path.insert(0, {str(tmp_path)!r})"
    catch = "from kgcv.kaggle.client import connect\ntry: connect()\nexcept Exception as error: print(repr(error))"
    done = run(kaggle, tmp_path, shadow, catch)
    assert done.stdout.startswith("KaggleError('the kaggle client cannot be loaded: descriptors of another version; ")


def test_what_the_client_needs_and_does_not_say_is_installed_with_kgcv():
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"kaggle", "six"} <= {re.split(r"\W", wanted)[0] for wanted in project["dependencies"]}


def test_no_other_command_can_reach_kaggle():
    """Recipes that import the room; training, predictions and all others open no socket."""
    found = {path.stem for path in PACKAGE.glob("recipes/*.py") if "kgcv.kaggle" in path.read_text(encoding="utf-8")}
    reads_the_ledger_alone = {"report_data"}
    assert found == {"doctor", "download", "leaderboard", "ledger", "sample_file", "submit"} | reads_the_ledger_alone


def test_a_client_that_exits_does_not_end_kgcv(kaggle, tmp_path, monkeypatch):
    client = kaggle.connect()
    monkeypatch.setattr(
        client._client.competitions.competition_api_client, "list_data_files", lambda request: sys.exit(1)
    )
    with pytest.raises(KaggleError, match="the kaggle client fails on it with SystemExit"):
        client.list_files("leaf-disease")


def test_the_real_client_is_used_and_its_prints_are_swallowed(kaggle, monkeypatch, capfd):
    api = import_api()
    assert api.__module__ == "kaggle.api.kaggle_api_extended"
    client = kaggle.connect()
    calls = client._client.competitions.competition_api_client
    real = calls.list_data_files
    monkeypatch.setattr(calls, "list_data_files", lambda request: (sys.stdout.write("5ecre7"), real(request))[1])
    assert len(client.list_files("leaf-disease")) == 4
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("place", "base"), [("LOCALHOST", "http://localhost/api"), (None, "https://api.kaggle.com")])
def test_kaggle_itself_is_asked_unless_the_environment_says_otherwise(kaggle, monkeypatch, place, base):
    monkeypatch.delenv("KAGGLE_API_ENVIRONMENT")
    if place is not None:
        monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", place)
    address = kaggle.connect()._client.http_client()._get_request_url("competitions.Service", "ListDataFiles")
    assert address == f"{base}/v1/competitions.Service/ListDataFiles"


def test_a_session_cannot_be_made_to_wait_without_limit(kaggle, monkeypatch):
    import requests

    seen = []

    def send(self, request, **how):
        seen.append((how["timeout"], how["allow_redirects"]))
        response = requests.Response()
        response.status_code, response.raw = 200, io.BytesIO(b"{}")
        return response

    monkeypatch.setattr(requests.Session, "send", send)
    session = open_session((1.0, 2.0))
    session.get(kaggle.url)
    session.get(kaggle.url, timeout=None)
    session.get(kaggle.url, allow_redirects=True)
    assert seen == [((1.0, 2.0), False)] * 3
