"""Which failed calls may have been carried out: the question on which a doubled submission hangs."""

import ssl

import pytest
from requests import exceptions
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from kgcv.kaggle.answers import Refused, Unreadable
from kgcv.kaggle.trouble import diagnose, explain

SECRET = "/upload?upload_id=5ecre7"


def retried(reason):
    """As urllib3 hands a reason on, with the address in its text."""
    return MaxRetryError(None, SECRET, reason)  # type: ignore[arg-type]


def refused_port():
    return NewConnectionError(None, "refused")  # type: ignore[arg-type]


NEVER_LEFT = {
    "refused": exceptions.ConnectionError(retried(refused_port())),
    "name": exceptions.ConnectionError(retried(NameResolutionError("h", None, OSError("no name")))),  # type: ignore[arg-type]
    "connect": exceptions.ConnectTimeout(retried(ConnectTimeoutError(None, "late"))),
    "proxy": exceptions.ProxyError(retried(ProxyError("no proxy", refused_port()))),
    "certificate": exceptions.SSLError(retried(SSLError(ssl.SSLCertVerificationError("self-signed")))),
    "address": exceptions.InvalidProxyURL("http://["),
    "socks": exceptions.InvalidSchema("Missing dependencies for SOCKS support."),
}
MAY_HAVE_ARRIVED = {
    "silence": exceptions.ReadTimeout(ReadTimeoutError(None, SECRET, "late")),  # type: ignore[arg-type]
    "cut": exceptions.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError(104, "reset"))),
    "cut in TLS": exceptions.SSLError(retried(SSLError(ssl.SSLEOFError(8, "EOF occurred")))),
    "cut by the proxy": exceptions.ProxyError(retried(ProxyError("cut", ConnectionResetError(104, "reset")))),
    "half an answer": exceptions.ChunkedEncodingError(ProtocolError("IncompleteRead")),
    "page": Unreadable("it is a web page"),
    "503": Refused(503, ""),
    "unforeseen": exceptions.RequestException(),
}
ALL: dict[str, Exception] = {**NEVER_LEFT, **MAY_HAVE_ARRIVED}


@pytest.mark.parametrize("error", NEVER_LEFT.values(), ids=NEVER_LEFT)
def test_a_request_that_never_left_is_known_as_such(error):
    assert not diagnose(error).was_sent


@pytest.mark.parametrize("error", MAY_HAVE_ARRIVED.values(), ids=MAY_HAVE_ARRIVED)
def test_a_request_that_may_have_arrived_is_taken_to_have(error):
    assert diagnose(error).was_sent


@pytest.mark.parametrize("error", ALL.values(), ids=list(ALL))
def test_no_address_is_taken_over_from_an_exception(error):
    assert "5ecre7" not in str(explain(diagnose(error), "what", "slug"))


@pytest.mark.parametrize(
    ("name", "text", "may_pass"),
    [
        ("refused", "no connection", True),
        ("name", "the name is not found; is there a network?", True),
        ("connect", "no answer in time", True),
        ("proxy", "no connection (through the proxy that the environment names)", True),
        ("certificate", "its certificate is not accepted; is a proxy in between?", False),
        ("silence", "no answer in time", True),
        ("cut", "the connection was cut", True),
        ("cut in TLS", "the connection was cut", True),
        ("half an answer", "the answer was cut", True),
    ],
)
def test_why_and_whether_later_may_be_better(name, text, may_pass):
    trouble = diagnose(ALL[name])
    assert (trouble.text, trouble.may_pass) == (text, may_pass)


def test_a_server_that_did_not_say_may_still_be_at_work():
    late = {name for name, error in ALL.items() if diagnose(error).may_be_at_work}
    assert late == {"silence"}
    assert diagnose(Refused(504, "")).may_be_at_work
