"""The folder of a run: made once, never overwritten, described by what lies in it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgcv.config.load import dump_config, load_config
from kgcv.config.schema import Config
from kgcv.errors import CheckpointError, DataError, StopRequested
from kgcv.events import EVENTS_NAME
from kgcv.files import append_json_lines, as_written, read_json, remove_unfinished, try_lock, write_json, write_text

if TYPE_CHECKING:
    from kgcv.engine.fold_folder import FoldFolder

RUNS = Path("runs")
_DESCRIBED = ("kgcv", "torch", "torchvision", "timm", "numpy", "pillow", "pandas", "scikit-learn")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """`runs/<name>/`."""

    path: Path

    @property
    def config_file(self) -> Path:
        """The resolved config; a run folder is a folder that has one."""
        return self.path / "config.yaml"

    @property
    def split_file(self) -> Path:
        """Ids and folds."""
        return self.path / "split.csv"

    @property
    def labels_file(self) -> Path:
        """The true labels of the training samples, in the form of predictions."""
        return self.path / "labels.npz"

    def predictions(self, part: str) -> Path:
        """Predictions over all folds.

        `oof`: each sample that validates, by the fold that did not see it. `test`: the mean of the folds.
        """
        return self.path / f"{part}.npz"

    @property
    def thresholds_file(self) -> Path:
        """The decision rule and what it scores."""
        return self.path / "thresholds.json"

    @property
    def scores_file(self) -> Path:
        """Scores as reported, with what they were computed on."""
        return self.path / "scores.json"

    def fold(self, fold: int) -> FoldFolder:
        """The folder of a fold, for those who train it or predict with it."""
        from kgcv.engine.fold_folder import FoldFolder  # knows weights, so it loads torch

        return FoldFolder(self.fold_path(fold))

    def fold_path(self, fold: int) -> Path:
        """`fold0`, `fold1`, ..."""
        return self.path / f"fold{fold}"

    def read_config(self) -> Config:
        """The config the run was made with.

        Raises:
            CheckpointError: this is no run folder.
        """
        if not self.config_file.is_file():
            raise CheckpointError(f"{self.path}: is not a run folder (it has no config.yaml)")
        return load_config(self.config_file)

    @property
    def lock_file(self) -> Path:
        """Locked while a process trains here; it says which."""
        return self.path / ".lock"

    @property
    def batch_sizes_file(self) -> Path:
        """What `batch_size: auto` has found, by stage; a run goes on with it, for batch norms see the size."""
        return self.path / "batch_sizes.json"

    def batch_size(self, stage: int, config: Config) -> int:
        """Images in a batch of a stage, as it was trained.

        Raises:
            CheckpointError: `batch_size: auto`, and it has not been trained yet.
        """
        if not 0 <= stage < len(config.stages):
            raise CheckpointError(
                f"{self.path}: has weights of stage {stage}, and its config {len(config.stages)} stages"
            )
        asked = config.stages[stage].batch_size or config.train.batch_size
        found = asked if asked != "auto" else self.read_batch_sizes().get(str(stage))
        if found is None:
            raise CheckpointError(f"{self.batch_sizes_file}: has no batch size for stage {stage}; train it first")
        return found

    def read_batch_sizes(self) -> dict[str, int]:
        """What stands in `batch_sizes.json`."""
        if not self.batch_sizes_file.is_file():
            return {}
        with as_written(self.batch_sizes_file):
            found: dict[str, int] = read_json(self.batch_sizes_file)
            if any(type(size) is not int or size < 1 for size in found.values()):
                raise ValueError("a size is no whole number")
        return found

    @property
    def events_file(self) -> Path:
        """One JSON line for each thing that happened, with its time."""
        return self.path / EVENTS_NAME

    @property
    def sessions_file(self) -> Path:
        """One JSON line for each process that trained here to its end or to a stop."""
        return self.path / "sessions.jsonl"

    def read_scores(self) -> dict[str, Any]:
        """What stands in `scores.json`; empty before anything was scored."""
        if not self.scores_file.is_file():
            return {}
        with as_written(self.scores_file):
            return {name: dict(scores) for name, scores in read_json(self.scores_file).items()}

    def add_scores(self, name: str, scores: dict[str, object]) -> None:
        """Note `scores` under `name` in `scores.json`, beside what stands there."""
        known = self.read_scores()
        write_json(self.scores_file, {**known, name: {**known.get(name, {}), **scores}})


@contextmanager
def only_here(run: RunFolder) -> Iterator[None]:
    """Keep other processes from training in `run` while the block runs; a process that dies lets go.

    Raises:
        CheckpointError: another one is at work there.
    """
    with run.lock_file.open("a+", encoding="utf-8") as stream:
        if not try_lock(stream):
            stream.seek(0)
            raise CheckpointError(f"{run.path}: is being trained by {stream.read().strip() or 'another process'}")
        stream.truncate(0)
        stream.write(f"process {os.getpid()} on {platform.node()}\n")
        stream.flush()
        remove_unfinished(run.path)
        yield


@contextmanager
def noted_session(run: RunFolder) -> Iterator[None]:
    """Add a line to `sessions.jsonl` when the block ends: when it began, how many seconds it took, how it ended."""
    started, clock, ended = _now(), time.perf_counter(), "failed"
    try:
        yield
        ended = "finished"
    except StopRequested:
        ended = "stopped"
        raise
    finally:
        line = {"started": started, "seconds": round(time.perf_counter() - clock, 1), "ended": ended}
        append_json_lines(run.sessions_file, [line])


def new_run(config: Config, stem: str, folder: Path | None) -> RunFolder:
    """Make a run folder and describe it.

    Args:
        config: written to `config.yaml`.
        stem: begins the name `runs/<stem>-<date>-<time>` where `folder` is not given.
        folder: the folder to make.

    Raises:
        DataError: the folder exists and is not empty.
    """
    path = folder or RUNS / f"{stem}-{datetime.now():%Y%m%d-%H%M%S}"
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise DataError(f"{path}: exists already, and a run is never overwritten; choose another --run-dir")
    path.mkdir(parents=True, exist_ok=True)
    run = RunFolder(path)
    write_json(path / "environment.json", _environment())
    # Last, for it makes the folder a run folder.
    write_text(run.config_file, dump_config(config))
    return run


def _environment() -> dict[str, object]:
    import torch

    return {
        "command": sys.argv,
        "started": _now(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or "cpu",
        "threads": torch.get_num_threads(),
        "versions": {name: _version(name) for name in _DESCRIBED},
        "git_commit": _git_commit(),
    }


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """The commit of the working directory, or None where there is no repository or no git."""
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return found.stdout.strip() or None
