"""Does to a training what machines and people do to it, and looks at what is left.

    python -m tests.stress.faults [CASE ...]

Every case ends with a run whose weights, metrics and predictions must equal those of a run that nothing happened to,
byte for byte, and says in one line what went wrong on the way. Some cases need root (they mount small file systems),
tmux or faketime, and say so where these are missing. Prints a line for each case; exit 1 if one is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.stress.kills import JOBS, RUN, TRAIN, command_line, environment, finish, outcome, prepare

JOB = JOBS["train"]


@dataclass(slots=True)
class Place:
    """A folder with data and config, and what a run in it must give."""

    folder: Path
    wanted: dict[str, bytes]
    tries: int = 0
    faults: list[str] = field(default_factory=list)

    def run(
        self, command: str = TRAIN, prefix: tuple[str, ...] = (), **variables: str
    ) -> subprocess.CompletedProcess[str]:
        self.tries += 1
        line = [*prefix, *command_line(command)]
        settings = {**environment(), **variables}
        return subprocess.run(line, cwd=self.folder, env=settings, capture_output=True, text=True, check=False)

    def start(self, command: str = TRAIN, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        self.tries += 1
        line = [*prefix, *command_line(command)]
        return subprocess.Popen(
            line, cwd=self.folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def expect(self, is_so: bool, what: str) -> None:
        if not is_so:
            self.faults.append(what)

    def expect_refusal(self, done: subprocess.CompletedProcess[str], words: str, code: int = 1) -> None:
        """One line that says it, and the exit code."""
        said = [line for line in done.stderr.splitlines() if line.startswith("kgcv")]
        is_right = done.returncode == code and "Traceback" not in done.stderr and len(said) == 1 and words in said[0]
        self.expect(is_right, f"exit {done.returncode}, not {words!r}: {done.stderr[-300:]}")

    def expect_same(self, run: str = "run") -> None:
        """The run of this folder is the undisturbed one."""
        found = {
            str(file.relative_to(self.folder / run)): file.read_bytes()
            for pattern in RUN
            for file in sorted((self.folder / run).glob(pattern))
        }
        wrong = sorted(name for name in self.wanted.keys() | found.keys() if self.wanted.get(name) != found.get(name))
        self.expect(not wrong, f"lost or different: {wrong}")

    def finish(self) -> None:
        done = self.run()
        self.expect(done.returncode == 0, f"the same command again: exit {done.returncode}: {done.stderr[-300:]}")
        self.expect_same()

    def wait_for_state(self, process: subprocess.Popen[str], fold: int = 0) -> None:
        """Until training has saved a state, or is done."""
        while process.poll() is None and not (self.folder / f"run/fold{fold}/last.pt").exists():
            time.sleep(0.02)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of so many bytes at `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "kgcv", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


def grow(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=200m", folder], check=True)


def full_disk_for_the_run(place: Place) -> None:
    """The run's disk is full at one write or the other; with more of it the same command goes on."""
    with small_disk(place.folder / "disk", "20k"):
        for kib in (20, 120, 400, 900, 1500, 2300, 3100, 4000, 5000, 6000):
            subprocess.run(["mount", "-o", f"remount,size={kib}k", place.folder / "disk"], check=True)
            done = place.run(TRAIN.replace("--run-dir run", "--run-dir disk/run"))
            if done.returncode == 0:
                break
            place.expect_refusal(done, "No space left on device")
        grow(place.folder / "disk")
        if done.returncode:
            finish(TRAIN.replace("--run-dir run", "--run-dir disk/run"), place.folder)
        place.expect_same("disk/run")


def full_disk_for_stores(place: Place) -> None:
    """The same for the stores."""
    with small_disk(place.folder / "cache", "10k"):
        for kib in (10, 60, 300, 800):
            subprocess.run(["mount", "-o", f"remount,size={kib}k", place.folder / "cache"], check=True)
            place.expect_refusal(place.run(), "No space left on device")
        grow(place.folder / "cache")
        place.finish()


def read_only(place: Place) -> None:
    """The run's folder may not be written to any more while it trains, then its disk, and then both may again."""
    with small_disk(place.folder / "disk", "200m"):
        command, fold = TRAIN.replace("--run-dir run", "--run-dir disk/run"), place.folder / "disk/run/fold0"
        process = place.start(command)
        while process.poll() is None and not (fold / "last.pt").exists():
            time.sleep(0.02)
        subprocess.run(["chattr", "+i", fold], check=True)
        _, said = process.communicate()
        subprocess.run(["chattr", "-i", fold], check=True)
        done = subprocess.CompletedProcess([], process.returncode, "", said)
        place.expect_refusal(done, "Operation not permitted")
        subprocess.run(["mount", "-o", "remount,ro", place.folder / "disk"], check=True)
        place.expect_refusal(place.run(command), "Read-only file system")
        subprocess.run(["mount", "-o", "remount,rw", place.folder / "disk"], check=True)
        finish(command, place.folder)
        place.expect_same("disk/run")


def damaged_states(place: Place) -> None:
    """The last state is cut, changed or lost, twenty times; each time the one before is used and that is said."""
    draws = random.Random(0)
    for number in range(20):
        shutil.rmtree(place.folder / "run", ignore_errors=True)
        process = place.start()
        place.wait_for_state(process)
        time.sleep(draws.uniform(0, 1.5))
        process.terminate()
        process.communicate()
        states = sorted((place.folder / "run").glob("fold?/last.pt"))
        if process.returncode != 0 and states and (states[-1].parent / "previous.pt").exists():
            damage(states[-1], number, draws)
            done = place.run()
            place.expect(done.returncode == 0, f"exit {done.returncode}: {done.stderr[-300:]}")
            place.expect("going on from the state before it" in done.stderr, f"not said aloud: {done.stderr[-300:]}")
        place.finish() if process.returncode and not (place.folder / "run/oof.npz").exists() else place.expect_same()


def damage(file: Path, number: int, draws: random.Random) -> None:
    content = bytearray(file.read_bytes())
    match number % 3:
        case 0:
            file.write_bytes(content[: draws.randrange(len(content))])
        case 1:
            content[draws.randrange(len(content))] ^= 1 << draws.randrange(8)
            file.write_bytes(content)
        case _:
            file.unlink()


def store_deleted(place: Place) -> None:
    """The stores are deleted while they are trained from."""
    process = place.start()
    place.wait_for_state(process)
    shutil.rmtree(place.folder / "cache")
    _, said = process.communicate()
    place.expect(process.returncode == 0, f"exit {process.returncode}: {said[-300:]}")
    place.expect_same()


def two_at_once(place: Place) -> None:
    """A second command on the same run folder, while the first one holds its breath, or it might be done by then."""
    process = place.start()
    place.wait_for_state(process)
    process.send_signal(signal.SIGSTOP)
    place.expect_refusal(place.run(), f"is being trained by process {process.pid} on ")
    place.expect_refusal(place.run("train --resume run"), f"is being trained by process {process.pid} on ")
    process.send_signal(signal.SIGCONT)
    process.communicate()
    place.expect_same()


def moved(place: Place) -> None:
    """The run, its data and its config go elsewhere half-way."""
    process = place.start()
    place.wait_for_state(process)
    process.kill()
    process.communicate()
    elsewhere = place.folder.with_name("another place")
    place.folder.rename(elsewhere)
    place.folder = elsewhere
    place.finish()


def clock_set_back(place: Place) -> None:
    """The second half is trained two years before the first."""
    process = place.start()
    place.wait_for_state(process)
    process.kill()
    process.communicate()
    done = place.run(prefix=("faketime", "-f", "-2y"))
    place.expect(done.returncode == 0, f"exit {done.returncode}: {done.stderr[-300:]}")
    place.expect_same()


def closed_pane(place: Place) -> None:
    """The tmux pane is closed: saved, and gone on with."""
    line = " ".join([f"PYTHONPATH={environment()['PYTHONPATH']}", *command_line(TRAIN)[:-2], "--progress", "rich"])
    subprocess.run(
        ["tmux", "-L", "stress", "new-session", "-d", "-x", "90", "-y", "20", "-c", place.folder, line], check=True
    )
    place.tries += 1
    state = place.folder / "run/fold0/last.pt"
    until = time.monotonic() + 120
    while not state.exists() and time.monotonic() < until:
        time.sleep(0.02)
    subprocess.run(["tmux", "-L", "stress", "kill-server"], check=True)
    sessions = place.folder / "run/sessions.jsonl"
    while not sessions.exists() and time.monotonic() < until:
        time.sleep(0.02)
    ended = json.loads(sessions.read_text().splitlines()[0])["ended"] if sessions.exists() else "never"
    place.expect(ended == "stopped", f"the session {ended}")
    place.finish()


def hang_up_under_nohup(place: Place) -> None:
    """Under nohup a closed terminal changes nothing."""
    process = place.start(prefix=("nohup",))
    place.wait_for_state(process)
    process.send_signal(signal.SIGHUP)
    _, said = process.communicate()
    place.expect(process.returncode == 0, f"exit {process.returncode}: {said[-300:]}")
    place.expect_same()


def nothing_to_write_to(place: Place) -> None:
    """Started with stdin, stdout and stderr closed."""
    line = " ".join(command_line(TRAIN))
    place.tries += 1
    code = subprocess.run(
        ["bash", "-c", f"{line} <&- >&- 2>&-"], cwd=place.folder, env=environment(), check=False
    ).returncode
    place.expect(code == 0, f"exit {code}")
    place.expect_same()


def log_reader_dies(place: Place) -> None:
    """`2>&1 | tee log`, and tee dies."""
    line = " ".join([*command_line(TRAIN)[:-2], "--progress", "plain"])
    place.tries += 1
    script = f"set -o pipefail; {line} 2>&1 | head -n 1; exit ${{PIPESTATUS[0]}}"
    subprocess.run(["bash", "-c", script], cwd=place.folder, env=environment(), capture_output=True, check=False)
    place.expect_same()


def no_network(place: Place) -> None:
    """Without any network, and looking whether a socket is opened at all."""
    (place.folder / "sitecustomize.py").write_text(
        "import sys\n"
        "def hook(event, arguments):\n"
        "    if event == 'socket.__new__':\n"
        f"        open({str(place.folder / 'sockets')!r}, 'a').write(f'{{sys.argv}} {{arguments}}\\n')\n"
        "sys.addaudithook(hook)\n"
    )
    paths = f"{place.folder}:{environment()['PYTHONPATH']}"
    commands = (
        *("check config.yaml", "resize config.yaml", "folds config.yaml", "lr-find config.yaml", TRAIN, "tta run"),
        *("submit run --check", "runs .", "summary config.yaml", "config check config.yaml"),
        *("predict-one run data/test/2000.png", "sample fashion other", "report run", "runs --watch run"),
        *("explain run data/test/2000.png", "init data -o new.yaml", "completion bash", "blend run run -o blend"),
    )
    for command in commands:
        line = command_line(command)
        settings = {**environment(), "PYTHONPATH": paths}
        place.tries += 1
        done = subprocess.run(
            ["unshare", "-n", *line], cwd=place.folder, env=settings, capture_output=True, text=True, check=False
        )
        place.expect(done.returncode == 0, f"{command}: {done.stderr[-300:]}")
    sockets = place.folder / "sockets"
    place.expect(not sockets.exists(), f"sockets: {sockets.read_text() if sockets.exists() else ''}")


def rank_killed(place: Place) -> None:
    """One of two processes is killed: the other ends within a minute, and the same command goes on."""
    line = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "kgcv"]
    settings = {**environment(), "OMP_NUM_THREADS": "1"}
    command = [*line, *TRAIN.split(), "--progress", "none"]
    place.tries += 1
    process = subprocess.Popen(
        command, cwd=place.folder, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    place.wait_for_state(process)
    children = subprocess.run(
        ["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True
    ).stdout.split()
    os.kill(int(children[-1]), signal.SIGKILL)
    began = time.monotonic()
    process.communicate()
    place.expect(time.monotonic() - began < 60, f"the others ended after {time.monotonic() - began:.0f} s")
    place.expect(process.returncode != 0, "exit 0")
    place.tries += 1
    done = subprocess.run(command, cwd=place.folder, env=settings, capture_output=True, text=True, check=False)
    place.expect(done.returncode == 0, f"exit {done.returncode}: {done.stderr[-600:]}")
    place.expect((place.folder / "run/oof.npz").exists(), "no predictions")


CASES: dict[str, tuple[Callable[[Place], None], tuple[str, ...]]] = {
    "full-disk": (full_disk_for_the_run, ("mount",)),
    "full-disk-stores": (full_disk_for_stores, ("mount",)),
    "read-only": (read_only, ("mount", "chattr")),
    "damaged-states": (damaged_states, ()),
    "store-deleted": (store_deleted, ()),
    "two-at-once": (two_at_once, ()),
    "moved": (moved, ()),
    "clock-set-back": (clock_set_back, ("faketime",)),
    "closed-pane": (closed_pane, ("tmux",)),
    "nohup": (hang_up_under_nohup, ("nohup",)),
    "no-streams": (nothing_to_write_to, ()),
    "log-reader-dies": (log_reader_dies, ()),
    "no-network": (no_network, ("unshare",)),
    "rank-killed": (rank_killed, ("pgrep",)),
}


def main() -> None:
    """Try what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("cases", nargs="*", metavar="CASE", default=list(CASES))
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        start = prepare(JOB, home / "start")
        straight = shutil.copytree(start, home / "straight")
        finish(TRAIN, straight)
        wanted = {name.removeprefix("run/"): content for name, content in outcome(JOB, straight).items()}
        for case in options.cases:
            attempt, needed = CASES[case]
            if missing := [program for program in needed if shutil.which(program) is None]:
                print(f"{case:<18} not tried: {', '.join(missing)} is missing", flush=True)
                continue
            place = Place(shutil.copytree(start, home / case), wanted)
            attempt(place)
            wrong += len(place.faults)
            print(f"{case:<18} {place.tries} tries, {len(place.faults)} lost or wrong", flush=True)
            for fault in place.faults:
                print(f"    {fault}", flush=True)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
