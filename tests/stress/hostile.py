"""Feeds kgcv model files, run folders, archives and configs that somebody has damaged, or made to do harm.

    python -m tests.stress.hostile [models archives configs runs] [--inputs 2000] [--seed 0]

Each part counts what it tried. Right is a value, or one documented error; wrong is a traceback, code that ran, a file
outside the folder, more than three gigabytes or, where nothing is trained, more than ten seconds. Of `archives` and
`runs`, whose inputs are drawn, `--inputs` are tried. Exit 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import pickle
import random
import resource
import shutil
import stat
import struct
import sys
import tarfile
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.stress.images import GIB, encoded, photo

MEMORY, SECONDS = 3 * GIB, 10.0

CONFIG = """
data:
  root: data
  train: {images: train, labels: train.csv, id_column: id, label_columns: [tags], suffix: .png}
  test: {images: test, suffix: .png}
  sample_submission: sample.csv
  task: multi
split: {kind: folds, num_folds: 2}
resize: {ratio: 1, folder: cache}
model: {name: test_efficientnet, pretrained: false}
train: {batch_size: 8, metric: f2, precision: float32}
stages: [{image_size: 32, lr: 0.01}]
decision: {thresholds: global}
"""


@dataclass(slots=True)
class Tally:
    """What came of one part."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def try_one(self, name: str, action: Callable[[], object], path: Path | None = None) -> None:
        """Note how `action` ends; an error has to name `path`, if there is one."""
        from kgcv.errors import KgcvError

        began = time.process_time()
        try:
            action()
            outcome = "taken"
        except KgcvError as error:
            outcome = "refused"
            if path is not None and path.name not in str(error):
                self.faults.append(f"{name}: does not name the file: {error}")
        except BaseException:
            outcome = "wrong"
            self.faults.append(f"{name}: {traceback.format_exc(limit=-3)}")
        if time.process_time() - began > SECONDS:
            self.faults.append(f"{name}: took {time.process_time() - began:.1f} s")
        self.outcomes[outcome] += 1


def main() -> None:
    """Feed what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("parts", nargs="*", metavar="PART", default=list(PARTS))
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    num_faults = 0
    for name in options.parts:
        with tempfile.TemporaryDirectory() as place:
            folder, tally, began = Path(place).resolve(), Tally(), time.perf_counter()
            PARTS[name](folder, tally, random.Random(options.seed), options.inputs)
        shown = ", ".join(f"{count} {outcome}" for outcome, count in tally.outcomes.most_common())
        seconds = time.perf_counter() - began
        print(f"{name}: {tally.outcomes.total()} tries in {seconds:.0f} s: {shown}; {len(tally.faults)} wrong")
        for fault in tally.faults[:20]:
            print(f"  {fault}", flush=True)
        num_faults += len(tally.faults)
    sys.exit(num_faults > 0)


def limit_memory() -> None:
    mapped = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmSize" in line)
    resource.setrlimit(resource.RLIMIT_AS, (int(mapped.split()[1]) * 1024 + MEMORY, resource.RLIM_INFINITY))


# --- model files


class RunsCode:
    """What a hostile pickle does when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def model_files(folder: Path, tally: Tally, draws: random.Random, inputs: int) -> None:
    """Starting weights, a run's weights, a state to go on from."""
    from kgcv.config.schema import ModelConfig
    from kgcv.model.checkpoint import load_weights, read_card, read_state
    from kgcv.model.vision import build_model
    from kgcv.model.weights import load_starting_weights

    model = build_model(ModelConfig(name="test_efficientnet", pretrained=False), 2, seed=0)
    good = {name: value.clone() for name, value in model.state_dict().items()}
    mark = folder / "code has run"
    limit_memory()
    for name, content in hostile_models(good, mark):
        path = folder / name
        path.write_bytes(content)
        weights = ModelConfig(name="test_efficientnet", weights=str(path))
        readers: dict[str, Callable[[], object]] = {
            "model.weights": lambda chosen=weights: load_starting_weights(model, chosen),  # type: ignore[misc]
            "last.pt": lambda path=path: read_state(path),  # type: ignore[misc]
            "card": lambda path=path: read_card(path),  # type: ignore[misc]
            "best.safetensors": lambda path=path: load_weights(path, model),  # type: ignore[misc]
        }
        for what, read in readers.items():
            refused = tally.outcomes["refused"]
            tally.try_one(f"{name} as {what}", read)
            if tally.outcomes["refused"] == refused and not name.startswith("good"):
                tally.faults.append(f"{name} as {what}: was taken")
        if mark.exists():
            tally.faults.append(f"{name}: its code has run")
            mark.rmdir()


def hostile_models(good: dict[str, Any], mark: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents."""
    import torch
    from safetensors.torch import save

    def saved(content: object, **options: Any) -> bytes:
        stream = io.BytesIO()
        torch.save(content, stream, **options)
        return stream.getvalue()

    first = next(name for name, value in good.items() if value.ndim == 4)
    whole = save(good)
    length = struct.unpack("<Q", whole[:8])[0]
    header = json.loads(whole[8 : 8 + length])
    for name, code in {"pickle": pickle.dumps(RunsCode(mark)), "torch": saved({first: RunsCode(mark)})}.items():
        yield f"code-{name}.pt", code
        yield f"code-{name}.safetensors", code
    yield "code-legacy.pt", saved({first: RunsCode(mark)}, _use_new_zipfile_serialization=False)
    changed = {
        "nan": torch.full_like(good[first], torch.nan),
        "infinity": torch.full_like(good[first], torch.inf),
        "shape": good[first][:1],
        "huge-view": torch.zeros(1).expand(10**12),
        "meta": good[first].to("meta"),
        "sparse": good[first].to_sparse(),
        "complex": good[first].to(torch.complex64),
        "text": "no tensor",
    }
    for name, value in changed.items():
        yield f"{name}.pt", saved({**good, first: value})
        if name in ("nan", "infinity", "shape"):
            yield f"{name}.safetensors", save({**good, first: value.contiguous()})
    yield "list.pt", saved([1, 2])
    yield "nested.pt", saved({"state_dict": {"state_dict": {"model": 1}}})
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved(good))) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as copy:
        for member in source.namelist():
            copy.writestr(member, source.read(member))
    yield "packed.pt", packed.getvalue()
    for name, size in (("zero", 0), ("short", length - 1), ("long", length + 1), ("huge", 1 << 62), ("all", 2**64 - 1)):
        yield f"header-{name}.safetensors", struct.pack("<Q", size) + whole[8:]
    entries: dict[str, dict[str, object]] = {
        "offsets-beyond": {"data_offsets": [0, 1 << 60]},
        "offsets-negative": {"data_offsets": [-4, 4]},
        "offsets-turned": {"data_offsets": [64, 0]},
        "shape-huge": {"shape": [1 << 40, 1 << 40]},
        "shape-negative": {"shape": [-1]},
        "dtype": {"dtype": "F12"},
        "no-offsets": {"data_offsets": None},
    }
    for name, entry in entries.items():
        text = json.dumps({**header, first: {**header[first], **entry}}).encode()
        yield f"{name}.safetensors", struct.pack("<Q", len(text)) + text + whole[8 + length :]
    cards = (
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"format": 3}',
        '{"format": 3, "sha256": "0", "geometry": 1}',
        "\0",
        "null",
    )
    for number, card in enumerate(cards):
        yield f"card-{number}.safetensors", save({"other": good[first]}, {"kgcv": card})
    for size in (0, 1, 7, 8, 9, len(whole) // 2, len(whole) - 1):
        yield f"cut-{size}.safetensors", whole[:size]
        yield f"cut-{size}.pt", saved(good)[:size]


# --- archives


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
        "/tmp/out",
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


# --- configs


def configs(folder: Path, tally: Tally, draws: random.Random, inputs: int) -> None:
    """Files that are no configs, and configs whose paths lead to devices and pipes."""
    from kgcv.config.load import load_config
    from kgcv.data.samples import read_train_samples
    from kgcv.submission.table import read_sample

    limit_memory()
    pipe, nowhere = folder / "pipe", folder / "pipe.jpg"
    for each in (pipe, nowhere):
        os.mkfifo(each)
    for path in (pipe, folder, Path("/dev/zero"), Path("/dev/urandom"), Path("/dev/null"), folder / "absent"):
        tally.try_one(f"config {path}", lambda path=path: load_config(path))  # type: ignore[misc]
        tally.try_one(f"sample file {path}", lambda path=path: read_sample(path))  # type: ignore[misc]
    texts = {
        "laughs": "a: &a [x, x]\n"
        + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)),
        "code": "!!python/object/apply:os.mkdir [" + str(folder / "code has run") + "]",
        "code-within": "data: !!python/object/apply:os.mkdir [" + str(folder / "code has run") + "]",
        "deep": "[" * 100_000,
        "deep-maps": "{a: " * 5000,
        "deep-lines": "".join("  " * n + "a:\n" for n in range(2000)),
        "digits": "train: {batch_size: " + "9" * 100_000 + "}",
        "many-keys": "".join(f"k{n}: 1\n" for n in range(20_000)),
        "many-items": "stages: [" + "1, " * 50_000 + "]",
        "long-line": "a" * 900_000,
        "long-key": "? " + "a" * 2000 + "\n: 1\n",
        "large": "#" * (2 << 20),
        "nul": "a: \0",
    }
    for name, text in texts.items():
        file = folder / f"{name}.yaml"
        file.write_text(text)
        tally.try_one(name, lambda file=file: load_config(file), file)  # type: ignore[misc]
    if (folder / "code has run").exists():
        tally.faults.append("code in a config has run")
    (folder / "train").mkdir()
    (folder / "train/a.png").write_bytes(encoded(photo(), "PNG"))
    plain = "data: {root: %s, train: {images: train, labels: %s, suffix: .png}}\n"
    plain += "model: {name: resnet18}\nstages: [{image_size: 64, lr: 1}]\n"
    for labels in ("/dev/zero", "/dev/null", str(pipe), str(folder), "../../../etc/passwd", "absent"):
        file = folder / "paths.yaml"
        file.write_text(plain % (folder, labels))
        config = load_config(file)
        tally.try_one(f"labels {labels}", lambda config=config: read_train_samples(config.data, config.split))  # type: ignore[misc]
    from kgcv.data.images import read_image

    tally.try_one("an image that is a pipe", lambda: read_image(nowhere, 3), nowhere)


# --- run folders


def runs(folder: Path, tally: Tally, draws: random.Random, inputs: int) -> None:
    """A run in which one file was changed by hand, and the commands that read it."""
    from click.testing import CliRunner

    from kgcv.cli.main import main as kgcv

    os.chdir(folder)
    make_competition(folder)
    shell = CliRunner()
    for command in ("train config.yaml --run-dir run", "tta run", "tta run --compare", "decide run"):
        done = shell.invoke(kgcv, [*command.split(), *_quiet(command)])
        assert done.exit_code == 0, f"{command}: {done.output}"
    shutil.copytree("run", ".whole")
    restore(folder)
    files = [file for file in sorted(Path("run").rglob("*")) if file.is_file() and file.suffix in _READERS]
    for number in range(inputs):
        suffix = draws.choice(list(_READERS))
        file = draws.choice([each for each in files if each.suffix == suffix])
        content = file.read_bytes()
        file.write_bytes(damaged(draws, content, file.suffix))
        command = draws.choice(_READERS[file.suffix])
        done = shell.invoke(kgcv, [*command.split(), *_quiet(command)])
        outcome = "done" if done.exit_code == 0 else "refused"
        if done.exit_code not in (0, 1, 2) or "Traceback" in done.output:
            outcome = "wrong"
            kept = Path(tempfile.gettempdir()) / f"hostile-{number}{file.suffix}"
            shutil.copy(file, kept)
            told = done.output.strip().splitlines()[-1:]
            tally.faults.append(f"{command}: {file} ({kept}): exit {done.exit_code}: {told}")
        tally.outcomes[outcome] += 1
        restore(folder)


_COMMANDS = ("runs run other", "runs .", "submit run --check", "predict-one run data/test/0.png", "train --resume run")
_JUDGES = ("decide run", "decide run --like other", "blend run other -o blend", "decide other --like run")
_READERS = {
    ".json": (*_COMMANDS, *_JUDGES, "tta run", "tta run --views auto", "submit run --check"),
    ".jsonl": ("runs run other", "runs ."),
    ".yaml": (*_COMMANDS, *_JUDGES),
    ".csv": ("runs .", "decide run", "blend run other -o blend", "train --resume run", "tta run"),
    ".npz": ("decide run", "blend run other -o blend", "submit run --check", "tta run", "decide other --like run"),
    ".safetensors": ("predict-one run data/test/0.png", "tta run"),
    ".pt": ("train --resume run",),
}


def _quiet(command: str) -> list[str]:
    name = command.split(maxsplit=1)[0]
    return ["--progress", "none"] if name in ("train", "tta") else []


def make_competition(folder: Path) -> None:
    """Images with tags, and a config."""
    rows = []
    for part, number in (("train", 24), ("test", 6)):
        (folder / "data" / part).mkdir(parents=True)
        for index in range(number):
            photo(32, 32, seed=index + (1000 if part == "test" else 0)).save(folder / f"data/{part}/{index}.png")
        rows.append([f"{index},{('a', 'b', 'a b')[index % 3]}\n" for index in range(number)])
    (folder / "data/train.csv").write_text("id,tags\n" + "".join(rows[0]))
    (folder / "data/sample.csv").write_text("id,tags\n" + "".join(rows[1]))
    (folder / "config.yaml").write_text(CONFIG)


def restore(folder: Path) -> None:
    """Put the runs back to what they were."""
    for name in ("run", "other", "blend"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("run", "other"):
        shutil.copytree(folder / ".whole", folder / name)


def damaged(draws: random.Random, content: bytes, suffix: str) -> bytes:
    """Half of the texts keep their form and have a value changed; all else has bytes changed, or is cut."""
    if suffix == ".json" and draws.random() < 0.7:
        return json.dumps(change_value(draws, json.loads(content))).encode()
    if suffix == ".npz" and draws.random() < 0.5:
        return change_arrays(draws, content)
    if suffix in (".csv", ".yaml", ".jsonl") and draws.random() < 0.6:
        words = content.decode().replace(",", " , ").replace("\n", " \n ").split(" ")
        words[draws.randrange(len(words))] = draws.choice(_WORDS)
        return "".join(words).encode() if suffix == ".csv" else " ".join(words).encode()
    match draws.randrange(4):
        case 0:
            return content[: draws.randrange(len(content))]
        case 1:
            return draws.choice((b"", b"[]", b"null", b"[" * 100_000, b"\xff\xfe", b"{}", bytes(100), b"PK\3\4", b"1"))
    changed = bytearray(content)
    for _ in range(draws.choice((1, 5))):
        changed[draws.randrange(len(changed))] = draws.randrange(256)
    return bytes(changed)


_VALUES: tuple[Any, ...] = (
    None,
    -1,
    0,
    1,
    99,
    1e300,
    "x",
    "",
    [],
    {},
    [1],
    {"a": 1},
    True,
    "9" * 400,
    [[]],
    "../../x",
    "\x1b[31m",
)
_WORDS = ("", "-1", "99999999999999999999", "x", ",", '"', "nan", "\0", "é", "a b", "[", "{", ":", "../../x", "1e9")


def change_value(draws: random.Random, tree: Any) -> Any:
    """The same JSON with one value somewhere replaced, missing, or added."""
    if isinstance(tree, dict) and tree and draws.random() < 0.9:
        key = draws.choice(list(tree))
        if draws.random() < 0.2:
            return {name: value for name, value in tree.items() if name != key}
        return {**tree, key: change_value(draws, tree[key])}
    if isinstance(tree, list) and tree and draws.random() < 0.7:
        place = draws.randrange(len(tree))
        return [*tree[:place], change_value(draws, tree[place]), *tree[place + 1 :]]
    return draws.choice(_VALUES)


def change_arrays(draws: random.Random, content: bytes) -> bytes:
    """The same arrays with one of them replaced."""
    import numpy as np

    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        found = dict(arrays)
    key = draws.choice(list(found))
    values = found[key]
    choices = [
        values.astype("O"),
        np.zeros((0,)),
        np.array("x"),
        values[..., :0] if values.ndim else values,
        values[:1] if values.ndim else values,
        np.full(values.shape, "x"),
        np.arange(values.size).reshape(values.shape),
        np.full(values.shape, np.nan),
        np.full(values.shape, 1e30),
    ]
    stream = io.BytesIO()
    changed = {**found, key: draws.choice(choices)}
    if draws.random() < 0.1:
        del changed[key]
    np.savez(stream, **changed)
    return stream.getvalue()


PARTS = {"models": model_files, "archives": archives, "configs": configs, "runs": runs}


if __name__ == "__main__":
    main()
