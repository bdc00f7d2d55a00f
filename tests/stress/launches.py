"""Kills, stops and restarts what torchrun has launched, and compares what comes of it with one process's work.

    python -m tests.stress.launches [kill-resize kill-train kill-tta stop-train stop-resize stop-tta restart nodes
                                     lost-node] [--tries 10]

Every try begins in a folder that is as it was. `kill-*`: one of two processes gets a SIGKILL at a random moment; the
other must end within a minute, and the command is given again, to two processes or to one. `stop-*`: all processes and
the launcher get SIGTERM, SIGINT, SIGHUP or SIGUSR1, as a scheduler sends it. `restart`: a process is killed, and
torchrun's own `--max-restarts` makes two new ones. `nodes`: two launchers with one process each, as on two machines;
`lost-node`: one of them is killed with its process, and the other goes on alone (`--nnodes 1:2`). In the end stores
must be those of one process byte for byte, and losses, scores and predictions its own to 1e-3, row for row.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.stress.kills import CONFIG, TRAIN, command_line, environment, finish

TOLERANCE = 1e-3
"""Of losses and probabilities; sums over two processes are rounded in another order, and errors grow over the steps."""

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
LAUNCHER = (sys.executable, "-m", "torch.distributed.run", "--signals-to-handle", "SIGTERM,SIGINT,SIGHUP,SIGUSR1")
RESIZE = "resize config.yaml"
TTA = "tta run"
SECONDS_TO_END = 60


@dataclass(slots=True)
class Tally:
    """What came of one case's tries."""

    tries: int = 0
    faults: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    """Seconds from a kill or a signal to the end of all."""

    def expect(self, is_so: bool, otherwise: str) -> None:
        """Note a fault."""
        if not is_so:
            self.faults.append(otherwise)


@dataclass(frozen=True, slots=True)
class Bench:
    """Folders before and after an undisturbed run of one process."""

    start: Path
    straight: Path
    seconds: float
    """Of two processes, undisturbed."""
    draws: random.Random
    tally: Tally


def main() -> None:
    """Run the cases asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("cases", nargs="*", metavar="CASE", default=list(CASES))
    parser.add_argument("--tries", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    has_faults = False
    for name in options.cases:
        with tempfile.TemporaryDirectory() as folder:
            tally = run_case(name, Path(folder), options)
        waits = f"{statistics.median(tally.waits):.1f} s, {max(tally.waits):.1f} at most" if tally.waits else "-"
        print(f"{name:<12} {tally.tries} tries; to the end {waits}; {len(tally.faults)} lost or wrong", flush=True)
        for fault in tally.faults[:10]:
            print(f"             {fault}", flush=True)
        has_faults |= bool(tally.faults)
    sys.exit(has_faults)


def run_case(name: str, folder: Path, options: argparse.Namespace) -> Tally:
    """All tries of a case."""
    command, attempt = CASES[name]
    start = prepare(command, folder / "start")
    straight = shutil.copytree(start, folder / "straight", symlinks=True)
    finish(command, straight)
    timed = shutil.copytree(start, folder / "timed", symlinks=True)
    began = time.perf_counter()
    launch(command, timed).wait()
    seconds = time.perf_counter() - began
    bench = Bench(start, straight, seconds, random.Random(options.seed), Tally())
    compare(bench, timed, "undisturbed")
    for number in range(options.tries):
        place = shutil.copytree(start, folder / "place", symlinks=True)
        bench.tally.tries += 1
        attempt(bench, command, place, number)
        compare(bench, place, f"try {number}")
        shutil.rmtree(place)
    return bench.tally


def prepare(command: str, folder: Path) -> Path:
    """The sample, a config whose networks do the same in any number of processes, and a run where one is predicted."""
    folder.mkdir()
    finish("sample fashion data", folder)
    alike = CONFIG.replace("channels: 1}", "channels: 1, dropout: [0.0]}")
    alike = alike.replace("image_size: 24, lr: 0.005", "image_size: 24, lr: 0.005, bn_frozen: true")
    alike = alike.replace("batch_size: 64", "batch_size: 64, precision: float32")
    (folder / "config.yaml").write_text(alike)
    if command == TTA:
        finish(TRAIN, folder)
        shutil.rmtree(folder / "cache")
    return folder


def launch(command: str, folder: Path, *options: str) -> subprocess.Popen[str]:
    """The command in two processes, or in as many as `options` say, in a session of their own."""
    how = options or ("--standalone", "--nproc-per-node", "2")
    line = [*LAUNCHER, *how, *command_line(command)[1:]]
    settings = {**environment(), "OMP_NUM_THREADS": "1"}
    with (folder / "said.txt").open("a") as said:
        return subprocess.Popen(
            line, cwd=folder, env=settings, stdout=said, stderr=said, text=True, start_new_session=True
        )


def workers_of(launcher: subprocess.Popen[str]) -> list[int]:
    """The processes that it has launched."""
    found = subprocess.run(["pgrep", "-P", str(launcher.pid)], capture_output=True, text=True, check=False)
    return [int(number) for number in found.stdout.split()]


def wait_and_kill(bench: Bench, launcher: subprocess.Popen[str]) -> bool:
    """Kill one of its processes at a random moment; False if they were done before."""
    try:
        launcher.wait(timeout=bench.draws.uniform(0, bench.seconds))
        return False
    except subprocess.TimeoutExpired:
        pass
    workers = workers_of(launcher)
    if workers:  # else it has not come to launch them, and is left alone
        os.kill(bench.draws.choice(workers), signal.SIGKILL)
    return bool(workers)


def expect_end(bench: Bench, launcher: subprocess.Popen[str], what: str) -> None:
    """All of them must end soon."""
    began = time.monotonic()
    try:
        launcher.wait(timeout=SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        bench.tally.faults.append(f"{what}: still there after {SECONDS_TO_END} s")
        os.killpg(launcher.pid, signal.SIGKILL)
        launcher.wait()
    bench.tally.waits.append(time.monotonic() - began)


def kill_one(bench: Bench, command: str, folder: Path, number: int) -> None:
    """One of two is killed, up to three times; then two processes or one do the rest."""
    for _ in range(bench.draws.randint(1, 3)):
        launcher = launch(command, folder)
        if wait_and_kill(bench, launcher):
            expect_end(bench, launcher, f"try {number}")
        elif launcher.wait() == 0:
            return
    go_on(bench, command, folder, number)


def stop_all(bench: Bench, command: str, folder: Path, number: int) -> None:
    """All of them get a signal, as a scheduler sends it; then two processes or one do the rest."""
    launcher, chosen = launch(command, folder), SIGNALS[number % len(SIGNALS)]
    try:
        launcher.wait(timeout=bench.draws.uniform(bench.seconds / 3, bench.seconds))
        return
    except subprocess.TimeoutExpired:
        os.killpg(launcher.pid, chosen)
    expect_end(bench, launcher, f"{chosen.name}, try {number}")
    go_on(bench, command, folder, number)


def go_on(bench: Bench, command: str, folder: Path, number: int) -> None:
    """The same command again, by turns in two processes and in one."""
    if is_done(command, folder):
        return
    if number % 2:
        with (folder / "said.txt").open("a") as said:
            code = subprocess.run(
                command_line(command), cwd=folder, env=environment(), stdout=said, stderr=said, check=False
            ).returncode
    else:
        code = launch(command, folder).wait()
    bench.tally.expect(code == 0, f"try {number}: exit {code} at the end: {(folder / 'said.txt').read_text()[-600:]}")


def is_done(command: str, folder: Path) -> bool:
    """A finished run is refused."""
    return command == TRAIN and "oof" in json.loads(read_text(folder / "run/scores.json") or "{}")


def read_text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def restart(bench: Bench, command: str, folder: Path, number: int) -> None:
    """One of two is killed, and the launcher starts two new ones."""
    launcher = launch(command, folder, "--standalone", "--nproc-per-node", "2", "--max-restarts", "3")
    was_killed = wait_and_kill(bench, launcher)
    code = launcher.wait()
    bench.tally.expect(code == 0, f"try {number}: exit {code}: {read_text(folder / 'said.txt')[-600:]}")
    was_told = "exitcode: -9" in read_text(folder / "said.txt")
    bench.tally.expect(was_told or not was_killed, f"try {number}: no restart was told")


def on_two_nodes(least: int) -> tuple[str, ...]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nodes = "2" if least == 2 else f"{least}:2"
    where = ("--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}", "--rdzv-id", "job")
    return "--nnodes", nodes, "--nproc-per-node", "1", *where, "--max-restarts", "3", "--local-addr", "127.0.0.1"


def two_nodes(bench: Bench, command: str, folder: Path, number: int) -> None:
    """Two launchers, undisturbed."""
    options = on_two_nodes(2)
    codes = [launcher.wait() for launcher in [launch(command, folder, *options) for _ in range(2)]]
    bench.tally.expect(codes == [0, 0], f"try {number}: exit {codes}: {read_text(folder / 'said.txt')[-600:]}")


def lost_node(bench: Bench, command: str, folder: Path, number: int) -> None:
    """The second launcher and its process are killed; the first one, which has the meeting place, goes on alone."""
    options = on_two_nodes(1)
    first = launch(command, folder, *options)
    time.sleep(1)
    second = launch(command, folder, *options)
    while not (folder / "run/fold0/metrics.jsonl").exists():
        time.sleep(0.05)
    time.sleep(bench.draws.uniform(0, 1))  # after its work the first would wait five minutes for the second
    for worker in workers_of(second):
        os.kill(worker, signal.SIGKILL)
    second.kill()
    second.wait()
    began = time.monotonic()
    code = first.wait()
    bench.tally.waits.append(time.monotonic() - began)
    bench.tally.expect(code == 0, f"try {number}: exit {code}: {read_text(folder / 'said.txt')[-600:]}")


def compare(bench: Bench, folder: Path, what: str) -> None:
    """Note what is not as one process leaves it."""
    for wanted in sorted(bench.straight.rglob("*")):
        name = wanted.relative_to(bench.straight)
        found = folder / named_alike(name, folder)
        if wanted.suffix == ".packed":
            bench.tally.expect(
                found.exists() and found.read_bytes() == wanted.read_bytes(), f"{what}: {name} is not the same"
            )
        elif wanted.suffix == ".npz" and name.parts[0] == "run":
            compare_arrays(bench, wanted, found, f"{what}: {name}")
        elif wanted.name == "metrics.jsonl":
            compare_histories(bench, wanted, found, f"{what}: {name}")
    bench.tally.faults += [f"{what}: left over: {file.relative_to(folder)}" for file in folder.rglob(".*.tmp")]


def named_alike(name: Path, folder: Path) -> Path:
    """Stores lie in a folder named after the place of the data."""
    if name.parts[0] != "cache" or len(name.parts) == 1:
        return name
    homes = [home.name for home in (folder / "cache").glob("data-*")]
    return Path("cache", homes[0] if homes else "nowhere", *name.parts[2:])


def compare_arrays(bench: Bench, wanted: Path, found: Path, what: str) -> None:
    if not found.exists():
        bench.tally.faults.append(f"{what} is not there")
        return
    with np.load(wanted) as left, np.load(found) as right:
        for key in left:
            ours, theirs = left[key], right[key]
            if ours.dtype.kind != "f" or ours.shape != theirs.shape:
                bench.tally.expect(np.array_equal(ours, theirs), f"{what}: {key} differ")
            else:
                difference = float(np.abs(ours - theirs).max(initial=0))
                bench.tally.expect(difference < TOLERANCE, f"{what}: {key} by {difference}")


def compare_histories(bench: Bench, wanted: Path, found: Path, what: str) -> None:
    left, right = ([json.loads(line) for line in read_text(file).splitlines()] for file in (wanted, found))
    bench.tally.expect([one["step"] for one in left] == [one["step"] for one in right], f"{what}: other steps")
    for ours, theirs in zip(left, right, strict=False):
        for key in ("train_loss", "valid_loss"):
            near = abs(ours[key] - theirs[key]) < TOLERANCE * max(1, abs(ours[key]))
            bench.tally.expect(near, f"{what}: {key} {ours[key]} became {theirs[key]}")


Attempt = Callable[[Bench, str, Path, int], None]
CASES: dict[str, tuple[str, Attempt]] = {
    "kill-resize": (RESIZE, kill_one),
    "kill-train": (TRAIN, kill_one),
    "kill-tta": (TTA, kill_one),
    "stop-train": (TRAIN, stop_all),
    "stop-resize": (RESIZE, stop_all),
    "stop-tta": (TTA, stop_all),
    "restart": (TRAIN, restart),
    "nodes": (TRAIN, two_nodes),
    "lost-node": (TRAIN, lost_node),
}


if __name__ == "__main__":
    main()
