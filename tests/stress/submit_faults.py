"""Submits a file through every fault of the stand-in for Kaggle, and shows what a person gets to see.

    python -m tests.stress.submit_faults [--only WORDS]

Each row is one `kgcv submit FILE -c COMPETITION --wait` in a process of its own, with pauses and time limits cut
short: its exit code, how many submissions Kaggle has then, the status in the ledger, and the exit code of the same
command after the fault is gone. Below it stands the message. Exit code 1 if a file was submitted twice, a submission
is missing from the ledger, a secret was shown, or a fault ended as a bug.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from tests.stress.kaggle_cases import run_cases, run_worker

SLUG = "leaf-disease"
SECRET = re.compile("5ecre7|5tale|blob-up|Basic |Bearer ")

SPEED = 100
"""How much shorter every pause is than in life."""

API_FAULTS = (
    *("401", "403-rules", "403-denied", "404", "400", "429", "5xx", "hangup", "html", "json-error", "redirect"),
    *("stall", "lost-answer"),
)


@dataclass(frozen=True)
class Case:
    """One run: what is wrong, and how the server and the environment are made so."""

    name: str
    prepare: Callable[[Any], None]
    environ: dict[str, str] = field(default_factory=dict)
    home: Callable[[Path], object] = str
    """Changes the home folder."""


def faulty(fault: str, route: str, times: int = -1, **how: Any) -> Case:
    often = {1: "once", -1: "always"}[times]
    shown = str(how.get("status", fault))
    how = {"seconds": 0.6, "to": "http://portal.test/login?session=5ecre7", **how}
    return Case(f"{shown} at {route}, {often}", lambda kaggle: kaggle.fault(fault, route, times, **how))


def state(name: str, **fields: Any) -> Case:
    def prepare(kaggle: Any) -> None:
        for key, value in fields.items():
            setattr(kaggle, key, value)

    return Case(name, prepare)


def cases() -> Iterator[Case]:
    nothing = state("").prepare
    yield state("no fault")
    yield state("not joined", facts={"userHasEntered": False})
    yield state("submissions disabled", facts={"submissionsDisabled": True})
    yield state("notebooks only", facts={"isKernelsSubmissionsOnly": True})
    yield state("deadline passed", facts={"deadline": "2017-07-20T23:59:00Z"})
    yield state("no submission left today", daily_limit=0)
    yield state("scored ERROR", outcome="error", error="Submission must have 3 rows")
    yield state("scored ERROR without a reason", outcome="error")
    yield Case("no credentials", nothing, home=lambda home: (home / ".kaggle/kaggle.json").unlink())
    yield Case("stale token beside a good key", nothing, {"KAGGLE_API_TOKEN": "KGAT_5tale"})
    yield Case("new token as the key", nothing, home=_paste_token)
    yield Case("no network", nothing, {"http_proxy": "http://127.0.0.1:9"})
    for route in ("ListDataFiles", "storage"):
        yield from (faulty(fault, route) for fault in ("403-rules", "html", "hangup", "5xx"))
    yield faulty("truncate", "storage", after=9)
    yield faulty("stall-body", "storage", after=9)
    for route in ("GetCompetition", "GetSubmissionLimits", "ListSubmissions", "StartSubmissionUpload", "upload"):
        yield from (faulty(fault, route) for fault in API_FAULTS)
    yield faulty("cut-upload", "upload", after=9)
    yield faulty("cut-upload", "upload", 1, after=9)
    for times in (1, -1):
        yield faulty("5xx", "CreateSubmission", times, status=504)
        yield from (faulty(fault, "CreateSubmission", times) for fault in (*API_FAULTS, "limit"))
        yield faulty("json", "CreateSubmission", times, body={"message": "Successfully submitted"})
    yield from (faulty(fault, "GetSubmission", exact=True) for fault in API_FAULTS)
    yield faulty("json", "GetSubmission", body={}, exact=True)


def _paste_token(home: Path) -> None:
    (home / ".kaggle/kaggle.json").write_text('{"username": "fakeuser", "key": "KGAT_5tale"}')


def work(arguments: list[str]) -> None:
    """`kgcv submit`, in a hurry."""
    sleep = time.sleep

    def nap(seconds: float) -> None:
        sleep(seconds / SPEED)

    time.sleep = nap  # type: ignore[assignment]
    from kgcv.cli.main import main
    from kgcv.kaggle.patience import Patience

    hasty = partial(Patience, connect_seconds=1.0, read_seconds=0.3)
    with patch("kgcv.recipes.submit.Patience", hasty):
        main(["submit", *arguments])


def run(folder: Path, environ: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return run_worker(
        "tests.stress.submit_faults", ["mine.csv", "-c", SLUG, "--wait", "--progress", "plain"], folder, environ
    )


def show(case: Case, loopback: Any) -> list[str]:
    """Run and print one case; what is wrong with it."""
    with TemporaryDirectory() as place, loopback.LoopbackKaggle() as kaggle:
        folder = Path(place)
        (folder / "mine.csv").write_text("id,label\n1,0.1\n2,0.2\n3,0.3\n")
        environ = kaggle.environment(folder / "home")
        case.home(folder / "home")
        case.prepare(kaggle)
        done = run(folder, {**environ, **case.environ})
        ledger = read_ledger(folder)
        arrived = len(kaggle.submissions)
        kaggle.faults.clear()
        after = run(folder, kaggle.environment(folder / "home"))
        both = (done.stdout, done.stderr, after.stdout, after.stderr)
        wrong = judge(done.returncode, kaggle, read_ledger(folder), "".join(both))
    statuses = ", ".join(line["status"] for line in ledger) or "-"
    print(f"{case.name:<46} {done.returncode:>4} {arrived:>9}  {statuses:<10} {after.returncode:>5}", *wrong)
    for line in (done.stdout + done.stderr).splitlines():
        print(f"    {line}")
    sys.stdout.flush()
    return wrong


def read_ledger(folder: Path) -> list[dict[str, Any]]:
    path = folder / "runs" / "submissions.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def judge(code: int, kaggle: Any, ledger: list[dict[str, Any]], shown: str) -> list[str]:
    wrong = []
    if code not in (0, 1, 4):
        wrong.append("A BUG")
    if len(kaggle.submissions) > 1:
        wrong.append("SUBMITTED TWICE")
    if [one.ref for one in kaggle.submissions] != [line["ref"] for line in ledger if line["ref"] is not None]:
        wrong.append("LEDGER WRONG")
    if SECRET.search(shown):
        wrong.append("SECRET SHOWN")
    return wrong


if __name__ == "__main__":
    run_cases(__doc__, f"{'fault':<46} {'exit':>4} {'at Kaggle':>9}  {'ledger':<10} {'after':>5}", cases(), show, work)
