"""Feeds damaged and hostile text to the readers of configs, overrides, CSV files and rows.

    python -m tests.stress.text_fuzz [yaml override csv sample table row] [--inputs 100000] [--seed 0]

Guided by coverage: atheris (`pip install '.[stress]'`) keeps each input that reaches something new, and changes it
further, by turns with libFuzzer's own changes and with those below: bytes changed, lines lost, doubled or swapped,
values replaced by ones that parsers trip over, pieces of one file put into another. The first inputs are the configs
of this repository and small CSV files. Only documented errors may come of it: an input that ends in anything but a
value or a KgcvError, warns, or takes more than a second, is printed and kept beside; exit 1 if there is one. The inputs
kept are read once more to count the lines that they reach.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS = 1.0
"""Of the processor, for one input."""

ROOT = Path(__file__).parents[2]

NASTY = (
    *("", "~", "null", "true", "no", "0", "-1", "1e400", ".nan", ".inf", "0x1F", "0o17", "1_000", "1:30", "2026-11-24"),
    *(
        "[]",
        "{}",
        "[[[[",
        "{a: {b: {c: 1}}}",
        "&a [*a]",
        "*a",
        "&x",
        "<<: *a",
        "<<: {a: 1}",
        "!!python/object:os.system x",
    ),
    *(
        "!!binary aGk=",
        "!!set {a}",
        "!custom 1",
        "? a",
        "- - - -",
        "|",
        ">",
        "'",
        '"',
        '"\\x"',
        "%YAML 9.9",
        "---",
        "...",
    ),
    *(
        "\ufeff",
        "\0",
        "\u2028",
        "\ud800",
        "\x1b[31m",
        "\t",
        "\r",
        "é" * 50,
        "9" * 400,
        "a" * 5000,
        "${HOME}",
        "../../etc/passwd",
    ),
    *(
        ",",
        ";",
        ",,",
        '""',
        '"a""b"',
        '"\n"',
        '"unclosed',
        "id",
        "0001",
        "1.0",
        " a b ",
        "=1+1",
        "a\\,b",
        "\v",
        "NaN",
        "inf",
    ),
)

CONFIG = """data: {root: ., train: {images: train}}
model: {name: resnet18}
stages: [{image_size: 64, lr: [0.1]}, {image_size: 128, lr: 0.01, frozen: true}]
"""
OVERRIDES = (
    "stages.0.lr=[0.1, 0.2]",
    "train.batch_size=8",
    "stages.1.augment={preset: none}",
    "decision.exclusive=[[a, b], [c]]",
    "model.pretrained=false",
    "split=",
)
TABLE = 'id,label\n0001,cat\n0002,dog\n"a,b",cat\n"two\nlines",dog\n  x  ,cat dog\n'
SAMPLE = "id,cat,dog\n0001,0.5,0.5\n0002,0.5,0.5\nc,0.5,0.5\n"
SALES = 'Id,Shop,Date,Sales\n1,007,2015-01-31,3.5\n2,a b,2015-02-01,\n3,"x\ny",31.12.2014,1e5\n'
ROW = '{"Id": 1, "Shop": "007", "Date": "2015-01-31", "Sales": null, "Open": true}'

Reader = Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Target:
    """What is fed."""

    make: Callable[[Path], Reader]
    """Given a folder of its own, gives what reads a file."""
    seeds: tuple[str, ...]
    watched: tuple[str, ...]
    """Modules whose coverage guides, and is counted."""


def without_comments(text: str) -> str:
    """Shorter, and so read in half the time."""
    return "".join(
        f"{line.split(' # ')[0].rstrip()}\n" for line in text.splitlines() if line.lstrip()[:1] not in ("", "#")
    )


def read_config(folder: Path) -> Reader:
    from kgcv.config.load import load_config

    return load_config


def read_override(folder: Path) -> Reader:
    """The file holds an argument of `--set`."""
    from kgcv.config.load import load_config

    config = folder / "config.yaml"
    config.write_text(CONFIG)
    # As Python makes an argument of bytes.
    return lambda path: load_config(config, [path.read_bytes().decode("utf-8", errors="surrogateescape")])


def read_labels(folder: Path) -> Reader:
    """Reads labels from a file, for images that lie in `folder`."""
    from kgcv.config.schema import DataConfig, SplitConfig, TrainSourceConfig
    from kgcv.data.labels import encode_labels
    from kgcv.data.samples import read_train_samples

    images = folder / "train"
    images.mkdir(exist_ok=True)
    for name in ("0001", "0002", "a,b", "two\nlines", "x"):
        (images / f"{name}.png").write_bytes(b"")

    def read(path: Path) -> object:
        source = TrainSourceConfig(images="train", labels=path.name, suffix=".png")
        samples = read_train_samples(DataConfig(root=str(folder), train=source), SplitConfig())
        return encode_labels(samples, "auto")

    return read


def read_sample_file(folder: Path) -> Reader:
    from kgcv.submission.table import read_sample

    return read_sample


def read_table_rows(folder: Path) -> Reader:
    """Reads a table, and decides what its columns hold."""
    from kgcv.config.schema import DataConfig
    from kgcv.data.tables.reading import read_tables

    return lambda path: read_tables(DataConfig(kind="table", root=str(path.parent), tables={"train": path.name}))


def read_one_row(folder: Path) -> Reader:
    from kgcv.data.tables.reading import texts_of_values
    from kgcv.recipes.row_file import read_rows

    return lambda path: [texts_of_values(row, {""}) for row in read_rows(path)]


TARGETS = {
    "yaml": Target(
        read_config,
        tuple(without_comments(file.read_text()) for file in sorted((ROOT / "configs").glob("*.yaml"))),
        ("kgcv.config", "yaml.reader", "yaml.scanner", "yaml.parser"),
    ),
    "override": Target(read_override, OVERRIDES, ("kgcv.config", "yaml.reader", "yaml.scanner", "yaml.parser")),
    "csv": Target(
        read_labels, (TABLE,), ("kgcv.data.csv_table", "kgcv.data.columns", "kgcv.data.samples", "kgcv.data.labels")
    ),
    "sample": Target(read_sample_file, (SAMPLE,), ("kgcv.data.csv_table", "kgcv.submission.table")),
    "table": Target(
        read_table_rows, (SALES,), ("kgcv.data.tables.reading", "kgcv.data.tables.columns", "kgcv.data.tables.values")
    ),
    "row": Target(read_one_row, (ROW,), ("kgcv.recipes.row_file", "kgcv.data.tables.reading")),
}


def main() -> None:
    """Fuzz what is asked for, each target in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("targets", nargs="*", metavar="TARGET", default=list(TARGETS))
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--blind", action="store_true", help="without coverage to guide them: many times as fast")
    parser.add_argument("--part", choices=("feed", "count"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part is not None:
        (feed if options.part == "feed" else count_lines)(options.targets[0], options.folder, options)
    if options.blind:
        sys.exit(sum(fuzz_blindly(name, options) for name in options.targets) > 0)
    if importlib.util.find_spec("atheris") is None:
        sys.exit("atheris is not installed, which guides the inputs: pip install '.[stress]'")
    num_wrong = sum(fuzz(name, options) for name in options.targets)
    sys.exit(num_wrong > 0)


def fuzz_blindly(name: str, options: argparse.Namespace) -> int:
    """Feed a reader mutations of the seeds alone; the number of inputs that it did not stand."""
    draws, tally, began = random.Random(options.seed), Counter[str](), time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        read, file = TARGETS[name].make(Path(place)), Path(place) / f"input.{name}"
        for _ in range(options.inputs):
            content = mutate(draws, draws.choice(TARGETS[name].seeds), TARGETS[name].seeds)
            outcome = outcome_of(read, file, content)
            if outcome != "read" and not outcome.endswith("Error"):
                print(f"  {content!r:.300}: {outcome}", flush=True)
                outcome = "wrong"
            tally[outcome] += 1
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in tally.most_common())
    print(f"{name}, blind: {options.inputs} inputs in {time.perf_counter() - began:.0f} s: {outcomes}", flush=True)
    return tally["wrong"]


def fuzz(name: str, options: argparse.Namespace) -> int:
    """Feed a reader; the number of inputs that it did not stand."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        kept = folder / "kept"
        kept.mkdir()
        for number, text in enumerate(TARGETS[name].seeds):
            (kept / f"seed{number}").write_text(text)
        for part in ("feed", "count"):
            command = [sys.executable, "-m", "tests.stress.text_fuzz", name, "--part", part, "--folder", str(folder)]
            command += ["--inputs", str(options.inputs), "--seed", str(options.seed)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
            if done.returncode:
                print(f"{name}: {part}: exit {done.returncode}: {done.stderr[-2000:]}", flush=True)
                return 1
        tally = json.loads((folder / "tally.json").read_text())
        lines = json.loads((folder / "lines.json").read_text())
        num_kept = len(list(kept.iterdir()))
    for fault in tally["faults"]:
        print(f"  {fault}", flush=True)
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in tally["outcomes"].items())
    reached = ", ".join(f"{found} of {there} lines of {module}" for module, (found, there) in lines.items())
    print(
        f"{name}: {options.inputs} inputs in {time.perf_counter() - began:.0f} s: {outcomes}; "
        f"{num_kept} kept, which reach {reached}; {tally['wrong']} wrong",
        flush=True,
    )
    return int(tally["wrong"])


def feed(name: str, folder: Path, options: argparse.Namespace) -> None:
    """Let libFuzzer make inputs until there are enough; it never returns, so what came of them is in `tally.json`."""
    import atheris

    target = TARGETS[name]
    with atheris.instrument_imports(include=list(target.watched)):
        for module in target.watched:
            importlib.import_module(module)
        read = target.make(folder)
    file, tally, faults = folder / f"input.{name}", Counter[str](), list[str]()

    def try_one(content: bytes) -> None:
        outcome = outcome_of(read, file, content)
        if outcome != "read" and not outcome.endswith("Error"):
            tally["wrong"] += 1
            kept = Path(tempfile.gettempdir()) / f"fuzz-{name}-{options.seed}-{tally.total()}"
            if len(faults) < 10:
                kept.write_bytes(content)
                faults.append(f"{kept}: {outcome}")
        else:
            tally[outcome] += 1
        if tally.total() >= options.inputs:
            wrong = tally.pop("wrong", 0)
            result = {"outcomes": dict(tally.most_common()), "faults": faults, "wrong": wrong}
            (folder / "tally.json").write_text(json.dumps(result))
            os._exit(0)

    def change(content: bytes, max_size: int, seed: int) -> bytes:
        draws = random.Random(seed)
        if draws.random() < 0.5:
            return bytes(atheris.Mutate(content, max_size))
        return mutate(draws, content.decode("utf-8", errors="replace"), target.seeds)[:max_size]

    flags = [f"-seed={options.seed + 1}", "-max_len=8000", "-verbosity=0"]
    atheris.Setup([sys.argv[0], str(folder / "kept"), *flags], try_one, custom_mutator=change)
    atheris.Fuzz()


def outcome_of(read: Reader, file: Path, content: bytes) -> str:
    """`read`, the name of a documented error, or a text on what is wrong."""
    from kgcv.errors import KgcvError

    file.write_bytes(content)
    began = time.process_time()
    try:
        with warnings.catch_warnings(action="error"):
            read(file)
        outcome = "read"
    except KgcvError as error:
        outcome = type(error).__name__
    except BaseException:
        outcome = f"{traceback.format_exc(limit=-2)}"
    seconds = time.process_time() - began
    return outcome if seconds < SECONDS else f"took {seconds:.1f} s"


def count_lines(name: str, folder: Path, options: argparse.Namespace) -> None:
    """Read the inputs that were kept, and leave the lines reached of those there are in `lines.json`."""
    import coverage

    target, lines = TARGETS[name], {}
    watch = coverage.Coverage(data_file=None, include=[str(ROOT / "kgcv/*"), "*/yaml/*"], config_file=False)
    watch.start()
    read = target.make(folder)
    for kept in sorted((folder / "kept").iterdir()):
        outcome_of(read, folder / f"input.{name}", kept.read_bytes())
    watch.stop()
    for package in target.watched:
        found = there = 0
        for module in [each for each in sys.modules if f"{each}.".startswith(f"{package}.")]:
            source = sys.modules[module].__file__ or ""
            _, statements, _, missing, _ = watch.analysis2(source)
            found, there = found + len(statements) - len(missing), there + len(statements)
        lines[package] = (found, there)
    (folder / "lines.json").write_text(json.dumps(lines))
    sys.exit()


def mutate(draws: random.Random, text: str, seeds: Sequence[str]) -> bytes:
    """One to six changes of a text, as bytes that need not be UTF-8."""
    for _ in range(draws.choice((1, 1, 1, 2, 3, 6))):
        text = draws.choice((change_value, change_value, change_lines, insert, splice))(draws, text, seeds)
    content = bytearray(text.encode("utf-8", errors="surrogatepass"))
    for _ in range(draws.choice((0, 0, 0, 1, 3))):
        if content:
            content[draws.randrange(len(content))] = draws.randrange(256)
    return bytes(content)


def change_value(draws: random.Random, text: str, seeds: Sequence[str]) -> str:
    """One word becomes something else."""
    words = text.split(" ")
    place = draws.randrange(len(words))
    words[place] = draws.choice(NASTY) + draws.choice(("", ",", "\n", "}", "]"))
    return " ".join(words)


def change_lines(draws: random.Random, text: str, seeds: Sequence[str]) -> str:
    """A line is lost, doubled, moved or indented."""
    lines = text.split("\n")
    first, second = draws.randrange(len(lines)), draws.randrange(len(lines))
    match draws.randrange(4):
        case 0:
            del lines[first]
        case 1:
            lines.insert(second, lines[first])
        case 2:
            lines[first], lines[second] = lines[second], lines[first]
        case _:
            lines[first] = draws.choice(("  ", "\t", "    - ")) + lines[first]
    return "\n".join(lines)


def insert(draws: random.Random, text: str, seeds: Sequence[str]) -> str:
    """Something stands in between."""
    place = draws.randrange(len(text) + 1)
    return text[:place] + draws.choice(NASTY) + text[place:]


def splice(draws: random.Random, text: str, seeds: Sequence[str]) -> str:
    """It goes on as another one."""
    other = draws.choice(seeds)
    return text[: draws.randrange(len(text) + 1)] + other[draws.randrange(len(other)) :]


if __name__ == "__main__":
    main()
