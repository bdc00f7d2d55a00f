"""Every place where credentials may lie, in the client's order, and what is said of each mistake."""

import json
from dataclasses import asdict

import pytest

from kgcv.errors import KaggleError
from kgcv.kaggle.credentials import Secret, find_credentials, require_credentials

KEY = "0123456789abcdef0123456789abcdef"
TOKEN = "KGAT_0123456789abcdef"


@pytest.fixture
def write(tmp_path):
    """`write("~/.kaggle/kaggle.json", {...})`: a file below the home `tmp_path`, readable by its owner alone."""

    def write_file(name, content, mode=0o600):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        path.chmod(mode)
        return path

    return write_file


def used(environ, home):
    found = find_credentials(environ, home).used
    return None if found is None else (found.kind, found.username, found.secret.reveal())


def test_nothing_is_found_in_an_empty_home_and_nothing_is_made_there(tmp_path):
    finding = find_credentials({}, tmp_path)
    assert (finding.used, finding.candidates, finding.warnings) == (None, (), ())
    assert list(tmp_path.iterdir()) == []


def test_the_order_is_the_clients(tmp_path, write):
    write(".kaggle/credentials.json", {"refresh_token": "oauth5", "username": "u5"})
    assert used({}, tmp_path) == ("oauth", "u5", "oauth5")
    write(".kaggle/kaggle.json", {"username": "u4", "key": "key4"})
    assert used({}, tmp_path) == ("key", "u4", "key4")
    write(".kaggle/access_token.txt", "token3\n")
    assert used({}, tmp_path) == ("token", None, "token3")
    write(".kaggle/access_token", " token2 \n")
    assert used({}, tmp_path) == ("token", None, "token2")
    environ = {"KAGGLE_API_TOKEN": "token1"}
    assert used(environ, tmp_path) == ("token", None, "token1")
    notebook = {"KAGGLE_KERNEL_RUN_TYPE": "Batch", "KAGGLE_DATA_PROXY_URL": "http://proxy"}
    environ |= {"KAGGLE_API_V1_TOKEN": str(write("notebook/token", "token0"))}
    assert used(environ, tmp_path) == ("token", None, "token1")
    assert used(environ | notebook, tmp_path) == ("token", None, "token0")
    kinds = [candidate.kind for candidate in find_credentials(environ | notebook, tmp_path).candidates]
    assert kinds == ["token"] * 4 + ["key", "oauth"]


def test_the_token_variable_may_name_a_file(tmp_path, write):
    path = write("elsewhere/token", TOKEN)
    finding = find_credentials({"KAGGLE_API_TOKEN": str(path)}, tmp_path)
    assert finding.used is not None
    assert finding.used.secret.reveal() == TOKEN
    assert finding.used.source == f"{path} (from KAGGLE_API_TOKEN)"


def test_a_token_too_long_for_a_file_name_is_a_token(tmp_path):
    # The client asks the file system about it, and dies.
    assert used({"KAGGLE_API_TOKEN": "x" * 5000}, tmp_path) == ("token", None, "x" * 5000)


def test_variables_stand_over_the_key_file(tmp_path, write):
    path = write(".kaggle/kaggle.json", {"username": "file", "key": KEY})
    assert used({"KAGGLE_USERNAME": "variable"}, tmp_path) == ("key", "variable", KEY)
    assert used({"KAGGLE_KEY": "other"}, tmp_path) == ("key", "file", "other")
    mixed = find_credentials({"KAGGLE_USERNAME": "variable"}, tmp_path).used
    assert mixed is not None and mixed.source == f"KAGGLE_USERNAME and {path}"


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"KAGGLE_CONFIG_DIR": "{home}/mine", "XDG_CONFIG_HOME": "{home}/xdg"}, "mine"),
        ({"XDG_CONFIG_HOME": "{home}/xdg"}, "xdg/kaggle"),
        ({}, ".config/kaggle"),
    ],
)
def test_the_key_file_is_looked_for_where_the_client_does(tmp_path, write, environ, folder):
    environ = {name: value.format(home=tmp_path) for name, value in environ.items()}
    write(f"{folder}/kaggle.json", {"username": "me", "key": KEY})
    assert used(environ, tmp_path) == ("key", "me", KEY)


def test_a_config_folder_is_overlooked_once_the_old_one_exists(tmp_path, write):
    path = write(".config/kaggle/kaggle.json", {"username": "me", "key": KEY})
    (tmp_path / ".kaggle").mkdir()
    finding = find_credentials({}, tmp_path)
    assert finding.used is None
    assert finding.warnings == (f"{path}: is not used; the client looks for it in {tmp_path}/.kaggle only",)


def test_a_token_in_the_config_folder_is_overlooked(tmp_path, write):
    path = write("mine/access_token", TOKEN)
    finding = find_credentials({"KAGGLE_CONFIG_DIR": str(path.parent)}, tmp_path)
    assert finding.used is None
    assert finding.warnings == (f"{path}: is not used; the client looks for it in ~/.kaggle only",)


def test_a_new_token_pasted_as_the_key_is_seen(tmp_path, write):
    path = write(".kaggle/kaggle.json", {"username": "me", "key": TOKEN})
    (warning,) = find_credentials({}, tmp_path).warnings
    assert warning.startswith(f"{path}: the key is a new API token, which does not work there; ")
    assert "access_token" in warning and TOKEN not in warning


@pytest.mark.parametrize("name", ["kaggle.json", "access_token", "credentials.json"])
def test_a_file_that_others_may_read_is_seen(tmp_path, write, name):
    content = {"kaggle.json": {"username": "me", "key": KEY}, "credentials.json": {"refresh_token": "r"}}
    path = write(f".kaggle/{name}", content.get(name, TOKEN), mode=0o640)
    warning = f"{path}: others may read it (mode 0640); mend it with: chmod 600 {path}"
    assert find_credentials({}, tmp_path).warnings == (warning,)
    path.chmod(0o400)
    assert find_credentials({}, tmp_path).warnings == ()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("kaggle.json", '{"username": "me", "key": "0123', "cannot be read: its content is damaged (JSONDecodeError)"),
        ("kaggle.json", '["me"]', "is not of the form"),
        ("kaggle.json", '{"username": "me"}', "has no key"),
        ("kaggle.json", "{}", None),
        ("kaggle.json", '{"username": "me", "key": 123}', "has no key"),
        ("kaggle.json", '{"username": "me", "key": "a b"}', "holds characters that no user name or key has"),
        ("access_token", "", "is empty"),
        ("access_token", "my token\nand more", "holds something other than one token"),
        ("credentials.json", "{", "cannot be read"),
        ("credentials.json", '{"username": "me"}', "has no refresh_token"),
    ],
)
def test_a_broken_file_is_named_and_not_used(tmp_path, write, name, content, said):
    path = write(f".kaggle/{name}", content)
    finding = find_credentials({}, tmp_path)
    assert finding.used is None
    assert len(finding.warnings) == (said is not None)
    if said is not None:
        assert finding.warnings[0].startswith(f"{path}: ") and said in finding.warnings[0]
        assert "0123" not in finding.warnings[0]


def test_half_a_key_in_variables_is_seen(tmp_path):
    (warning,) = find_credentials({"KAGGLE_USERNAME": "me"}, tmp_path).warnings
    assert warning == f"KAGGLE_USERNAME and {tmp_path}/.config/kaggle/kaggle.json: has no key"


def test_a_folder_in_the_place_of_a_file_is_no_traceback(tmp_path):
    (tmp_path / ".kaggle/kaggle.json").mkdir(parents=True)
    (tmp_path / ".kaggle/access_token").mkdir()
    finding = find_credentials({}, tmp_path)
    assert [warning.split(": ", 1)[1].split(";")[0] for warning in finding.warnings] == [
        "cannot be read: Is a directory"
    ] * 2


def test_a_secret_does_not_show(tmp_path):
    finding = find_credentials({"KAGGLE_API_TOKEN": TOKEN, "KAGGLE_USERNAME": "me", "KAGGLE_KEY": KEY}, tmp_path)
    (token, key) = finding.candidates
    shown = [repr(finding), repr(token), str(token), str(key), repr(asdict(key)), f"{key.secret}", f"{key.secret!r}"]
    assert not [text for text in shown if TOKEN in text or KEY in text]
    with pytest.raises(TypeError):
        json.dumps(asdict(key))
    assert Secret(KEY).reveal() == KEY


def test_requiring_credentials_says_where_to_put_them(monkeypatch, tmp_path, write):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_KEY", "KAGGLE_USERNAME", "KAGGLE_CONFIG_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(KaggleError, match=r"https://www\.kaggle\.com/settings/api.*~/\.kaggle/access_token"):
        require_credentials()
    write(".kaggle/kaggle.json", "{")
    with pytest.raises(KaggleError, match=r"kaggle\.json: cannot be read"):
        require_credentials()
    write(".kaggle/access_token", TOKEN)
    assert require_credentials().kind == "token"
