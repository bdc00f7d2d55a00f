"""Stops commands at random moments, runs them again until they are done, and compares every byte of what they leave.

    python -m tests.stress.kills [train resize tta lr-find blend] [--stops 100] [--with KILL TERM INT HUP USR1]

Each command is first timed without a stop. Then it is begun anew, in a folder that is as it was, and gets a signal at a
moment that is uniform over that time; run again it may get another, up to `--in-a-row`, and is then left to finish. It
is right if all files named as its outcome equal those of the undisturbed run, byte for byte, every process ended with
the exit code of its signal, and nothing unfinished is left. Prints a line for each command; exit 1 if one is wrong.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

CONFIG = """
data:
  root: data
  train: {images: train, labels: train.csv, id_column: id, label_columns: [label], suffix: .png}
  test: {images: test, suffix: .png}
  sample_submission: sample_submission.csv
  task: single
split: {kind: folds, num_folds: 2}
resize: {ratio: 1.2, folder: cache}
model: {name: test_efficientnet, pretrained: false, channels: 1}
augment: {preset: side_on, mixup: 0.2}
train: {batch_size: 64, optimizer: adamw, metric: accuracy, ema_decay: 0.99, checkpoint_minutes: 0.005}
stages:
  - {image_size: 16, lr: 0.005, frozen: true, precompute: true, augment: {preset: none}, cycle_len: 2}
  - {image_size: 24, lr: 0.005, cycle_len: 2}
tta: {views: flip}
submission: {format: label}
"""

RUN = ("fold?/best.safetensors", "fold?/best.json", "fold?/metrics.jsonl", "fold?/valid.npz", "oof.npz", "scores.json")


@dataclass(frozen=True, slots=True)
class Job:
    """A command, what must be there before it, and what it leaves."""

    command: str
    outcome: tuple[str, ...]
    """Patterns of files that must come out the same."""
    before: tuple[str, ...] = ()
    """Commands that are run once."""


TRAIN = "train config.yaml --run-dir run"
WITH_PROGRESS = ("train", "resize", "tta", "lr-find")
JOBS = {
    "train": Job(TRAIN, tuple(f"run/{name}" for name in RUN)),
    "resize": Job("resize config.yaml", ("cache/*/*.packed", "cache/*/*.npz")),
    "tta": Job("tta run", ("run/oof.npz", "run/test.npz", "run/fold?/*.npz", "run/scores.json"), (TRAIN,)),
    "lr-find": Job("lr-find config.yaml --stage 1 -o lr.png", ("lr.png", "lr.csv")),
    "blend": Job(
        "blend run other -o blend",
        ("blend/*.npz", "blend/*.json"),
        (TRAIN, f"{TRAIN.replace('--run-dir run', '--run-dir other')} --set train.seed=1", "tta run", "tta other"),
    ),
}


@dataclass(slots=True)
class Tally:
    """What came of one command's stops."""

    stops: int = 0
    rounds: int = 0
    faults: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    """Seconds from a signal to the end."""


def main() -> None:
    """Stress what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("jobs", nargs="*", metavar="COMMAND", default=list(JOBS))
    parser.add_argument("--stops", type=int, default=100)
    parser.add_argument("--in-a-row", type=int, default=4)
    parser.add_argument("--with", nargs="+", dest="signals", default=["KILL"])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    signals = [signal.Signals[f"SIG{name}"] for name in options.signals]
    tallies = []
    for name in options.jobs:
        with tempfile.TemporaryDirectory() as folder:
            tallies.append(stress(name, Path(folder), signals, options))
    sys.exit(any(tally.faults for tally in tallies))


def stress(name: str, folder: Path, signals: Sequence[signal.Signals], options: argparse.Namespace) -> Tally:
    """Stop one command again and again."""
    job, draws, tally = JOBS[name], random.Random(options.seed), Tally()
    start = prepare(job, folder / "start")
    straight = shutil.copytree(start, folder / "straight", symlinks=True)
    began = time.perf_counter()
    finish(job.command, straight)
    seconds = time.perf_counter() - began
    wanted = outcome(job, straight)
    assert wanted, f"{name} leaves nothing of {job.outcome}"
    while tally.stops < options.stops:
        place = folder / "place"
        shutil.copytree(start, place, symlinks=True)
        done = False
        for _ in range(min(options.in_a_row, options.stops - tally.stops)):
            done = stop_once(job.command, place, draws.choice(signals), draws.uniform(0, seconds), tally)
            # Stopped after its work, which it would refuse to do again.
            done = done or outcome(job, place) == wanted
            if done:
                break
        if not done:
            finish(job.command, place)
        compare(wanted, outcome(job, place), place, tally)
        tally.rounds += 1
        shutil.rmtree(place)
    report(name, seconds, tally)
    return tally


def prepare(job: Job, folder: Path) -> Path:
    """The sample, a config, and what the commands before leave."""
    folder.mkdir()
    finish("sample fashion data", folder)
    (folder / "config.yaml").write_text(CONFIG)
    for command in job.before:
        finish(command, folder)
    return folder


def command_line(command: str) -> list[str]:
    quiet = ["--progress", "none"] if command.split(maxsplit=1)[0] in WITH_PROGRESS else []
    return [sys.executable, "-m", "kgcv", *command.split(), *quiet]


def environment() -> dict[str, str]:
    """With this checkout's kgcv, wherever the command runs."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


def finish(command: str, folder: Path) -> None:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    done = subprocess.run(
        command_line(command), cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"kgcv {command}: exit {done.returncode}\n{done.stderr}")


def stop_once(command: str, folder: Path, number: signal.Signals, after: float, tally: Tally) -> bool:
    """Send a signal after so many seconds; True if the command was done before."""
    process = subprocess.Popen(
        command_line(command),
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _, said = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
        began = time.perf_counter()
        _, said = process.communicate()
        tally.waits.append(time.perf_counter() - began)
    code = process.returncode
    if code == 0:
        return True
    tally.stops += 1
    # Before the command listens, and after it has ended its work, Python dies of the signal itself.
    if code not in (-number, 128 + number):
        tally.faults.append(f"exit {code} after {number.name} at {after:.2f} s: {said[-300:]}")
    return False


def outcome(job: Job, folder: Path) -> dict[str, bytes]:
    """Name and content of each file; stores are named, and blends tell, by where the data and the runs lie."""
    return {
        re.sub(r"data-[0-9a-f]{8}", "data", str(file.relative_to(folder))): file.read_bytes().replace(
            str(folder).encode(), b"."
        )
        for pattern in job.outcome
        for file in sorted(folder.glob(pattern))
    }


def compare(wanted: dict[str, bytes], found: dict[str, bytes], folder: Path, tally: Tally) -> None:
    """Note what is missing, different, or left over."""
    tally.faults += [f"{name} is not there" for name in wanted.keys() - found.keys()]
    tally.faults += [f"{name} is there" for name in found.keys() - wanted.keys()]
    tally.faults += [f"{name} differs" for name in wanted.keys() & found.keys() if wanted[name] != found[name]]
    tally.faults += [f"left over: {file.relative_to(folder)}" for file in folder.rglob(".*.tmp")]


def report(name: str, seconds: float, tally: Tally) -> None:
    waits = f"{statistics.median(tally.waits):.2f} s, {max(tally.waits):.2f} at most" if tally.waits else "-"
    print(
        f"{name:<8} {seconds:5.1f} s undisturbed; {tally.stops} stops in {tally.rounds} rounds; "
        f"from signal to end {waits}; {len(tally.faults)} lost or wrong",
        flush=True,
    )
    for fault in tally.faults[:10]:
        print(f"         {fault}", flush=True)


if __name__ == "__main__":
    main()
