import pytest

from kgcv.errors import ConfigError
from kgcv.kaggle.answers import Unreadable
from kgcv.kaggle.cookies import pasted_cookies
from kgcv.kaggle.web import Request, ask, check_url, open_web

SECRETS = {"Authorization": "Bearer 5ecre7", "X-Api-Key": "5ecre7", "User-Agent": "Browser", "Accept-Language": "de"}


def other_name(host):
    """The same server, under the name of another host."""
    return f"http://localhost:{host.port}"


def redirects(host, *targets, status=302, **headers):
    """Answers the first requests with a redirect to each of the targets, then with a file."""
    usual = host.file(b"content")
    answer = type(usual(_nobody()))

    def answers(asked):
        number = len(host.asked) - 1
        if number < len(targets):
            return answer(status=status, headers={"Location": targets[number], **headers})
        return usual(asked)

    return answers


def _nobody():
    return type("Nobody", (), {"headers": {}})()


def send(request):
    with open_web() as session, ask(session, request, {"Range": "bytes=0-"}, (2.0, 2.0)) as response:
        return response.content


def request_to(host, **changes):
    url = f"{host.url}/start?key=5ecre7"
    return Request(**{"url": url, "headers": SECRETS, "cookies": pasted_cookies("session=5ecre7", url), **changes})


def test_the_host_gets_headers_and_cookies(host):
    host.answer = redirects(host)
    send(request_to(host))
    found = host.asked[0].headers
    assert (found["authorization"], found["x-api-key"], found["cookie"]) == (
        "Bearer 5ecre7",
        "5ecre7",
        "session=5ecre7",
    )
    assert (found["user-agent"], found["range"]) == ("Browser", "bytes=0-")


def test_another_host_gets_nothing_secret(host):
    host.answer = redirects(host, f"{other_name(host)}/file")
    assert send(request_to(host)) == b"content"
    found = host.asked[1].headers
    assert "5ecre7" not in str(found)
    assert (found["user-agent"], found["accept-language"], found["range"]) == ("Browser", "de", "bytes=0-")


def test_what_was_left_behind_does_not_come_back_with_the_first_host(host):
    host.answer = redirects(host, f"{other_name(host)}/a", f"{host.url}/b")
    send(request_to(host))
    assert "authorization" not in host.asked[2].headers
    # Its own cookies are the host's own again.
    assert [asked.headers.get("cookie") for asked in host.asked] == ["session=5ecre7", None, "session=5ecre7"]


def test_the_same_host_keeps_them(host):
    host.answer = redirects(host, "/elsewhere")
    send(request_to(host))
    assert host.asked[1].path == "/elsewhere"
    assert host.asked[1].headers["authorization"] == "Bearer 5ecre7"
    assert host.asked[1].headers["cookie"] == "session=5ecre7"


def test_another_port_of_the_same_host_gets_no_headers(host):
    host.answer = redirects(host, f"http://127.0.0.1:{host.port + 1 if host.port < 65535 else 1}/x")
    with pytest.raises(Exception, match="refused"):
        send(request_to(host))
    assert len(host.asked) == 1


def test_a_cookie_that_is_set_on_the_way_is_sent(host):
    host.answer = redirects(host, "/file", **{"Set-Cookie": "ticket=7; Path=/"})
    send(request_to(host))
    assert host.asked[1].headers["cookie"] in ("session=5ecre7; ticket=7", "ticket=7; session=5ecre7")


@pytest.mark.parametrize("status, method", [(302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
def test_forms_follow_redirects_as_in_browsers(host, status, method):
    host.answer = redirects(host, "/file", status=status)
    send(request_to(host, method="POST", body=b"agree=yes"))
    assert (host.asked[1].method, host.asked[1].body) == (method, b"agree=yes" if method == "POST" else b"")


def test_a_form_is_not_sent_on_to_another_host(host):
    host.answer = redirects(host, f"{other_name(host)}/file", status=307)
    with pytest.raises(Unreadable, match=r"127\.0\.0\.1 sends the form on to localhost"):
        send(request_to(host, method="POST", body=b"password=5ecre7"))
    assert len(host.asked) == 1


def test_redirects_without_end(host):
    host.answer = redirects(host, *["/start"] * 100)
    with pytest.raises(Unreadable, match="redirects more than 10 times"):
        send(request_to(host))


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.org/x"])
def test_redirects_lead_to_the_web_only(host, target):
    host.answer = redirects(host, target)
    with pytest.raises(Unreadable, match="no address of the web"):
        send(request_to(host))


def test_a_netrc_is_not_used(host, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password 5ecre7\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    host.answer = redirects(host)
    send(Request(host.url + "/x"))
    assert "authorization" not in host.asked[0].headers


@pytest.mark.parametrize(
    "url", ["", "x", "//a.org/b", "https://", "https://a.org:99999/", "javascript:alert(1)", "http://["]
)
def test_addresses_of_the_web(url):
    with pytest.raises(ConfigError, match="must be of the form https://HOST/PATH"):
        check_url(url)
    assert check_url("https://a.org:8443/b?c#d") == "https://a.org:8443/b?c#d"
