"""A host of files on 127.0.0.1 that answers as a test tells it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kgcv.events import Recorder, never_stop
from kgcv.kaggle.patience import Patience
from kgcv.kaggle.source import Fetched, Source
from kgcv.kaggle.transfer import fetch
from kgcv.kaggle.web import Request


@dataclass(slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes


@dataclass(slots=True)
class Answer:
    """What is answered; a Content-Length that is longer than the body cuts the connection after it."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    has_length: bool = True


class FileHost:
    """The host. `answer` is asked for each request; `file` makes one that serves a file as good servers do."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answer: Callable[[Asked], Answer] = lambda asked: Answer(status=404)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def file(self, content: bytes, **headers: str) -> Callable[[Asked], Answer]:
        """Serves `content`, in parts where it is asked to and the If-Range fits."""
        marks = {"ETag": '"v1"', **{name.replace("_", "-"): value for name, value in headers.items()}}
        marks = {name: value for name, value in marks.items() if value}

        def answer(asked: Asked) -> Answer:
            wanted = asked.headers.get("range", "")
            if wanted and asked.headers.get("if-range") in (*marks.values(), None):
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                place = f"bytes {start}-{len(content) - 1}/{len(content)}"
                return Answer(content[start:], 206, {**marks, "Content-Range": place})
            if asked.headers.get("if-none-match") == marks.get("ETag", "none"):
                return Answer(status=304)
            return Answer(content, headers=marks)

        return answer

    def cut(self, usual: Callable[[Asked], Answer], *places: int) -> Callable[[Asked], Answer]:
        """As `usual`, but the first bodies end after so many bytes."""
        left = list(places)

        def answer(asked: Asked) -> Answer:
            found = usual(asked)
            if left and found.status in (200, 206):
                found.headers = {**found.headers, "Content-Length": str(len(found.body))}
                found.body = found.body[: left.pop(0)]
            return found

        return answer

    def _handler(host) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                names = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, names, body)
                host.asked.append(asked)
                answer = host.answer(asked)
                self.send_response(answer.status)
                lengths = {"Content-Length": str(len(answer.body))} if answer.has_length else {}
                for name, value in {"Connection": "close", **lengths, **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            do_POST = do_GET  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


@dataclass(slots=True)
class Errand:
    """`fetch` from the host, with a recorder and without real waiting."""

    host: FileHost
    folder: Path
    recorder: Recorder = field(default_factory=Recorder)
    naps: list[float] = field(default_factory=list)

    def source(self, path: str = "/data/file.bin", **changes: object) -> Source:
        request = Request(self.host.url + path)
        return Source(**{"label": "file.bin", "locate": lambda: request, **changes})  # type: ignore[arg-type]

    def __call__(self, path: str = "/data/file.bin", should_stop=never_stop, **changes: object) -> Fetched | None:
        patience = Patience(connect_seconds=2.0, read_seconds=0.3, sleep=self.naps.append)
        return fetch(self.source(path, **changes), self.folder, self.recorder, should_stop, patience)

    @property
    def warnings(self) -> list[str]:
        return [str(getattr(event, "text")) for event in self.recorder.events if hasattr(event, "text")]  # noqa: B009


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileHost]:
    """A FileHost that runs."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    host = FileHost()
    threading.Thread(target=host.server.serve_forever, args=(0.01,), daemon=True).start()
    yield host
    host.server.shutdown()
    host.server.server_close()


@pytest.fixture
def errand(host: FileHost, tmp_path: Path) -> Errand:
    """Fetches `/data/file.bin` of the host into a folder."""
    return Errand(host, tmp_path / "in")
