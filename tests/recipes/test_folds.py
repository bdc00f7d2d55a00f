from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from kgcv.config.schema import (
    Config,
    DataConfig,
    ModelConfig,
    ResizeConfig,
    SplitConfig,
    StageConfig,
    TrainSourceConfig,
)
from kgcv.data.csv_table import read_csv_table
from kgcv.data.watch import Watch
from kgcv.errors import DataError, StopRequested
from kgcv.events import Recorder, Silent, never_stop
from kgcv.recipes.folds import FoldsReport, make_folds

WATCH = Watch(Silent(), never_stop)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Twenty images, half cats, in ten groups of two; the first and the last image are the same."""
    (tmp_path / "train").mkdir()
    lines = ["id,label,owner"]
    for row in range(20):
        (tmp_path / f"train/{row:02}.jpg").write_bytes(b"same" if row in (0, 19) else bytes([row]))
        lines.append(f"{row:02},{'cat' if row % 2 else 'dog'},owner {row // 2}")
    (tmp_path / "train.csv").write_text("\n".join(lines))
    return Config(
        data=DataConfig(root=str(tmp_path), train=TrainSourceConfig(labels="train.csv", suffix=".jpg"), task="single"),
        model=ModelConfig(name="resnet34"),
        stages=(StageConfig(image_size=64, lr=(0.1,)),),
        split=SplitConfig(kind="folds"),
        resize=ResizeConfig(folder=str(tmp_path / "cache")),
    )


def folds_of(path: Path) -> dict[str, str]:
    table = read_csv_table(path)
    return dict(zip(table.column("id"), table.column("fold"), strict=True))


def run(config: Config, output: Path | None = None, **split: object) -> FoldsReport:
    changed = replace(config.split, **split)  # type: ignore[arg-type]
    return make_folds(replace(config, split=changed), output or Path(config.data.root) / "split.csv", WATCH)


def test_the_report_tells_balance_and_twins(config: Config, tmp_path: Path) -> None:
    report = run(config)
    assert report.task == "single"
    assert report.twins == (("00", "19"),)
    assert report.file == str(tmp_path / "split.csv")
    assert report.warnings == ()
    assert sum(report.balance.sizes) == 20


def test_the_saved_split_holds_every_id_once_and_keeps_groups_and_twins_together(
    config: Config, tmp_path: Path
) -> None:
    file = tmp_path / "new/split.csv"
    report = run(config, file, group_column="owner")
    assert report.file == str(file)
    folds = folds_of(file)
    assert list(folds) == [f"{row:02}" for row in range(20)]
    assert all(folds[f"{row:02}"] == folds[f"{row + 1:02}"] for row in range(0, 20, 2))
    assert folds["00"] == folds["19"]
    assert report.balance.num_groups == 10
    # The groups 0 and 9 are joined by their twins, so nine units of two, or four, share five folds.
    assert sorted(report.balance.sizes) == [4, 4, 4, 4, 4]


def test_a_saved_split_is_used_by_column_and_gives_itself_again(config: Config, tmp_path: Path) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    drawn = run(config, first)
    told = run(config, second, kind="column", column="fold", file=str(first))
    assert second.read_bytes() == first.read_bytes()
    assert told.balance == drawn.balance


@pytest.mark.parametrize("keys", [{"allow_twins": True}, {"train_on_all": True}])
def test_images_are_not_compared_where_twins_do_not_bind(config: Config, keys: dict[str, bool], tmp_path: Path) -> None:
    recorder = Recorder()
    changed = replace(config, split=SplitConfig(**keys))  # type: ignore[arg-type]
    assert make_folds(changed, tmp_path / "split.csv", Watch(recorder, never_stop)).twins is None
    assert recorder.events == []


def test_what_the_labels_leave_open_is_told(config: Config) -> None:
    report = run(replace(config, data=replace(config.data, task="auto")))
    assert len(report.warnings) == 1
    assert report.warnings[0].startswith("every sample has exactly one label")


def test_classes_that_a_fold_lacks_are_told(config: Config, tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(path.read_text().replace("03,cat", "03,emu"))
    assert set(run(config).warnings) == {
        "classes without a training image in some fold (1): emu",
        "classes without a validation image in some fold (1): emu",
    }


@pytest.mark.parametrize("content", ["", "id,fold\n00,1\n", "my notes"])
def test_a_file_with_something_else_is_kept(config: Config, tmp_path: Path, content: str) -> None:
    file = tmp_path / "split.csv"
    file.write_text(content)
    with pytest.raises(DataError, match=r"split\.csv: holds something else"):
        run(config, file)
    assert file.read_text() == content


def test_a_stop_writes_nothing(config: Config, tmp_path: Path) -> None:
    with pytest.raises(StopRequested):
        make_folds(config, tmp_path / "split.csv", Watch(Silent(), lambda: 2))
    assert not (tmp_path / "split.csv").exists()


def test_splitting_loads_no_torch() -> None:
    script = "import sys, kgcv.recipes.folds; assert not {'torch', 'timm', 'sklearn'} & sys.modules.keys()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
