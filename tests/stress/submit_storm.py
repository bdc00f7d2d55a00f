"""Submits many files through a network that loses answers, cuts uploads, stalls and refuses, with processes killed.

    python -m tests.stress.submit_storm [--files 200] [--kills 20] [--seed 1]

Two processes want to submit the same files, each in an order of its own, to a stand-in for Kaggle on this machine;
whoever of them is killed is started again. All files have the same name and the same message, as those of runs do. A
file that fails is tried again later, as a person would. At the end every file must be among Kaggle's submissions
exactly once, and every submission in the ledger exactly once.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.stress.kaggle_cases import ROOT, load_loopback

SLUG = "leaf-disease"

SPEED = 50
"""How much shorter every pause is than in life."""

READ_SECONDS = 2.0
"""How long an answer is waited for; a server that stalls carries the request out a second after that."""

# Chances that a request goes wrong, by route; the last are those of all other routes.
CHANCES = {
    "CreateSubmission": {
        "lost-answer": 0.15,
        "hangup": 0.08,
        "stall": 0.04,
        "5xx": 0.08,
        "html": 0.04,
        "json-error": 0.04,
        "429": 0.03,
        "400": 0.02,
    },
    "upload": {"cut-upload": 0.12, "5xx": 0.08, "hangup": 0.04},
    "": {"5xx": 0.05, "hangup": 0.05, "429": 0.02},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker is not None:
        return work(given.worker, given.seed)
    with TemporaryDirectory(prefix="storm-") as folder:
        sys.exit(storm(Path(folder), given.files, given.kills, given.seed))


def work(folder: Path, seed: int) -> None:
    """Submit every file in `folder`, until each is done or known to be."""
    from kgcv.errors import KaggleError, SubmissionError
    from kgcv.events import Silent
    from kgcv.files import hash_file
    from kgcv.kaggle.client import connect
    from kgcv.kaggle.ledger import Entry, open_ledger
    from kgcv.kaggle.patience import Patience
    from kgcv.kaggle.settle import Desk
    from kgcv.kaggle.upload import send_once

    def nap(seconds: float) -> None:
        time.sleep(seconds / SPEED)

    files = sorted(folder.glob("*/submission.csv"))
    random.Random(seed).shuffle(files)
    client = connect(patience=Patience(read_seconds=READ_SECONDS, sleep=nap))
    desk = Desk(client, open_ledger(folder / "submissions.jsonl", Silent()), Silent(), sleep=nap)
    while files:
        file = files.pop(0)
        entry = Entry(competition=SLUG, sha256=hash_file(file), file=file.name, message="the same for all")
        try:
            send_once(desk, entry, file)
        except SubmissionError:
            pass  # the other process was first
        except KaggleError:
            files.append(file)


def start(folder: Path, environment: dict[str, str], seed: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.stress.submit_storm", "--worker", str(folder), "--seed", str(seed)]
    return subprocess.Popen(command, env={**os.environ, **environment, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)})


def storm(folder: Path, num_files: int, num_kills: int, seed: int) -> int:
    loopback = load_loopback()
    draw, happened = random.Random(seed), Counter[str]()
    lock = threading.Lock()

    def take_fault(_kaggle, route, *names):
        with lock:
            for name, chance in CHANCES.get(route, CHANCES[""]).items():
                if name in names and draw.random() < chance:
                    happened[f"{name} at {route if route in CHANCES else 'the others'}"] += 1
                    return loopback.Fault(name, route, 1, {"after": 5, "seconds": READ_SECONDS + 1})
        return None

    loopback.LoopbackKaggle.take_fault = take_fault
    for number in range(num_files):
        (folder / f"run{number:03d}").mkdir()
        (folder / f"run{number:03d}" / "submission.csv").write_text(f"id,label\n1,0.{number:03d}\n2,0.5\n3,0.5\n")
    started = time.perf_counter()
    with loopback.LoopbackKaggle(daily_limit=10**9) as kaggle:
        environment = kaggle.environment(folder / "home")
        kills = run_workers(folder, environment, kaggle, num_files, num_kills, seed)
        seconds = time.perf_counter() - started
        return report(folder, kaggle, happened, kills, seconds)


def run_workers(folder, environment, kaggle, num_files, num_kills, seed) -> int:
    """Let two processes work to the end; kill one of them now and then. How many were killed."""
    draw, kills = random.Random(seed + 1), 0
    workers = [start(folder, environment, seed + number) for number in (0, 1)]
    due = sorted(draw.sample(range(1, max(num_files, num_kills + 2)), num_kills))  # by files that have arrived
    while any(worker.poll() is None for worker in workers):
        time.sleep(draw.random() / 20)
        if due and len(kaggle.submissions) >= due[0]:
            due.pop(0)
            time.sleep(draw.random() / 5)
            at = draw.randrange(2)
            if workers[at].poll() is None:
                workers[at].kill()
                workers[at].wait()
                kills += 1
                workers[at] = start(folder, environment, seed + 10 + kills)
    assert [worker.returncode for worker in workers] == [0, 0], "a worker ended with an error of its own"
    return kills


def report(folder, kaggle, happened, kills, seconds) -> int:
    lines = [json.loads(line) for line in (folder / "submissions.jsonl").read_text().splitlines()]
    files = len(list(folder.glob("*/submission.csv")))
    arrived = Counter(one.sha256 for one in kaggle.submissions)
    known = Counter(line["ref"] for line in lines if line["ref"] is not None)
    hash_of = {one.ref: one.sha256 for one in kaggle.submissions}
    doubled = sum(count - 1 for count in arrived.values())
    missing = sum(known[one.ref] != 1 for one in kaggle.submissions)
    wrong = sum(hash_of.get(line["ref"]) != line["sha256"] for line in lines if line["ref"] is not None)
    open_lines = sum(line["status"] in ("pending", "unknown") for line in lines)
    print(f"{files} files, {len(kaggle.requests)} requests, {kills} processes killed, {seconds:.0f} s")
    print("faults: " + ", ".join(f"{count} {name}" for name, count in sorted(happened.items())))
    print(f"submissions at Kaggle: {len(kaggle.submissions)}, of {len(arrived)} different files; doubled: {doubled}")
    print(f"missing from the ledger, or there twice: {missing}; with another file's hash: {wrong}; open: {open_lines}")
    print(f"lines of the ledger by status: {dict(Counter(line['status'] for line in lines))}")
    return int(doubled > 0 or missing > 0 or wrong > 0 or open_lines > 0 or len(arrived) != files)


if __name__ == "__main__":
    main()
