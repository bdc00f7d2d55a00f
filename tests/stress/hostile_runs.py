"""Run folders in which somebody has changed a file; see tests/stress/hostile.py."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tests.stress.images import photo
from tests.stress.tally import Tally

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
