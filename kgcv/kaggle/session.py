"""The official client, tamed: imported without side effects, silent, with time-outs, and with the login we chose.

What it would do by itself: look for credentials again at each call and prefer a stale token to a good key, wait for
ever, follow redirects anywhere, print requests with their Authorization, and, when it is imported, create folders,
send a token over the network and close stdin.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from kgcv.errors import KaggleError
from kgcv.kaggle.answers import Refused, Unreadable, check_answer, refuse_errors
from kgcv.kaggle.credentials import Credentials

if TYPE_CHECKING:
    import requests

T = TypeVar("T")

_TOKEN_MARGIN = timedelta(minutes=5)
"""A login's access token is renewed so long before it ends; the client itself goes on for 30 minutes after."""


@contextmanager
def _silence() -> Iterator[None]:
    """Swallow what is printed: the client prints warnings, help and, if asked to, secrets."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


def quietly(work: Callable[[], T]) -> T:
    """Let the client do something; what it prints is swallowed, and it cannot end the program.

    Raises:
        Refused: the answer says no.
        Unreadable: the answer is not Kaggle's, or the client fails on it.
        requests.RequestException: no answer.
    """
    import requests

    try:
        with _silence():
            return work()
    except (Refused, Unreadable, requests.RequestException):
        raise
    except (Exception, SystemExit) as error:
        raise Unreadable(f"the kaggle client fails on it with {type(error).__name__}") from None


@contextmanager
def _nothing_to_find() -> Iterator[None]:
    """An environment in which the client, when it is imported, finds a key that is none, and an empty home."""
    hidden = {name: value for name, value in os.environ.items() if _is_hidden(name)}
    with TemporaryDirectory(prefix="kgcv-") as empty:
        stand_ins = {"HOME": empty, "KAGGLE_CONFIG_DIR": empty, "KAGGLE_USERNAME": "nobody", "KAGGLE_KEY": "none"}
        for name in hidden:
            del os.environ[name]
        os.environ.update(stand_ins)
        try:
            yield
        finally:
            for name in stand_ins:
                os.environ.pop(name, None)
            os.environ.update(hidden)


def _is_hidden(name: str) -> bool:
    return name.startswith("KAGGLE_") or name in ("HOME", "VERBOSE", "VERBOSE_OUTPUT")


def import_api() -> type[Any]:
    """The client's class KaggleApi.

    Raises:
        KaggleError: it cannot be imported.
    """
    try:
        with _silence(), _nothing_to_find():
            from kaggle.api.kaggle_api_extended import KaggleApi
    except (Exception, SystemExit) as error:
        raise KaggleError(
            f"the kaggle client cannot be loaded: {error}; install it with: pip install kaggle six"
        ) from None
    return KaggleApi  # type: ignore[no-any-return]


def client_version() -> str:
    """The version of the client that is installed."""
    from importlib.metadata import version

    return version("kaggle")


def build_client(session: requests.Session) -> Any:
    """The client's own KaggleClient, whose every request goes through `session`.

    The session is put in place before the client makes one, which is when it would look for credentials.
    """
    api = import_api()()
    api.args = ["--local"] if os.environ.get("KAGGLE_API_ENVIRONMENT") == "LOCALHOST" else []
    api.config_values = {}
    client = quietly(api.build_kaggle_client)
    session.headers.update({"User-Agent": "", "Content-Type": "application/json"})  # as the client's own session has it
    client.http_client()._session = session
    return client


def open_session(timeout: tuple[float, float]) -> requests.Session:
    """A session that never waits without limit, follows no redirect, and checks answers before anybody reads them.

    Args:
        timeout: Seconds for connecting, and of silence while reading.
    """
    import requests

    class Session(requests.Session):
        def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:
            how["timeout"] = how.get("timeout") or timeout
            how["allow_redirects"] = False
            response = super().send(request, **how)
            is_json = "json" in response.headers.get("Content-Type", "")
            if how.get("stream") and not is_json:
                refuse_errors(response)
            else:
                check_answer(response)
            return response

    return Session()


def log_in(session: requests.Session, credentials: Credentials, client: Any) -> str:
    """Make `session` send these credentials; a login of `kaggle auth login` is renewed when it has ended.

    Returns:
        The secret that is sent from now on.

    Raises:
        Refused, Unreadable, requests.RequestException: it could not be renewed.
    """
    secret = credentials.secret.reveal()
    if credentials.kind == "key":
        session.auth = (credentials.username or "", secret)
        return secret
    if credentials.kind == "oauth":
        session.auth = send_nothing
        secret = _access_token(Path(credentials.source), client)
    session.auth = _bearer(secret)
    return secret


def _bearer(token: str) -> Callable[[Any], Any]:
    def authorize(request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    return authorize


def send_nothing(request: Any) -> Any:
    """No login; also keeps `requests` from taking one out of ~/.netrc."""
    return request


def _access_token(path: Path, client: Any) -> str:
    """The stored access token, or a new one by way of the client, which stores it."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    ends = datetime.fromisoformat(stored.get("access_token_expiration") or "1970-01-01T00:00:00+00:00")
    if stored.get("access_token") and ends > datetime.now(UTC) + _TOKEN_MARGIN:
        return str(stored["access_token"])
    from kagglesdk import KaggleCredentials

    login = KaggleCredentials.load(client, str(path))
    quietly(login.refresh_access_token)
    return str(login.get_access_token())
