"""Archives that somebody has damaged, or made to do harm; see tests/stress/hostile.py."""

from __future__ import annotations

import io
import random
import shutil
import stat
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tests.stress.tally import Tally, limit_memory


def archives(folder: Path, tally: Tally, draws: random.Random, inputs: int) -> None:
    """Hostile members, then sound archives with bytes changed: unpacked, or refused with nothing written."""
    from kgcv.archives.unpack import unpack

    fence, target = folder / "fence", folder / "fence/target"
    made = dict(hostile_archives())
    sound = [content for name, content in made.items() if name.startswith("good")]
    limit_memory()
    for number in range(inputs):
        names = list(made)
        name, content = f"changed-{number}.zip", bytearray(draws.choice(sound))
        if number < len(names):
            name, content = names[number], bytearray(made[names[number]])
        else:
            for _ in range(draws.choice((1, 2, 8))):
                content[draws.randrange(len(content))] = draws.randrange(256)
        archive = folder / name
        archive.write_bytes(content)
        target.mkdir(parents=True)
        tally.try_one(name, lambda archive=archive: unpack(archive, target), archive)  # type: ignore[misc]
        if [path.name for path in fence.iterdir()] != ["target"]:
            tally.faults.append(f"{name}: wrote outside the folder: {sorted(fence.iterdir())}")
        strange = [path for path in target.rglob("*") if stat.S_IFMT(path.lstat().st_mode) not in _PLAIN]
        if strange:
            tally.faults.append(f"{name}: made a link or a device: {strange}")
        shutil.rmtree(fence)
        archive.unlink()


_PLAIN = (stat.S_IFREG, stat.S_IFDIR)
PLACES = (
    *(
        "../out",
        "a/../../out",
        "/outside",
        "C:\\out",
        "..\\out",
        "a\\..\\..\\out",
        "//out",
        "a/\0b",
        "",
        ".",
        "/",
        "a//b",
    ),
    *(
        "new\nline",
        "esc\x1b[31m",
        "x" * 300,
        "d/" * 300 + "f",
        "\udcff",
        "猫",
        " ",
        "a ",
        "con",
        "-rf",
        "~",
        "$HOME",
        "%00",
    ),
    *(".unpacking/x", ".unpacking", "a/.unpacking/b", "a.zip", "a.zip/b"),
)


def hostile_archives() -> Iterator[tuple[str, bytes]]:
    """Names and contents."""
    import py7zr

    def zipped(members: list[tuple[zipfile.ZipInfo, bytes]]) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for info, content in members:
                archive.writestr(info, content, zipfile.ZIP_DEFLATED)
        return stream.getvalue()

    def tarred(members: list[tarfile.TarInfo], mode: str = "w") -> bytes:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode=mode, errors="surrogateescape") as archive:  # type: ignore[call-overload]
            for member in members:
                member.size = 3 if member.isreg() else 0
                archive.addfile(member, io.BytesIO(b"abc"))
        return stream.getvalue()

    def seven(place: str) -> bytes:
        stream = io.BytesIO()
        with py7zr.SevenZipFile(stream, "w") as archive:
            archive.writestr(b"abc" * 50, place)
        return stream.getvalue()

    yield "good.zip", zipped([(zipfile.ZipInfo("a/b.txt"), b"abc" * 50), (zipfile.ZipInfo("c.csv"), b"1,2\n" * 90)])
    yield "good.tar", tarred([tarfile.TarInfo("a/b.txt"), tarfile.TarInfo("c.csv")])
    yield "good.tgz", tarred([tarfile.TarInfo("a/b.txt"), tarfile.TarInfo("c.csv")], "w:gz")
    yield "good.7z", seven("a/b.txt")
    for number, place in enumerate(PLACES):
        if "\udcff" not in place:
            yield f"place-{number}.zip", zipped([(zipfile.ZipInfo("ok"), b"abc"), (zipfile.ZipInfo(place), b"abc")])
        yield f"place-{number}.tar", tarred([tarfile.TarInfo("ok"), tarfile.TarInfo(place)])
    yield "file-and-folder.tar", tarred([tarfile.TarInfo("a"), tarfile.TarInfo("a/b")])
    yield "folder-and-file.tar", tarred([tarfile.TarInfo("a/b"), tarfile.TarInfo("a")])
    yield "many.zip", zipped([(zipfile.ZipInfo(f"{number}"), b"") for number in range(20_000)])
    zeros = bytes(400_000_000)
    yield "bomb.zip", zipped([(zipfile.ZipInfo("zeros"), zeros)])
    inner = zipped([(zipfile.ZipInfo("zeros"), zeros)])
    yield "bomb-within.zip", zipped([(zipfile.ZipInfo(f"{number}.zip"), inner) for number in range(4)])
    liar = bytearray(zipped([(zipfile.ZipInfo("zeros"), zeros)]))
    said = liar.rindex(b"PK\1\2") + 24
    liar[said : said + 4] = struct.pack("<I", 10)
    yield "liar.zip", bytes(liar)
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE):
        link = tarfile.TarInfo("link")
        link.type, link.linkname = kind, "../../out"
        yield f"link-{kind.decode()}.tar", tarred([link, tarfile.TarInfo("link/file")])
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    yield "link.zip", zipped([(info, b"../../out"), (zipfile.ZipInfo("link/file"), b"abc")])
