from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kgcv.cli.main import main

CONFIG = """\
data:
  root: {root}
  train: {{images: train, labels: train.csv, suffix: .jpg}}
  task: single
split: {{kind: folds, num_folds: 2}}
model: {{name: resnet34}}
stages:
  - {{image_size: 64, lr: [0.1]}}
"""

TEXT = """\
task      single
twins     2 images in 1 set of identical ones, each kept on one side
             all  fold 0  fold 1  off by
samples        8       4       4
classes (2)
  cat          4       2       2     0.0
  dog          4       2       2     0.0
off by: the largest difference of a fold's share of a class from its share of all, in percentage points
warnings  none
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Eight images, two of them the same, in four groups of two; dogs have the even numbers."""
    (tmp_path / "train").mkdir()
    lines = ["id,label,owner"]
    for row in range(8):
        (tmp_path / f"train/{row}.jpg").write_bytes(bytes([min(row, 6)]))
        lines.append(f"{row},{'cat' if row > 3 else 'dog'},owner {row // 2}")
    (tmp_path / "train.csv").write_text("\n".join(lines))
    (tmp_path / "pets.yaml").write_text(CONFIG.format(root=tmp_path))
    return tmp_path / "pets.yaml"


def invoke(*args: object) -> Result:
    return CliRunner().invoke(main, ["folds", *map(str, args), "--progress", "none"])


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_balance_is_printed_and_the_split_saved(config: Path) -> None:
    before = sorted(config.parent.rglob("*"))
    result = invoke(config, "--set", "split.group_column=owner")
    assert result.exit_code == 0
    head, samples = TEXT.split("classes", 1)
    assert result.stdout == f"{head}groups         4       2       2\nclasses{samples}saved     split.csv\n"
    made = {path.name for path in set(config.parent.rglob("*")) - set(before) if path.is_file()}
    assert made == {"split.csv", "twins.json"}  # the latter in the cache: which images are identical


def test_another_split_is_not_overwritten(config: Path) -> None:
    assert invoke(config).exit_code == 0
    saved = Path("split.csv").read_bytes()
    assert invoke(config).exit_code == 0  # the same again
    result = invoke(config, "--set", "split.seed=7")
    assert result.exit_code == 1
    assert result.stderr == (
        "kgcv: split.csv: holds something else, perhaps another split; name another file with -o FILE\n"
    )
    assert Path("split.csv").read_bytes() == saved


def test_the_split_is_saved_for_other_runs(config: Path) -> None:
    file = config.parent / "split.csv"
    result = invoke(config, "-o", file)
    assert result.stdout.endswith(f"\nsaved     {file}\n")
    rows = file.read_text().splitlines()
    assert rows[0] == "id,fold"
    assert [row.split(",")[0] for row in rows[1:]] == [str(row) for row in range(8)]
    again = invoke(
        config,
        *("--set", "split.num_folds=null", "--set", "split.kind=column", "--set", "split.column=fold"),
        *("--set", f"split.file={file}", "-o", config.parent / "again.csv"),
    )
    assert again.exit_code == 2  # a key that is set to nothing is refused, so the section is given whole
    again = invoke(
        config, "--set", f"split={{kind: column, column: fold, file: {file}}}", "-o", config.parent / "again.csv"
    )
    assert again.exit_code == 0
    assert (config.parent / "again.csv").read_bytes() == file.read_bytes()


def test_keys_one_by_one_tell_the_column_too(config: Path) -> None:
    invoke(config, "-o", config.parent / "split.csv")
    plain = config.parent / "plain.yaml"
    plain.write_text(config.read_text().replace("split: {kind: folds, num_folds: 2}\n", ""))
    keys = ("split.kind=column", "split.column=fold", f"split.file={config.parent / 'split.csv'}")
    result = invoke(plain, *(part for key in keys for part in ("--set", key)), "--json")
    assert json.loads(result.stdout)["balance"]["num_folds"] == 2


def test_json_holds_the_report(config: Path) -> None:
    report = json.loads(invoke(config, "--json").stdout)
    assert report["task"] == "single"
    assert report["twins"] == [["6", "7"]]
    assert report["file"] == "split.csv"
    assert report["balance"]["sizes"] in ([4, 4], [3, 5], [5, 3])
    assert report["balance"]["classes"]["dog"] == {"total": 4, "counts": [2, 2], "deviation": pytest.approx(0, abs=0.2)}


def test_twins_that_need_not_be_kept_are_not_looked_for(config: Path) -> None:
    result = invoke(config, "--set", "split.allow_twins=true")
    assert "twins     not looked for; they may stand on both sides\n" in result.stdout


def test_no_twins_and_several_sets_are_told(config: Path) -> None:
    (config.parent / "train/7.jpg").write_bytes(b"x")
    assert "twins     none\n" in invoke(config).stdout
    for row in (3, 6, 7):
        (config.parent / f"train/{row}.jpg").write_bytes(b"a pair" if row > 3 else bytes([0]))
    assert (
        "twins     4 images in 2 sets of identical ones, each kept on one side\n"
        in invoke(config, "-o", "again.csv").stdout
    )


def test_warnings_are_shown(config: Path) -> None:
    table = config.parent / "train.csv"
    table.write_text(table.read_text().replace("0,dog", "0,emu"))
    lines = invoke(config).stdout.splitlines()
    assert lines[-4:-1] == [
        "warnings  2",
        "  classes without a training image in some fold (1): emu",
        "  classes without a validation image in some fold (1): emu",
    ]


def test_a_split_that_cannot_be_made_exits_1(config: Path) -> None:
    result = invoke(config, "--set", "split.num_folds=5")
    assert result.exit_code == 1
    assert result.stderr == "kgcv: split.num_folds: 5 is more than the 4 samples of any class\n"


def test_the_command_loads_no_torch(config: Path) -> None:
    script = f"""
import sys
from kgcv.cli.main import main
main(["folds", {str(config)!r}, "--progress", "none"], standalone_mode=False)
assert not {{"torch", "timm"}} & sys.modules.keys()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
