"""What runs there are and what they reached, from the small files in their folders; no predictions are read."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from kgcv.config.schema import Task
from kgcv.config.yaml_source import dotted, read_written_yaml
from kgcv.data.csv_table import read_csv_table
from kgcv.errors import CheckpointError, ConfigError, DataError, KgcvError
from kgcv.files import as_written, read_json, read_json_lines
from kgcv.recipes.blend_report import BLEND_FILE
from kgcv.recipes.run_folder import RunFolder
from kgcv.scoring.metrics import find_metric

State = Literal["finished", "partial", "interrupted", "blend", "unreadable"]
"""`partial`: training came to its end, but not for all folds, as after --fold. `interrupted`: not, or not yet."""
SortKey = Literal["date", "name", "score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One row of the table; None for what is not known, or does not exist."""

    name: str
    path: Path
    state: State
    started: float = 0.0
    """When the folder was made a run, in seconds since 1970."""
    model: str | None = None
    """The backbone; for a blend the method and the number of members."""
    metric: str | None = None
    greater_is_better: bool | None = None
    score: float | None = None
    """Out-of-fold, on the whole set."""
    spread: float | None = None
    """Standard deviation of the folds' scores (N - 1 in the denominator)."""
    folds_done: int | None = None
    num_folds: int | None = None
    image_size: int | None = None
    """Side of the largest stage, in pixels."""
    seconds: float | None = None
    """Time trained, over all sessions that ended in an orderly way."""
    weights_bytes: int | None = None
    """Size of one fold's best weights on disk."""
    decided: float | None = None
    """Cross-fitted score with the thresholds that were fitted."""
    note: str | None = None
    """Why the folder cannot be read."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs side by side."""

    runs: tuple[RunSummary, ...]
    scores: dict[str, tuple[float | None, ...]]
    """By metric: out-of-fold, of each run."""
    differences: dict[str, tuple[Any, ...]]
    """By config key (`train.seed`): its value in each run, None where it is not given or does nothing."""


def list_runs(folder: Path, sort: SortKey = "date") -> tuple[RunSummary, ...]:
    """All runs in `folder`, or `folder` itself where it is a run.

    Args:
        folder: usually `runs`.
        sort: `date`, the newest last; `name`; or `score`, the best of each metric first.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder of runs")
    if _is_run(folder):
        return (summarize_run(folder),)
    # `latest` is a link to one of the others; hidden folders are unfinished blends.
    found = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink() and path.name[0] != "."]
    runs = sorted((summarize_run(path) for path in found), key=lambda run: run.name)
    match sort:
        case "date":
            runs.sort(key=lambda run: run.started)
        case "score":
            runs.sort(key=_score_order)
    return tuple(runs)


def compare_runs(paths: Sequence[Path]) -> Comparison:
    """Two runs or more side by side.

    Raises:
        CheckpointError: a folder is no run, or cannot be read.
    """
    runs = tuple(summarize_run(path) for path in paths)
    if unreadable := [run for run in runs if run.state == "unreadable"]:
        raise CheckpointError(f"{unreadable[0].path}: {unreadable[0].note}")
    scores = [_oof_scores(path) for path in paths]
    configs = [dict(_flat(read_tree(RunFolder(path)))) for path in paths]
    keys = dict.fromkeys(key for config in configs for key in config)
    values = {key: tuple(config.get(key) for config in configs) for key in keys}
    return Comparison(
        runs,
        scores={name: tuple(each.get(name) for each in scores) for name in dict.fromkeys(n for s in scores for n in s)},
        differences={key: row for key, row in values.items() if any(value != row[0] for value in row)},
    )


def summarize_run(path: Path) -> RunSummary:
    """What the folder `path` holds; `unreadable`, with a note, where it is no run or is damaged."""
    run = RunFolder(path)
    name = path.resolve().name
    if not _is_run(path):
        return RunSummary(name=name, path=path, state="unreadable", note="is not a run folder (it has no config.yaml)")
    try:
        return _summarize_blend(run, name) if (path / BLEND_FILE).is_file() else _summarize_training(run, name)
    except KgcvError as error:
        note = str(error)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        note = f"its files are not as kgcv writes them: {error!r}"
    return RunSummary(name=name, path=path, state="unreadable", note=note)


def _is_run(path: Path) -> bool:
    return RunFolder(path).config_file.is_file() or (path / BLEND_FILE).is_file()


def _summarize_training(run: RunFolder, name: str) -> RunSummary:
    tree = read_tree(run)
    scores = run.read_scores()
    by_fold, oof = scores.get("valid", {}), _known(scores.get("oof", {}))
    num_folds = count_run_folds(run, tree.get("split", {}))
    done = [fold for fold in range(num_folds or 0) if _is_done(run, fold, by_fold)]
    seconds, ended = _read_sessions(run)
    metric = _main_metric(tree, [oof, *by_fold.values()])
    return RunSummary(
        name=name,
        path=run.path,
        state=_state(len(done), num_folds, ended),
        started=run.config_file.stat().st_mtime,
        model=tree["model"]["name"],
        metric=metric,
        greater_is_better=_direction(tree, metric),
        score=None if metric is None else oof.get(metric),
        spread=_spread([fold[metric] for fold in map(_known, by_fold.values()) if metric in fold]),
        folds_done=len(done),
        num_folds=num_folds,
        image_size=max((stage["image_size"] for stage in tree["stages"] if "image_size" in stage), default=None),
        seconds=seconds,
        weights_bytes=_weights_bytes(run, done),
        decided=_decided(run),
    )


def _summarize_blend(run: RunFolder, name: str) -> RunSummary:
    record = read_json(run.path / BLEND_FILE)
    tree = read_tree(run) if run.config_file.is_file() else {}
    metric = record["metric"]
    return RunSummary(
        name=name,
        path=run.path,
        state="blend",
        started=(run.path / BLEND_FILE).stat().st_mtime,
        model=f"{record['rule']['method']} of {len(record['members'])}",
        metric=metric,
        greater_is_better=_direction(tree, metric),
        score=record["score"],
        decided=_decided(run),
    )


def read_tree(run: RunFolder) -> dict[str, Any]:
    """The config as it was written; not checked, as older runs may have keys that are no more."""
    if not run.config_file.is_file():
        return {}
    try:
        tree = read_written_yaml(run.config_file.read_text(encoding="utf-8"))
    except ConfigError as error:
        raise CheckpointError(f"config.yaml: {error}") from error
    if not isinstance(tree, dict):
        raise CheckpointError("config.yaml: holds no keys")
    return tree


def _oof_scores(path: Path) -> dict[str, float]:
    run = RunFolder(path)
    with as_written(run.scores_file):
        return _known(run.read_scores().get("oof", {}))


def _known(scores: dict[str, float]) -> dict[str, float]:
    """Scores without NaN, which stands for none."""
    return {name: score for name, score in scores.items() if not math.isnan(score)}


def count_run_folds(run: RunFolder, split: dict[str, Any]) -> int | None:
    """Folds that the config's section `split` asks for; None where only files tell and there are none yet."""
    if split.get("kind") in ("folds", "forward") and not split.get("train_on_all"):
        return int(split["num_folds"])
    if split.get("kind") != "column":
        return 1
    if not run.split_file.is_file():
        return None
    return max(1, 1 + max(int(fold) for fold in read_csv_table(run.split_file).column("fold")))


def _is_done(run: RunFolder, fold: int, scores: dict[str, Any]) -> bool:
    return f"fold{fold}" in scores or (run.fold_path(fold) / "valid.npz").is_file()


def _state(num_done: int, num_folds: int | None, ended: str | None) -> State:
    if num_done == num_folds:
        return "finished"
    return "partial" if ended == "finished" else "interrupted"


def _read_sessions(run: RunFolder) -> tuple[float | None, str | None]:
    """Seconds over all sessions and how the last one ended."""
    sessions = read_json_lines(run.sessions_file)
    if not sessions:
        return None, None
    return sum(session["seconds"] for session in sessions), sessions[-1]["ended"]


def _main_metric(tree: dict[str, Any], scores: Sequence[dict[str, float]]) -> str | None:
    """The config's metric where something was scored with it; else what stands first, which `auto` or a file meant."""
    written = tree.get("train", {}).get("metric")
    scored = [name for each in scores for name in each]
    return written if written in scored else next(iter(scored), None)


def _direction(tree: dict[str, Any], metric: str | None) -> bool | None:
    """Whether more is better; None where nobody can tell."""
    train = tree.get("train", {})
    if train.get("metric_file") is not None:
        return bool(train["metric_direction"] == "maximize")
    for task in get_args(Task):
        with suppress(ConfigError):
            return None if metric is None else find_metric(metric, task).greater_is_better
    return None


def _score_order(run: RunSummary) -> tuple[object, ...]:
    if run.score is None or run.greater_is_better is None:
        return (1, run.metric or "", 0.0)
    return (0, run.metric, -run.score if run.greater_is_better else run.score)


def _spread(scores: Sequence[float]) -> float | None:
    return statistics.stdev(scores) if len(scores) > 1 else None


def _weights_bytes(run: RunFolder, folds: Sequence[int]) -> int | None:
    files = (run.fold_path(fold) / "best.safetensors" for fold in folds)
    return next((file.stat().st_size for file in files if file.is_file()), None)


def _decided(run: RunFolder) -> float | None:
    if not run.thresholds_file.is_file():
        return None
    score: float | None = read_json(run.thresholds_file).get("cross_fitted")
    return score


def _flat(tree: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Dotted paths and values; a list of plain values is one value."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _flat(value, (*path, key))
    elif isinstance(tree, list) and any(isinstance(item, dict) for item in tree):
        for index, item in enumerate(tree):
            yield from _flat(item, (*path, index))
    else:
        yield dotted(path), tree
