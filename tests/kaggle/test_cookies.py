import urllib.request

import pytest

from kgcv.errors import DataError
from kgcv.kaggle.cookies import pasted_cookies, read_cookies

FILE = """# Netscape HTTP Cookie File
# made by a browser's extension

.example.org\tTRUE\t/\tTRUE\t4102444800\tsession\t5ecre7
#HttpOnly_data.example.org\tFALSE\t/files\tFALSE\t0\ttoken\tabc
.example.org\tTRUE\t/\tFALSE\t946684800\told\tgone
"""


def sent(jar, url):
    probe = urllib.request.Request(url)
    jar.add_cookie_header(probe)
    return probe.get_header("Cookie")


def test_a_cookies_txt(tmp_path):
    (tmp_path / "cookies.txt").write_text(FILE)
    jar = read_cookies(tmp_path / "cookies.txt")
    assert sent(jar, "https://data.example.org/files/a.zip") == "token=abc; session=5ecre7"
    assert sent(jar, "https://www.example.org/") == "session=5ecre7"
    # Not without encryption, not to another path, host or subdomain.
    assert sent(jar, "http://data.example.org/") is None
    assert sent(jar, "http://sub.data.example.org/files/a.zip") is None
    assert sent(jar, "https://example.com/files/a.zip") is None


@pytest.mark.parametrize(
    "content, words",
    [
        (b"session=5ecre7\n", r"c\.txt:1: is no line of a cookies\.txt"),
        (b"# Netscape HTTP Cookie File\n\nexample.org 5ecre7\n", r"c\.txt:3: is no line of a cookies\.txt"),
        (b"a.org\tFALSE\t/\tFALSE\tsoon\ta\t5ecre7\n", r"c\.txt:1: is no line of a cookies\.txt"),
        (b'[{"name": "session", "value": "5ecre7"}]', r"c\.txt:1: is no line of a cookies\.txt"),
        (b"# Netscape HTTP Cookie File\n\xff\xfe5ecre7\n", r"c\.txt: cannot be read: it is not text"),
        (b"# Netscape HTTP Cookie File\n", r"c\.txt: holds no cookie"),
        (b"a.org\tFALSE\t/\tFALSE\t946684800\ta\t5ecre7\n", r"c\.txt: holds no cookie that is still valid"),
    ],
)
def test_another_form_is_refused_without_showing_it(tmp_path, content, words):
    (tmp_path / "c.txt").write_bytes(content)
    with pytest.raises(DataError, match=words) as caught:
        read_cookies(tmp_path / "c.txt")
    assert "5ecre7" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"c\.txt: cannot be read: No such file"):
        read_cookies(tmp_path / "c.txt")


def test_pasted_cookies_go_to_their_host_alone():
    jar = pasted_cookies("a=1; b=x=y;;c; d=", "https://www.example.org/x")
    assert sent(jar, "https://www.example.org/other") == "a=1; b=x=y; d="
    for url in (
        "https://example.org/",
        "https://sub.www.example.org/",
        "http://www.example.org/",
        "https://example.com",
    ):
        assert sent(jar, url) is None
    assert sent(pasted_cookies("a=1", "http://localhost:8000/x"), "http://localhost:8000/y") == "a=1"
    assert sent(pasted_cookies("a=1", "http://127.0.0.1:8000/x"), "http://localhost:8000/y") is None
