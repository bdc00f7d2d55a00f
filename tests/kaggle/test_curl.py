import pytest

from kgcv.errors import ConfigError
from kgcv.kaggle.curl import parse_curl, parse_header
from kgcv.kaggle.shell_words import split_words

CHROME = r"""curl 'https://data.example.org/files/train.zip?key=a%20b&x=1' \
  -H 'accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8' \
  -H 'accept-language: en-US,en;q=0.9' \
  -b 'session=5ecre7; theme=dark; token=a=b==' \
  -H 'priority: u=0, i' \
  -H 'range: bytes=0-' \
  -H 'if-none-match: "v1"' \
  -H 'sec-ch-ua: "Chromium";v="146", "Not.A/Brand";v="24"' \
  -H 'authorization: Bearer 5ecre7' \
  -H 'x-empty;' \
  -H $'x-note: it\'s \u0021important' \
  --compressed"""

FIREFOX = r"""curl 'https://data.example.org/files/train.zip' \
  --compressed \
  -H 'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0' \
  -H 'Accept-Encoding: gzip, deflate, br, zstd' \
  -H 'Connection: keep-alive' \
  -H 'Cookie: session=5ecre7' \
  -H 'TE: trailers'"""

FORM = r"""curl 'https://data.example.org/download' -X POST \
  -H 'Content-Type: application/x-www-form-urlencoded' --data-raw 'agree=yes&file=%40train' --compressed"""


def cookies_of(request):
    return {cookie.name: cookie.value for cookie in request.cookies}


def test_what_chrome_copies():
    request = parse_curl(CHROME)
    assert (request.url, request.method, request.body) == (
        "https://data.example.org/files/train.zip?key=a%20b&x=1",
        "GET",
        None,
    )
    assert request.headers == {
        "accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
        "accept-language": "en-US,en;q=0.9",
        "priority": "u=0, i",
        "sec-ch-ua": '"Chromium";v="146", "Not.A/Brand";v="24"',
        "authorization": "Bearer 5ecre7",
        "x-empty": "",
    } | {"x-note": "it's !important"}
    assert cookies_of(request) == {"session": "5ecre7", "theme": "dark", "token": "a=b=="}


def test_what_firefox_copies():
    request = parse_curl(FIREFOX)
    assert request.headers == {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0"}
    assert cookies_of(request) == {"session": "5ecre7"}


def test_a_form():
    request = parse_curl(FORM)
    assert (request.method, request.body) == ("POST", b"agree=yes&file=%40train")
    assert request.headers == {"Content-Type": "application/x-www-form-urlencoded"}
    bare = parse_curl("curl https://a.org/b --data-raw x=1")
    assert (bare.method, bare.headers["Content-Type"]) == ("POST", "application/x-www-form-urlencoded")


def test_old_chrome_wrote_http2_names_and_a_cookie_header():
    request = parse_curl(
        "curl 'https://a.org/b' -H 'authority: a.org' -H ':path: /b' -H 'cookie: a=1; b=2' --compressed"
    )
    assert request.headers == {}
    assert cookies_of(request) == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    "flag, named",
    [
        ("-o out.zip", "-o"),
        ("--output=x", "--output"),
        ("-L", "-L"),
        ("-K config", "-K"),
        ("--config x", "--config"),
        ("-T file", "-T"),
        ("-F a=@/etc/passwd", "-F"),
        ("-u me:5ecre7", "-u"),
        ("-sS", "-s"),
        ("-x proxy", "-x"),
        ("--proxy-header 'a: 5ecre7'", "--proxy-header"),
        ("--data-urlencode a=1", "--data-urlencode"),
    ],
)
def test_other_flags_are_refused_by_name(flag, named):
    with pytest.raises(ConfigError, match=f"^{named} is no flag that a browser's copy has"):
        parse_curl(f"curl 'https://a.org/b' {flag}")


@pytest.mark.parametrize(
    "command, words",
    [
        ("wget https://a.org", "this is no curl command"),
        ("", "this is no curl command"),
        ("curl", "the command has 0 addresses"),
        ("curl https://a.org https://b.org", "the command has 2 addresses"),
        ("curl file:///etc/passwd", "the address must be of the form https://"),
        ("curl a.org/b", "the address must be of the form https://"),
        ("curl ftp://a.org/b", "the address must be of the form https://"),
        ("curl https://me:5ecre7@a.org/b", "the address has a user name in it"),
        ("curl 'https://a.org' -X PUT", "the request is a PUT"),
        ("curl 'https://a.org' -H 'nonsense 5ecre7'", "a header is of the form"),
        ("curl 'https://a.org' -H", "-H has no value"),
        ("curl 'https://a.org' -b jar.txt", "-b names a file; give it as --cookies FILE"),
        ("curl 'https://a.org' --data-binary @/etc/passwd", "--data-binary names a file"),
        ("curl 'https://a.org' --insecure", "--insecure is not honoured"),
        ("curl 'https://a.org' ;\ncurl 'https://b.org'", "there is more than one command"),
        ("curl https://a.org/b?x=1&y=2", "there is more than one command"),
        ("curl 'https://a.org' | sh", r"the character '\|' outside quotes"),
        ("curl 'https://a.org' > out", "the character '>' outside quotes"),
        ("curl $(cat /etc/passwd)", r"the character '\$' outside quotes"),
        ("curl `id`", "the character '`' outside quotes"),
        ('curl "https://a.org/$HOME"', "stops within a quoted text"),
        ("curl 'https://a.org", "stops within a quoted text"),
        ('curl ^"https://a.org^" -H ^"a: 5ecre7^"', r"copied as cURL \(cmd\)"),
        ('Invoke-WebRequest -Uri "https://a.org"', "copied for PowerShell"),
        ('fetch("https://a.org")', "copied for PowerShell or JavaScript"),
    ],
)
def test_what_is_not_understood_is_refused_without_showing_it(command, words):
    with pytest.raises(ConfigError, match=words) as caught:
        parse_curl(command)
    assert "5ecre7" not in str(caught.value)


def test_insecure_means_nothing_without_encryption():
    assert parse_curl("curl 'http://a.org/b' --insecure").url == "http://a.org/b"


def test_nothing_of_a_request_shows():
    assert "5ecre7" not in repr(parse_curl(CHROME))


@pytest.mark.parametrize(
    "command, words",
    [
        ("a 'b c' \"d e\" f\\ g", ["a", "b c", "d e", "f g"]),
        (r"""'it'\''s'""", ["it's"]),
        (r"$'a\tb\\c\x41\u00e9\U0001F600\101\''", ["a\tb\\cAé😀A'"]),
        ('"a\\"b\\\\c\\d"', ['a"b\\c\\d']),
        ("a \\\n  b\n", ["a", "b"]),
        ("a \\\r\n  b", ["a", "b"]),
        ("'' x", ["", "x"]),
        ("https://a.org/b?c=d#e", ["https://a.org/b?c=d#e"]),
    ],
)
def test_words_are_split_as_bash_does(command, words):
    assert split_words(command) == words


@pytest.mark.parametrize("text", ["x", ": y", "a b: c", "a: b\r\nEvil: c", "ä: b", ""])
def test_headers_of_another_form(text):
    with pytest.raises(ConfigError, match="a header is of the form 'Name: value'"):
        parse_header(text)


def test_a_header():
    assert parse_header("X-Key: a:b ") == ("X-Key", "a:b")
