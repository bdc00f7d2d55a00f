"""Feeds damaged and hostile text to the readers of configs and of CSV files: only documented errors may come of it.

    python -m tests.stress.text_fuzz [yaml csv sample] [--inputs 100000] [--seed 0]

Inputs are mutations of the configs of this repository and of small CSV files: bytes changed, lines lost, doubled or
swapped, values replaced by ones that parsers trip over, pieces of one file put into another. An input that ends in
anything but a value or a KgcvError, or takes more than a second, is printed and kept beside; exit 1 if there is one.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from kgcv.config.load import load_config
from kgcv.config.schema import DataConfig, SplitConfig, TrainSourceConfig
from kgcv.data.labels import encode_labels
from kgcv.data.samples import read_train_samples
from kgcv.errors import KgcvError
from kgcv.submission.table import read_sample

SECONDS = 1.0

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

TABLE = 'id,label\n0001,cat\n0002,dog\n"a,b",cat\n"two\nlines",dog\n  x  ,cat dog\n'
SAMPLE = "id,cat,dog\n0001,0.5,0.5\n0002,0.5,0.5\nc,0.5,0.5\n"


def main() -> None:
    """Fuzz what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("targets", nargs="*", metavar="TARGET", default=["yaml", "csv", "sample"])
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    configs = [file.read_text() for file in sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))]
    seeds: dict[str, Sequence[str]] = {"yaml": configs, "csv": (TABLE,), "sample": (SAMPLE,)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        readers = {"yaml": load_config, "csv": csv_reader(folder), "sample": read_sample}
        wrong = [
            fuzz(target, readers[target], seeds[target], folder / f"input.{target}", options)
            for target in options.targets
        ]
    sys.exit(any(wrong))


def csv_reader(folder: Path) -> Callable[[Path], object]:
    """Reads labels from a file, for images that lie in `folder`."""
    images = folder / "train"
    images.mkdir()
    for name in ("0001", "0002", "a,b", "two\nlines", "x"):
        (images / f"{name}.png").write_bytes(b"")

    def read(path: Path) -> object:
        source = TrainSourceConfig(images="train", labels=path.name, suffix=".png")
        samples = read_train_samples(DataConfig(root=str(folder), train=source), SplitConfig())
        return encode_labels(samples, "auto")

    return read


def fuzz(
    name: str, read: Callable[[Path], object], seeds: Sequence[str], file: Path, options: argparse.Namespace
) -> int:
    """Feed a reader; the number of inputs that it did not stand."""
    draws, tally, wrong = random.Random(options.seed), Counter[str](), 0
    began = time.perf_counter()
    for number in range(options.inputs):
        content = mutate(draws, seeds)
        file.write_bytes(content)
        start = time.perf_counter()
        try:
            read(file)
            outcome = "read"
        except KgcvError as error:
            outcome = type(error).__name__
        except BaseException:
            outcome = f"{traceback.format_exc(limit=-2)}"
        if time.perf_counter() - start > SECONDS:
            outcome = f"took {time.perf_counter() - start:.1f} s"
        if outcome != "read" and not outcome.endswith("Error"):
            wrong += 1
            kept = Path(tempfile.gettempdir()) / f"fuzz-{name}-{options.seed}-{number}"
            kept.write_bytes(content)
            if wrong <= 10:
                print(f"{kept}: {outcome}", flush=True)
            outcome = "wrong"
        tally[outcome] += 1
    shown = ", ".join(f"{count} {outcome}" for outcome, count in tally.most_common())
    print(f"{name}: {options.inputs} inputs in {time.perf_counter() - began:.0f} s: {shown}; {wrong} wrong", flush=True)
    return wrong


def mutate(draws: random.Random, seeds: Sequence[str]) -> bytes:
    """One to six changes of a seed, as bytes that need not be UTF-8."""
    text = draws.choice(seeds)
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
