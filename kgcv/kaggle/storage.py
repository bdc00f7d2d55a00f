"""Kaggle's storage: where a file lies, and how one gets there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from kgcv.kaggle.answers import Unreadable, describe_body
from kgcv.kaggle.session import open_session, send_nothing

if TYPE_CHECKING:
    import requests


def storage_address(response: requests.Response) -> str:
    """The signed address that an answer sends on to; the answer is closed.

    Raises:
        Unreadable: it does not send on.
    """
    with response:
        if response.next is None or response.next.url is None:
            raise Unreadable(describe_body(response))
        return response.next.url


class _Counted:
    """A file that tells how much of it was read; `requests` takes its length for the Content-Length."""

    def __init__(self, stream: BinaryIO, size: int, on_bytes: Callable[[int], None]) -> None:
        self._stream = stream
        self._size = size
        self._on_bytes = on_bytes
        self.sent = 0

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self.sent += len(block)
        self._on_bytes(len(block))
        return block


def send_file(file: Path, url: str, timeout: tuple[float, float], on_bytes: Callable[[int], None]) -> None:
    """PUT the content of `file` to `url`, without any login.

    Args:
        file: What to send; not empty.
        url: A signed address.
        timeout: Seconds for connecting, and for each block to leave; and of silence until the answer.
        on_bytes: Is told how many bytes went out; takes all back when the file did not arrive.

    Raises:
        Refused: storage says no.
        Unreadable: it has a part of the file only, or it was not storage that answered.
        requests.RequestException: it was not reached, or the connection was cut.
    """
    with file.open("rb") as stream, open_session(timeout) as session:
        body = _Counted(stream, file.stat().st_size, on_bytes)
        session.auth = send_nothing
        try:
            with session.put(url, data=body, stream=True) as response:
                _expect_confirmation(response)
        except BaseException:
            on_bytes(-body.sent)
            raise


def _expect_confirmation(response: requests.Response) -> None:
    """Storage confirms with 200 or 201, and JSON or nothing; 308 is for a part."""
    if response.status_code not in (200, 201):
        raise Unreadable(f"storage does not confirm the file, but says {response.status_code}")
    if "html" in response.headers.get("Content-Type", ""):
        raise Unreadable(describe_body(response))
