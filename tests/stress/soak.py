"""Trains for hours in the places where people leave a training alone, and looks at memory and logs.

    python -m tests.stress.soak [PLACE ...] [--minutes 120]

Places: a tmux pane, nohup, ssh without a terminal, a pipe into tee. All of them train at once, each on one thread. A
line for each says how its own memory grew over the second half, in MB an hour by least squares, and what its log holds:
there may be no escape code or carriage return in it. At the end they are asked to stop, and must save and say so.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.stress.kills import environment, finish

CONFIG = """
data:
  root: data
  train: {images: train, labels: train.csv, id_column: id, label_columns: [label], suffix: .png}
  task: single
split: {kind: holdout, valid_fraction: 0.2}
resize: {folder: cache}
model: {name: test_efficientnet, pretrained: false, channels: 1}
augment: {preset: side_on, mixup: 0.2}
train: {batch_size: 64, optimizer: adamw, metric: accuracy, ema_decay: 0.99, checkpoint_minutes: 1}
stages: [{image_size: 24, lr: 0.001, cycle_len: 1000000}]
"""

PORT = 2222
MOST_GROWTH = 20.0
"""MB an hour; a thousandth of a small machine's memory."""


@dataclass(slots=True)
class Place:
    """A training that somebody went away from."""

    name: str
    folder: Path
    seconds: list[float] = field(default_factory=list)
    own_memory: list[float] = field(default_factory=list)
    """MB of `RssAnon`, and when."""

    @property
    def process(self) -> int | None:
        """The process that holds the run, as its lock says."""
        lock = self.folder / "run/.lock"
        found = re.match(r"process (\d+)", lock.read_text()) if lock.exists() else None
        return int(found[1]) if found else None

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def look(self) -> None:
        """Note the memory of the process."""
        status = Path(f"/proc/{self.process}/status")
        if self.process is not None and status.exists():
            found = re.search(r"RssAnon:\s+(\d+)", status.read_text())
            if found:
                self.seconds.append(time.monotonic())
                self.own_memory.append(int(found[1]) / 1e3)

    def growth(self) -> float:
        """MB an hour over the second half."""
        half = len(self.seconds) // 2
        return float(np.polyfit(np.array(self.seconds[half:]) / 3600, self.own_memory[half:], 1)[0])

    def faults(self) -> list[str]:
        """What is wrong after the end."""
        found = []
        content = self.log.read_bytes() if self.log.exists() else b""
        if self.name != "tmux" and not content:
            found.append("its log is empty")
        if b"\x1b" in content or b"\r" in content:
            found.append("its log holds escape codes or carriage returns")
        sessions = self.folder / "run/sessions.jsonl"
        if not sessions.exists() or '"stopped"' not in sessions.read_text():
            found.append("it did not end in order")
        if self.growth() > MOST_GROWTH:
            found.append(f"its memory grows by {self.growth():.1f} MB an hour")
        return found


def start_plainly(wrap: Callable[[str], str]) -> Callable[[Place, ExitStack], None]:
    """Starts a training by a shell's line, in a session of its own."""

    def start(place: Place, stack: ExitStack) -> None:
        subprocess.Popen(
            ["bash", "-c", wrap(command_line())],
            cwd=place.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    return start


def start_in_tmux(place: Place, stack: ExitStack) -> None:
    socket = f"soak-{os.getpid()}"
    shell = f"PYTHONPATH={environment()['PYTHONPATH']} {command_line()}"
    pane = ["new-session", "-d", "-x", "100", "-y", "24", "-c", str(place.folder), shell]
    subprocess.run(["tmux", "-L", socket, *pane], check=True)
    stack.callback(subprocess.run, ["tmux", "-L", socket, "kill-server"], check=False, capture_output=True)


def start_over_ssh(place: Place, stack: ExitStack) -> None:
    key = stack.enter_context(own_ssh_server(place.folder))
    there = f"cd {shlex.quote(str(place.folder))} && PYTHONPATH={environment()['PYTHONPATH']} {command_line()}"
    options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    with place.log.open("wb") as log:
        subprocess.Popen(
            ["ssh", "-T", "-p", str(PORT), "-i", key, *options, "127.0.0.1", there],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


@contextmanager
def own_ssh_server(folder: Path) -> Iterator[Path]:
    """A server on this machine alone, with keys of its own; gives the client's key."""
    for name in ("host", "client"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    settings = {
        "ListenAddress": "127.0.0.1",
        "Port": PORT,
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "client.pub",
        "StrictModes": "no",
        "PidFile": "none",
    }
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    server = subprocess.Popen([shutil.which("sshd") or "sshd", "-D", "-f", "/dev/null", *options])
    time.sleep(1)
    try:
        yield folder / "client"
    finally:
        server.terminate()
        server.wait()


def command_line() -> str:
    return f"OMP_NUM_THREADS=1 {shlex.quote(sys.executable)} -m kgcv train config.yaml --run-dir run"


PLACES: dict[str, tuple[Callable[[Place, ExitStack], None], tuple[str, ...]]] = {
    "tmux": (start_in_tmux, ("tmux",)),
    "nohup": (start_plainly(lambda line: f"{line.replace(' ', ' nohup ', 1)} > log 2>&1"), ("nohup",)),
    "ssh": (start_over_ssh, ("ssh", "sshd", "ssh-keygen")),
    "tee": (start_plainly(lambda line: f"{line} 2>&1 | tee log"), ("tee",)),
}


def main() -> None:
    """Train in the places asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("places", nargs="*", metavar="PLACE", default=list(PLACES))
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--look", type=float, default=20, help="seconds between two looks at the memory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        home = Path(name)
        (home / "start").mkdir()
        finish("sample fashion data", home / "start")
        (home / "start/config.yaml").write_text(CONFIG)
        places = []
        for kind in options.places:
            start, needed = PLACES[kind]
            if missing := [program for program in needed if shutil.which(program) is None]:
                print(f"{kind:<6} not tried: {', '.join(missing)} is missing", flush=True)
                continue
            places.append(Place(kind, shutil.copytree(home / "start", home / kind)))
            start(places[-1], stack)
        watch(places, 60 * options.minutes, options.look)
        wrong = [tell(place) for place in places]
    sys.exit(any(wrong))


def watch(places: list[Place], seconds: float, pause: float) -> None:
    """Look at all of them again and again, and end them."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(pause)
        for place in places:
            place.look()
    for place in places:
        if place.process is not None:
            with suppress(ProcessLookupError):
                os.kill(place.process, signal.SIGTERM)
    while any(Path(f"/proc/{place.process}").exists() for place in places):
        time.sleep(1)
    time.sleep(1)


def tell(place: Place) -> bool:
    """Print what came of one; whether something is wrong."""
    if len(place.seconds) < 4:
        print(
            f"{place.name:<6} did not train: {place.log.read_text()[-500:] if place.log.exists() else ''}", flush=True
        )
        return True
    faults, memory = place.faults(), place.own_memory
    epochs = len((place.folder / "run/fold0/metrics.jsonl").read_text().splitlines())
    lines = len(place.log.read_text().splitlines()) if place.log.exists() else 0
    hours = (place.seconds[-1] - place.seconds[0]) / 3600
    print(
        f"{place.name:<6} {hours:.2f} h, {epochs} epochs, own memory {memory[0]:.0f} MB at first, "
        f"{memory[len(memory) // 2]:.0f} half-way, {memory[-1]:.0f} at the end ({place.growth():+.2f} MB an hour over "
        f"the second half), {lines} lines of log; {'; '.join(faults) or 'nothing wrong'}",
        flush=True,
    )
    return bool(faults)


if __name__ == "__main__":
    main()
