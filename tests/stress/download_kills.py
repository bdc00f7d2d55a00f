"""Kills `kgcv download` again and again, at moments drawn at random, until it is done; then compares every byte.

    python -m tests.stress.download_kills --downloads 20 --megabytes 300

The competition is served by the loopback Kaggle of the tests: three large files, a `.tar.7z` and a `.csv.zip`, as
competitions ship them. Each download gets up to `--kills` SIGKILLs, at moments that are uniform over the time an
undisturbed download takes (over half of it for the first ones, as each process goes on where the last one was), and is
then left to finish. It is right if every file has the hash of its original, the next call finds all current, and no
half-written file ever had a final name. Prints a table; exit 1 if one is wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import py7zr

from tests.stress.kaggle_cases import load_loopback

SLUG = "leaf-disease"
_STEP = 1 << 18
"""Bytes the storage writes, and counts, at a time."""

COMMAND = [sys.executable, "-m", "kgcv", "download", SLUG, "-o", "data", "--progress", "none", "--json"]


@dataclass(slots=True)
class Outcome:
    """One download."""

    num_kills: int = 0
    phases: list[str] = field(default_factory=list)
    received: int = 0
    """Bytes the storage sent."""
    peak: int = 0
    """Largest resident memory of its processes, bytes."""
    seconds: float = 0.0
    """Of the process that was not killed."""
    faults: list[str] = field(default_factory=list)


def make_files(megabytes: int) -> tuple[dict[str, bytes], dict[str, str]]:
    """The competition's files, and the SHA-256 of each file that is to be there in the end."""
    draws = random.Random(1)
    part = (megabytes - 12) * 1_000_000 // 3
    files = {f"train/part_{number}.bin": draws.randbytes(part) for number in range(3)}
    wanted = dict(files)
    tiles = {f"train-jpg/train_{number}.jpg": draws.randbytes(20_000) for number in range(500)}
    tar, seven_zip, table = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as content:
        for name, data in tiles.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            content.addfile(member, io.BytesIO(data))
    with py7zr.SevenZipFile(seven_zip, "w") as packed:
        packed.writestr(tar.getvalue(), "train-jpg.tar")
    rows = "".join(f"train_{number},{draws.random()}\n" for number in range(100_000)).encode()
    with zipfile.ZipFile(table, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("train_v2.csv", rows)
    files |= {"train-jpg.tar.7z": seven_zip.getvalue(), "train_v2.csv.zip": table.getvalue()}
    wanted |= {**tiles, "train_v2.csv": rows}
    return files, {name: hashlib.sha256(data).hexdigest() for name, data in wanted.items()}


class Attempt:
    """One process of `kgcv download`, watched until its end."""

    def __init__(self, folder: Path, environment: dict[str, str], kill_after: float | None = None) -> None:
        start = time.perf_counter()
        self.peak = 0
        process = subprocess.Popen(
            COMMAND, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        while process.poll() is None:
            self._look(process.pid)
            if kill_after is not None and time.perf_counter() - start >= kill_after:
                process.kill()
                break
            time.sleep(0.01)
        self.output, _ = process.communicate()
        self.code = process.returncode
        self.seconds = time.perf_counter() - start

    def _look(self, pid: int) -> None:
        """The highest resident memory so far; the usage that the system gives at the end counts the parent's too."""
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return
        if COMMAND[2].encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            found = re.search(r"VmHWM:\s+(\d+) kB", status)
            self.peak = max(self.peak, int(found[1]) * 1024 if found else 0)


def find_phase(data: Path) -> str:
    """What a killed process was at."""
    incoming = data / ".kgcv" / "incoming"
    if (data / ".unpacking").exists():
        return "unpack"
    if any(incoming.glob("*/.part")):
        return "receive"
    return "check" if any(incoming.glob("*/*.zip")) else "start"


def find_faults(data: Path, wanted: dict[str, str], is_done: bool) -> list[str]:
    """Files with final names that are not as they should be; when it is done, also those that are missing."""
    found = {
        path.relative_to(data).as_posix(): path
        for path in data.rglob("*")
        if path.is_file() and not path.relative_to(data).parts[0].startswith(".")
    }
    faults = [f"extra {name}" for name in found.keys() - wanted.keys()]
    for name in found.keys() & wanted.keys():
        with found[name].open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != wanted[name]:
                faults.append(f"wrong {name}")
    return faults + [f"missing {name}" for name in wanted.keys() - found.keys() if is_done]


def download(server: Any, folder: Path, wanted: dict[str, str], moments: list[float]) -> Outcome:
    """Download once, killed at these moments (seconds after each start)."""
    environment = {**os.environ, **server.environment(folder / "home")}
    data, outcome = folder / "data", Outcome()
    server.sent = 0
    for moment in moments:
        attempt = Attempt(folder, environment, moment)
        outcome.peak = max(outcome.peak, attempt.peak)
        if attempt.code != -signal.SIGKILL:
            break
        outcome.num_kills += 1
        outcome.phases.append(find_phase(data))
        outcome.faults += find_faults(data, wanted, is_done=False)
    for expected in (None, 0):
        attempt = Attempt(folder, environment)
        outcome.seconds = outcome.seconds or attempt.seconds
        outcome.peak = max(outcome.peak, attempt.peak)
        if attempt.code != 0:
            outcome.faults.append(f"exit {attempt.code}: {attempt.output}")
        elif expected is not None and json.loads(attempt.output)["num_new"] != expected:
            outcome.faults.append("not current afterwards")
    outcome.received = server.sent
    outcome.faults += find_faults(data, wanted, is_done=True)
    if rest := [path.name for path in (data / ".kgcv").iterdir() if path.name not in ("lock", "manifest.json")]:
        outcome.faults.append(f"left behind: {rest}")
    return outcome


def count_bytes(module: Any) -> Any:
    """A server that counts what its storage sends, at its rate."""

    class Counting(module.LoopbackKaggle):  # type: ignore[misc]
        sent = 0

    def counted(handler: Any, content: memoryview) -> None:
        for at in range(0, len(content), _STEP):
            handler.wfile.write(content[at : at + _STEP])
            handler.server.kaggle.sent += len(content[at : at + _STEP])
            time.sleep(_STEP / handler.server.kaggle.rate)

    module._Handler._write_slowly = counted
    return Counting


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--downloads", type=int, default=20)
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--kills", type=int, default=6, help="at most, a download")
    parser.add_argument("--rate", type=int, default=60, help="of the server, MB/s")
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    files, wanted = make_files(options.megabytes)
    draws = random.Random(options.seed)
    outcomes = []
    with count_bytes(load_loopback())() as server, tempfile.TemporaryDirectory(prefix="kgcv-kills-") as root:
        server.files[SLUG] = files
        size = len(server.archive(SLUG))
        server.rate = options.rate * 1_000_000
        for name in ("warm-up", "usual"):
            (Path(root) / name).mkdir()
            usual = download(server, Path(root) / name, wanted, [])
            shutil.rmtree(Path(root) / name)
        print(
            f"archive {size / 1e6:.1f} MB; undisturbed: {usual.seconds:.1f} s, peak {usual.peak / 1e6:.0f} MB, "
            f"{'; '.join(usual.faults) or 'identical'}",
            flush=True,
        )
        for number in range(1, options.downloads + 1):
            folder = Path(root) / str(number)
            folder.mkdir()
            ends = [usual.seconds / 2 if kill < options.kills / 2 else usual.seconds for kill in range(options.kills)]
            moments = [draws.uniform(0.2, end) for end in ends]
            outcome = download(server, folder, wanted, moments)
            outcomes.append(outcome)
            phases = ",".join(outcome.phases)
            print(
                f"{number:>3}  kills {outcome.num_kills} ({phases})  received {outcome.received / size:.3f} x  "
                f"peak {outcome.peak / 1e6:.0f} MB  {'; '.join(outcome.faults) or 'identical'}",
                flush=True,
            )
            shutil.rmtree(folder)
    wrong = sum(bool(outcome.faults) for outcome in [usual, *outcomes])
    print(
        f"{options.downloads} downloads, {sum(outcome.num_kills for outcome in outcomes)} kills, {wrong} wrong, "
        f"memory peak {max(outcome.peak for outcome in outcomes) / 1e6:.0f} MB"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
