from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kgcv.cli.main import main

TEXT = """\
data.root             pets
data.train.images     train
data.train.suffix     .png
data.test.images      test
data.test.suffix      .png
data.task             single
split.kind            holdout
split.valid_fraction  0.2
train.metric          accuracy
TODO     data.sample_submission: no file called submission; it shows ids, columns and order
pets.yaml: written; kgcv reads 8 labelled samples, 2 to predict
next: kgcv check pets.yaml
"""


@pytest.fixture
def pets(tmp_path: Path, tiny_images: Callable[..., list[Path]], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    names = [f"train/{kind}/{kind[0]}{number}" for kind in ("cat", "dog") for number in range(4)]
    for kind in ("cat", "dog"):
        (tmp_path / "pets/train" / kind).mkdir(parents=True)
    (tmp_path / "pets/test").mkdir()
    tiny_images(tmp_path / "pets", [*names, "test/1", "test/2"])
    return Path("pets")


def kgcv(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)])


def test_the_guesses_are_told_with_what_to_run_next(pets: Path) -> None:
    result = kgcv("init", pets)
    assert (result.exit_code, result.stdout, result.stderr) == (0, TEXT, "")
    assert kgcv("check", "pets.yaml", "--progress", "none").exit_code == 0


def test_config_check_names_what_is_left_to_do(pets: Path) -> None:
    kgcv("init", pets, "-o", "mine.yaml")
    result = kgcv("config", "check", "mine.yaml")
    line = (
        Path("mine.yaml")
        .read_text()
        .splitlines()
        .index("  # TODO sample_submission: no file called submission; it shows ids, columns and order")
    )
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:] == [
        f"mine.yaml:{line + 1}: TODO sample_submission: no file called submission; it shows ids, columns and order"
    ]
    assert len(json.loads(kgcv("config", "check", "mine.yaml", "--json").stdout)["todos"]) == 1


def test_json_holds_every_guess_with_its_reason(pets: Path) -> None:
    value = json.loads(kgcv("init", pets, "--json").stdout)
    assert (value["path"], value["num_train"], value["num_test"]) == ("pets.yaml", 8, 2)
    assert value["next"] == "kgcv check pets.yaml"
    images = next(guess for guess in value["guesses"] if guess["key"] == "data.train.images")
    assert images["value"] == "train"
    assert images["because"] == "8 images in 2 folders, which are the classes: cat, dog"


def test_what_exists_is_left_alone_and_exits_1(pets: Path) -> None:
    Path("pets.yaml").write_text("mine")
    result = kgcv("init", pets)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "kgcv: pets.yaml: is there already and stays as it is; name another file with -o\n"


def test_a_folder_that_is_not_there_exits_2(tmp_path: Path) -> None:
    assert kgcv("init", tmp_path / "nothing").exit_code == 2


def test_nothing_heavy_is_loaded(pets: Path) -> None:
    script = f"""
import sys
from kgcv.cli.main import main
main(["init", {str(pets)!r}], standalone_mode=False)
heavy = {{"torch", "timm", "matplotlib", "kaggle", "requests"}} & sys.modules.keys()
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
