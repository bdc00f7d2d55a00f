"""Downloads through every fault of the stand-in for Kaggle, and shows what a person gets to see.

    python -m tests.stress.download_faults [--only WORDS]

Each row is one `kgcv download` in a process of its own, with pauses and time limits cut short: its exit code, what of
the files is there then, and the exit code of the same command once the fault is gone. Below it stands the message.
Exit code 1 if a secret was shown, a wrong file had its final name, a fault ended as a bug, or the next run did not
repair. Full disks need the right to mount one, and are left out without it.
"""

import io
import random
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import py7zr

from tests.stress.kaggle_cases import run_cases, run_worker

SLUG = "leaf-disease"
SECRET = re.compile("5ecre7|5tale|Basic |Bearer ")
API = (
    "401",
    "403-rules",
    "403-denied",
    "404",
    "400",
    "429",
    "5xx",
    "hangup",
    "html",
    "json-error",
    "redirect",
    "stall",
)
STORAGE = ("403-denied", "404", "400", "429", "5xx", "hangup", "html", "json-error", "stall", "truncate", "stall-body")


def make_files(seed: int) -> dict[str, bytes]:
    """A small competition, as they ship: a table, a file that is no archive, a `.tar.7z`, a `.csv.zip`."""
    draws = random.Random(seed)
    tar, packed, table = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as content:
        for number in range(5):
            member = tarfile.TarInfo(f"train-jpg/train_{number}.jpg")
            member.size = 20_000
            content.addfile(member, io.BytesIO(draws.randbytes(member.size)))
    with py7zr.SevenZipFile(packed, "w") as seven:
        seven.writestr(tar.getvalue(), "train-jpg.tar")
    with zipfile.ZipFile(table, "w") as zipped:
        zipped.writestr("train_v2.csv", b"image_name,tags\n")
    return {
        "sample_submission.csv": b"id,label\n1,0\n",
        "train/part 0.bin": draws.randbytes(700_000),
        "train-jpg.tar.7z": packed.getvalue(),
        "train_v2.csv.zip": table.getvalue(),
    }


@dataclass(frozen=True)
class Case:
    """One download: what is wrong, and how the server and the machine are made so."""

    name: str
    prepare: Callable[[Any], object] = str
    """Makes the server so."""
    arguments: tuple[str, ...] = (SLUG,)
    environ: dict[str, str] = field(default_factory=dict)
    local: Callable[[Path], object] = str
    """Makes the machine so, given the folder in which the command runs; the data go to `data`."""
    mend: Callable[[Path], object] = str
    """Undoes `local`, where the user would have to."""
    is_interrupted: bool = False
    """Whether a first call was cut at 300,000 bytes before."""


def faulty(fault: str, route: str, arguments: tuple[str, ...] = (SLUG,), **how: Any) -> Case:
    where = f"{fault} at {route}" + (f" {how['note']}" if "note" in how else "")
    how = {"seconds": 0.6, "after": 300_000, "to": "http://portal.test/login?session=5ecre7", **how}
    is_interrupted = bool(how.pop("is_interrupted", False))
    return Case(where, lambda kaggle: kaggle.fault(fault, route, -1, **how), arguments, is_interrupted=is_interrupted)


def cases() -> Iterator[Case]:
    one = (SLUG, "--file", "train/part 0.bin")
    link = ("--url", "URL/storage/leaf-disease/file/train/part%200.bin?X-Goog-Signature=5ecre7")
    yield Case("no fault")
    yield Case("a misspelt competition", arguments=("leaf-diseas",))
    yield Case("a misspelt file", arguments=(SLUG, "--file", "train/part_0.bin"))
    yield from machine()
    for route in ("ListDataFiles", "DownloadDataFiles"):
        yield from (faulty(fault, route) for fault in API)
    yield faulty("429", "ListDataFiles", note="with an hour to wait", retry_after=3600)
    yield from (faulty(fault, "storage") for fault in STORAGE)
    yield faulty("429", "storage", note="with an hour to wait", retry_after=3600)
    yield from (faulty(fault, "storage", one, note="(one file)") for fault in STORAGE)
    yield from (faulty(fault, "storage", link, note="(a link)") for fault in ("401", *STORAGE))
    for fault in ("html", "5xx", "json-error", "hangup", "truncate"):
        yield faulty(fault, "storage", note="in a resume", is_interrupted=True, after=0)
    yield Case("other content in a resume", change, is_interrupted=True)
    yield Case("a new version in a resume", renew, is_interrupted=True)
    yield from spoilt()


def change(kaggle: Any) -> None:
    """Another archive, of which the listing tells nothing."""
    kaggle.files[SLUG] = {**kaggle.files[SLUG], "train/part 0.bin": random.Random(3).randbytes(700_000)}


def renew(kaggle: Any) -> None:
    kaggle.files[SLUG], kaggle.created = make_files(2), "2026-02-02T00:00:00Z"


def spoilt() -> Iterator[Case]:
    """Archives that are not as they must be."""
    yield Case("a damaged archive", lambda kaggle: serve(kaggle, flip(kaggle.archive(SLUG), 400_000)))
    yield Case("a cut archive", lambda kaggle: serve(kaggle, kaggle.archive(SLUG)[:400_000]))
    for name, members in {
        "an archive with a file of another size": {"sample_submission.csv": b"id,label\n"},
        "an archive that leads outside": {"../evil.txt": b"x"},
        "an archive with a bomb in it": {"zeros.bin": bytes(300 << 20)},
    }.items():
        yield Case(name, lambda kaggle, members=members: serve(kaggle, make_zip(members)))  # type: ignore[misc]


def make_zip(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as content:
        for name, data in members.items():
            content.writestr(name, data)
    return stream.getvalue()


def flip(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def serve(kaggle: Any, content: bytes) -> None:
    """Give this out as the archive of all; `kaggle.faults` is cleared to mend it."""
    usual = kaggle.archive
    mark = kaggle.fault("401", "no route at all")
    type(kaggle).archive = lambda self, slug, only=None: content if mark in self.faults else usual(slug, only)


def machine() -> Iterator[Case]:
    """What may be wrong at home."""
    yield Case("no credentials", local=lambda place: hide(place / "home/.kaggle"), mend=show)
    yield Case("stale token beside a good key", environ={"KAGGLE_API_TOKEN": "KGAT_5tale"})
    yield Case("no network", environ={"http_proxy": "http://127.0.0.1:9"})
    yield Case(
        "a file in place of the folder", local=lambda p: (p / "data").touch(), mend=lambda p: (p / "data").unlink()
    )
    for size in (16, 200, 1000, 1500, 1700):
        yield Case(f"a disk of {size} KB", local=partial(mount, kilobytes=size), mend=partial(mount, kilobytes=9999))


def hide(folder: Path) -> None:
    folder.rename(folder.with_name("hidden"))


def show(place: Path) -> None:
    (place / "home/hidden").rename(place / "home/.kaggle")


class NotAllowed(Exception):
    """A disk cannot be mounted."""


def mount(place: Path, kilobytes: int) -> None:
    """A disk of that size at `data`, or another size for the one there."""
    (place / "data").mkdir(exist_ok=True)
    how = "remount," if (place / "data").is_mount() else ""
    command = ["mount", "-t", "tmpfs", "-o", f"{how}size={kilobytes}k", "kgcv", str(place / "data")]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        raise NotAllowed


def work(arguments: list[str]) -> None:
    """`kgcv download`, in a hurry."""
    import kgcv.recipes.download as room
    from kgcv.cli.main import main
    from kgcv.kaggle.patience import Patience

    room.patient = lambda should_stop: Patience(1.0, 0.3, sleep=lambda seconds: None)
    main(["download", *arguments])


def run(place: Path, arguments: tuple[str, ...], environ: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return run_worker("tests.stress.download_faults", [*arguments, "-o", "data", "--progress", "plain"], place, environ)


def wanted(files: dict[str, bytes], arguments: tuple[str, ...], place: Path) -> dict[str, bytes]:
    """What is to be there in the end: unpacked by the standard library and py7zr."""
    if arguments[0] == "--url":
        return {"part 0.bin": files["train/part 0.bin"]}
    if "--file" in arguments:
        return {"train/part 0.bin": files["train/part 0.bin"]}
    found = {name: files[name] for name in ("sample_submission.csv", "train/part 0.bin")}
    with py7zr.SevenZipFile(io.BytesIO(files["train-jpg.tar.7z"])) as packed:
        packed.extractall(place / "peek")
    with tarfile.open(place / "peek/train-jpg.tar") as tar:
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None
            found[member.name] = content.read()
    return {**found, "train_v2.csv": b"image_name,tags\n"}


def tree(data: Path) -> dict[str, bytes]:
    paths = [path for path in data.rglob("*") if path.is_file()] if data.is_dir() else []
    found = {path.relative_to(data).as_posix(): path.read_bytes() for path in paths}
    return {name: content for name, content in found.items() if not name.startswith(".kgcv/")}


def try_out(case: Case, loopback: Any) -> list[str]:
    """Run and print one case; what is wrong with it."""
    usual = loopback.LoopbackKaggle.archive
    with TemporaryDirectory(prefix="kgcv-faults-") as root, loopback.LoopbackKaggle() as kaggle:
        place = Path(root)
        kaggle.files[SLUG] = make_files(1)
        environ = kaggle.environment(place / "home")
        arguments = tuple(each.replace("URL", kaggle.url) for each in case.arguments)
        if case.is_interrupted:
            kaggle.fault("truncate", "storage", after=300_000)
            kaggle.fault("truncate", "storage", -1, after=0)
            run(place, arguments, environ)
            kaggle.faults.clear()
        case.prepare(kaggle)
        try:
            case.local(place)
            done = run(place, arguments, {**environ, **case.environ})
            there = tree(place / "data")
            kaggle.faults.clear()
            case.mend(place)
            after = run(place, arguments, environ)
            right = wanted(kaggle.files[SLUG], case.arguments, place)
            wrong = judge(place, done, after, there, right)
        except NotAllowed:
            print(f"{case.name:<48} left out: a disk cannot be mounted here")
            return []
        finally:
            loopback.LoopbackKaggle.archive = usual
            subprocess.run(["umount", str(place / "data")], capture_output=True, check=False)
    print(f"{case.name:<48} {done.returncode:>4} {len(there):>4}/{len(right)} {after.returncode:>5}", *wrong)
    for line in (done.stdout + done.stderr).splitlines():
        print(f"    {line.replace(root + '/', '')}")
    sys.stdout.flush()
    return wrong


def judge(
    place: Path,
    done: "subprocess.CompletedProcess[str]",
    after: "subprocess.CompletedProcess[str]",
    there: dict[str, bytes],
    right: dict[str, bytes],
) -> list[str]:
    wrong = []
    if done.returncode not in (0, 1, 2, 4):
        wrong.append("A BUG")
    if not there.items() <= right.items():
        wrong.append("A WRONG FILE")
    if SECRET.search(done.stdout + done.stderr + after.stdout + after.stderr):
        wrong.append("SECRET SHOWN")
    if done.returncode == 2 or "leaf-diseas" in done.args:
        return wrong
    if after.returncode != 0 or tree(place / "data") != right:
        wrong.append(f"NOT REPAIRED: {after.stderr.strip()}")
    elif {path.name for path in (place / "data/.kgcv").iterdir()} != {"lock", "manifest.json"}:
        wrong.append("SOMETHING LEFT BEHIND")
    return wrong


if __name__ == "__main__":
    run_cases(__doc__, f"{'fault':<48} {'exit':>4} {'there':>6} {'after':>5}", cases(), try_out, work)
