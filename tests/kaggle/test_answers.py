"""What an answer's body says, whoever wrote it."""

import io
import json

import pytest
import requests

from kgcv.kaggle.answers import Refused, Unreadable, check_answer, describe_body, find_words

HTML = b"\n <!DOCTYPE html><html><head><TITLE lang=en>Sign\n in</title></head>"


def answer(body, status=200, **headers):
    response = requests.Response()
    response.status_code = status
    response.raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"code": 403, "message": "the competition\\u0027s rules"}', "the competition's rules"),
        (b'{"error": {"code": 429, "message": "Too many", "status": "RESOURCE_EXHAUSTED"}}', "Too many"),
        (b'{"error": "invalid_grant"}', "invalid_grant"),
        (b'{"message": 7}', ""),
        (b'["no"]', '["no"]'),
        (b"<?xml version='1.0'?><Error><Code>X</Code><Message>Expired</Message></Error>", "Expired"),
        (HTML, ""),
        (b"upstream connect error", "upstream connect error"),
        (b"x" * 500, ""),
        (b"", ""),
        (b'{"message": "two\\nlines\\u001b[31m"}', "two lines [31m"),
        (b"\xff\xfe{", "\ufffd\ufffd{"),
    ],
)
def test_words(body, words):
    assert find_words(body) == words


def test_long_words_are_cut():
    assert find_words(json.dumps({"message": "y" * 1000}).encode()) == "y" * 297 + "..."


def test_a_page_is_named_by_its_title():
    assert "a web page called 'Sign in'" in describe_body(answer(HTML, Content_Type="text/html; charset=utf-8"))
    assert "a web page called 'Sign in'" in describe_body(answer(HTML))
    assert "a web page, as of a proxy" in describe_body(answer(b"hello", Content_Type="text/html"))
    assert describe_body(answer(b"id,label", Content_Type="text/csv")) == "it is not the JSON object that was due"
    assert describe_body(answer(b"")) == "it is not the JSON object that was due"


@pytest.mark.parametrize("body", [b"[]", b"7", b'"x"', b"null", b"", b"{", HTML])
def test_only_an_object_is_an_answer(body):
    with pytest.raises(Unreadable):
        check_answer(answer(body))


@pytest.mark.parametrize("body", [{"code": 500, "message": "no"}, {"error": {"code": 500, "message": "no"}}])
@pytest.mark.parametrize("status", [200, 500])
def test_an_error_is_one_with_any_status(body, status):
    with pytest.raises(Refused) as caught:
        check_answer(answer(body, status, Retry_After="3"))
    assert (caught.value.status, caught.value.words, caught.value.retry_after) == (500, "no", "3")


@pytest.mark.parametrize("body", [{}, {"files": []}, {"code": 7}, {"code": "x"}, {"error": None}])
def test_an_object_without_an_error_passes(body):
    check_answer(answer(body))


@pytest.mark.parametrize("body", [b'{"code": "x"}', b"[1]", b"7", HTML, b""])
def test_a_status_alone_refuses(body):
    with pytest.raises(Refused) as caught:
        check_answer(answer(body, 403))
    assert caught.value.status == 403


def test_a_redirect_is_told_by_its_host_alone():
    with pytest.raises(Unreadable, match=r"it sends on to portal\.test, as") as caught:
        check_answer(answer(b"", 302, Location="http://portal.test/login?session=5ecre7"))
    assert "5ecre7" not in str(caught.value)
