"""A Kaggle on 127.0.0.1 for the tests: files, uploads, submissions, a leaderboard, and faults on demand.

Standard library only. The official client, unmodified, does all its work here: KAGGLE_API_ENVIRONMENT=LOCALHOST sends
it to http://localhost, and the variable http_proxy carries every request to this server, whose port is free to choose.

    def test_something(kaggle):                      # the fixture of tests/conftest.py, for every room
        kaggle.files["leaf-disease"] = {"train.csv": b"..."}
        kaggle.fault("5xx", "ListDataFiles", times=2)
        client = kaggle.connect()                    # a KaggleClient with short time-outs, whose sleeps take no time
        assert kaggle.naps == [1.0, 2.0]             # what it would have slept

The fixture also sets the environment of the test's own process, so that code which connects by itself, and programs
it starts, reach this server too. The server counts a request before it answers it, so `requests` is complete as soon
as the client has its answer.
"""

from __future__ import annotations

import base64
import email.utils
import hashlib
import io
import json
import re
import socket
import struct
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

SLUG = "leaf-disease"
DEFAULT_FILES: Mapping[str, Mapping[str, bytes]] = {
    SLUG: {
        "sample_submission.csv": b"id,label\n1,0.5\n2,0.5\n3,0.5\n",
        "train.csv": b"id,label\na,0\nb,1\n",
        "train_images/a b.png": b"first image",
        "test_images/a b.png": b"second image",
    }
}
SIGNATURE = "5ecre7-5ignature"
"""Stands in every storage and upload address; must never be shown."""

_COMPETITIONS = "competitions.CompetitionApiService/"
_STORAGE, _UPLOAD = "/storage/", "/upload"
_CHUNK = 1 << 16

# Fault: status and words. The words of 401, 404, limit and 5xx are made up; the others were seen in public.
_REFUSALS = {
    "401": (401, "Unauthenticated"),
    "403-rules": (403, "You must accept this competition's rules before you'll be able to download files."),
    "403-denied": (403, "Permission 'competitions.participate' was denied"),
    "404": (404, "Not found"),
    "400": (400, "Bad Request"),
    "limit": (400, "Your team has used its daily submission allowance (5) today."),
    "429": (429, "Too many requests"),
    "5xx": (503, "The service is unavailable."),
}
_FAULTS = {
    *_REFUSALS,
    *(
        "truncate",
        "cut-upload",
        "stall",
        "stall-body",
        "hangup",
        "lost-answer",
        "html",
        "json-error",
        "json",
        "redirect",
    ),
}
_WHERE = {"limit": "CreateSubmission", "lost-answer": "CreateSubmission", "truncate": "storage"}
_WHERE |= {"stall-body": "storage", "cut-upload": "upload"}
_GOOGLE = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED"}


@dataclass(slots=True)
class Request:
    """One request as it arrived."""

    route: str
    """The API's method (`ListDataFiles`, `IntrospectToken`), `storage/SLUG/...` or `upload`."""
    method: str
    headers: dict[str, str]
    """By lower-case name."""
    json: Any = None
    """The body, where it was JSON."""
    size: int = 0
    """Bytes of the body that were received."""
    status: int = 0
    """Of the answer; 0 while there is none."""
    fault: str = ""


@dataclass(slots=True)
class Fault:
    """What goes wrong with the next `times` requests whose route contains `route`; -1 for all."""

    name: str
    route: str
    times: int
    how: dict[str, Any]


@dataclass(slots=True)
class Upload:
    """A file on its way in."""

    slug: str
    name: str
    length: int
    content: bytes | None = None


@dataclass(slots=True)
class Submission:
    """One submission; its fields are what the server will answer."""

    ref: int
    slug: str
    name: str
    content: bytes
    description: str
    date: str
    pending: int
    """Looks at it until its outcome shows."""
    outcome: str
    score: str
    private_score: str
    error: str
    status: str = "PENDING"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def look(self) -> dict[str, Any]:
        """What the API tells; each look brings the outcome nearer."""
        if self.pending > 0:
            self.pending -= 1
        else:
            self.status = self.outcome.upper()
        complete, error = self.status == "COMPLETE", self.status == "ERROR"
        return {
            "ref": self.ref,
            "totalBytes": len(self.content),
            "date": self.date,
            "description": self.description,
            "errorDescription": self.error if error else "",
            "fileName": self.name,
            "publicScore": self.score if complete else "",
            "privateScore": self.private_score if complete else "",
            "status": self.status,
            "submittedBy": "fakeuser",
            "submittedByRef": "fakeuser",
            "teamName": "fakeuser",
            "url": f"https://www.kaggle.com/submissions/{self.ref}/{self.ref}.raw",
        }


@dataclass(slots=True)
class LoopbackKaggle:
    """The server, as a context manager; everything public may be changed while it runs."""

    files: dict[str, Mapping[str, bytes]] = field(default_factory=lambda: dict(DEFAULT_FILES))
    """Slug -> name (with folders) -> content."""
    user: str = "fakeuser"
    key: str = "fake5ecre7key"
    token: str = "KGAT_fake5ecre7token"
    error_style: str = "code"
    """`code`: {"code", "message"}; `google`: {"error": {"code", "message", "status"}}."""
    unknown: int = 403
    """The answer to an unknown competition, as in life; 404 elsewhere."""
    pending: int = 1
    outcome: str = "complete"
    score: str = "0.97531"
    private_score: str = ""
    error: str = ""
    daily_limit: int = 5
    page_size_max: int = 200
    zip_over: int | None = None
    """Single files with more bytes than this are handed out as NAME.zip."""
    rate: int = 0
    """Bytes a second of a storage body; 0 for as fast as it goes."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Overrides of what GetCompetition answers, by its JSON names."""
    board: list[tuple[int, str, str, str]] = field(
        default_factory=lambda: [
            (101, "alpha", "2026-10-01T10:00:00Z", "0.99001"),
            (102, "beta", "2026-10-02T11:00:00Z", "0.98002"),
            (103, "fakeuser", "2026-10-03T12:00:00.123456Z", "0.97531"),
        ]
    )
    created: str = "2026-01-02T03:04:05.678Z"
    """Of every file. Change it together with a file's content: it is the file's date and validator."""
    requests: list[Request] = field(default_factory=list)
    submissions: list[Submission] = field(default_factory=list)
    uploads: dict[str, Upload] = field(default_factory=dict)
    naps: list[float] = field(default_factory=list)
    """Seconds that clients of `connect` would have slept."""
    faults: list[Fault] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _server: _Server | None = None
    _archives: dict[str, bytes] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.kaggle = self
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fault(self, name: str, route: str | None = None, times: int = 1, **how: Any) -> Fault:
        """From now on the next `times` requests to routes containing `route` go wrong; -1 for all of them.

        Without a route: those where the fault makes sense, or all. With exact=True: to this very route.

        Names, with what `how` may say:
            401, 403-rules, 403-denied, 404, 400, limit, 429, 5xx: refused; status=, message=, retry_after= (seconds,
                an HTTP date, or None).
            truncate(after=BYTES): a storage body that ends early. stall-body(after=, seconds=): that pauses.
            cut-upload(after=BYTES): the connection is cut while the file is sent.
            stall(seconds=): no answer for so long, then the right one.
            hangup: no answer at all, nothing is carried out. lost-answer: carried out, but the answer is lost.
            html: a page with status 200. json-error: {"code": 500, ...} with status 200.
            json(body=VALUE, status=200): this JSON value as the answer. redirect(to=URL): a 302 to there.
        """
        if name not in _FAULTS:
            raise ValueError(f"no fault is called {name}")
        self.faults.append(Fault(name, _WHERE.get(name, "") if route is None else route, times, how))
        return self.faults[-1]

    def take_fault(self, route: str, *names: str) -> Fault | None:
        """The first live fault of these names for the route; one of its times is used up."""
        with self.lock:
            for fault in self.faults:
                is_meant = fault.route == route if fault.how.get("exact") else fault.route in route
                if fault.times and fault.name in names and is_meant:
                    fault.times -= fault.times > 0
                    return fault
        return None

    def routes(self) -> list[str]:
        """The routes of all requests so far, in order."""
        return [request.route for request in self.requests]

    def environment(self, home: Path, login: str = "key") -> dict[str, str]:
        """Variables for a process that shall reach this server, with credentials written below `home`.

        Args:
            home: becomes HOME.
            login: `key` (~/.kaggle/kaggle.json), `token` (~/.kaggle/access_token) or `none`.
        """
        folder = home / ".kaggle"
        folder.mkdir(parents=True, exist_ok=True)
        if login == "key":
            (folder / "kaggle.json").write_text(json.dumps({"username": self.user, "key": self.key}))
            (folder / "kaggle.json").chmod(0o600)
        elif login == "token":
            (folder / "access_token").write_text(self.token + "\n")
            (folder / "access_token").chmod(0o600)
        proxy = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), self.url)
        direct = dict.fromkeys(("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"), "")
        return {"HOME": str(home), "KAGGLE_API_ENVIRONMENT": "LOCALHOST", **proxy, **direct}

    def connect(self, **options: Any) -> Any:
        """A KaggleClient in this process; its environment must be that of `environment`, as the fixture sees to."""
        from kgcv.kaggle.client import connect
        from kgcv.kaggle.patience import Patience

        patience = Patience(connect_seconds=2.0, read_seconds=1.0, sleep=self.naps.append)
        return connect(**{"patience": patience, **options})

    def archive(self, slug: str, only: str | None = None) -> bytes:
        """The zip of all files, or of one; the same bytes as long as the files are the same."""
        files = self.files[slug] if only is None else {Path(only).name: self.files[slug][only]}
        stamp = hashlib.sha256(repr([(n, hashlib.sha256(c).digest()) for n, c in files.items()]).encode()).hexdigest()
        with self.lock:
            if stamp not in self._archives:
                buffer = io.BytesIO()
                with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                    for name, content in files.items():
                        archive.writestr(zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 4)), content)
                self._archives[stamp] = buffer.getvalue()
            return self._archives[stamp]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    kaggle: LoopbackKaggle

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Hangup(Exception):
    """The connection is closed now, with nothing more written."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        if hasattr(socket, "TCP_QUICKACK"):  # a client behind a proxy waits for it, 40 ms otherwise
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        kaggle = self.server.kaggle
        parts = urlsplit(self.path)  # an absolute address, as we are the proxy
        self.query = parse_qs(parts.query)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.seen = Request(self._route(parts.path), self.command, headers)
        self.lost = False
        with kaggle.lock:
            kaggle.requests.append(self.seen)
        try:
            self._answer(parts.path)
        except _Hangup:
            self._cut()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    do_GET = do_PUT = do_HEAD = do_POST  # noqa: N815

    def _route(self, path: str) -> str:
        if path.startswith(_STORAGE):
            return path.removeprefix("/")
        return "upload" if path == _UPLOAD else path.rsplit("/", 1)[-1]

    def _cut(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _answer(self, path: str) -> None:
        kaggle = self.server.kaggle
        if self.seen.route == "upload":
            return self._receive()
        body = self._read_body()
        self.seen.json = json.loads(body) if body else None
        self.json: dict[str, Any] = self.seen.json or {}
        if self._goes_wrong():
            return None
        if path.startswith(_STORAGE):
            return self._storage()
        if self.seen.route not in ("IntrospectToken", "GenerateAccessToken"):
            if not self._is_authorized():
                return self._refuse("401")
            self.slug = self.json.get("competitionName", "")
            if "competitionName" in self.json and self.slug not in kaggle.files:
                return self._refuse("403-denied" if kaggle.unknown == 403 else "404")
        method: Callable[[], None] = getattr(self, f"_{self.seen.route}", lambda: self._refuse("404"))
        return method()

    def _read_body(self, limit: int | None = None) -> bytes:
        """The whole body; cut after `limit` bytes where given."""
        content = b""
        while chunk := self._next_chunk(len(content)):
            content += chunk
            self.seen.size = len(content)
            if limit is not None and len(content) > limit:
                self.seen.size = limit
                raise _Hangup
        return content

    def _next_chunk(self, done: int) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            size = int(self.rfile.readline().split(b";")[0], 16)
            chunk = self.rfile.read(size)
            self.rfile.readline()
            return chunk
        left = int(self.headers.get("Content-Length") or 0) - done
        if not left:
            return b""
        chunk = self.rfile.read(min(left, _CHUNK))
        if not chunk:
            raise ConnectionResetError
        return chunk

    def _is_authorized(self) -> bool:
        kaggle = self.server.kaggle
        basic = base64.b64encode(f"{kaggle.user}:{kaggle.key}".encode()).decode()
        return self.headers.get("Authorization") in (f"Basic {basic}", f"Bearer {kaggle.token}")

    # Answers.

    def _send(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        self.seen.status = status
        if self.lost:
            raise _Hangup
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_json(self, value: Any, status: int = 200, **headers: str) -> None:
        # Kaggle writes ' as \u0027.
        self._send(status, json.dumps(value).replace("'", "\\u0027").encode(), **headers)

    def _goes_wrong(self) -> bool:
        names = ("stall", "hangup", "lost-answer", "html", "json-error", "json", "redirect", *_REFUSALS)
        fault = self.server.kaggle.take_fault(self.seen.route, *names)
        if fault is None:
            return False
        self.seen.fault = fault.name
        match fault.name:
            case "stall":
                time.sleep(fault.how.get("seconds", 5))
                return False
            case "hangup":
                raise _Hangup
            case "lost-answer":
                self.lost = True
                return False
            case "html":
                self._send(200, b"<!DOCTYPE html><title>Sign in</title><p>Welcome to the hotel.", "text/html")
            case "json-error":
                self._send_json({"code": 500, "message": "Something went wrong"})
            case "json":
                self._send_json(fault.how["body"], fault.how.get("status", 200))
            case "redirect":
                self._send(302, b"", "text/html", Location=fault.how["to"])
            case _:
                known = ("status", "message", "retry_after")
                self._refuse(fault.name, **{name: fault.how[name] for name in known if name in fault.how})
        return True

    def _refuse(self, name: str, status: int = 0, message: str = "", retry_after: float | str | None = None) -> None:
        usual_status, usual_message = _REFUSALS[name]
        status, message = status or usual_status, message or usual_message
        headers = {} if retry_after is None else {"Retry_After": str(retry_after)}
        if self.seen.route.startswith("storage/") or self.seen.route == "upload":
            text = f"<?xml version='1.0'?><Error><Code>{status}</Code><Message>{message}</Message></Error>"
            return self._send(status, text.encode(), "application/xml", **headers)
        value: dict[str, Any] = {"code": status, "message": message}
        if self.server.kaggle.error_style == "google":
            value = {"error": {**value, "status": _GOOGLE.get(status, "UNKNOWN")}}
        return self._send_json(value, status, **headers)

    # Storage.

    def _address(self, path: str, **query: str) -> str:
        # Another host than the API's, as in life: requests then leaves the Authorization behind.
        signed = urlencode({"X-Goog-Signature": SIGNATURE, **query})
        return f"http://127.0.0.1:{self.server.kaggle.port}{quote(path)}?{signed}"

    def _redirect(self, path: str) -> None:
        self._send(302, b"", "text/html; charset=utf-8", Location=self._address(_STORAGE + path))

    def _storage(self) -> None:
        content = self._stored()
        if content is None:
            return self._refuse("404")
        kaggle, size = self.server.kaggle, len(content)
        etag = f'"{hashlib.md5(content).hexdigest()}"'
        modified = email.utils.format_datetime(datetime.fromisoformat(kaggle.created), usegmt=True)
        start, end, status = 0, size, 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and self.headers.get("If-Range", etag) in (etag, modified):
            start, end, status = int(asked[1]), min(size, int(asked[2] or size - 1) + 1), 206
            if start >= size:
                return self._send(416, b"", "application/xml", Content_Range=f"bytes */{size}")
        self.seen.status = status
        self.send_response(status)
        headers = {
            "ETag": etag,
            "Last-Modified": modified,
            "Accept-Ranges": "bytes",
            "Content-Length": str(end - start),
        }
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        for name, value in {"Content-Type": _content_type(self.seen.route), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._pour(memoryview(content)[start:end])
        return None

    def _pour(self, content: memoryview) -> None:
        """Write a storage body, at the server's rate, with the faults that concern bodies."""
        fault = self.server.kaggle.take_fault(self.seen.route, "truncate", "stall-body")
        edge = len(content) if fault is None else min(len(content), fault.how.get("after", 0))
        self._write_slowly(content[:edge])
        if fault is None:
            return
        self.seen.fault = fault.name
        if fault.name == "truncate":
            raise _Hangup
        self.wfile.flush()
        time.sleep(fault.how.get("seconds", 5))
        self._write_slowly(content[edge:])

    def _write_slowly(self, content: memoryview) -> None:
        rate = self.server.kaggle.rate
        step = max(1, rate // 20) if rate else _CHUNK
        for at in range(0, len(content), step):
            self.wfile.write(content[at : at + step])
            if rate:
                time.sleep(step / rate)

    def _stored(self) -> bytes | None:
        """What lies under storage/SLUG/all.zip, storage/SLUG/file/NAME or storage/SLUG/zip/NAME.zip."""
        kaggle = self.server.kaggle
        _, slug, kind, name = (*unquote(self.seen.route).split("/", 3), "", "")[:4]
        files = kaggle.files.get(slug, {})
        if kind == "all.zip" and files:
            return kaggle.archive(slug)
        if kind == "zip" and name.removesuffix(".zip") in files:
            return kaggle.archive(slug, name.removesuffix(".zip"))
        return files.get(name) if kind == "file" else None

    # Uploads.

    def _receive(self) -> None:
        kaggle = self.server.kaggle
        cut = kaggle.take_fault("upload", "cut-upload")
        if cut is not None:
            self.seen.fault = cut.name
        content = self._read_body(None if cut is None else cut.how.get("after", 0))
        if self._goes_wrong():
            return None
        upload = kaggle.uploads.get(self.query.get("upload_id", [""])[0])
        if upload is None or self.command != "PUT":
            return self._refuse("404")
        if len(content) != upload.length:
            return self._send(308, b"", Range=f"bytes=0-{len(content) - 1}")
        upload.content = content
        return self._send_json({"kind": "storage#object", "size": str(len(content))})

    # The API.

    def _IntrospectToken(self) -> None:
        active = self.json.get("token") == self.server.kaggle.token
        self._send_json({"active": active, "username": self.server.kaggle.user if active else ""})

    def _GenerateAccessToken(self) -> None:
        self._send_json({"token": self.server.kaggle.token, "expiresIn": 43200})

    def _page(self, items: list[Any], size: int) -> tuple[list[Any], str]:
        at = int(base64.b64decode(self.json.get("pageToken") or "").decode() or 0)
        at = at or (max(1, int(self.json.get("page") or 1)) - 1) * size
        rest = base64.b64encode(str(at + size).encode()).decode() if at + size < len(items) else ""
        return items[at : at + size], rest

    def _ListDataFiles(self) -> None:
        kaggle = self.server.kaggle
        size = min(int(self.json.get("pageSize") or 20), kaggle.page_size_max)
        names, rest = self._page(list(kaggle.files[self.slug]), size)
        files = [
            {"ref": "", "name": name, "totalBytes": len(kaggle.files[self.slug][name]), "creationDate": kaggle.created}
            for name in names
        ]
        self._send_json({"files": files, "nextPageToken": rest, "childrenFetchTimeMs": 0})

    def _DownloadDataFiles(self) -> None:
        self._redirect(f"{self.slug}/all.zip")

    def _DownloadDataFile(self) -> None:
        kaggle, name = self.server.kaggle, self.json.get("fileName", "")
        if name not in kaggle.files[self.slug]:
            return self._refuse("404")
        if kaggle.zip_over is not None and len(kaggle.files[self.slug][name]) > kaggle.zip_over:
            return self._redirect(f"{self.slug}/zip/{name}.zip")
        return self._redirect(f"{self.slug}/file/{name}")

    def _competition(self, slug: str) -> dict[str, Any]:
        return {
            "id": 1,
            "ref": f"https://www.kaggle.com/competitions/{slug}",
            "title": slug.replace("-", " ").title(),
            "url": f"https://www.kaggle.com/competitions/{slug}",
            "deadline": "2099-01-01T23:59:00Z",
            "teamCount": 3,
            "userRank": 3,
            "userHasEntered": True,
            "maxDailySubmissions": self.server.kaggle.daily_limit,
            "evaluationMetric": "Accuracy",
            "isKernelsSubmissionsOnly": False,
            "submissionsDisabled": False,
            **self.server.kaggle.facts,
        }

    def _GetCompetition(self) -> None:
        self._send_json(self._competition(self.slug))

    def _ListCompetitions(self) -> None:
        self._send_json({"competitions": [self._competition(slug) for slug in self.server.kaggle.files]})

    def _StartSubmissionUpload(self) -> None:
        kaggle = self.server.kaggle
        with kaggle.lock:
            identity = f"up{len(kaggle.uploads)}"
            kaggle.uploads[identity] = Upload(
                self.slug, self.json.get("fileName", ""), int(self.json.get("contentLength") or 0)
            )
        self._send_json({"token": f"blob-{identity}", "createUrl": self._address(_UPLOAD, upload_id=identity)})

    def _CreateSubmission(self) -> None:
        kaggle = self.server.kaggle
        upload = kaggle.uploads.get(str(self.json.get("blobFileTokens", "")).removeprefix("blob-"))
        if upload is None or upload.content is None or upload.slug != self.slug:
            return self._refuse("400")
        with kaggle.lock:
            if self._today() >= kaggle.daily_limit:
                return self._refuse("limit")
            submission = Submission(
                ref=50000001 + len(kaggle.submissions),
                slug=self.slug,
                name=upload.name,
                content=upload.content,
                description=self.json.get("submissionDescription", ""),
                date=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                pending=kaggle.pending,
                outcome=kaggle.outcome,
                score=kaggle.score,
                private_score=kaggle.private_score,
                error=kaggle.error,
            )
            kaggle.submissions.append(submission)
        return self._send_json({"message": f"Successfully submitted to {self.slug}", "ref": submission.ref})

    def _today(self) -> int:
        day = datetime.now(UTC).date().isoformat()
        return sum(one.slug == self.slug and one.date.startswith(day) for one in self.server.kaggle.submissions)

    def _GetSubmissionLimits(self) -> None:
        kaggle, today = self.server.kaggle, self._today()
        total = sum(one.slug == self.slug for one in kaggle.submissions)
        left = max(0, kaggle.daily_limit - today)
        self._send_json({"numToday": today, "numTotal": total, "numAllowedNow": left, "limitedByTotal": False})

    def _ListSubmissions(self) -> None:
        kaggle = self.server.kaggle
        with kaggle.lock:
            mine = [one for one in reversed(kaggle.submissions) if one.slug == self.slug]
            found, rest = self._page(mine, min(int(self.json.get("pageSize") or 20), kaggle.page_size_max))
            self._send_json({"submissions": [one.look() for one in found], "nextPageToken": rest})

    def _GetSubmission(self) -> None:
        kaggle = self.server.kaggle
        with kaggle.lock:
            found = next((one for one in kaggle.submissions if one.ref == self.json.get("ref")), None)
            if found is None:
                return self._refuse("404")
            return self._send_json(found.look())

    def _GetLeaderboard(self) -> None:
        rows, rest = self._page(self.server.kaggle.board, int(self.json.get("pageSize") or 20))
        names = ("teamId", "teamName", "submissionDate", "score")
        self._send_json({"submissions": [dict(zip(names, row, strict=True)) for row in rows], "nextPageToken": rest})


def _content_type(route: str) -> str:
    kinds = {"zip": "application/zip", "json": "application/json", "csv": "text/csv", "png": "image/png"}
    return kinds.get(route.rsplit(".", 1)[-1], "application/octet-stream")
