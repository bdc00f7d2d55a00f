"""A scratch folder in which every name of the examples exists, and a shell for them that starts no process.

The stand-ins are small: the shipped configs with a network of ten thousand numbers and a stage or two of one epoch,
drawn images in the layout of the real competition, runs that were trained on them, and the Kaggle of
tests/kaggle/loopback.py with the competitions' files.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kgcv.cli.main import main
from kgcv.config.load import dump_config, load_config
from kgcv.config.schema import Config, ModelConfig, StageConfig
from kgcv.kaggle.ledger import Entry

ROOT = Path(__file__).parents[2]
PLANET = "planet-understanding-the-amazon-from-space"
TAGS = ("clear", "haze", "road", "water")

TINY = 'model={"name":"tiny_resnet","pretrained":false} stages=[{"image_size":16,"lr":0.01}]'

SMALLER = {
    "satellite": {"KGCV_SAMPLE_NUM_TRAIN": "12", "KGCV_SAMPLE_NUM_TEST": "3"},
    "plants.yaml": {"KGCV_SET": TINY},
    "data/fashion/fashion.yaml": {"KGCV_SET": f"{TINY} split.valid_fraction=0.9"},
}
"""Environment variables that make a command smaller, by a word of its line."""

STAND_INS = {
    "https://example.org/more.zip": "http://127.0.0.1:{port}/storage/dogs-vs-cats/all.zip?n=more.zip",
    "--num-train 40000 --num-test 60000": "--num-train 4 --num-test 6",
}
"""What is put in the place of words of an example, because the internet, or hours, would be needed."""


def _draw(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        pixels = np.random.default_rng(list(name.encode())).integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.jpg")


def _write(path: Path, header: str, rows: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")


def _write_planet(folder: Path) -> None:
    """40 tiles with tags, and 5 to predict in two folders."""
    _draw(folder / "train-jpg", [f"train_{number}" for number in range(40)])
    tags = [f"{TAGS[number % 2]} {TAGS[2 + number // 2 % 2]}" for number in range(40)]
    _write(folder / "train_v2.csv", "image_name,tags", [f"train_{number},{tags[number]}" for number in range(40)])
    _draw(folder / "test-jpg", ["test_0", "test_1", "test_2"])
    _draw(folder / "test-jpg-additional", ["file_0", "file_1"])
    ids = ["test_0", "test_1", "test_2", "file_0", "file_1"]
    _write(folder / "sample_submission_v2.csv", "image_name,tags", [f"{one},clear road" for one in ids])


def _write_dogs(folder: Path) -> None:
    _draw(folder / "train", [f"{kind}.{number}" for kind in ("cat", "dog") for number in range(15)])
    _draw(folder / "test", ["1", "2", "3"])
    _write(folder / "sample_submission.csv", "id,label", ["1,0.5", "2,0.5", "3,0.5"])


def _write_plants(folder: Path) -> None:
    """Leaves to learn from and to predict in one folder, a column of 0 and 1 for each disease."""
    diseases = ("healthy", "multiple_diseases", "rust", "scab")
    train, test = [f"Train_{number}" for number in range(24)], [f"Test_{number}" for number in range(4)]
    _draw(folder / "images", [*train, *test])
    given = [",".join(str(int(number % 4 == place)) for place in range(4)) for number in range(24)]
    header = ",".join(("image_id", *diseases))
    _write(folder / "train.csv", header, [f"{name},{row}" for name, row in zip(train, given, strict=True)])
    _write(folder / "test.csv", "image_id", test)
    _write(folder / "sample_submission.csv", header, [f"{name},0.25,0.25,0.25,0.25" for name in test])


def _write_stores(folder: Path) -> None:
    """Two stores on 20 days."""
    days = [f"2015-07-{day:02d}" for day in range(1, 21)]
    known = [
        f"{store},{day},1,{number % 2},{100 * store + number}" for number, day in enumerate(days) for store in (1, 2)
    ]
    _write(folder / "train.csv", "Store,Date,Open,Promo,Sales", known)
    _write(folder / "test.csv", "Id,Store,Date,Open,Promo", ["1,1,2015-08-01,1,1", "2,2,2015-08-01,0,0"])
    _write(folder / "sample_submission.csv", "Id,Sales", ["1,0", "2,0"])


STORES = """\
competition: rossmann-store-sales
data:
  kind: table
  root: data/rossmann
  tables: {train: train.csv, test: test.csv}
  id_column: Id
  date_column: Date
  target: Sales
  task: regression
  sample_submission: sample_submission.csv
features: [{step: date_parts, column: Date, parts: [Day]}]
columns: {categories: [Store], numbers: [Day, Promo]}
split: {kind: folds, num_folds: 2}
model: {name: embeddings, hidden: 4}
train: {batch_size: 8, metric: rmspe}
stages: [{lr: 0.01}]
"""


def _smaller(config: Config) -> Config:
    """`config` with a tiny network and stages of an epoch; two in place of more than three."""
    sizes = (32, 36, 40)[: len(config.stages) if len(config.stages) <= 3 else 2]
    return replace(
        config,
        model=ModelConfig(name="tiny_resnet", pretrained=False),
        stages=tuple(StageConfig(image_size=size, lr=(0.01,)) for size in sizes),
        train=replace(config.train, batch_size=8, workers=1),
    )


def _write_configs(folder: Path) -> None:
    (folder / "configs").mkdir()
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        config = load_config(path)
        text = dump_config(_smaller(config)) if config.data.kind == "images" else STORES
        (folder / "configs" / path.name).write_text(text)
    for name in ("planet.yaml", "rossmann.yaml"):
        shutil.copy(folder / "configs" / name, folder / name)


def _train_runs(folder: Path) -> None:
    """The runs of the examples; several names stand for one run, and `latest` is on satellite tiles."""
    kgcv("train configs/planet.yaml --run-dir runs/planet-1")
    kgcv("tta runs/planet-1 --views identity")
    everything = "--set 'split={train_on_all: true}' --set decision.thresholds=fixed"
    kgcv(f"train configs/planet.yaml --run-dir runs/all-images {everything}")
    kgcv("train configs/dogs-vs-cats.yaml --run-dir runs/dogs --set 'split={kind: folds, num_folds: 2}'")
    kgcv("tta runs/dogs --split test --views identity")
    kgcv("train rossmann.yaml --run-dir runs/rossmann")
    for name in ("planet-2", "five-folds", "a", "b", "c"):
        shutil.copytree(folder / "runs/planet-1", folder / "runs" / name)
    (folder / "runs/latest").unlink()
    (folder / "runs/latest").symlink_to("planet-1")
    for name in ("a", "b"):
        shutil.copy(folder / "runs" / name / "oof.npz", folder / f"{name}.npz")


def _write_small_things(folder: Path) -> None:
    """Files that an example names in passing."""
    shutil.copy(folder / "data/planet/test-jpg/test_1.jpg", folder / "photo.jpg")
    (folder / "row.json").write_text('{"Store": 1, "Date": "2015-08-01", "Open": 1, "Promo": 1}')
    (folder / "pasted.txt").write_text("curl 'https://example.org/more.zip' -H 'accept: */*'\n")
    entry = Entry(
        competition=PLANET,
        sha256="0" * 64,
        file="submission.csv.gz",
        message="the first",
        run="planet-0",
        own_score=0.91,
        metric="f2",
        greater_is_better=True,
        ref=50000000,
        status="complete",
        public_score=0.9,
    )
    (folder / "runs/submissions.jsonl").write_text(json.dumps(asdict(entry)) + "\n")
    answers = (folder / "data/planet/sample_submission_v2.csv").read_text()
    (folder / "mine.csv.gz").write_bytes(gzip.compress(answers.replace("road", "water").encode()))


def kgcv(line: str) -> None:
    """Run `kgcv LINE` here; it must succeed."""
    result = CliRunner().invoke(main, shlex.split(line))
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory, tiny_network: None) -> Path:
    """The folder as it is before an example runs; tests take `shell`, which has a copy."""
    folder = tmp_path_factory.mktemp("examples")
    _write_planet(folder / "data/planet")
    _write_dogs(folder / "data/dogs-vs-cats")
    _write_stores(folder / "data/rossmann")
    _write_plants(folder / "data/plants")
    _write_configs(folder)
    with contextlib.chdir(folder):
        _train_runs(folder)
    _write_small_things(folder)
    return folder


def _zipped(folder: Path) -> bytes:
    """`folder` in a zip archive, as Kaggle packs the images of a competition."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.writestr(zipfile.ZipInfo(f"{folder.name}/{path.name}"), path.read_bytes())
    return buffer.getvalue()


def _seven_zipped(folder: Path) -> bytes:
    """`folder` as a `.tar.7z`, as the images of Planet come."""
    import tarfile

    from py7zr import SevenZipFile

    inner, outer = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as tar:
        tar.add(folder, folder.name)
    with SevenZipFile(outer, "w") as archive:
        archive.writestr(inner.getvalue(), f"{folder.name}.tar")
    return outer.getvalue()


def _tables(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.csv")}


def _competitions(data: Path) -> dict[str, dict[str, bytes]]:
    """The files of Kaggle's competitions, in the archives that they come in."""
    planet, dogs = data / "planet", data / "dogs-vs-cats"
    tiles = ("train-jpg", "test-jpg", "test-jpg-additional")
    dogs_files = {f"{name}.zip": _zipped(dogs / name) for name in ("train", "test")}
    dogs_files["sample_submission.csv"] = (dogs / "sample_submission.csv").read_bytes()
    return {
        PLANET: {
            **{f"{name}.tar.7z": _seven_zipped(planet / name) for name in tiles},
            **{name: (planet / name).read_bytes() for name in ("train_v2.csv", "sample_submission_v2.csv")},
            "Kaggle-planet-train-tif.torrent": b"not wanted",
        },
        "dogs-vs-cats": dogs_files,
        "dogs-vs-cats-redux-kernels-edition": dogs_files,
        "dog-breed-identification": dogs_files,
        "plant-pathology-2020-fgvc7": {"images.zip": _zipped(data / "plants/images"), **_tables(data / "plants")},
    }


@pytest.fixture(scope="session")
def competitions(stand_ins: Path) -> dict[str, dict[str, bytes]]:
    return _competitions(stand_ins / "data")


_WORD = re.compile(r"""#.*|>>|[|<>]|(?:'[^']*'|"[^"]*"|[^\s'"|<>])+""")


@dataclass
class Shell:
    """Runs lines as they are typed: words, quotes, `*`, pipes, redirections; `kgcv` in this process."""

    port: int
    ran: list[str] = field(default_factory=list)

    def run_all(self, lines: list[str]) -> None:
        """Run `lines` one after the other; `runs/latest` is of the competition that they speak of."""
        if any("data/dogs-vs-cats" in line for line in lines):
            Path("runs/latest").unlink()
            Path("runs/latest").symlink_to("dogs")
        for line in lines:
            self.run(line)

    def run(self, line: str) -> str:
        """What the line writes to stdout; a command that fails fails the test."""
        for real, instead in STAND_INS.items():
            line = line.replace(real, instead.format(port=self.port))
        self.ran.append(line)
        words = [word for word in _WORD.findall(line) if not word.startswith("#")]
        output = ""
        for part in _split(words, "|"):
            output = self._run_part(part, output)
        return output

    def _run_part(self, words: list[str], given: str) -> str:
        plain, source, target = _redirections(words)
        if source:
            given = Path(source).read_text()
        arguments = [word for text in plain for word in _expanded(text)]
        output = _run_program(arguments, given)
        if target:
            file = Path(target.replace("~", "home"))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(output)
            return ""
        return output


def _split(words: list[str], at: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word == at:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def _redirections(words: list[str]) -> tuple[list[str], str, str]:
    """The words of the command, the file it reads and the file it writes."""
    plain, places = [">" if word == ">>" else word for word in words], {"<": "", ">": ""}
    for sign in places:
        if sign in plain:
            at = plain.index(sign)
            places[sign] = plain[at + 1]
            del plain[at : at + 2]
    return plain, places["<"], places[">"]


def _expanded(word: str) -> list[str]:
    """A word without its quotes; with `*` outside of quotes, the files that fit."""
    if "*" in word and not re.search("['\"]", word):
        return sorted(map(str, Path().glob(word)))
    return shlex.split(word)


def _run_program(arguments: list[str], given: str) -> str:
    program, *rest = arguments
    if program == "kgcv":
        settings = {name: value for word in rest for name, value in SMALLER.get(word, {}).items()}
        result = CliRunner().invoke(main, rest, input=given, env=settings)
        assert result.exit_code == 0, f"{shlex.join(arguments)}: exit {result.exit_code}\n{result.output}"
        return result.stdout
    if program == "python":
        program = sys.executable
    done = subprocess.run([program, *rest], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(arguments)}: exit {done.returncode}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def shell(
    stand_ins: Path,
    competitions: dict[str, dict[str, bytes]],
    kaggle: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Shell:
    """A shell in a folder of its own, with the stand-ins and a Kaggle that has the competitions."""
    kaggle.files.update(competitions)
    kaggle.pending = 0  # a score is there at the first look
    home = tmp_path / "work"
    shutil.copytree(stand_ins, home, symlinks=True)
    pasted = home / "pasted.txt"
    for real, instead in STAND_INS.items():
        pasted.write_text(pasted.read_text().replace(real, instead.format(port=kaggle.port)))
    monkeypatch.chdir(home)
    return Shell(kaggle.port)


@pytest.fixture(scope="session")
def read_lines() -> Callable[[str], list[str]]:
    """The commands of a block of text: comments and empty lines left out, `\\` at an end joined to what follows."""

    def read(text: str) -> list[str]:
        joined = re.sub(r"\\\n\s*", "", text)
        lines = (line.strip() for line in joined.splitlines())
        return [line for line in lines if line and not line.startswith("#")]

    return read
